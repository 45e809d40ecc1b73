"""Endpoints that start jobs: training, conversion and evaluation."""

from bms.api_types.jobs import Convert, Evaluation, Job, Training
from bms.api_types.pages import Page
from bms.api_types.recipes import Recipe
from bms.control.evaluation.gates import Gates
from bms.control.optimization.conversion import ConversionService
from bms.control.training import nouns
from bms.control.training.service import TrainingService
from bms.core.errors import InvalidArgument
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.resources import Resources
from bms.web.api.as_noun import as_noun
from bms.web.api.endpoint import ApiCall, Endpoint
from bms.web.api.views.jobs import evaluation, job
from bms.web.api.views.recipes import recipe


def endpoints(training: TrainingService, conversion: ConversionService, gates: Gates) -> list[Endpoint]:
    async def recipes(_call: ApiCall[None]) -> Page[Recipe]:
        return Page(items=[recipe(each) for each in training.recipes()])

    async def submit(call: ApiCall[Training]) -> Job:
        return job(await training.submit(call.principal, _training(call.body)))

    async def convert(call: ApiCall[Convert]) -> Job:
        by = call.principal
        number = _number(call.path["number"])
        started = await conversion.convert(
            by.tenant, by.user, call.path["model"], number, call.body.to, tolerance=call.body.tolerance
        )
        return job(started)

    async def evaluate(call: ApiCall[None]) -> Evaluation:
        by = call.principal
        number = _number(call.path["number"])
        return evaluation(await gates.evaluate(by.tenant, by.user, call.path["model"], number))

    version = "/models/{model}/versions/{number}"
    return [
        Endpoint("GET", "/recipes", "jobs:read", recipes, "Ready-made training programs", Page[Recipe]),
        Endpoint("POST", "/jobs", "jobs:write", submit, "Train by a recipe or by code", Job, Training, status=201),
        Endpoint("POST", version + "/convert", "jobs:write", convert, "Make a child", Job, Convert, status=201),
        Endpoint("POST", version + "/evaluate", "jobs:write", evaluate, "Measure all gates", Evaluation, status=201),
    ]


def _training(body: Training) -> nouns.Training:
    """Builds the request of a training. Raises InvalidArgument for impossible limits."""
    environment, resources = body.environment, body.resources
    return nouns.Training(
        recipe=body.recipe,
        code=body.code,
        entry=body.entry,
        name=body.name,
        datasets=dict(body.datasets),
        parameters=dict(body.parameters),
        environment=None if environment is None else as_noun(environment, EnvironmentSpec, "environment"),
        resources=None if resources is None else as_noun(resources, Resources, "resources"),
        model=body.model,
        convert=body.convert,
        timeout_s=body.timeout_s,
        max_attempts=body.max_attempts,
    )


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidArgument(f"version {text[:40]!r} is not a number")
    return int(text)
