"""A home knows its database, and is started with no empty one in its place."""

from pathlib import Path

import pytest

from bms.app.home_database import FILE, OWN, check, remember, remembered, shown
from bms.core.errors import FailedPrecondition

ELSEWHERE = "postgresql://bms:s3cret@db.example.com:5432/books"


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


def test_a_first_start_takes_an_empty_one_and_every_start_one_in_use(home: Path) -> None:
    check(home, ELSEWHERE, in_use=False)
    remember(home, ELSEWHERE)
    check(home, ELSEWHERE, in_use=True)
    check(home, "postgresql://moved.example.com/books", in_use=True)


@pytest.mark.parametrize(("before", "told"), [(ELSEWHERE, OWN), (OWN, ELSEWHERE), (OWN, OWN)])
def test_a_later_start_takes_no_empty_one_and_says_which_it_was(home: Path, before: str, told: str) -> None:
    remember(home, before)
    with pytest.raises(FailedPrecondition) as refused:
        check(home, told, in_use=False)
    assert refused.value.message.startswith(shown(told))
    assert f"in use with {shown(before)}" in refused.value.message
    assert "s3cret" not in refused.value.message


def test_passwords_are_not_shown() -> None:
    assert shown(ELSEWHERE) == "the database postgresql://db.example.com:5432/books"
    assert shown("postgresql://bms:s3/cret@db.example.com/books") == "the database postgresql://…"
    assert shown(OWN) == "the SQLite database in the home"
