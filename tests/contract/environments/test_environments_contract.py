"""The contract of the environments port, with real builds by uv: one of the packages people have, the others of tiny
ones made here, since compiling NumPy takes longer than all that is asked of a build."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from bms.adapters.environments.recipe import OWN_PYTHON
from bms.adapters.environments.sharing import uncompiled
from bms.adapters.environments.uv import UvEnvironments
from bms.control.platform.environments import Environment, Needed
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.workloads.environments import EnvironmentSpec
from tests.wheels import slim_wheels, wheel

SMALL = EnvironmentSpec(requirements=("iniconfig",))
BUILDER = """
import asyncio, os, sys
from pathlib import Path
from bms.adapters.environments.uv import UvEnvironments
from bms.core.workloads.environments import EnvironmentSpec

def tell(line):
    print(line, flush=True)

async def main():
    environments = UvEnvironments(Path(sys.argv[1]), os.environ)
    built = await environments.ensure(EnvironmentSpec(requirements=tuple(sys.argv[2:])), tell)
    print("BUILT", built.digest, flush=True)

asyncio.run(main())
"""


class Real(NamedTuple):
    """An environment of real packages, and what was told as it was built."""

    environments: UvEnvironments
    built: Environment
    lines: list[str]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Real:
    environments = UvEnvironments(tmp_path_factory.mktemp("real"), os.environ)
    lines: list[str] = []
    spec = EnvironmentSpec(requirements=("iniconfig", "pygments"))
    return Real(environments, asyncio.run(environments.ensure(spec, lines.append)), lines)


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where uv finds stand-ins of the same names, and nothing else."""
    folder = tmp_path_factory.mktemp("made")
    wheels = slim_wheels(folder / "wheels")
    for name in ("iniconfig", "pluggy"):
        wheel(wheels, name)
    where = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_CACHE_DIR": str(folder / "cache")}
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **where}


@pytest.fixture
def environments(tmp_path: Path, environ: dict[str, str]) -> UvEnvironments:
    return UvEnvironments(tmp_path / "home", environ)


def needed(*digests: str) -> Needed:
    async def now() -> frozenset[str]:
        return frozenset(digests)

    return now


