"""Messages between control and its gateways, over control's private socket: u32 little-endian length, msgpack.

A gateway says Hello, then control sends one full SnapshotUpdate and updates after it for as long as the
connection lives, large ones in parts (`snapshot_parts`). The gateway reports each applied revision (control waits for
it before it drains a replica) and ships usage events; control acknowledges the highest sequence number it has
committed for a source.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.snapshot import SnapshotUpdate
from bms.core.usage import UsageEvent, UsageRun, events_of

LENGTH = struct.Struct("<I")
MAX_MESSAGE = 1 << 28


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message of a gateway. `slot` counts from 0; `revision` is of its last good snapshot, or 0.

    `token` is the home's secret: who has it not is told nothing.
    """

    slot: int
    source: str
    pid: int
    revision: int
    token: str = ""


class Applied(msgspec.Struct, frozen=True, tag="applied"):
    """The gateway routes by this revision from now on."""

    revision: int


class UsageBatch(msgspec.Struct, frozen=True, tag="usage"):
    """Journalled runs of events, in order of seq, of one source."""

    source: str
    runs: tuple[UsageRun, ...]

    @property
    def events(self) -> list[UsageEvent]:
        return events_of(self.source, self.runs)


class UsageAck(msgspec.Struct, frozen=True, tag="usage_ack"):
    """All events of `source` up to and with `seq` are committed."""

    source: str
    seq: int


class ReplicaDown(msgspec.Struct, frozen=True, tag="replica_down"):
    """The gateway's connection to this replica broke or was refused."""

    replica: str


class GatewayStats(msgspec.Struct, frozen=True, tag="stats"):
    """A gateway's own metrics, sent every few seconds: Prometheus text, and what `bms status` shows."""

    slot: int
    connections: int
    in_flight: int
    requests: int
    metrics: str


FromGateway = Hello | Applied | UsageBatch | ReplicaDown | GatewayStats
ToGateway = SnapshotUpdate | UsageAck

_encode = msgspec.msgpack.Encoder().encode
M = TypeVar("M")


class MessageDecoder(Generic[M]):
    """Decodes bodies of one direction."""

    def __init__(self, kind: object) -> None:
        self._decode: Callable[[bytes], M] = msgspec.msgpack.Decoder(kind).decode

    def decode(self, body: bytes) -> M:
        """Raises msgspec.DecodeError, also for text that is not UTF-8, which msgspec itself lets pass."""
        try:
            return self._decode(body)
        except UnicodeDecodeError as error:
            raise msgspec.DecodeError(f"text that is not UTF-8: {error}") from None


from_gateway: MessageDecoder[FromGateway] = MessageDecoder(FromGateway)
to_gateway: MessageDecoder[ToGateway] = MessageDecoder(ToGateway)


def encode(message: FromGateway | ToGateway) -> bytes:
    body = _encode(message)
    if len(body) > MAX_MESSAGE:
        raise InvalidArgument(f"a message of {len(body)} bytes is over the bus's limit of {MAX_MESSAGE}")
    return LENGTH.pack(len(body)) + body


class MessageReader:
    """Cuts a byte stream into message bodies, to be decoded with `from_gateway` or `to_gateway`."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._buffer += data
        at, bodies = 0, []
        while len(self._buffer) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._buffer, at)
            if length > MAX_MESSAGE:
                raise InvalidArgument(f"a message declares {length} bytes; the limit is {MAX_MESSAGE}")
            start = at + LENGTH.size
            if len(self._buffer) - start < length:
                break
            bodies.append(bytes(self._buffer[start : start + length]))
            at = start + length
        del self._buffer[:at]
        return iter(bodies)
