"""Jobs through the API, with a scheduler beside it."""

from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.control.jobs.nouns import Job
from bms.core.clock import ManualClock
from bms.web.api.resources import jobs
from tests.worlds.api import Api
from tests.worlds.jobs import World


@pytest.fixture
async def world(sqlite: Database, tmp_path: Path, clock: ManualClock) -> World:
    return World(sqlite, tmp_path, clock)


@pytest.fixture
async def api(sqlite: Database, clock: ManualClock, world: World) -> Api:
    return await Api(sqlite, clock, jobs.endpoints(world.service, world.objects)).start()


async def _done(world: World) -> Job:
    job = await world.submit("default")
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.write(f"{job.id}-a1", "job.log", "épocha 1\n")
    world.cluster.write(
        f"{job.id}-a1", "events.jsonl", '{"at": 1, "progress": 0.5}\n{"at": 2, "metrics": {"loss": 1}}\n'
    )
    output = {"model/m.onnx": b"\x00weights", "page.html": b"<script>"}
    world.cluster.end(f"{job.id}-a1", result={"state": "succeeded"}, output=output)
    await world.rounds(scheduler)
    return await world.get(job)


async def test_a_job_is_shown_with_its_log_events_and_files(api: Api, world: World) -> None:
    job = await _done(world)
    admin = api.as_admin
    shown = (await admin.get(f"/jobs/{job.id}")).json()
    assert (shown["state"], shown["metrics"], shown["spec"]["kind"]) == ("succeeded", {"loss": 1.0}, "train")

    log = await admin.get(f"/jobs/{job.id}/log")
    assert log.text == "resolving\népocha 1\n"
    assert log.headers["content-type"] == "text/plain; charset=utf-8"
    assert (log.headers["x-next-offset"], log.headers["x-job-state"]) == (str(len(log.content)), "succeeded")
    rest = await admin.get(f"/jobs/{job.id}/log", params={"offset": log.headers["x-next-offset"]})
    assert (rest.content, rest.headers["x-next-offset"]) == (b"", log.headers["x-next-offset"])

    assert [event["at"] for event in (await admin.get(f"/jobs/{job.id}/events")).json()] == [1, 2]
    assert [event["at"] for event in (await admin.get(f"/jobs/{job.id}/events?after=1")).json()] == [2]

    files = (await admin.get(f"/jobs/{job.id}/output")).json()["files"]
    assert [file["path"] for file in files] == ["model/m.onnx", "page.html"]
    model = await admin.get(f"/jobs/{job.id}/output/model/m.onnx")
    assert (model.content, model.headers["content-length"]) == (b"\x00weights", "8")
    page = await admin.get(f"/jobs/{job.id}/output/page.html")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")
    assert page.headers["x-content-type-options"] == "nosniff"
    missing = await admin.get(f"/jobs/{job.id}/output/model/../../etc/passwd")
    assert missing.status_code == 404


async def test_a_running_job_s_log_is_followed(api: Api, world: World) -> None:
    job = await world.submit("default")
    await world.rounds(world.scheduler(), 2)
    first = await api.as_admin.get(f"/jobs/{job.id}/log")
    assert (first.text, first.headers["x-job-state"]) == ("resolving\n", "running")
    world.cluster.write(f"{job.id}-a1", "job.log", "more\n")
    more = await api.as_admin.get(f"/jobs/{job.id}/log?offset={first.headers['x-next-offset']}")
    assert more.text == "more\n"


async def test_listings_are_filtered_and_paged(api: Api, world: World) -> None:
    made = [await world.submit("default", kind="train" if number % 2 else "verify") for number in range(5)]
    await world.service.cancel("default", "x", made[1].id)
    admin = api.as_admin
    newest = (await admin.get("/jobs", params={"limit": 2})).json()
    assert [job["id"] for job in newest["items"]] == [made[4].id, made[3].id]
    rest = (await admin.get("/jobs", params={"limit": 3, "cursor": newest["next"]})).json()
    assert ([job["id"] for job in rest["items"]], rest["next"]) == ([made[n].id for n in (2, 1, 0)], None)
    found = (await admin.get("/jobs", params={"kind": "train", "state": "queued"})).json()
    assert [job["id"] for job in found["items"]] == [made[3].id]
    for wrong in ({"state": "done"}, {"limit": "0"}, {"cursor": "eA"}, {"colour": "red"}):
        assert (await admin.get("/jobs", params=wrong)).status_code == 400


async def test_cancel_and_retry(api: Api, world: World) -> None:
    job = await world.submit("default")
    admin = api.as_admin
    early = await admin.post(f"/jobs/{job.id}/retry")
    assert (early.status_code, early.json()["code"]) == (412, "FAILED_PRECONDITION")
    assert (await admin.post(f"/jobs/{job.id}/cancel")).json()["state"] == "cancelled"
    again = await admin.post(f"/jobs/{job.id}/retry")
    assert again.status_code == 201
    assert (again.json()["state"], again.json()["spec"]) == (
        "queued",
        (await admin.get(f"/jobs/{job.id}")).json()["spec"],
    )
    assert again.json()["id"] != job.id
    done = await _done(world)
    refused = await admin.post(f"/jobs/{done.id}/cancel")
    assert (refused.status_code, "succeeded already" in refused.json()["detail"]) == (412, True)
    waiting = await admin.get(f"/jobs/{again.json()['id']}/output")
    assert waiting.status_code == 412


@pytest.mark.parametrize("wrong", ["log?offset=-1", "log?offset=x", "events?after=-1"])
async def test_wrong_places_are_refused(api: Api, world: World, wrong: str) -> None:
    job = await world.submit("default")
    assert (await api.as_admin.get(f"/jobs/{job.id}/{wrong}")).status_code == 400


async def test_another_tenant_sees_and_changes_nothing(api: Api, world: World) -> None:
    job = await _done(world)
    made = (await api.as_admin.post("/tenants", json={"id": "acme"})).json()
    acme = api.client(made["key"]["text"])
    for path in ("", "/log", "/events", "/output", "/output/page.html"):
        assert (await acme.get(f"/jobs/{job.id}{path}")).status_code == 404, path
    for deed in ("cancel", "retry"):
        assert (await acme.post(f"/jobs/{job.id}/{deed}")).status_code == 404
    assert (await acme.get("/jobs")).json() == {"items": [], "next": None}


async def test_a_viewer_looks_and_changes_nothing(api: Api, world: World) -> None:
    job = await world.submit("default")
    await api.as_admin.post("/users", json={"name": "eye", "role": "viewer"})
    viewer = api.client(await api.key_of(api.as_admin, user="eye"))
    assert (await viewer.get(f"/jobs/{job.id}")).status_code == 200
    assert (await viewer.post(f"/jobs/{job.id}/cancel")).status_code == 403
    assert (await api.client(None).get("/jobs")).status_code == 401
