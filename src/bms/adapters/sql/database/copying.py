"""Copies all rows of one database into another, of whichever kind; both have this program's schema."""

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, Table, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bms.adapters.sql.database.engine import POSTGRESQL, Database
from bms.adapters.sql.tables import metadata
from bms.adapters.sql.tables.columns import Packed

_AT_ONCE = 500  # rows


async def copy_rows(source: Database, target: Database) -> dict[str, int]:
    """Copies the rows; returns their number by table. The target holds all of them or none."""
    copied = {}
    async with source.reading() as reading, target.writing() as writing:
        for table in metadata.sorted_tables:
            copied[table.name] = await _copy(_plain(table), reading, writing)
            if target.dialect == POSTGRESQL:
                await _count_on(table, writing)
    return copied


async def _copy(table: Table, reading: AsyncConnection, writing: AsyncConnection) -> int:
    rows = 0
    answer = await reading.stream(select(table).execution_options(yield_per=_AT_ONCE))
    async for part in answer.mappings().partitions(_AT_ONCE):
        await writing.execute(insert(table), [dict(row) for row in part])
        rows += len(part)
    return rows


def _plain(table: Table) -> Table:
    """The same table with packed columns as the bytes that they are: copied, not read."""
    kinds: dict[str, Any] = {
        each.name: LargeBinary() if isinstance(each.type, Packed) else each.type for each in table.c
    }
    return Table(table.name, MetaData(), *(Column(name, kind) for name, kind in kinds.items()))


async def _count_on(table: Table, writing: AsyncConnection) -> None:
    """PostgreSQL counts its own numbers up by a sequence, which has seen none of the rows that brought theirs."""
    counting = table.autoincrement_column
    if counting is None or not isinstance(counting.type, BigInteger | Integer):
        return
    named = {"table": table.name, "column": counting.name}
    sequence = (await writing.execute(text("SELECT pg_get_serial_sequence(:table, :column)"), named)).scalar()
    if sequence is not None:
        highest = (await writing.execute(select(func.max(counting)))).scalar()
        await writing.execute(
            text("SELECT setval(CAST(:sequence AS regclass), :highest, :used)"),
            {"sequence": sequence, "highest": highest or 1, "used": highest is not None},
        )
