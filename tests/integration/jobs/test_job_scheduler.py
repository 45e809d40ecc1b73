"""The scheduler brings every job to exactly one end, on both databases, with a cluster that is counted."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from bms.adapters.clusters.log_files import trim
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog
from bms.control.jobs import attempts
from bms.control.jobs.history import LOG_KEPT
from bms.control.jobs.nouns import Job, JobCapacity, TreeInput
from bms.control.jobs.ports import References
from bms.control.jobs.service import LOG_PIECE
from bms.control.platform.trees import get_tree
from bms.core.clock import ManualClock
from bms.core.errors import AlreadyExists, DataLoss, FailedPrecondition, NotFound, ResourceExhausted, Unavailable
from bms.core.pages import PageRequest
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.programs import CHECKPOINT, JobConfig
from bms.core.workloads.resources import size_text
from tests.worlds.jobs import ROOM, SPEC, World, add_tenant, put_files

GOOD = {"state": "succeeded", "metrics": {"accuracy": 0.97}, "report": {"rows": 3}}


@pytest.fixture
async def world(database: Database, tmp_path: Path, clock: ManualClock) -> World:
    await add_tenant(database, clock)
    await add_tenant(database, clock, "other")
    return World(database, tmp_path, clock)


async def _ended_events(database: Database, job: Job) -> list[dict[str, object]]:
    events = await SqlEventLog(database).since(0)
    return [dict(event.details) for _, event in events if event.name == "job.ended" and event.subject == job.id]


async def _references(world: World) -> References:
    async with world.store.read() as tx:
        return await tx.references("acme")


async def _files(world: World, digest: str) -> dict[str, bytes]:
    tree = await get_tree(world.objects, "acme", digest)
    return {
        file.path: b"".join([piece async for piece in world.objects.read("acme", file.digest)]) for file in tree.files
    }


async def _whole_log(world: World, job: Job) -> bytes:
    content, offset = b"", 0
    while (part := await world.service.log(job.tenant, job.id, offset)).content:
        content += part.content
        offset = part.next
    return content


async def test_a_job_runs_and_all_it_made_is_kept(world: World, database: Database) -> None:
    data = await put_files(world.objects, "acme", {"train.tfrecord": b"rows"})
    code = await put_files(world.objects, "acme", {"train.py": b"pass"})
    job = await world.submit(
        entry="train.py", code=code, inputs=(TreeInput(name="data", tree=data),), parameters={"layers": 3}, subject="v1"
    )
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    running = await world.get(job)
    assert running.state == "running"
    spec = world.cluster.specs[running.workload]
    config = msgspec.convert(spec.config, JobConfig)
    assert (config.job, config.attempt, config.entry, config.parameters) == (job.id, 1, "train.py", {"layers": 3})
    assert spec.trees == {"inputs/data": data, "code": code}
    trees = world.cluster.supplied[running.workload].trees
    assert (Path(trees["inputs/data"]) / "train.tfrecord").read_bytes() == b"rows"
    assert (Path(trees["code"]) / "train.py").read_bytes() == b"pass"

    world.cluster.write(running.workload, "events.jsonl", '{"at": 5, "progress": 0.5, "metrics": {"loss": 2.5}}\n')
    world.cluster.write(running.workload, "job.log", "epoch 1\n")
    await world.rounds(scheduler, 2)
    halfway = await world.get(job)
    assert (halfway.progress, halfway.metrics) == (0.5, {"loss": 2.5})
    assert await _whole_log(world, job) == b"resolving\nepoch 1\n"
    assert [event.at for event in await world.service.events("acme", job.id)] == [5]

    world.cluster.write(running.workload, "events.jsonl", '{"at": 6, "message": "saved"}\n{"at": 7, "progr')
    world.cluster.write(running.workload, "job.log", "done\n")
    world.cluster.end(running.workload, result=GOOD, output={"model/model.onnx": b"weights", "version.json": b"{}"})
    await world.rounds(scheduler)
    done = await world.get(job)
    assert (done.state, done.error, done.progress, done.message) == ("succeeded", "", 1.0, "saved")
    assert (done.metrics, done.report) == ({"loss": 2.5, "accuracy": 0.97}, {"rows": 3})
    assert done.output is not None
    tree = await get_tree(world.objects, "acme", done.output)
    assert [file.path for file in tree.files] == ["model/model.onnx", "version.json"]
    assert await _whole_log(world, job) == b"resolving\nepoch 1\ndone\n"
    assert [event.at for event in await world.service.events("acme", job.id, 1)] == [6]
    assert world.cluster.seen == {}
    assert await world.files.noted() == frozenset()
    assert await _ended_events(database, job) == [{"kind": "train", "subject": "v1", "state": "succeeded"}]


@pytest.mark.parametrize(
    ("end", "state", "words"),
    [
        ({"result": {"state": "failed", "error": "ValueError: x"}, "exit_code": 1}, "failed", "ValueError: x"),
        ({"exit_code": -11}, "failed", "SIGSEGV"),
        ({"exit_code": -9, "verdict": "killed: used 2.1 GB of 2.0 GB"}, "failed", "used 2.1 GB"),
        ({"exit_code": None}, "lost", "vanished"),
        ({"result": b"\xff{"}, "failed", "can't be read"),
        ({"result": b'{"state": "succeeded", "report": ' + b"[" * 5000 + b"}"}, "failed", "can't be read"),
        (
            {"result": {"state": "succeeded"}, "output": {"a/B": b"1", "a/b": b"2"}},
            "failed",
            "output could not be kept",
        ),
    ],
)
async def test_every_way_to_end_has_its_state_and_words(
    world: World, database: Database, end: dict[str, object], state: str, words: str
) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.write(f"{job.id}-a1", "job.log", "half way\n")
    world.cluster.end(f"{job.id}-a1", **end)  # type: ignore[arg-type]
    await world.rounds(scheduler)
    ended = await world.get(job)
    assert ended.state == state
    assert words in ended.error
    log = await _whole_log(world, job)
    assert b"half way\n" in log
    assert words.encode() in log
    assert len(await _ended_events(database, job)) == 1
    assert ended.output is None


async def test_a_process_that_never_opened_its_log_is_quoted(world: World) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.write(f"{job.id}-a1", "workload.log", "ModuleNotFoundError: numpy\n")
    world.cluster.end(f"{job.id}-a1", exit_code=1)
    await world.rounds(scheduler)
    assert b"ModuleNotFoundError: numpy" in await _whole_log(world, job)


async def test_two_schedulers_never_run_one_attempt(world: World, database: Database) -> None:
    jobs = [await world.submit() for _ in range(12)]
    schedulers = [world.scheduler("one"), world.scheduler("two")]
    for _ in range(6):
        await asyncio.gather(*(scheduler.step() for scheduler in schedulers))
        await asyncio.gather(*(scheduler.idle() for scheduler in schedulers))
        world.clock.advance(1)
        for workload in world.cluster.running:
            world.cluster.end(workload, result=GOOD)
    assert dict(world.cluster.starts) == {f"{job.id}-a1": 1 for job in jobs}
    for job in jobs:
        assert (await world.get(job)).state == "succeeded"
        assert len(await _ended_events(database, job)) == 1


async def test_a_scheduler_that_slept_through_its_lease_tells_nothing_any_more(
    world: World, database: Database
) -> None:
    job = await world.submit()
    old, new = world.scheduler("old"), world.scheduler("new")
    await world.rounds(old, 2)
    world.clock.advance(60)
    world.cluster.end(f"{job.id}-a1", result=GOOD, output={"model": b"weights"})
    await new.step()  # adopts
    await asyncio.gather(new.step(), old.step())
    await asyncio.gather(new.idle(), old.idle())
    await world.rounds(new)
    await world.rounds(old)
    done = await world.get(job)
    assert (done.state, done.token, done.attempt) == ("succeeded", 2, 1)
    assert len(await _ended_events(database, job)) == 1


async def test_a_preparation_that_outlasts_its_lease_starts_nothing(world: World) -> None:
    job = await world.submit()
    world.environments.gate.clear()
    old, new = world.scheduler("old"), world.scheduler("new")
    await old.step()
    await asyncio.sleep(0)
    world.clock.advance(60)
    await new.step()
    await new.step()
    world.environments.gate.set()
    await asyncio.gather(old.idle(), new.idle())
    assert dict(world.cluster.starts) == {f"{job.id}-a1": 1}
    assert world.cluster.specs[f"{job.id}-a1"].epoch == 2, "the new one's token"
    await world.rounds(new, 2)
    assert (await world.get(job)).state == "running"


async def test_a_start_whose_answer_was_lost_is_repeated_and_no_failure(world: World) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    world.cluster.refusal = Unavailable("the connection to the cluster was lost")
    await world.rounds(scheduler, 1)
    assert (await world.get(job)).state == "starting"
    world.cluster.refusal = None
    await world.rounds(scheduler, 2)
    running = await world.get(job)
    assert (running.state, running.attempt, running.token) == ("running", 1, 1)
    assert dict(world.cluster.starts) == {f"{job.id}-a1": 1}


async def test_leases_are_renewed_so_that_nobody_takes_over_from_the_living(world: World) -> None:
    job = await world.submit()
    one, two = world.scheduler("one"), world.scheduler("two")
    await world.rounds(one, 2)
    for _ in range(10):
        world.clock.advance(6)
        await world.rounds(one, 1)
        await world.rounds(two, 1)
    assert (await world.get(job)).token == 1


Crash = Callable[[World, Job], Awaitable[None]]


async def _nothing(world: World, job: Job) -> None:
    return None


async def _ends(world: World, job: Job) -> None:
    world.cluster.end(f"{job.id}-a1", result=GOOD, output={"model": b"weights"})


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize("meanwhile", [_nothing, _ends], ids=["running", "ended"])
async def test_control_may_be_killed_at_any_point(
    world: World, database: Database, steps: int, meanwhile: Crash
) -> None:
    """A scheduler is thrown away after so many steps, with its slow work; a new one of the same name goes on."""
    job = await world.submit()
    first = world.scheduler()
    for _ in range(steps):
        await first.step()
        await asyncio.sleep(0.01)
    await first.close()
    if f"{job.id}-a1" in world.cluster.seen:
        await meanwhile(world, job)
    second = world.scheduler()
    await world.rounds(second)
    for workload in world.cluster.running:
        world.cluster.end(workload, result=GOOD, output={"model": b"weights"})
    await world.rounds(second)
    done = await world.get(job)
    assert (done.state, done.attempt) == ("succeeded", 1)
    assert done.output is not None
    assert set(world.cluster.starts) == {f"{job.id}-a1"}
    assert len(await _ended_events(database, job)) == 1
    assert world.cluster.seen == {}


async def test_a_queued_job_is_cancelled_at_once(world: World, database: Database) -> None:
    job = await world.submit()
    cancelled = await world.service.cancel("acme", "bob", job.id)
    assert cancelled.state == "cancelled"
    assert (await world.service.cancel("acme", "bob", job.id)).revision == cancelled.revision
    await world.rounds(world.scheduler())
    assert world.cluster.starts == {}
    assert len(await _ended_events(database, job)) == 1


async def test_a_running_job_is_stopped_and_then_cancelled_whatever_it_says(world: World, database: Database) -> None:
    job = await world.submit(max_attempts=3)
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.obedient = False
    assert (await world.service.cancel("acme", "bob", job.id)).state == "running"
    await world.rounds(scheduler, 2)
    world.cluster.end(f"{job.id}-a1", result=GOOD, output={"model": b"weights"})
    await world.rounds(scheduler)
    done = await world.get(job)
    assert (done.state, done.output) == ("cancelled", None)
    with pytest.raises(FailedPrecondition, match="succeeded"):
        await world.service.output("acme", job.id)
    assert len(await _ended_events(database, job)) == 1


async def test_a_cancellation_breaks_off_a_long_preparation(world: World) -> None:
    job = await world.submit()
    world.environments.gate.clear()
    scheduler = world.scheduler()
    await scheduler.step()
    await asyncio.sleep(0)
    assert (await world.service.cancel("acme", "bob", job.id)).state == "starting"
    for _ in range(3):
        await scheduler.step()
        await asyncio.wait_for(scheduler.idle(), 10)
    assert (await world.get(job)).state == "cancelled"
    assert world.cluster.starts == {}


async def test_a_job_over_its_time_fails(world: World) -> None:
    job = await world.submit(timeout_s=60)
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.clock.advance(58)
    await world.rounds(scheduler, 1)
    assert (await world.get(job)).state == "running"
    world.clock.advance(2)
    await world.rounds(scheduler)
    done = await world.get(job)
    assert (done.state, done.error) == ("failed", "timed out after 60 s")


async def test_failures_are_tried_again_after_growing_pauses_and_all_logs_are_kept(world: World) -> None:
    job = await world.submit(max_attempts=3)
    scheduler = world.scheduler()
    for attempt in (1, 2, 3):
        await world.rounds(scheduler, 2)
        assert (await world.get(job)).attempt == attempt
        world.cluster.write(f"{job.id}-a{attempt}", "job.log", f"try {attempt}\n")
        world.cluster.write(f"{job.id}-a{attempt}", "events.jsonl", f'{{"at": {attempt}}}\n')
        world.cluster.end(f"{job.id}-a{attempt}", exit_code=None if attempt == 1 else 1)
        await world.rounds(scheduler, 1)
        waiting = await world.get(job)
        if attempt < 3:
            assert (waiting.state, waiting.run_at) == ("queued", waiting.run_at)
            assert f"attempt {attempt} of 3" in waiting.message
            assert await _whole_log(world, job) != b""
            world.clock.advance(2.0**attempt - 1)
            await world.rounds(scheduler, 1)
            assert (await world.get(job)).state == "queued", "not before its time"
            world.clock.advance(1)
    done = await world.get(job)
    assert (done.state, done.attempt) == ("failed", 3)
    log = await _whole_log(world, job)
    assert [line for line in log.decode().splitlines() if "try" in line] == ["try 1", "try 2", "try 3"]
    assert b"lost: its process vanished" in log
    assert [event.at for event in await world.service.events("acme", job.id)] == [1, 2, 3]


async def test_an_attempt_goes_on_from_the_last_checkpoint_that_was_left(world: World) -> None:
    job = await world.submit(max_attempts=4)
    scheduler = world.scheduler()
    given: list[dict[str, bytes] | None] = []
    for attempt in (1, 2, 3, 4):
        workload = f"{job.id}-a{attempt}"
        await world.rounds(scheduler, 2)
        digest = world.cluster.specs[workload].trees.get(CHECKPOINT)
        given.append(None if digest is None else await _files(world, digest))
        assert (await _references(world)).trees >= ({digest} if digest else set()), "nobody removes it meanwhile"
        match attempt:
            case 1:
                world.cluster.end(workload, exit_code=1, checkpoint={"epoch": b"1", "state/weights": b"w"})
            case 2:  # killed before it wrote any
                world.cluster.end(workload, exit_code=None)
            case 3:
                (Path(world.cluster.directory(workload)) / "checkpoint").symlink_to("/etc")
                world.cluster.end(workload, exit_code=1)
            case _:
                world.cluster.end(workload, result=GOOD, checkpoint={"epoch": b"4"})
        await world.rounds(scheduler, 1)
        world.clock.advance(60)
    assert given == [None, *[{"epoch": b"1", "state/weights": b"w"}] * 3]
    done = await world.get(job)
    assert (done.state, done.checkpoint) == ("succeeded", None)
    assert (await _references(world)).trees == set()
    assert b"its checkpoint could not be kept" in await _whole_log(world, job)


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_what_has_ended_keeps_no_checkpoint(world: World, how: str) -> None:
    job = await world.submit(max_attempts=2)
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.end(f"{job.id}-a1", exit_code=1, checkpoint={"epoch": b"1"})
    await world.rounds(scheduler, 1)
    waiting = await world.get(job)
    assert waiting.checkpoint is not None
    if how == "cancelled":
        await world.service.cancel("acme", "bob", job.id)
    else:
        world.clock.advance(60)
        await world.rounds(scheduler, 2)
        world.cluster.end(f"{job.id}-a2", exit_code=1, checkpoint={"epoch": b"2"})
    await world.rounds(scheduler, 1)
    done = await world.get(job)
    assert (done.state, done.checkpoint) == (how, None)


async def test_a_follower_reads_the_log_without_gap_over_attempts_and_the_end(world: World) -> None:
    job = await world.submit(max_attempts=2)
    scheduler = world.scheduler()
    read, offset = b"", 0
    for attempt in (1, 2):
        await world.rounds(scheduler, 2)
        for line in ("one", "two"):
            world.cluster.write(f"{job.id}-a{attempt}", "job.log", f"{attempt} {line}\n")
            part = await world.service.log("acme", job.id, offset)
            read, offset = read + part.content, part.next
            part = await world.service.log("acme", job.id, offset)
            read, offset = read + part.content, part.next
        world.cluster.end(f"{job.id}-a{attempt}", exit_code=1)
        await world.rounds(scheduler, 1)
        world.clock.advance(5)
    while (part := await world.service.log("acme", job.id, offset)).content:
        read, offset = read + part.content, part.next
    assert part.state == "failed"
    assert read == await _whole_log(world, job)
    assert [line for line in read.decode().splitlines() if line[0].isdigit()] == ["1 one", "1 two", "2 one", "2 two"]


async def test_of_a_huge_log_the_end_is_kept_and_offsets_stay(world: World) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    lines = "".join(f"line {number:09}\n" for number in range(500_000))
    world.cluster.write(f"{job.id}-a1", "job.log", lines)
    live = await world.service.log("acme", job.id, 1000)
    assert len(live.content) == LOG_PIECE
    world.cluster.end(f"{job.id}-a1", result=GOOD)
    await world.rounds(scheduler)
    done = await world.get(job)
    whole = b"resolving\n" + lines.encode()
    assert done.log_start == len(whole) - LOG_KEPT
    part = await world.service.log("acme", job.id, 0)
    note, _, content = part.content.partition(b"\n")
    lost, kept = size_text(done.log_start), size_text(LOG_KEPT)
    assert note.decode() == f"[the first {lost} of this log were not kept: of a job's log the last {kept} are]"
    assert content == whole[done.log_start : done.log_start + LOG_PIECE]
    later = await world.service.log("acme", job.id, done.log_start - 2048)
    assert later.content.startswith(b"[2.0 kB more were not kept")
    assert part.next == done.log_start + LOG_PIECE
    assert (await world.service.log("acme", job.id, len(whole) - 3)).content == whole[-3:]
    assert (await world.service.log("acme", job.id, 10**12)).next == len(whole)


async def test_a_log_that_is_cut_while_it_is_read_says_what_is_missing_and_offsets_stay(world: World) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    lines = [f"line {number:05}\n" for number in range(1000)]
    whole = b"resolving\n" + "".join(lines).encode()
    workload = f"{job.id}-a1"
    world.cluster.write(workload, "job.log", "".join(lines[:800]))
    read = (await world.service.log("acme", job.id, 10)).next - 7000
    path = Path(world.cluster.directory(workload)) / "job.log"
    assert trim(path, limit=8000)
    assert trim(path, limit=3000), "twice is as good as once"
    world.cluster.write(workload, "job.log", "".join(lines[800:]))
    first = await world.cluster.files.read(workload, "log", 0, 100)
    assert first is not None
    gone = whole.index(first.content[:11])
    part = await world.service.log("acme", job.id, read)
    note, _, content = part.content.partition(b"\n")
    assert note.decode() == f"[{size_text(gone - read)} of this log were cut off here: it grew too long]"
    assert (content, part.next) == (whole[gone:], len(whole))
    assert (await world.service.log("acme", job.id, gone + 11)).content == whole[gone + 11 :]
    assert (await world.service.log("acme", job.id, 0)).content == b"resolving\n"
    world.cluster.end(workload, result=GOOD)
    await world.rounds(scheduler)
    assert (await world.get(job)).log_start == gone
    ended = await world.service.log("acme", job.id, 0)
    assert ended.content.startswith(f"[the first {size_text(gone)} of this log were not kept".encode())
    assert ended.content.endswith(b"\n" + whole[gone:])


async def test_an_environment_that_cannot_be_built_fails_the_job_with_the_builder_s_words(world: World) -> None:
    job = await world.submit(environment=EnvironmentSpec(requirements=("broken",)))
    await world.rounds(world.scheduler())
    done = await world.get(job)
    assert done.state == "failed"
    assert "no such package: broken" in done.error
    assert b"resolving" in await _whole_log(world, job)


@pytest.mark.parametrize("where", ["unready", "refusal"])
async def test_a_cluster_without_room_only_delays_and_costs_no_attempt(world: World, where: str) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    setattr(world.cluster, where, ResourceExhausted("the disk is full"))
    for _ in range(job.spec.max_attempts + 1):
        await world.rounds(scheduler, 2)
        waiting = await world.get(job)
        assert (waiting.state, waiting.attempt) == ("queued", 0)
        assert waiting.message == "waits for room: the disk is full"
        world.clock.advance(5)
    setattr(world.cluster, where, None)
    world.clock.advance(5)
    await world.rounds(scheduler, 2)
    assert (await world.get(job)).state == "running"


async def test_a_preparation_that_takes_for_ever_fails_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "PREPARATION_S", 0.01)
    job = await world.submit()
    world.environments.gate.clear()
    await world.rounds(world.scheduler())
    done = await world.get(job)
    assert (done.state, "got ready" in done.error) == ("failed", True)
    assert world.cluster.starts == {}


async def test_a_cancellation_just_before_the_start_starts_nothing(world: World) -> None:
    job = await world.submit()
    world.environments.gate.clear()
    scheduler = world.scheduler()
    await scheduler.step()
    await world.service.cancel("acme", "bob", job.id)
    world.environments.gate.set()
    await world.rounds(scheduler)
    assert (await world.get(job)).state == "cancelled"
    assert world.cluster.starts == {}


async def test_collection_spares_what_jobs_need(world: World) -> None:
    data, code = [await put_files(world.objects, "acme", {"a.py": content}) for content in (b"data", b"code")]
    job = await world.submit(entry="a.py", code=code, inputs=(TreeInput(name="data", tree=data),))
    assert {data, code} < await world.service.references("acme")
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.end(job.id + "-a1", result=GOOD, output={"model": b"weights"})
    await world.rounds(scheduler)
    spared = await world.service.references("acme")
    world.clock.advance(1000)
    await world.objects.sweep("acme", spared, 10)
    done = await world.get(job)
    assert {code, done.output, done.log} < spared
    assert data not in spared
    assert await _whole_log(world, job) == b"resolving\n"
    assert (await world.service.output("acme", job.id)).files[0].path == "model"
    assert await world.service.references("other") == frozenset()


async def test_a_job_that_made_no_files_has_no_output(world: World) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.end(f"{job.id}-a1", result=GOOD)
    await world.rounds(scheduler)
    with pytest.raises(NotFound, match="made no files"):
        await world.service.output("acme", job.id)


async def test_a_maker_that_asks_twice_has_one_job(world: World) -> None:
    await world.service.submit("acme", "ann", "verify", SPEC, id="job_verify_1")
    with pytest.raises(AlreadyExists):
        await world.service.submit("acme", "ann", "verify", SPEC, id="job_verify_1")
    assert len((await world.service.jobs("acme", PageRequest())).items) == 1


async def test_a_start_that_is_refused_fails_the_job(world: World) -> None:
    job = await world.submit()
    world.cluster.refusal = FailedPrecondition("no such program")
    await world.rounds(world.scheduler())
    assert "no such program" in (await world.get(job)).error


async def test_a_database_away_delays_and_a_defect_ends_the_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.end(f"{job.id}-a1", result=GOOD)
    with monkeypatch.context() as broken:
        broken.setattr(world.history, "keep", _raises(Unavailable("away")))
        await world.rounds(scheduler, 2)
        assert (await world.get(job)).state == "running"
    with monkeypatch.context() as broken:
        broken.setattr(world.files, "result", _raises(KeyError("defect")))
        await world.rounds(scheduler)
    done = await world.get(job)
    assert done.state == "failed"
    assert "platform itself" in done.error


async def test_a_log_that_cannot_be_kept_keeps_no_job_from_ending(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    world.cluster.end(f"{job.id}-a1", result=GOOD)
    monkeypatch.setattr(world.history, "keep", _raises(DataLoss("no disk")))
    await world.rounds(scheduler)
    done = await world.get(job)
    assert (done.state, done.log) == ("succeeded", None)


def _raises(error: Exception) -> Callable[..., Awaitable[None]]:
    async def fail(*_: object) -> None:
        raise error

    return fail


async def test_capacity_and_turns_hold_between_tenants(world: World) -> None:
    for tenant in ("acme", "acme", "acme", "other", "other"):
        await world.submit(tenant)
    scheduler = world.scheduler(capacity=JobCapacity(jobs=2, cpu=100, memory=1 << 50))
    for ends in ("acme", "other", "acme", "other"):
        await world.rounds(scheduler, 2)
        running = {world.cluster.specs[id].tenant: id for id in world.cluster.running}
        assert sorted(running) == ["acme", "other"]
        assert len(world.cluster.running) == 2
        world.cluster.end(running[ends], result=GOOD)
        await world.rounds(scheduler, 1)
    await world.rounds(scheduler, 1)
    assert [world.cluster.specs[id].tenant for id in world.cluster.running] == ["acme"]


async def test_workloads_of_jobs_nobody_knows_are_ended_and_forgotten(world: World) -> None:
    job = await world.submit()
    await world.rounds(world.scheduler(), 2)
    spec = world.cluster.specs[f"{job.id}-a1"]
    await world.cluster.start(msgspec.structs.replace(spec, id="job_gone-a1", owner="job_gone"))
    await world.cluster.start(msgspec.structs.replace(spec, id="replica_1", kind="model_server"))
    world.files.note("job_gone-a1", "left over")
    await world.rounds(world.scheduler())
    assert sorted(world.cluster.running) == [f"{job.id}-a1", "replica_1"]
    assert "job_gone-a1" not in world.cluster.seen
    assert await world.files.noted() == {f"{job.id}-a1"}


async def test_poisonous_events_leave_the_row_readable(world: World) -> None:
    job = await world.submit()
    scheduler = world.scheduler()
    await world.rounds(scheduler, 2)
    lines = [{"at": 1, "message": "a\x00b", "metrics": {"\x00": 1.0}}, {"at": 2, "progress": 1e300}]
    for line in lines:
        world.cluster.write(f"{job.id}-a1", "events.jsonl", json.dumps(line) + "\n")
    world.cluster.write(f"{job.id}-a1", "events.jsonl", '{"at": 3, "metrics": {"x": NaN}}\nnot json\n')
    await world.rounds(scheduler, 2)
    row = await world.get(job)
    assert (row.message, row.metrics, row.progress) == ("a\ufffdb", {"\ufffd": 1.0}, 1.0)


async def test_the_loop_runs_jobs_as_they_come_and_stops_when_told(world: World, database: Database) -> None:
    scheduler = world.scheduler(capacity=ROOM)
    loop = asyncio.create_task(scheduler.run(SqlEventLog(database)))
    try:
        job = await world.submit()
        while (await world.get(job)).state != "running":
            await asyncio.sleep(0.02)
        world.cluster.end(f"{job.id}-a1", result=GOOD)
        while (await world.get(job)).state != "succeeded":
            await asyncio.sleep(0.02)
    finally:
        loop.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loop
