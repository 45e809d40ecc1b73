"""Who builds or removes an environment may be cancelled at any point: it is there whole or not at all, and its lock is
free only when nothing of it works on any more."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from bms.adapters.environments import building
from bms.adapters.environments.installer import ended
from bms.adapters.environments.locks import free
from bms.adapters.environments.sharing import byte_code
from bms.adapters.environments.uv import UvEnvironments
from bms.core.workloads.environments import EnvironmentSpec
from tests.cancelling import PLANS, LateThreads, Plan, every_await, open_below

TINY = EnvironmentSpec(requirements=("tiny",))


async def _run_uv(arguments: Sequence[str], **_: object) -> None:
    """As uv would, without any package."""
    await asyncio.sleep(0)
    if arguments[0] == "venv":
        (Path(arguments[-1]) / "bin").mkdir(parents=True)
        (Path(arguments[-1]) / "bin" / "python").symlink_to(sys.executable)
    elif arguments[1] == "compile":
        Path(arguments[arguments.index("--output-file") + 1]).write_text("tiny==1.0\n")
    else:
        await asyncio.sleep(0)
        packages = Path(arguments[arguments.index("--python") + 1]) / "lib" / "python3.11"
        packages.mkdir(parents=True)
        for number in range(50):
            (packages / f"{number}.py").write_text(f"number = {number}")


async def _compile(_python: str, lib: Path) -> None:
    await asyncio.sleep(0)
    (lib / "python3.11" / "__pycache__").mkdir(exist_ok=True)
    for number in range(50):
        Path(byte_code(str(lib / "python3.11" / f"{number}.py"))).write_text("compiled")


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UvEnvironments:
    monkeypatch.setattr(building, "run_uv", _run_uv)
    monkeypatch.setattr(building, "_compile", _compile)
    made = UvEnvironments(tmp_path / "home", {})
    made.links = True
    return made


def _folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "environments"


def _checking(tmp_path: Path) -> Callable[[], bool]:
    """Whether the environment is there; nothing else may be."""

    def there() -> bool:
        folder = _folder(tmp_path)
        assert open_below(tmp_path) == []
        assert all(free(lock) for lock in (folder / "locks").iterdir())
        found = [path for path in folder.iterdir() if path.is_dir() and path.name not in ("locks", "files")]
        for path in found:
            assert path.suffix == "", "nothing that is half built or half removed"
            assert {"environment.json", "lock.txt"} <= {entry.name for entry in path.iterdir()}
            assert len(list(path.rglob("*.py"))) == len(list(path.rglob("*.pyc"))) == 50, "whole or not at all"
        return bool(found)

    return there


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_a_build_may_be_cancelled_at_every_await(
    environments: UvEnvironments, tmp_path: Path, plan: Plan
) -> None:
    threads, there = LateThreads(), _checking(tmp_path)

    async def build(_number: int) -> None:
        await environments.ensure(TINY)

    async def check(_number: int, cancelled: bool) -> None:
        assert there() or cancelled

    async def reset() -> None:
        shutil.rmtree(_folder(tmp_path))

    assert await every_await(build, plan, check, threads, reset) > 5


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
async def test_a_removal_may_be_cancelled_at_every_await(
    environments: UvEnvironments, tmp_path: Path, plan: Plan
) -> None:
    threads, there = LateThreads(), _checking(tmp_path)

    async def nobody() -> frozenset[str]:
        await asyncio.sleep(0)
        return frozenset()

    async def remove(_number: int) -> None:
        await environments.prune(nobody)

    async def check(_number: int, cancelled: bool) -> None:
        assert not there() or cancelled

    async def reset() -> None:
        await environments.ensure(TINY)

    await reset()
    assert await every_await(remove, plan, check, threads, reset) > 3


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_a_process_that_is_given_up_takes_its_children_with_it(times: int) -> None:
    """The pipe ends when the last of them has ended, who would also keep the lock of the environment."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", "sleep 600 & echo begun; wait"),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    assert await process.stdout.readline() == b"begun\n"
    ending = asyncio.create_task(ended(process))
    for _ in range(times):
        await asyncio.sleep(0)
        ending.cancel()
    await asyncio.wait([ending])
    assert ending.cancelled() == (times > 0)
    assert process.returncode == -9
    async with asyncio.timeout(20):
        assert await process.stdout.read() == b""
