"""The export of usage events."""

import csv
import io
from collections.abc import AsyncIterator

import pytest

from bms.control.billing.csv import COLUMNS, lines
from bms.core.usage import UsageEvent


def event(request_id: str) -> UsageEvent:
    return UsageEvent("g", 1, 2, "t", "k", "d", "m", 1, request_id, 200, 1, 2, 3, 4)


async def batches(*ids: str) -> AsyncIterator[list[UsageEvent]]:
    yield [event(id) for id in ids]
    yield []


async def exported(*ids: str) -> list[dict[str, str]]:
    text = b"".join([part async for part in lines(batches(*ids))]).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_every_field_is_a_column() -> None:
    (row,) = await exported("r")
    assert tuple(row) == COLUMNS
    assert row["request_id"] == "r"
    assert row["compute_ns"] == "4"


@pytest.mark.parametrize("id", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=cmd|"/c calc"!A1'])
async def test_what_a_client_chose_is_never_a_formula(id: str) -> None:
    (row,) = await exported(id)
    assert row["request_id"] == "'" + id


@pytest.mark.parametrize("id", ["a,b", 'say "x"', "two\nlines", "two\r\nlines"])
async def test_marks_and_lines_stay_within_their_cell(id: str) -> None:
    first, second = await exported(id, "next")
    assert first["request_id"] == id
    assert second["request_id"] == "next"
