"""A home knows its database, and is started with no empty one in its place."""

from pathlib import Path

import pytest

from bms.app.home.database import FILE, IDENTITY, OWN, DatabaseState, check, remember, remembered, shown
from bms.core.errors import FailedPrecondition

ELSEWHERE = "postgresql://bms:s3cret@db.example.com:5432/books"
EMPTY = DatabaseState(in_use=False, platform=None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    return tmp_path


@pytest.mark.parametrize("told", [OWN, ELSEWHERE])
def test_what_the_last_start_was_told_is_remembered_for_its_owner_alone(home: Path, told: str) -> None:
    assert remembered(home) is None
    remember(home, told)
    assert remembered(home) == told
    assert (home / FILE).stat().st_mode & 0o777 == 0o600


def test_a_first_start_takes_an_empty_one_and_every_start_the_same_wherever_it_was_moved(home: Path) -> None:
    own = check(home, ELSEWHERE, EMPTY)
    assert (home / IDENTITY).read_text().strip() == own
    assert check(home, ELSEWHERE, EMPTY) == own, "the first try did not come to its end"
    assert check(home, ELSEWHERE, DatabaseState(in_use=True, platform=own)) == own
    remember(home, ELSEWHERE)
    assert check(home, "postgresql://moved.example.com/books", DatabaseState(in_use=True, platform=own)) == own


@pytest.mark.parametrize("told", [OWN, ELSEWHERE])
@pytest.mark.parametrize("before", [None, OWN, ELSEWHERE])
def test_another_platforms_is_refused_with_what_to_do(home: Path, told: str, before: str | None) -> None:
    if before is not None:
        check(home, before, EMPTY)
        remember(home, before)
    for _ in range(2):  # a second try is no way around it
        with pytest.raises(FailedPrecondition, match=r"in use with another platform \(platform_x\)") as refused:
            check(home, told, DatabaseState(in_use=True, platform="platform_x"))
        assert f"write platform_x into {home / IDENTITY}" in refused.value.message
        assert "s3cret" not in refused.value.message
    (home / IDENTITY).write_text("platform_x\n")
    assert check(home, told, DatabaseState(in_use=True, platform="platform_x")) == "platform_x"


def test_homes_and_databases_from_before_they_had_identities_are_taken_as_they_are(home: Path) -> None:
    with pytest.raises(FailedPrecondition, match="in use with another platform, whose"):
        check(home, ELSEWHERE, DatabaseState(in_use=True, platform=None))
    remember(home, ELSEWHERE)
    own = check(home, ELSEWHERE, DatabaseState(in_use=True, platform=None))
    assert check(home, ELSEWHERE, DatabaseState(in_use=True, platform=own)) == own
    (home / IDENTITY).unlink()  # a home from a backup that is older than its database's
    assert check(home, ELSEWHERE, DatabaseState(in_use=True, platform="platform_y")) == "platform_y"
    with pytest.raises(FailedPrecondition, match="platform_z"):
        check(home, "postgresql://other.example.com/x", DatabaseState(in_use=True, platform="platform_z"))


@pytest.mark.parametrize(("before", "told"), [(ELSEWHERE, OWN), (OWN, ELSEWHERE), (OWN, OWN)])
def test_a_later_start_takes_no_empty_one_and_says_which_it_was(home: Path, before: str, told: str) -> None:
    remember(home, before)
    with pytest.raises(FailedPrecondition) as refused:
        check(home, told, EMPTY)
    assert refused.value.message.startswith(shown(told))
    assert f"in use with {shown(before)}" in refused.value.message
    assert "s3cret" not in refused.value.message


def test_passwords_are_not_shown() -> None:
    assert shown(ELSEWHERE) == "the database postgresql://db.example.com:5432/books"
    assert shown("postgresql://bms:s3/cret@db.example.com/books") == "the database postgresql://…"
    assert shown("postgresql://bms:s3[cret@db.example.com/books") == "the database postgresql://…"
    assert shown(OWN) == "the SQLite database in the home"
