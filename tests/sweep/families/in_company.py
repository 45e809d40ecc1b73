"""The sweep of a family: every model asked alone and among sixteen, and what must have become of it.

A family's test file has a class below `InCompany` that says which models there are; `ways` are its parameters, each a
run of its own.
"""

from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest

from tests.sweep.families.verdicts import Verdict, asked


class Way(NamedTuple):
    """How the models are taken: those of the folder `below`, with what they take `declared` or found out. `refused`:
    which are not served, and words of the reason."""

    name: str = "found"
    below: str = ""
    declared: bool = False
    refused: dict[str, str] = {}


FOUND, DECLARED = Way(), Way("declared", declared=True)


class InCompany:
    """`counts`: models that do not give one answer for each row; `dependent`: whose answers depend on the rows beside
    them; `inconstant`: whose are others each time. All others must share runs."""

    models: ClassVar[Path]
    environment: ClassVar[tuple[str, ...]]
    least: ClassVar[int]
    ways: ClassVar[tuple[Way, ...]] = (FOUND,)
    counts: ClassVar[set[str]]
    dependent: ClassVar[set[str]]
    inconstant: ClassVar[set[str]] = set()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "way" in metafunc.fixturenames:
            metafunc.parametrize("way", self.ways, ids=lambda way: way.name, scope="class")

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls, way: Way) -> dict[str, Verdict]:
        return asked(cls.models, cls.environment, below=way.below, declared=way.declared)

    def test_every_call_gets_the_librarys_answer_alone_and_among_sixteen(
        self, way: Way, told: dict[str, Verdict]
    ) -> None:
        assert len(told) >= self.least
        assert [fault for one in told.values() for fault in one.faults] == []
        refused = {name: one.refused for name, one in told.items() if one.refused}
        assert refused.keys() == way.refused.keys(), refused
        assert [refused[name] for name, words in way.refused.items() if words not in refused[name]] == []

    def test_rows_share_runs_exactly_where_they_are_independent(self, way: Way, told: dict[str, Verdict]) -> None:
        served = told.keys() - way.refused.keys()
        apart = self.counts | self.dependent | self.inconstant
        assert {name for name in served if not told[name].batched} == apart & served

    @pytest.mark.long
    def test_the_sweep_sees_calls_that_share_runs_and_must_not(self) -> None:
        for way in self.ways:
            if not way.declared:
                self.sees_sharing(way)

    def sees_sharing(self, way: Way) -> None:
        """Calls that share runs against all that was found out get wrong answers, and that is seen."""
        trusted = asked(self.models, self.environment, sharing=True, below=way.below)
        seen = {name for name, one in trusted.items() if one.faults}
        # That there is one answer for each row is checked on every run.
        assert self.dependent <= seen <= self.dependent | self.counts