@asynccontextmanager
async def builder(home: Path, environ: dict[str, str], *requirements: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", BUILDER, str(home), *requirements),
        stdout=subprocess.PIPE,
        env={**os.environ, **environ},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def run(python: str, code: str) -> str:
    return subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


async def test_without_requirements_it_is_the_platforms_own(environments: UvEnvironments) -> None:
    own = await environments.ensure(EnvironmentSpec())
    assert own.python == sys.executable
    assert own.digest.startswith("sha256:")
    assert own == await environments.ensure(
        EnvironmentSpec(python=f"{sys.version_info.major}.{sys.version_info.minor}")
    )
    assert await environments.built() == []


async def test_an_environment_holds_what_was_asked_the_slim_parts_needs_and_nothing_of_ours(real: Real) -> None:
    environments, built, lines = real
    assert any("iniconfig==" in line for line in lines)
    assert run(built.python, "import iniconfig, numpy, msgspec, google_crc32c; print('fine')") == "fine\n"
    with pytest.raises(subprocess.CalledProcessError):
        run(built.python, "import starlette")
    assert built.size > 2**20
    assert built.built_s > 0
    assert await environments.built() == [built]
    kept = Path(built.python).parents[3] / f"{built.digest.removeprefix('sha256:')}.log"
    assert kept.read_text().splitlines() == lines


async def test_all_that_may_be_imported_is_compiled(real: Real) -> None:
    """Workloads can't write what they compile. What the platform has, too, is not compiled anew."""
    lib = Path(real.built.python).parent.parent / "lib"
    sources, missing = uncompiled(lib)
    assert (sources > 300, missing) == (True, [])
    code = "import numpy, iniconfig; print(numpy.__cached__, iniconfig.__cached__)"
    said = run(real.built.python, f"import sys; sys.dont_write_bytecode = True; {code}")
    assert all(Path(each).is_file() for each in said.split())


async def test_an_installed_command_works_where_the_environment_ended_up(real: Real) -> None:
    command = Path(real.built.python).with_name("pygmentize")
    said = subprocess.run([command, "-V"], capture_output=True, text=True, timeout=60, check=True).stdout
    assert "Pygments version" in said


async def test_the_same_requirements_are_built_once_however_they_are_written(environments: UvEnvironments) -> None:
    first = await environments.ensure(EnvironmentSpec(requirements=("iniconfig>=1,<9", "Pluggy")))
    told: list[str] = []
    again = await environments.ensure(
        EnvironmentSpec(requirements=("pluggy", "IniConfig <9, >=1", "pluggy")), told.append
    )
    assert again == first
    assert told == []


async def test_two_who_ask_at_once_get_one_build_and_both_see_it(environments: UvEnvironments, tmp_path: Path) -> None:
    told: tuple[list[str], list[str]] = ([], [])
    first, second = await asyncio.gather(*(environments.ensure(SMALL, lines.append) for lines in told))
    assert first == second
    builder, follower = sorted(told, key=lambda lines: "already being built" in lines[0])
    assert "already being built" in follower[0]
    assert follower[1:] == builder
    assert sum("Installed" in line for line in builder) == 1


async def test_a_build_that_fails_fails_once_for_all_who_wait_for_it(environments: UvEnvironments) -> None:
    told: tuple[list[str], list[str]] = ([], [])
    wanted = EnvironmentSpec(requirements=("iniconfig==99.99",))
    asked = (environments.ensure(wanted, lines.append) for lines in told)
    one, other = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(one, FailedPrecondition)
    assert isinstance(other, FailedPrecondition)
    assert one.message == other.message
    assert sum("already being built" in lines[0] for lines in told) == 1
    assert environments.digest(wanted) is not None
    assert await environments.state(environments.digest(wanted) or "") == "failed"


async def test_two_processes_build_one_digest_once(tmp_path: Path, environ: dict[str, str]) -> None:
    async with builder(tmp_path, environ, "iniconfig") as one, builder(tmp_path, environ, "iniconfig") as two:
        said = [(await process.communicate())[0].decode() for process in (one, two)]
    digests = {text.splitlines()[-1] for text in said}
    assert len(digests) == 1
    assert digests.pop().startswith("BUILT sha256:")
    alone = [text for text in said if "Installed" in text and "already being built" not in text]
    assert len(alone) == 1
    kept = next((tmp_path / "environments").glob("*.log")).read_text()
    assert kept.count("Installed") == 1


async def test_a_build_that_fails_tells_the_installers_reason_and_leaves_nothing(
    environments: UvEnvironments, tmp_path: Path
) -> None:
    with pytest.raises(FailedPrecondition, match=r"iniconfig==99\.99"):
        await environments.ensure(EnvironmentSpec(requirements=("iniconfig==99.99",)))
    assert await environments.built() == []
    left = {path.name for path in (tmp_path / "home" / "environments").iterdir()}
    assert all(name == "locks" or name.endswith((".log", ".failed")) for name in left)


async def test_an_interpreter_that_is_not_installed_is_named(environments: UvEnvironments) -> None:
    with pytest.raises(FailedPrecondition, match=r"3\.99"):
        await environments.ensure(EnvironmentSpec(requirements=("iniconfig",), python="3.99"))
    with pytest.raises(FailedPrecondition, match=rf"installed here: .*{OWN_PYTHON}"):
        await environments.ensure(EnvironmentSpec(requirements=("iniconfig",), python="3.99"))


@pytest.mark.parametrize("moment", [b"CPython", b"Resolved"])
async def test_a_build_killed_midway_leaves_nothing_that_looks_built(
    environments: UvEnvironments, environ: dict[str, str], tmp_path: Path, moment: bytes
) -> None:
    """When the interpreter is chosen, and when the packages are known: nothing is installed yet, or some are."""
    home = tmp_path / "home"
    async with builder(home, environ, "iniconfig") as process:
        assert process.stdout
        while moment not in (line := await process.stdout.readline()):
            assert line, f"it never said {moment!r}"
        process.send_signal(signal.SIGKILL)
    assert list((home / "environments").glob("*.building-*"))
    assert await environments.built() == []
    built = await environments.ensure(SMALL)
    assert run(built.python, "import iniconfig; print('fine')") == "fine\n"
    assert list((home / "environments").glob("*.building-*")) == []


async def test_a_build_whose_caller_goes_away_leaves_nothing(environments: UvEnvironments, tmp_path: Path) -> None:
    begun = asyncio.Event()
    building = asyncio.create_task(environments.ensure(SMALL, lambda _: begun.set()))
    await begun.wait()
    building.cancel()
    await asyncio.gather(building, return_exceptions=True)
    assert list((tmp_path / "home" / "environments").glob("*.building-*")) == []
    assert await environments.built() == []
    assert (await environments.ensure(SMALL)).digest


async def test_a_build_that_takes_too_long_is_stopped(tmp_path: Path, environ: dict[str, str]) -> None:
    impatient = UvEnvironments(tmp_path, environ, patience_s=0)
    with pytest.raises(FailedPrecondition, match="took more than 0 s"):
        await impatient.ensure(SMALL)


async def test_pruning_removes_what_is_not_kept(environments: UvEnvironments, tmp_path: Path) -> None:
    kept = await environments.ensure(SMALL)
    removed = await environments.ensure(EnvironmentSpec(requirements=("pluggy",)))
    unfinished = tmp_path / "home" / "environments" / f"{'0' * 64}.building-1"
    unfinished.mkdir()
    assert (await environments.prune(needed(kept.digest))).environments == (removed,)
    assert await environments.built() == [kept]
    assert not Path(removed.python).exists()
    assert not unfinished.exists()


async def test_an_environment_outlives_a_move_of_its_home(
    environments: UvEnvironments, environ: dict[str, str], tmp_path: Path
) -> None:
    await environments.ensure(SMALL)
    shutil.move(tmp_path / "home", tmp_path / "moved")
    built = await UvEnvironments(tmp_path / "moved", environ).ensure(SMALL)
    assert built.python.startswith(str(tmp_path / "moved"))
    assert run(built.python, "import iniconfig; print('fine')") == "fine\n"


async def test_the_cache_is_never_linked_into_an_environment(real: Real) -> None:
    folder = run(real.built.python, "import iniconfig; print(iniconfig.__path__[0])").strip()
    assert {path.stat().st_nlink for path in Path(folder).rglob("*.py")} == {1}


@pytest.mark.parametrize(
    "requirement",
    [
        "/etc/passwd",
        "./local",
        "-r other.txt",
        "--index-url=http://evil",
        "pkg @ http://evil/pkg.whl",
        "pkg @ file:///etc/passwd",
        "git+https://evil/repo",
        "numpy\n--index-url http://evil",
        "numpy # comment",
        "",
        "numpy==",
        "n" * 501,
    ],
)
async def test_requirements_that_are_more_than_names_and_versions_are_refused(
    environments: UvEnvironments, requirement: str
) -> None:
    with pytest.raises(InvalidArgument, match="requirement"):
        await environments.ensure(EnvironmentSpec(requirements=("iniconfig", requirement)))


@pytest.mark.parametrize("python", ["/usr/bin/python3", "3", "2.7", "3.11; rm", "pypy", ""])
async def test_a_python_that_is_not_a_version_is_refused(environments: UvEnvironments, python: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a version"):
        await environments.ensure(EnvironmentSpec(python=python))


async def test_the_slim_part_starts_with_nothing_but_its_requirements(real: Real) -> None:
    environments, built, _ = real
    slim = environments.slim_path()
    assert slim == environments.slim_path()
    imports = "import bms.core.workloads.programs, bms.protocols.frames, bms; print(bms.__file__)"
    assert run(built.python, f"import sys; sys.path.insert(0, {slim!r}); {imports}").startswith(slim)
    assert not Path(slim, "bms", "control").exists()
    assert not Path(slim, "bms", "web").exists()


def test_json_of_an_environment_is_what_was_built(tmp_path: Path, environ: dict[str, str]) -> None:
    """What is on the disk is enough for a platform that starts anew."""
    built = asyncio.run(UvEnvironments(tmp_path, environ).ensure(SMALL))
    (file,) = tmp_path.glob("environments/*/environment.json")
    assert json.loads(file.read_text())["digest"] == built.digest
