"""Lock lines have one canonical form, and only exact versions with SHA-256 hashes are taken."""

import pytest

from bms.adapters.environments.lock import (
    MAX_LINES,
    beside,
    constraints_of,
    exact,
    lock_lines,
    lock_text,
    normalise_lock,
)
from bms.adapters.environments.recipe import recipe
from bms.core.errors import InvalidArgument
from bms.core.workloads.environments import EnvironmentSpec

A, B = (f"--hash=sha256:{letter * 64}" for letter in "ab")


def test_a_line_has_one_form() -> None:
    assert normalise_lock([f"My_Pkg[B,a] == 1.0 ; python_version>'3.8' {B} {A} {A}"]) == (
        f'my-pkg[a,b]==1.0 ; python_version > "3.8" {A} {B}',
    )


def test_a_file_of_lines_reads_back() -> None:
    lines = normalise_lock([f"b==1 {A}", f"a==2 {A} {B}"])
    assert lock_lines("# made by somebody\n" + lock_text(lines)) == lines


@pytest.mark.parametrize(
    "line",
    [
        "a==1",
        f"a>=1 {A}",
        f"a==1.* {A}",
        f"a==1,<2 {A}",
        f"a {A}",
        f"a @ https://evil/a.whl {A}",
        f"./a.whl {A}",
        f"a==1 --index-url=https://evil {A}",
        "a==1 --hash=md5:aaaa",
        "a==1 --hash=sha256:short",
        f"a==1 {A}\nb==1 {A}",
        f"-r other.txt {A}",
    ],
)
def test_what_is_no_exact_version_with_hashes_is_refused(line: str) -> None:
    with pytest.raises(InvalidArgument, match="lock line"):
        normalise_lock([line])


def test_a_lock_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="too long"):
        normalise_lock([f"a==1 {A}"] * (MAX_LINES + 1))


def test_only_what_the_lock_says_nothing_of_is_left_to_resolve() -> None:
    lock = normalise_lock([f"numpy==2.0 {A}"])
    assert beside(("msgspec>=0.18", "numpy>=1"), lock) == ("msgspec>=0.18",)
    with pytest.raises(InvalidArgument, match=r"numpy==2\.0, but numpy<2 is needed"):
        beside(("numpy<2",), lock)


def test_constraints_are_versions_alone() -> None:
    assert constraints_of(normalise_lock([f"a[x]==1 ; python_version > '3' {A}"])) == ('a==1 ; python_version > "3"',)


def test_what_is_installed_is_met_by_no_local_build_of_a_locked_version() -> None:
    line = f"tiny[more]==2.0 ; python_full_version == '3.11.7' --hash=sha256:{'0' * 64}"
    assert exact([line]) == (line.replace("]==2.0", "]===2.0"),)


def test_lock_and_index_are_part_of_what_an_environment_is() -> None:
    plain = recipe(EnvironmentSpec(requirements=("a",)))
    locked = recipe(EnvironmentSpec(requirements=("a",), lock=(f"a==1 {A}",)))
    elsewhere = recipe(EnvironmentSpec(requirements=("a",), index="private"))
    assert plain
    assert locked
    assert elsewhere
    assert len({plain.digest, locked.digest, elsewhere.digest}) == 3
    assert "a" not in locked.requirements


def test_a_locked_torch_has_its_way() -> None:
    made = recipe(EnvironmentSpec(lock=(f"torch==2.1.0 {A}",)))
    assert made
    assert made.constraints == ()
