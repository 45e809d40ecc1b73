"""Odd values of one row spoil no listing: they are kept as they are, on every database, and shown."""

import json
from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.cli.output.printing import CommandOutput
from bms.control.jobs.nouns import JobSpec
from bms.core.clock import ManualClock
from bms.sdk.jobs import Job
from bms.web.api.resources import jobs
from tests.peers.callers import Caller
from tests.peers.server import served
from tests.worlds.api import Api
from tests.worlds.jobs import World

ODD = {
    "big": 1 << 70,
    "negative": -(1 << 63) - 1,
    "small": 5e-324,
    "large": 1.7976931348623157e308,
    "none": None,
    "empty": {"": [[], {}]},
    "text": "[/b] :smile: \x1b[31m \u202e \U0001f600",
    "nul": "a\x00b",
    "deep": [[[[[[[[[[1]]]]]]]]]],
}


async def test_a_listing_holds_whatever_parameters_a_job_may_have(
    database: Database, tmp_path: Path, clock: ManualClock, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(database, tmp_path, clock)
    api = await Api(database, clock, jobs.endpoints(world.service, world.objects)).start()
    for name, parameters in (("odd", ODD), ("plain", {})):
        spec = JobSpec(kind="train", entry="task:verify", parameters=parameters)
        await world.service.submit("default", "ann", name, spec)
    async with served(api.app) as url:
        caller = Caller("asyncio", url, api.admin.key.text)
        found: list[Job] = await caller.items(lambda c: c.jobs.list())
        await caller.close()
    assert {job.name: job.spec["parameters"] for job in found} == {"odd": ODD, "plain": {}}
    CommandOutput(json=True).raw(found)
    told = json.loads(capsys.readouterr().out)
    assert {job["name"]: job["spec"]["parameters"] for job in told} == {"odd": ODD, "plain": {}}
    CommandOutput(json=False).many(
        found, {"NAME": lambda job: job.name, "": lambda job: job.spec["parameters"]}, "none"
    )
    assert len(capsys.readouterr().out.splitlines()) == 3
