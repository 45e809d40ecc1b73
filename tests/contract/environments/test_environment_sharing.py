"""What several environments hold is one file on the disk, where no workload can change it, and a copy elsewhere."""

import importlib.util
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from bms.adapters.environments.sharing import byte_code
from bms.adapters.environments.sources import PackageSources
from bms.adapters.environments.uv import UvEnvironments
from bms.control.platform.environments import Environment
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.isolation import Protection, isolation, keeps_files
from tests.wheels import slim_wheels, wheel

ONE = EnvironmentSpec(requirements=("common", "one"))
TWO = EnvironmentSpec(requirements=("common", "two"))
VERSIONS = {"common": "1.0", "one": "1.1", "two": "1.2"}  # so that no two modules have one content


@pytest.fixture
def environments(tmp_path: Path) -> UvEnvironments:
    wheels = slim_wheels(tmp_path / "wheels")
    for name, version in VERSIONS.items():
        wheel(wheels, name, version)
    sources = PackageSources(find_links=(str(wheels),), offline=True)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache")}
    made = UvEnvironments(tmp_path / "home", environ, sources=sources)
    made.links = True
    return made


def module(environment: Environment, name: str) -> Path:
    (found,) = Path(environment.python).parent.parent.glob(f"lib/*/site-packages/{name}/__init__.py")
    return found


def version(environment: Environment, name: str) -> str:
    command = [environment.python, "-I", "-c", f"import {name}; print({name}.version)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _on_disk(home: Path) -> int:
    """What `du` says of the environments' files: each once. Logs aside."""
    seen = {(one := path.lstat()).st_ino: one.st_blocks * 512 for path in home.rglob("*") if not path.is_dir()}
    logs = sum(path.lstat().st_blocks * 512 for path in (home / "environments").glob("*.log"))
    return sum(seen.values()) - logs


async def nobody() -> frozenset[str]:
    return frozenset()


async def test_what_two_hold_is_one_file_and_so_is_its_byte_code(environments: UvEnvironments) -> None:
    first, second = await environments.ensure(ONE), await environments.ensure(TWO)
    assert first.linked
    assert second.linked
    here, there = module(first, "common"), module(second, "common")
    assert here.samefile(there)
    assert os.path.samefile(byte_code(str(here)), byte_code(str(there)))
    assert version(second, "common") == "1.0"
    compiled = Path(byte_code(str(there))).read_bytes()
    assert int.from_bytes(compiled[8:12], "little") == int(there.stat().st_mtime), "it would be compiled again"


async def test_a_package_cannot_pass_for_another_by_what_it_says_of_itself(
    environments: UvEnvironments, tmp_path: Path
) -> None:
    """Its RECORD names the other's digests, and its name and version are the other's."""
    first = await environments.ensure(ONE)
    path = wheel(tmp_path / "wheels", "common")
    path.write_bytes(_other(path))
    shutil.rmtree(tmp_path / "cache")
    second = await environments.ensure(TWO)
    assert (version(first, "common"), version(second, "common")) == ("1.0", "6.6")
    assert not module(first, "common").samefile(module(second, "common"))


def _other(path: Path) -> bytes:
    """The wheel with another module in it; its RECORD still has the digest of the first."""
    module, text = "common/__init__.py", b"version = '6.6'\n"
    with zipfile.ZipFile(path) as archive:
        right = archive.getinfo(module).CRC
        content = path.read_bytes().replace(archive.read(module), text)
    return content.replace(right.to_bytes(4, "little"), zlib.crc32(text).to_bytes(4, "little"))


async def test_byte_code_that_a_wheel_brings_runs_nowhere(environments: UvEnvironments, tmp_path: Path) -> None:
    """Beside a source that is another package's, too: an interpreter would take it for what that source says."""
    path = wheel(tmp_path / "wheels", "evil", VERSIONS["common"])
    code = compile("version = 'of the evil'", "__init__.py", "exec")
    unchecked = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8) + marshal.dumps(code)
    tag = sys.implementation.cache_tag
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"evil/__pycache__/__init__.{tag}.pyc", unchecked)
        for number in range(10):  # so that most of the environment seems to be compiled
            archive.writestr(f"evil/part{number}.py", f"part = {number}")
            archive.writestr(f"evil/__pycache__/part{number}.{tag}.pyc", unchecked)
    evil = await environments.ensure(EnvironmentSpec(requirements=("evil",)))
    honest = await environments.ensure(ONE)
    assert module(evil, "evil").samefile(module(honest, "common"))
    assert (version(evil, "evil"), version(honest, "common")) == ("1.0", "1.0")


async def test_pruning_removes_what_nobody_holds_any_more(environments: UvEnvironments, tmp_path: Path) -> None:
    first, second = await environments.ensure(ONE), await environments.ensure(TWO)

    async def needed() -> frozenset[str]:
        return frozenset({second.digest})

    kept = Path(first.python).parents[3] / "files"
    took = _on_disk(tmp_path / "home")
    removed = await environments.prune(needed)
    assert [each.digest for each in removed.environments] == [first.digest]
    assert removed.freed == took - _on_disk(tmp_path / "home") < first.size
    assert version(second, "common") == "1.0"
    assert all(path.stat().st_nlink > 1 for path in kept.rglob("*") if path.is_file())
    assert any(path.is_file() for path in kept.rglob("*"))
    took = _on_disk(tmp_path / "home")
    assert (await environments.prune(nobody)).freed == took - _on_disk(tmp_path / "home")
    assert not any(path.is_file() for path in kept.rglob("*"))


async def test_where_workloads_may_change_files_they_are_copies_and_shared_ones_are_built_again(
    environments: UvEnvironments,
) -> None:
    first = await environments.ensure(ONE)
    before = module(first, "one").stat().st_ino
    environments.links = False
    again, other = await environments.ensure(ONE), await environments.ensure(TWO)
    assert (again.linked, other.linked) == (False, False)
    assert module(again, "one").stat().st_ino != before
    assert module(again, "one").stat().st_nlink == 1
    assert not module(again, "common").samefile(module(other, "common"))


@pytest.mark.parametrize(
    ("on", "kept"), [(("files", "view"), True), (("files",), False), (("view",), False), ((), False)]
)
def test_files_are_kept_where_neither_their_content_nor_their_mode_can_be_changed(
    on: tuple[str, ...], kept: bool
) -> None:
    names = ("files", "calls", "view")
    found = isolation(tuple(Protection(name=name, lacking="" if name in on else "no") for name in names))
    assert keeps_files(found) is kept
