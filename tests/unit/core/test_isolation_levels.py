"""Levels of isolation: what each needs, and what is said where that is not there."""

import pytest

from bms.core.workloads.isolation import LEVELS, MEANING, NEEDS, Level, Protection, isolation, reaches, shortfall, told


def found(*on: str) -> tuple[Protection, ...]:
    return tuple(
        Protection(name=name, how="somehow") if name in on else Protection(name=name, lacking=f"no {name} here")
        for name in MEANING
    )


@pytest.mark.parametrize(
    ("on", "level"),
    [
        ((), "none"),
        (("files",), "none"),
        (("files", "calls"), "basic"),
        (("files", "calls", "network"), "basic"),
        (("network", "signals", "view"), "none"),
        (("files", "calls", "network", "signals"), "confined"),
        (tuple(MEANING), "strict"),
    ],
)
def test_a_level_is_the_highest_that_nothing_lacks_for(on: tuple[str, ...], level: Level) -> None:
    assert isolation(found(*on)).level == level


def test_every_protection_belongs_to_one_level_and_has_a_meaning() -> None:
    assert sorted(name for level in LEVELS for name in NEEDS[level]) == sorted(MEANING)


def test_what_lacks_is_named_with_its_reason_and_nothing_else_is() -> None:
    some = isolation(found("files", "calls", "signals"))
    assert not reaches(some, "confined")
    assert shortfall(some, "basic") == ""
    words = shortfall(some, "confined")
    assert words == "isolation 'confined' can't be given here, only 'basic'. What lacks: network: no network here"


def test_tenants_are_told_what_is_on_and_not_why_the_rest_is_off() -> None:
    some = told(isolation(found("files", "calls")))
    assert some.level == "basic"
    assert {each.name for each in some.protections if each.on} == {"files", "calls"}
    assert "here" not in "".join(each.lacking for each in some.protections)
