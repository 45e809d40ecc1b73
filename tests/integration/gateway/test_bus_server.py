"""Control's end of the bus, over a real socket, with a gateway's real client and with ones that misbehave."""

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import pytest

from bms.adapters.bus.client import BusClient
from bms.adapters.bus.server import BusServer
from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.usage import SqlUsage
from bms.control.billing.nouns import UsageFilter
from bms.control.billing.service import UsageService
from bms.core.access.credentials import parse_key, secret_matches
from bms.core.clock import ManualClock
from bms.core.errors import Unavailable
from bms.core.serving.snapshot import Entry, KeyEntry, SnapshotUpdate
from bms.core.usage import UsageEvent, UsageRun, runs_of
from bms.protocols.bus import Applied, GatewayHello, GatewayStats, ReplicaDown, UsageAck, encode
from tests.worlds.deployments import Deployed, ObedientCluster, follow, principal

BY = principal()
WAIT_S = 20
TOKEN = "what only the home's own processes know"


class Gateway:
    """A gateway as far as the bus sees one; it applies what it is sent."""

    def __init__(self, path: str, slot: int = 0) -> None:
        self.slot = slot
        self.client = BusClient(path, self)
        self.updates: list[SnapshotUpdate] = []
        self.acks: list[int] = []
        self.entries: dict[str, Entry] = {}
        self.applies = True
        self._news = asyncio.Event()

    def hello(self) -> GatewayHello:
        return GatewayHello(slot=self.slot, source=f"g{self.slot}", pid=os.getpid(), revision=0, token=TOKEN)

    def bus_connected(self) -> None:
        self._news.set()

    def bus_lost(self) -> None:
        self._news.set()

    def on_update(self, update: SnapshotUpdate) -> None:
        self.updates.append(update)
        if update.full:
            self.entries = {}
        for _, id in update.deletes:
            self.entries.pop(id, None)
        self.entries |= {entry.id: entry for entry in update.puts}
        if self.applies:
            self.client.send(Applied(update.revision))
        self._news.set()

    def on_ack(self, ack: UsageAck) -> None:
        self.acks.append(ack.seq)
        self._news.set()

    async def until(self, done: object) -> None:
        assert callable(done)
        async with asyncio.timeout(WAIT_S):
            while not done():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.05)


class Books:
    """A usage sink that can be told to be away."""

    def __init__(self, service: UsageService) -> None:
        self.service = service
        self.away = 0

    async def __call__(self, source: str, runs: Sequence[UsageRun]) -> int:
        if self.away:
            self.away -= 1
            raise Unavailable("the database is away")
        return await self.service.ingest(source, runs)


class Line:
    """Control's side: publisher and server, running."""

    def __init__(self, deployed: Deployed, path: str) -> None:
        self.deployed = deployed
        self.path = path
        self.books = Books(UsageService(SqlStore(deployed.database, SqlUsage), deployed.clock))
        self.down: list[str] = []
        self.server = BusServer(
            path, deployed.publisher.connect, self.books, self.down.append, deployed.clock, token=TOKEN
        )
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> "Line":
        await self.server.start()
        self.tasks.append(asyncio.create_task(self.deployed.publisher.run()))
        return self

    def gateway(self, slot: int = 0) -> Gateway:
        gateway = Gateway(self.path, slot)
        self.tasks.append(asyncio.create_task(gateway.client.run()))
        return gateway

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.server.close()


@pytest.fixture
async def line(sqlite: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Line]:
    deployed = await Deployed(sqlite, clock, ObedientCluster(clock)).start()
    line = await Line(deployed, str(tmp_path / "bus.sock")).start()
    yield line
    await line.close()


def event(seq: int, source: str = "g0") -> UsageEvent:
    return UsageEvent(source, seq, 10**18 + seq, "default", "k", "d", "m", 1, f"r{seq}", 200, 1, 2, 3, 4)


def keys(gateway: Gateway) -> list[KeyEntry]:
    return [entry for entry in gateway.entries.values() if isinstance(entry, KeyEntry)]


