"""The contract of the clusters port, with real processes."""

import asyncio
import os

import pytest

from bms.control.platform.clusters import MAX_SEALED, Cluster
from bms.core.errors import FailedPrecondition, InvalidArgument, ResourceExhausted
from bms.core.workloads.resources import Resources
from tests.contract.clusters.sights import (
    MakeSpec,
    carrying,
    ended,
    facts,
    is_alive,
    leader,
    ready,
    said,
    told,
    until,
)


async def test_a_started_workload_runs_and_is_observed(cluster: Cluster, make_spec: MakeSpec) -> None:
    status = await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    assert status.state == "running"
    assert is_alive(await leader(cluster, "wl_1"))
    seen = (await cluster.observe())["wl_1"]
    assert (seen.kind, seen.tenant, seen.state, seen.owner, seen.epoch) == ("job", "t", "running", "owner-of-wl_1", 1)
    assert seen.node
    assert seen.started_at == status.started_at


async def test_the_exit_code_of_an_ended_workload_is_kept(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(seconds=0, code=7))
    status = await ended(cluster, "wl_1")
    assert (status.exit_code, status.verdict) == (7, "")
    assert status.cpu_ns > 0


async def test_starting_again_starts_nothing_while_it_runs_or_after(cluster: Cluster, make_spec: MakeSpec) -> None:
    first, second = await asyncio.gather(cluster.start(make_spec()), cluster.start(make_spec()))
    await ready(cluster, "wl_1")
    assert first.started_at == second.started_at == (await cluster.start(make_spec())).started_at
    await cluster.stop("wl_1")
    assert (await cluster.start(make_spec())).state == "ended"
    assert len(await told(cluster, "wl_1", "started")) == 1


async def test_a_start_of_an_earlier_epoch_comes_too_late(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(id="wl_2", owner="job_1", epoch=2))
    with pytest.raises(FailedPrecondition, match="epoch 2 already"):
        await cluster.start(make_spec(id="wl_1", owner="job_1", epoch=1))
    assert set(await cluster.observe()) == {"wl_2"}


async def test_a_start_goes_on_when_its_caller_goes_away(cluster: Cluster, make_spec: MakeSpec) -> None:
    caller = asyncio.create_task(cluster.start(make_spec()))
    await asyncio.sleep(0)
    caller.cancel()
    await asyncio.gather(caller, return_exceptions=True)
    await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    assert carrying("wl_1") == [await leader(cluster, "wl_1")]


