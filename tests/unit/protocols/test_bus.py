"""Bus messages survive any cut of the stream, and unknown or oversized ones are refused."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.core.serving.snapshot import KeyEntry, SnapshotUpdate
from bms.core.usage import VERSION, UnreadRun, UsageEvent, runs_of
from bms.protocols import bus

DATA = Path(__file__).parents[2] / "data" / "usage"
EVENT = UsageEvent("src", 1, 2, "t", "k", "d", "m", 3, "r", 200, 1, 10, 20, 30)
KEY = KeyEntry(id="k", tenant="t", user="u", role="owner", scopes=frozenset({"a"}), digest=b"\x00\xff")


@given(st.lists(st.integers(1, 60), max_size=20))
def test_messages_come_back_however_the_stream_is_cut(cuts: list[int]) -> None:
    sent = [
        bus.GatewayHello(0, "src", 9, 0),
        bus.UsageBatch("src", runs_of([EVENT])),
        bus.Applied(4),
        bus.ReplicaDown("r"),
    ]
    stream = b"".join(map(bus.encode, sent))
    reader, got, at = bus.message_reader(), [], 0
    for cut in [*cuts, len(stream)]:
        got += [bus.from_gateway.decode(body) for body in reader.feed(stream[at : at + cut])]
        at += cut
    assert got == sent


def test_updates_reach_gateways_whole() -> None:
    update = SnapshotUpdate(revision=7, full=False, puts=(KEY,), deletes=(("deployment", "d"),))
    (body,) = bus.message_reader().feed(bus.encode(update))
    assert bus.to_gateway.decode(body) == update


def test_text_that_is_none_is_refused_in_entries_that_are_looked_at_again() -> None:
    """Beside an entry of a kind that is not known here, each is read by itself."""
    later = {"type": "of a later release", "id": "l"}
    garbled = msgspec.msgpack.encode(KEY).replace(b"\xa1u", b"\xa1\xff")
    puts = [msgspec.Raw(msgspec.msgpack.encode(later)), msgspec.Raw(garbled)]
    body = msgspec.msgpack.encode({"type": "update", "revision": 7, "full": True, "puts": puts})
    with pytest.raises(msgspec.DecodeError, match="not UTF-8"):
        bus.to_gateway.decode(body)


def test_what_is_not_a_message_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="declares"):
        list(bus.message_reader().feed(b"\xff\xff\xff\xff"))
    with pytest.raises(msgspec.ValidationError):
        bus.from_gateway.decode(msgspec.msgpack.encode({"type": "format_disk"}))


class _FormerAttempt(msgspec.Struct, frozen=True, array_like=True):
    """As the release before meters had it."""

    at: int
    tenant: str
    key: str
    deployment: str
    model: str
    version: int
    request_id: str
    status: int
    rows: int
    bytes_in: int
    bytes_out: int
    compute_ns: int


class _FormerRun(msgspec.Struct, frozen=True, array_like=True):
    first: int
    attempts: tuple[_FormerAttempt, ...]


class _FormerBatch(msgspec.Struct, frozen=True, tag="usage"):
    source: str
    runs: tuple[_FormerRun, ...]


def test_what_a_gateway_of_the_former_release_ships_is_read_as_it_was() -> None:
    batch = bus.from_gateway.decode((DATA / "batch.bus").read_bytes())
    assert isinstance(batch, bus.UsageBatch)
    written = msgspec.json.decode((DATA / "events.json").read_bytes())
    assert [{name: getattr(event, name) for name in written[0]} for event in batch.events] == written
    assert {run.version for run in batch.runs} == {1}


def test_control_of_the_former_release_reads_what_a_gateway_ships_now() -> None:
    event = msgspec.structs.replace(EVENT, queue_ns=5, total_ns=40, revision=7, more=(("input_tokens", 3),))
    (body,) = bus.message_reader().feed(bus.encode(bus.UsageBatch("src", runs_of([event, EVENT]))))
    former = msgspec.msgpack.decode(body, type=_FormerBatch)
    read = [(run.first, *msgspec.structs.astuple(attempt)) for run in former.runs for attempt in run.attempts]
    assert read == [msgspec.structs.astuple(EVENT)[1:14]] * 2


LATER = (
    [4, [[1, "t"], [2, "t"]], VERSION + 1, {"and": "more"}],  # attempts of another form
    [4, [*[list(msgspec.structs.astuple(EVENT)[2:])] * 2], VERSION + 1],  # one that could be taken for a known one
    [4, ["a", {"b": b"\xff"}], VERSION + 1],
)


@pytest.mark.parametrize("later", LATER)
def test_a_run_of_a_later_version_is_kept_as_it_came_beside_those_that_are_known(later: list[object]) -> None:
    known = msgspec.msgpack.decode(msgspec.msgpack.encode(runs_of([EVENT])[0]))
    body = msgspec.msgpack.encode({"type": "usage", "source": "src", "runs": [known, later]})
    batch = bus.from_gateway.decode(body)
    assert isinstance(batch, bus.UsageBatch)
    assert batch.events == [EVENT]
    unread = batch.runs[1]
    assert isinstance(unread, UnreadRun)
    assert (unread.first, unread.last, unread.version) == (4, 5, VERSION + 1)
    assert unread.record == msgspec.msgpack.encode(later)


@pytest.mark.parametrize("run", [[4, [["a"]], VERSION], [4, [], VERSION + 1], [0, [1], VERSION + 1], ["a", [1]], 5])
def test_a_run_of_no_version_is_refused(run: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        bus.from_gateway.decode(msgspec.msgpack.encode({"type": "usage", "source": "src", "runs": [run]}))
