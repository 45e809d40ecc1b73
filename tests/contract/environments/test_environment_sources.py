"""Locks and indexes, with real wheels made here and an index on this machine: nothing comes from elsewhere."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bms.adapters.environments.sources import PackageSources
from bms.adapters.environments.uv import UvEnvironments
from bms.control.platform.environments import Environment
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.core.formats.requirement_lines import parse_lock
from bms.core.workloads.environments import EnvironmentSpec
from tests.wheels import PASSWORD, SLIM, Index, index, sha256, slim_wheels, wheel


@pytest.fixture
def wheels(tmp_path: Path) -> Path:
    return slim_wheels(tmp_path / "wheels")


@pytest.fixture
def served(tmp_path: Path, wheels: Path) -> Iterator[Index]:
    with index(tmp_path / "served") as found:
        for path, name in zip(sorted(wheels.iterdir()), sorted(SLIM), strict=True):
            found.add("public", path, name)
        yield found


def environ(tmp_path: Path) -> dict[str, str]:
    """Nothing of this machine's own settings, and a cache that holds nothing."""
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "cache")}


def offline(tmp_path: Path, wheels: Path) -> UvEnvironments:
    sources = PackageSources(find_links=(str(wheels),), offline=True)
    return UvEnvironments(tmp_path / "home", environ(tmp_path), sources=sources)