async def test_stop_asks_with_sigterm(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    await cluster.stop("wl_1")
    assert not is_alive(await leader(cluster, "wl_1"))
    seen = (await cluster.observe())["wl_1"]
    assert (seen.state, seen.exit_code, seen.verdict) == ("ended", -15, "")


async def test_stop_insists_when_asking_does_not_help(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(ignore_term=True))
    await ready(cluster, "wl_1")
    await cluster.stop("wl_1", grace_s=0.2)
    assert not is_alive(await leader(cluster, "wl_1"))
    seen = (await cluster.observe())["wl_1"]
    assert seen.exit_code == -9
    assert seen.verdict == "killed: it did not end within 0.2 s of being asked to"


async def test_stopping_what_is_unknown_or_ended_does_nothing(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.stop("never_started")
    await cluster.start(make_spec(seconds=0))
    before = await ended(cluster, "wl_1")
    await cluster.stop("wl_1")
    assert (await cluster.observe())["wl_1"] == before


@pytest.mark.parametrize("kind", ["plain", "escaped"])
async def test_stop_leaves_no_descendant(cluster: Cluster, make_spec: MakeSpec, kind: str) -> None:
    await cluster.start(make_spec(fork=kind))
    await ready(cluster, "wl_1")
    (child,) = map(int, await told(cluster, "wl_1", "child"))
    assert is_alive(child)
    await cluster.stop("wl_1")
    assert not is_alive(child)


@pytest.mark.parametrize("kind", ["plain", "escaped"])
async def test_children_end_with_a_workload_that_ends_by_itself(
    cluster: Cluster, make_spec: MakeSpec, kind: str
) -> None:
    await cluster.start(make_spec(fork=kind, seconds=1))
    status = await ended(cluster, "wl_1")
    (child,) = map(int, await told(cluster, "wl_1", "child"))
    assert status.exit_code == 0
    assert not is_alive(child)


async def test_changed_returns_when_a_workload_ends(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(seconds=0.2))
    await cluster.observe()
    async with asyncio.timeout(30):
        await cluster.changed(3600)
    assert (await cluster.observe())["wl_1"].state == "ended"


async def test_an_end_between_looking_and_waiting_is_not_missed(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    assert (await cluster.observe())["wl_1"].state == "running"
    os.kill(await leader(cluster, "wl_1"), 9)
    await until(lambda: carrying("wl_1") == [])
    await cluster.stop("wl_1")
    async with asyncio.timeout(30):
        await cluster.changed(3600)


async def test_changed_returns_after_its_timeout(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec())
    await cluster.changed(0.01)
    assert (await cluster.observe())["wl_1"].state == "running"


async def test_a_workload_over_its_memory_is_killed_with_a_verdict(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(memory=100_000_000, allocate=200_000_000))
    status = await ended(cluster, "wl_1")
    assert status.exit_code == -9
    used = float(status.verdict.removeprefix("killed: used ").removesuffix(" MB of 100.0 MB"))
    assert used > 100


async def test_memory_of_the_whole_family_counts(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(memory=100_000_000, share_with_children=30_000_000, copied=True))
    status = await ended(cluster, "wl_1")
    assert status.verdict.startswith("killed: used")
    assert carrying("wl_1") == []


async def test_pages_that_a_family_shares_count_once(cluster: Cluster, make_spec: MakeSpec) -> None:
    """Four processes see 100 MB each, but they are the same 100 MB."""
    await cluster.start(make_spec(memory=200_000_000, share_with_children=100_000_000, seconds=1))
    status = await ended(cluster, "wl_1")
    assert (status.exit_code, status.verdict) == (0, "")


async def test_memory_and_cpu_of_a_running_workload_are_seen(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(allocate=50_000_000))
    await ready(cluster, "wl_1")
    async with asyncio.timeout(30):
        while (await cluster.observe())["wl_1"].memory < 50_000_000:
            await asyncio.sleep(0.01)
    assert (await cluster.observe())["wl_1"].cpu_ns > 0


async def test_the_surroundings_hold_nothing_of_the_starter(
    cluster: Cluster, make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BMS_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    await cluster.start(make_spec(facts=True, cpu=1, env={"OF_THE_SPEC": "yes", "BMS_WORKLOAD": "somebody_else"}))
    await ready(cluster, "wl_1")
    seen = await facts(cluster, "wl_1")
    assert "secret" not in str(seen["environ"])
    assert seen["environ"]["OF_THE_SPEC"] == "yes"
    assert seen["environ"]["BMS_WORKLOAD"] == "wl_1"
    assert seen["environ"]["OMP_NUM_THREADS"] == "1"
    assert seen["environ"]["HOME"] == seen["places"]["directory"]
    allowed = {"LC_CTYPE", "PATH", "HOME", "TMPDIR", "LANG", "OF_THE_SPEC", "OF_TEST", "BMS_WORKLOAD", "BMS_HOME_MARK"}
    prefixes = (
        "OMP_",
        "OPENBLAS_",
        "MKL_",
        "MALLOC_",
        "ORT_",
        "DO_NOT_",
        "MLFLOW_",
        "RAY_",
        "VLLM_",
        "HF_",
        "CUDA_",
        "NVIDIA_",
    )
    assert {name for name in seen["environ"] if not name.startswith(prefixes)} <= allowed


async def test_a_process_is_its_own_session_with_limits(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(facts=True, cpu=1))
    await ready(cluster, "wl_1")
    seen = await facts(cluster, "wl_1")
    assert seen["session"] == await leader(cluster, "wl_1")
    assert seen["cwd"] == seen["places"]["directory"]
    assert seen["stdin"] == "/dev/null"
    assert seen["core_limit"] == 0
    assert seen["nice"] > 0
    assert len(seen["cores"]) == 1
    assert "/nowhere" not in seen["path"]
    assert len(seen["fds"]) == 4  # three standard ones and the listing itself: the gate is closed


async def test_a_model_server_goes_before_jobs(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(kind="model_server", facts=True))
    await ready(cluster, "wl_1")
    assert (await facts(cluster, "wl_1"))["nice"] == os.nice(0)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one core leaves nothing to choose")
async def test_two_workloads_of_one_core_get_different_cores(cluster: Cluster, make_spec: MakeSpec) -> None:
    for workload in ("wl_1", "wl_2"):
        await cluster.start(make_spec(id=workload, facts=True, cpu=1))
        await ready(cluster, workload)
    assert (await facts(cluster, "wl_1"))["cores"] != (await facts(cluster, "wl_2"))["cores"]


async def test_a_program_that_is_not_there_ends_with_words_in_the_log(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(program="no_such_program"))
    assert (await ended(cluster, "wl_1")).exit_code == 1
    assert "no_such_program" in await said(cluster, "wl_1")


async def test_gpus_are_refused_where_there_are_none(cluster: Cluster, make_spec: MakeSpec) -> None:
    spec = make_spec()
    with pytest.raises(ResourceExhausted, match="GPU"):
        await cluster.start(type(spec)(**{**_fields(spec), "resources": Resources(gpu=1)}))


async def test_forgetting_leaves_nothing(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec())
    await ready(cluster, "wl_1")
    with pytest.raises(FailedPrecondition, match="still runs"):
        await cluster.forget("wl_1")
    await cluster.stop("wl_1")
    await cluster.forget("wl_1")
    assert await cluster.observe() == {}
    assert await cluster.files.extent("wl_1", "console") is None
    await cluster.forget("wl_1")


async def test_what_is_sealed_is_read_once_from_the_standard_input(cluster: Cluster, make_spec: MakeSpec) -> None:
    await cluster.start(make_spec(standard_input=True, facts=True), b"a secret")
    await ready(cluster, "wl_1")
    assert await told(cluster, "wl_1", "handed") == ["a secret"]
    assert "a secret" not in str(await facts(cluster, "wl_1"))
    with pytest.raises(FailedPrecondition, match="at most"):
        await cluster.start(make_spec(id="wl_2"), b"x" * (MAX_SEALED + 1))


@pytest.mark.parametrize("workload", ["../escape", "", "a/b", "a" * 65, "a\n", ".hidden"])
async def test_ids_that_are_no_file_names_are_refused(cluster: Cluster, make_spec: MakeSpec, workload: str) -> None:
    with pytest.raises(InvalidArgument, match="workload id"):
        await cluster.start(make_spec(id=workload))
    with pytest.raises(InvalidArgument, match="workload id"):
        await cluster.forget(workload)


def _fields(spec: object) -> dict[str, object]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}  # type: ignore[attr-defined]
