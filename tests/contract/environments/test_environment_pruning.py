"""Pruning beside those who start: whoever has got an environment keeps it, whoever comes too late gets a new one."""

import asyncio
import os
from pathlib import Path

import pytest

from bms.adapters.environments.locks import locked
from bms.adapters.environments.sources import PackageSources
from bms.adapters.environments.uv import UvEnvironments
from bms.core.errors import FailedPrecondition
from bms.core.workloads.environments import EnvironmentSpec
from tests.wheels import slim_wheels, wheel

TINY = EnvironmentSpec(requirements=("tiny",))


@pytest.fixture
def environments(tmp_path: Path) -> UvEnvironments:
    wheels = slim_wheels(tmp_path / "wheels")
    wheel(wheels, "tiny")
    sources = PackageSources(find_links=(str(wheels),), offline=True)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache")}
    return UvEnvironments(tmp_path / "home", environ, sources=sources)


async def nobody() -> frozenset[str]:
    return frozenset()


async def test_one_that_came_to_be_needed_meanwhile_stays(environments: UvEnvironments) -> None:
    built = await environments.ensure(TINY)
    answers = [frozenset[str](), frozenset({built.digest})]

    async def needed() -> frozenset[str]:
        return answers.pop(0)

    assert (await environments.prune(needed)).environments == ()
    assert Path(built.python).exists()


async def test_who_asks_while_it_is_being_removed_gets_a_new_one(environments: UvEnvironments) -> None:
    built = await environments.ensure(TINY)
    starts: list[asyncio.Task[object]] = []
    lines: list[str] = []

    async def needed() -> frozenset[str]:
        if not starts and asked:
            starts.append(asyncio.create_task(environments.ensure(TINY, lines.append)))
            for _ in range(20):  # as far as it can get
                await asyncio.sleep(0)
            assert not starts[0].done(), "it must not be handed out while it may be removed"
        asked.append(True)
        return frozenset()

    asked: list[bool] = []
    assert (await environments.prune(needed)).environments == (built,)
    again = await asyncio.wait_for(starts[0], 60)
    assert any("Installed" in line for line in lines)
    assert Path(built.python).exists()
    assert (await environments.built()) == [again]


async def test_what_failed_and_what_was_interrupted_is_cleared_away(
    environments: UvEnvironments, tmp_path: Path
) -> None:
    with pytest.raises(FailedPrecondition):
        await environments.ensure(EnvironmentSpec(requirements=("tiny==9",)))
    folder = tmp_path / "home" / "environments"
    (folder / f"{'0' * 64}.building-1").mkdir()
    (folder / f"{'1' * 64}.removing-1").mkdir()
    assert (await environments.prune(nobody)).environments == ()
    assert [path.name for path in folder.iterdir()] == ["locks"]


async def test_the_words_of_a_failure_stay_as_long_as_somebody_needs_them(environments: UvEnvironments) -> None:
    spec = EnvironmentSpec(requirements=("tiny==9",))
    with pytest.raises(FailedPrecondition):
        await environments.ensure(spec)
    digest = environments.digest(spec)
    assert digest

    async def needed() -> frozenset[str]:
        return frozenset({digest})

    await environments.prune(needed)
    assert await environments.state(digest) == "failed"
    assert b"tiny==9" in await environments.log(digest, 0, 1 << 16)


async def test_one_that_is_being_built_is_left_alone(environments: UvEnvironments, tmp_path: Path) -> None:
    digest = environments.digest(TINY)
    assert digest
    folder = tmp_path / "home" / "environments"
    unfinished = folder / f"{digest.removeprefix('sha256:')}.building-1"
    unfinished.mkdir(parents=True)
    async with locked(folder / "locks" / digest.removeprefix("sha256:")):  # as whoever builds it does
        assert await environments.state(digest) == "building"
        assert (await environments.prune(nobody)).environments == ()
        assert unfinished.exists()
    assert await environments.state(digest) == "absent"
    await environments.ensure(TINY)
    assert await environments.state(digest) == "built"