def version(built: Environment, module: str) -> str:
    code = f"import {module}; print({module}.version)"
    return subprocess.run(
        [built.python, "-I", "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


def _digest(wheels: Path, name: str) -> str:
    return sha256(wheels / f"{name}-1.0-py3-none-any.whl")


async def test_offline_a_directory_of_wheels_is_enough(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny", "1.0")
    wheel(wheels, "tiny", "2.0", ("base>=1",))
    wheel(wheels, "base")
    environments = offline(tmp_path, wheels)
    built = await environments.ensure(EnvironmentSpec(requirements=("tiny",)))
    assert version(built, "tiny") == "2.0"
    assert version(built, "base") == "1.0"
    assert built.packages == len(SLIM) + 2
    with pytest.raises(FailedPrecondition, match="absent-thing"):
        await environments.ensure(EnvironmentSpec(requirements=("absent-thing",)))


async def test_offline_the_cache_is_enough(tmp_path: Path, served: Index) -> None:
    served.add("public", wheel(tmp_path, "tiny"), "tiny")
    online = UvEnvironments(tmp_path / "one", environ(tmp_path), sources=PackageSources(index_url=served.public))
    await online.ensure(EnvironmentSpec(requirements=("tiny",)))
    sources = PackageSources(index_url=served.public, offline=True)
    built = await UvEnvironments(tmp_path / "two", environ(tmp_path), sources=sources).ensure(
        EnvironmentSpec(requirements=("tiny",))
    )
    assert version(built, "tiny") == "1.0"


async def test_what_was_resolved_is_kept_and_can_be_given_back_as_a_lock(tmp_path: Path, wheels: Path) -> None:
    first = wheel(wheels, "tiny", "1.0")
    environments = offline(tmp_path, wheels)
    built = await environments.ensure(EnvironmentSpec(requirements=("tiny",)))
    text = await environments.lock(built.digest)
    assert f"tiny==1.0 \\\n    --hash=sha256:{sha256(first)}" in text
    assert built.lock.startswith("sha256:")
    wheel(wheels, "tiny", "2.0")
    lines: list[str] = []
    again = await environments.ensure(EnvironmentSpec(lock=parse_lock(text)), lines.append)
    assert again.digest != built.digest
    assert again.lock == built.lock
    assert version(again, "tiny") == "1.0"
    assert not any("beside" in line for line in lines), "the whole lock was given"


async def test_what_a_lock_lacks_of_the_slim_part_is_resolved_beside_it(tmp_path: Path, wheels: Path) -> None:
    tiny = wheel(wheels, "tiny", "1.0")
    wheel(wheels, "tiny", "2.0")
    environments = offline(tmp_path, wheels)
    lines: list[str] = []
    spec = EnvironmentSpec(lock=(f"Tiny==1.0 --hash=sha256:{sha256(tiny)}",))
    built = await environments.ensure(spec, lines.append)
    assert "not in the lock, so resolved beside it: google-crc32c>=1.5, msgspec>=0.18, numpy" in lines
    assert version(built, "tiny") == "1.0"
    assert version(built, "numpy") == "9999.0"


async def test_a_package_that_is_not_what_the_lock_says_is_not_installed(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny")
    environments = offline(tmp_path, wheels)
    with pytest.raises(FailedPrecondition, match="Hash mismatch"):
        await environments.ensure(EnvironmentSpec(lock=(f"tiny==1.0 --hash=sha256:{'0' * 64}",)))
    assert await environments.built() == []


async def test_a_lock_without_something_that_is_needed_is_refused(tmp_path: Path, wheels: Path) -> None:
    tiny = wheel(wheels, "tiny", "1.0", ("base",))
    wheel(wheels, "base")
    with pytest.raises(FailedPrecondition, match=r"`tiny` requires `base`, but it's not installed\n.*not whole"):
        await offline(tmp_path, wheels).ensure(EnvironmentSpec(lock=(f"tiny==1.0 --hash=sha256:{sha256(tiny)}",)))


async def test_a_lock_whose_packages_contradict_one_another_is_refused(tmp_path: Path, wheels: Path) -> None:
    lock = tuple(
        f"{name}=={version} --hash=sha256:{sha256(wheel(wheels, name, version, requires))}"
        for name, version, requires in (("tiny", "1.0", ("base<2",)), ("base", "2.0", ()))
    )
    environments = offline(tmp_path, wheels)
    with pytest.raises(FailedPrecondition, match=r"`tiny` requires `base<2`, but `2\.0` is installed"):
        await environments.ensure(EnvironmentSpec(lock=lock))
    assert await environments.built() == []


async def test_a_lock_is_installed_as_it_is_whatever_newer_releases_there_are(tmp_path: Path, wheels: Path) -> None:
    """Also where a package asks for another with an extra, and where a local build of a locked version is offered."""
    wheel(wheels, "tiny", "1.0", ("base[more]>=1",))
    wheel(wheels, "base", "1.0", extras={"more": ("added",)})
    wheel(wheels, "added", "1.0")
    lock = tuple(f"{name}==1.0 --hash=sha256:{_digest(wheels, name)}" for name in ("tiny", "base", "added"))
    for name in ("tiny", "base", "added"):
        for newer in ("1.0+cpu", "2.0"):
            wheel(wheels, name, newer)
    environments = offline(tmp_path, wheels)
    built = await environments.ensure(EnvironmentSpec(lock=lock))
    assert [version(built, name) for name in ("tiny", "base", "added")] == ["1.0"] * 3
    kept = parse_lock(await environments.lock(built.digest))
    assert set(lock) <= set(kept), "what is given back is what was given"


async def test_a_lock_that_contradicts_the_requirements_is_refused(tmp_path: Path, wheels: Path) -> None:
    lock = (f"msgspec==0.10 --hash=sha256:{'0' * 64}",)
    with pytest.raises(InvalidArgument, match=r"msgspec==0\.10, but msgspec>=0\.18"):
        await offline(tmp_path, wheels).ensure(EnvironmentSpec(lock=lock))


async def test_a_lock_of_something_unbuilt_is_not_there(tmp_path: Path, wheels: Path) -> None:
    with pytest.raises(NotFound, match="not built"):
        await offline(tmp_path, wheels).lock("sha256:" + "0" * 64)


async def test_a_private_index_is_used_by_its_name_and_its_password_is_told_nowhere(
    tmp_path: Path, served: Index
) -> None:
    served.add("private", wheel(tmp_path, "tiny", "1.0"), "tiny")
    served.add("public", wheel(tmp_path, "tiny", "9.0"), "tiny")  # somebody's attempt to get in
    sources = PackageSources(index_url=served.public, named={"private": served.private})
    environments = UvEnvironments(tmp_path / "home", environ(tmp_path), sources=sources)
    commands: list[str] = []

    def tell(line: str) -> None:
        lines.append(line)
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                commands.append(path.read_bytes().decode(errors="replace"))
            except OSError:
                continue

    lines: list[str] = []
    built = await environments.ensure(EnvironmentSpec(requirements=("tiny",), index="private"), tell)
    assert version(built, "tiny") == "1.0", "a package of the private index comes from nowhere else"
    public = await environments.ensure(EnvironmentSpec(requirements=("tiny",)))
    assert version(public, "tiny") == "9.0"
    assert any("uv\0" in command for command in commands)
    assert PASSWORD not in "\n".join(commands + lines)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


async def test_a_lock_may_name_what_was_published_since_the_index_was_last_read(tmp_path: Path, served: Index) -> None:
    served.add("public", wheel(tmp_path, "tiny", "1.0"), "tiny")
    environments = UvEnvironments(tmp_path / "home", environ(tmp_path), sources=PackageSources(index_url=served.public))
    before = await environments.ensure(EnvironmentSpec(requirements=("tiny",)))  # its page is in uv's cache from now on
    newer = wheel(tmp_path, "tiny", "2.0")
    served.add("public", newer, "tiny")
    lock = (await environments.lock(before.digest)).replace("tiny==1.0", "tiny==2.0")
    lock = lock.replace(sha256(tmp_path / "tiny-1.0-py3-none-any.whl"), sha256(newer))
    built = await environments.ensure(EnvironmentSpec(lock=parse_lock(lock)))
    assert version(built, "tiny") == "2.0"


async def test_an_index_that_refuses_our_password_is_not_passed_over(tmp_path: Path, served: Index) -> None:
    served.add("public", wheel(tmp_path, "tiny", "9.0"), "tiny")
    sources = PackageSources(index_url=served.public, named={"private": served.wrong_password})
    environments = UvEnvironments(tmp_path / "home", environ(tmp_path), sources=sources)
    with pytest.raises(FailedPrecondition, match="401"):
        await environments.ensure(EnvironmentSpec(requirements=("tiny",), index="private"))


async def test_an_index_nobody_configured_is_refused_with_those_there_are(tmp_path: Path, wheels: Path) -> None:
    wheel(wheels, "tiny")
    environments = offline(tmp_path, wheels)
    with pytest.raises(InvalidArgument, match="no index 'gone': the operator configured none"):
        await environments.ensure(EnvironmentSpec(requirements=("tiny",), index="gone"))