async def test_a_gateway_gets_everything_first_and_then_only_what_changed(line: Line) -> None:
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    first = gateway.updates[0]
    assert first.full
    assert first.pepper
    owner = line.deployed.owner
    assert owner is not None
    (key,) = keys(gateway)
    text = parse_key(owner.key.text)
    assert text is not None
    assert key.id == text.key_id
    assert secret_matches(first.pepper, text.secret, key.digest)
    await line.deployed.service.create(BY, "digits", follow())
    await gateway.until(lambda: len(gateway.entries) == 2)
    assert not gateway.updates[-1].full
    assert gateway.updates[-1].pepper == b""
    assert len(gateway.updates[-1].puts) == 1
    revisions = [update.revision for update in gateway.updates]
    assert revisions == sorted(set(revisions))


async def test_a_revoked_key_is_taken_from_every_gateway(line: Line) -> None:
    gateways = [line.gateway(0), line.gateway(1)]
    owner = line.deployed.owner
    assert owner is not None
    for gateway in gateways:
        await gateway.until(lambda gateway=gateway: keys(gateway))
    await line.deployed.tenants.revoke_key(principal(), owner.key.key.id, force=True)
    for gateway in gateways:
        await gateway.until(lambda gateway=gateway: not keys(gateway))
        assert gateway.updates[-1].deletes == (("key", owner.key.key.id),)


async def test_a_disabled_users_keys_are_taken_too(line: Line) -> None:
    gateway = line.gateway()
    await line.deployed.tenants.create_user(principal(), "dev", "developer")
    made = await line.deployed.tenants.create_key(principal(), "k", user="dev")
    await gateway.until(lambda: made.key.id in gateway.entries)
    await line.deployed.tenants.change_user(principal(), "dev", role=None, disabled=True)
    await gateway.until(lambda: made.key.id not in gateway.entries)


async def test_usage_is_acknowledged_when_it_is_in_the_books(line: Line) -> None:
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    encoded = [encode_run(event(1)), encode_run(event(2), event(3))]
    assert gateway.client.send_usage("g0", encoded)
    await gateway.until(lambda: gateway.acks)
    assert gateway.acks == [3]
    (total,) = await line.books.service.sums("default", UsageFilter())
    assert total.requests == 3
    gateway.client.send_usage("g0", encoded)
    gateway.client.send_usage("g0", [encode_run(event(9))])
    await gateway.until(lambda: len(gateway.acks) == 3)
    assert gateway.acks == [3, 3, 3], "a repeat is acknowledged again, what follows a gap is not"
    assert (await line.books.service.sums("default", UsageFilter()))[0].requests == 3


async def test_usage_waits_while_the_books_are_away(line: Line) -> None:
    line.books.away = 2
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    gateway.client.send_usage("g0", [encode_run(event(1))])
    await gateway.until(lambda: gateway.acks)
    assert line.books.away == 0
    assert gateway.acks == [1]


async def test_usage_that_contradicts_itself_ends_the_connection_and_changes_nothing(line: Line) -> None:
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    gateway.client.send_usage("g0", [encode_run(event(2)), encode_run(event(1))])
    await gateway.until(lambda: len(gateway.updates) == 2 and gateway.updates[1].full)
    assert gateway.acks == []
    assert (await line.books.service.sums("default", UsageFilter()))[0].requests == 0


async def test_what_a_gateway_reports_is_kept(line: Line) -> None:
    gateway = line.gateway(3)
    await gateway.until(lambda: gateway.updates)
    stats = GatewayStats(slot=3, connections=5, in_flight=1, requests=9, metrics="m 1\n")
    gateway.client.send(stats)
    gateway.client.send(ReplicaDown("rep_1"))
    await gateway.until(lambda: line.down)
    assert line.down == ["rep_1"]
    (view,) = line.server.gateways
    assert (view.slot, view.source, view.pid, view.stats) == (3, "g3", os.getpid(), stats)
    assert view.revision == gateway.updates[-1].revision


