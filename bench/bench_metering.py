"""What metering costs: the gateway's journal and its shipping, control's booking, then questions asked of the books.

Journal, bus message, service and database are the platform's own; only the socket between is left out. CPU time of the
process, kernel included, so other work on the machine disturbs little.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from measuring.machine import QUICK, prepare, wait_quiet
from measuring.report import Report, Spread

from bms.adapters.journal.lives import read_runs, segments
from bms.adapters.journal.writer import Journal
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.migrate import upgrade
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.core.clock import SystemClock
from bms.core.ids import new_id
from bms.core.pages import PageRequest
from bms.core.usage import VERSION
from bms.protocols.bus import UsageBatch, from_gateway
from bms.serving.traffic.metering import Usage

REPEATS = 3
EVENTS = 20_000 if QUICK else 200_000
BOOKED = 20_000 if QUICK else 1_000_000
TURNS = (1, 8, 32)  # events a loop turn
BATCHES = (1, 100, 1000, 5000)  # events a transaction
STEP_NS = 10_000_000  # from one event to the next, in the books that are asked
START = datetime(2026, 1, 1, tzinfo=UTC)
TENANT, KEYS = new_id("tenant"), [new_id("key") for _ in range(4)]


def main() -> int:
    prepare()
    report = Report(
        "metering",
        "Metering",
        "Events of one tenant, four keys and one deployment. Booking: decoding the bus's message, the check, the "
        "transaction on SQLite with fsync, in the standard loop.",
    )
    report.strangers(wait_quiet())
    rows = [(str(turn), *_journal(turn)) for turn in TURNS]
    report.section("The gateway: µs of CPU an event", ("events a turn", "writing", "reading back"), rows, digits=2)
    booking = [(str(batch), Spread.of([asyncio.run(_booking(batch)) for _ in range(REPEATS)])) for batch in BATCHES]
    report.section("Control: µs of CPU an event", ("events a transaction", "booking"), booking, digits=2)
    asked = asyncio.run(_asking())
    report.section(f"Asking books of {BOOKED:,} events: ms of CPU", ("question", "ms"), asked, digits=1)
    report.write()
    return 0


def _usages(first: int, number: int) -> list[Usage]:
    began = int(START.timestamp()) * 10**9
    return [
        (
            began + at * STEP_NS,
            TENANT,
            KEYS[at % 4],
            "digits",
            "digits",
            1,
            new_id("req"),
            200,
            1,
            900,
            300,
            20_000,
            9_000,
            900_000,
            3,
        )
        for at in range(first, first + number)
    ]


def _journal(turn: int) -> tuple[Spread, Spread]:
    usages, writing, reading = _usages(1, turn), [], []
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory(prefix="bms-metering-") as name:
            journal = Journal(Path(name), new_id("gw"))
            began = time.process_time()
            for _ in range(EVENTS // turn):
                journal.write(usages)
            written = time.process_time()
            for segment in segments(journal.directory):
                offset = 0
                while (found := read_runs(segment.path, offset, 1 << 20)).records:
                    offset = found.end
            writing.append((written - began) / journal.seq * 1e6)
            reading.append((time.process_time() - written) / journal.seq * 1e6)
            journal.close()
    return Spread.of(writing), Spread.of(reading)


def _message(source: str, first: int, number: int, turn: int = 10) -> bytes:
    """A bus message as the shipper sends it, without its length."""
    runs = [(at, _usages(at, min(turn, first + number - at)), VERSION) for at in range(first, first + number, turn)]
    body = msgspec.msgpack.encode({"type": "usage", "source": source, "runs": runs})
    assert isinstance(from_gateway.decode(body), UsageBatch)
    return body


async def _book(usage: UsageService, body: bytes) -> None:
    batch = from_gateway.decode(body)
    assert isinstance(batch, UsageBatch)
    await usage.ingest(batch.source, batch.runs)


async def _booking(batch: int) -> float:
    with tempfile.TemporaryDirectory(prefix="bms-metering-") as name:
        database = Database(f"sqlite:///{name}/bms.db")
        await upgrade(database)
        usage, source = UsageService(SqlStore(database, SqlUsage), SystemClock()), new_id("gw")
        await _book(usage, _message(source, 1, 1))  # statements are compiled once
        booked, spent = 1, 0.0
        while booked < min(EVENTS, 500 * batch):
            body = _message(source, booked + 1, batch)
            began = time.process_time()
            await _book(usage, body)
            spent += time.process_time() - began
            booked += batch
        await database.close()
    return spent / (booked - 1) * 1e6


async def _asking() -> list[tuple[str, Spread]]:
    with tempfile.TemporaryDirectory(prefix="bms-metering-") as name:
        database = Database(f"sqlite:///{name}/bms.db")
        await upgrade(database)
        usage, source = UsageService(SqlStore(database, SqlUsage), SystemClock()), new_id("gw")
        for first in range(1, BOOKED, 2000):
            await _book(usage, _message(source, first, 2000))
        span = timedelta(seconds=BOOKED * STEP_NS / 1e9)
        third = UsageFilter(start=START + span / 3, end=START + span * 2 / 3)
        asked: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("the sum of all", lambda: usage.sums(TENANT, UsageFilter())),
            ("sums by key and hour", lambda: usage.sums(TENANT, UsageFilter(), ("key", "hour"))),
            ("the sum of a third, its ends anywhere", lambda: usage.sums(TENANT, third)),
            ("the 100 newest events", lambda: usage.events(TENANT, UsageFilter(), PageRequest(limit=100))),
            ("500 events from the middle", lambda: usage.events(TENANT, third, PageRequest(limit=500))),
        ]
        found = [(question, Spread.of([await _cpu_ms(ask) for _ in range(REPEATS)])) for question, ask in asked]
        await database.close()
    return found


async def _cpu_ms(ask: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await ask()
    return (time.process_time() - began) * 1e3


if __name__ == "__main__":
    raise SystemExit(main())
