"""Training, conversion and evaluation over HTTP: what starts jobs."""

import msgspec

from bms.control.evaluation.gates import Evaluation, Gates
from bms.control.jobs.nouns import Job
from bms.control.optimization.conversion import TOLERANCE, ConversionService
from bms.control.training.nouns import Recipe, Training
from bms.control.training.service import TrainingService
from bms.core.errors import InvalidArgument
from bms.core.pages import Page
from bms.web.api.endpoint import Call, Endpoint


class Convert(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tolerance` is the largest absolute difference allowed between the outputs of parent and child."""

    to: str
    tolerance: float = TOLERANCE


def endpoints(training: TrainingService, conversion: ConversionService, gates: Gates) -> list[Endpoint]:
    async def recipes(_call: Call[None]) -> Page[Recipe]:
        return Page(items=training.recipes())

    async def submit(call: Call[Training]) -> Job:
        return await training.submit(call.principal, call.body)

    async def convert(call: Call[Convert]) -> Job:
        by = call.principal
        number = _number(call.path["number"])
        return await conversion.convert(
            by.tenant, by.user, call.path["model"], number, call.body.to, tolerance=call.body.tolerance
        )

    async def evaluate(call: Call[None]) -> Evaluation:
        by = call.principal
        return await gates.evaluate(by.tenant, by.user, call.path["model"], _number(call.path["number"]))

    version = "/models/{model}/versions/{number}"
    return [
        Endpoint("GET", "/recipes", "jobs:read", recipes, "Ready-made training programs", Page[Recipe]),
        Endpoint("POST", "/jobs", "jobs:write", submit, "Train by a recipe or by code", Job, Training, status=201),
        Endpoint("POST", version + "/convert", "jobs:write", convert, "Make a child", Job, Convert, status=201),
        Endpoint("POST", version + "/evaluate", "jobs:write", evaluate, "Measure all gates", Evaluation, status=201),
    ]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidArgument(f"version {text[:40]!r} is not a number")
    return int(text)
