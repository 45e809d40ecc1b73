"""Bus messages survive any cut of the stream, and unknown or oversized ones are refused."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bms.core.errors import InvalidArgument
from bms.core.snapshot import KeyEntry, SnapshotUpdate
from bms.core.usage import UsageEvent, runs_of
from bms.protocols import bus

EVENT = UsageEvent("src", 1, 2, "t", "k", "d", "m", 3, "r", 200, 1, 10, 20, 30)
KEY = KeyEntry(id="k", tenant="t", user="u", role="owner", scopes=frozenset({"a"}), digest=b"\x00\xff")


@given(st.lists(st.integers(1, 60), max_size=20))
def test_messages_come_back_however_the_stream_is_cut(cuts: list[int]) -> None:
    sent = [bus.Hello(0, "src", 9, 0), bus.UsageBatch("src", runs_of([EVENT])), bus.Applied(4), bus.ReplicaDown("r")]
    stream = b"".join(map(bus.encode, sent))
    reader, got, at = bus.MessageReader(), [], 0
    for cut in [*cuts, len(stream)]:
        got += [bus.from_gateway.decode(body) for body in reader.feed(stream[at : at + cut])]
        at += cut
    assert got == sent


def test_updates_reach_gateways_whole() -> None:
    update = SnapshotUpdate(revision=7, full=False, puts=(KEY,), deletes=(("deployment", "d"),))
    (body,) = bus.MessageReader().feed(bus.encode(update))
    assert bus.to_gateway.decode(body) == update


def test_what_is_not_a_message_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="declares"):
        list(bus.MessageReader().feed(b"\xff\xff\xff\xff"))
    with pytest.raises(msgspec.ValidationError):
        bus.from_gateway.decode(msgspec.msgpack.encode({"type": "format_disk"}))