async def test_a_gateway_that_reads_nothing_holds_up_nobody(line: Line) -> None:
    _reader, stuck = await asyncio.open_unix_connection(line.path)
    stuck.transport.pause_reading()
    stuck.write(encode(GatewayHello(slot=9, source="g9", pid=1, revision=0, token=TOKEN)))
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    for number in range(30):
        await line.deployed.tenants.create_key(principal(), f"k{number}", user="admin")
    await gateway.until(lambda: len(keys(gateway)) == 31)
    gateway.client.send_usage("g0", [encode_run(event(1))])
    await gateway.until(lambda: gateway.acks)
    assert {view.slot for view in line.server.gateways} == {0, 9}
    stuck.close()
    await gateway.until(lambda: len(line.server.gateways) == 1)


@pytest.mark.parametrize(
    "sent",
    [
        encode(Applied(1)),
        b"\xff\xff\xff\xff",
        b"\x04\x00\x00\x00junk",
        encode(GatewayHello(slot=0, source="g", pid=1, revision=0, token=TOKEN)) * 2,
        encode(GatewayHello(slot=0, source="g", pid=1, revision=0)),
        encode(GatewayHello(slot=0, source="g", pid=1, revision=0, token="another")),
        encode(GatewayHello(slot=0, source="g", pid=1, revision=0, token="\u00fc")),
        encode(GatewayHello(slot=0, source="g", pid=1, revision=0, token=TOKEN)) + b"\x03\x00\x00\x00\x93\x01\x02",
        b"",
    ],
)
async def test_one_that_talks_nonsense_is_hung_up_on_alone(line: Line, sent: bytes) -> None:
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    reader, writer = await asyncio.open_unix_connection(line.path)
    writer.write(sent)
    if not sent:
        writer.write_eof()
    async with asyncio.timeout(WAIT_S):
        while await reader.read(1 << 16):
            pass
    writer.close()
    await gateway.until(lambda: len(line.server.gateways) == 1)
    assert gateway.client.connected
    await line.deployed.tenants.create_key(principal(), "after", user="admin")
    await gateway.until(lambda: len(keys(gateway)) == 2)


async def test_a_drained_replica_is_released_when_the_gateway_has_applied_its_absence(
    line: Line, clock: ManualClock
) -> None:
    clock.advance(60)
    gateway = line.gateway()
    await line.deployed.service.create(BY, "digits", follow(keep_previous_s=0.0))
    await line.deployed.settle()
    (old,) = line.deployed.cluster.running(1)
    await gateway.until(lambda: line.server.gateways)
    gateway.applies = False
    await line.deployed.registry.point("production", 2)
    for _ in range(8):
        await line.deployed.step()
        clock.advance(0.1)
    assert line.deployed.cluster.running(1) == [old]
    assert await line.deployed.publisher.released([old]) == frozenset()
    await gateway.until(lambda: old not in str(gateway.entries))
    gateway.client.send(Applied(gateway.updates[-1].revision))
    async with asyncio.timeout(WAIT_S):
        while not await line.deployed.publisher.released([old]):
            await line.deployed.publisher.wait_progress()
    await line.deployed.settle()
    assert line.deployed.cluster.running(1) == []


async def test_gateways_come_back_to_a_restarted_control_and_its_revisions_go_on(line: Line) -> None:
    gateway = line.gateway()
    await gateway.until(lambda: gateway.updates)
    before = gateway.updates[-1]
    await line.server.close()
    again = line.deployed.again()
    await again.publisher.start()
    second = await Line(again, line.path).start()
    try:
        await gateway.until(lambda: len(gateway.updates) == 2)
        assert gateway.updates[-1] == before
        await again.tenants.create_key(principal(), "after", user="admin")
        await gateway.until(lambda: gateway.updates[-1].revision > before.revision)
        assert not gateway.updates[-1].full
    finally:
        await second.close()


async def test_the_socket_is_its_owners_alone_and_goes_with_the_server(line: Line) -> None:
    assert stat.S_IMODE(os.stat(line.path).st_mode) == 0o600
    await line.server.close()
    assert not os.path.exists(line.path)


def encode_run(*events: UsageEvent) -> bytes:
    (run,) = runs_of(events)
    return msgspec.msgpack.encode(run)
