"""The messages between control and its gateways, over control's private socket: u32 little-endian length, msgpack.

A gateway says Hello, then control sends one full SnapshotUpdate and updates after it for as long as the
connection lives, large ones in parts (`snapshots.parts`). The gateway reports each applied revision (control waits for
it before it drains a replica) and ships usage events; control acknowledges the highest sequence number it has
committed for a source.
"""

from collections.abc import Callable
from typing import Annotated, Generic, TypeVar

import msgspec

from bms.core.serving.snapshot import SnapshotUpdate
from bms.core.usage import VERSION, UnreadRun, UsageEvent, UsageRun, events_of
from bms.protocols.lengths import LengthReader, framed
from bms.protocols.snapshots.kinds import UpdateDecoder

MAX_MESSAGE = 1 << 28


class GatewayHello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message of a gateway. `slot` counts from 0; `revision` is of its last good snapshot, or 0.

    `token` is the home's secret: without it a client gets no answer.
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
    """Journalled runs of usage events, in order of seq, of one source. On the wire each is a run of some version; those
    of versions not known here are kept as they came."""

    source: str
    runs: tuple[UsageRun | UnreadRun, ...]

    @property
    def events(self) -> list[UsageEvent]:
        """Returns the events of runs that this release can read."""
        return events_of(self.source, (run for run in self.runs if isinstance(run, UsageRun)))


class UsageAck(msgspec.Struct, frozen=True, tag="usage_ack"):
    """Acknowledges that all events of `source` up to and with `seq` are committed."""

    source: str
    seq: int


class ReplicaDown(msgspec.Struct, frozen=True, tag="replica_down"):
    """Reports that the gateway's connection to this replica broke or was refused."""

    replica: str


class GatewayStats(msgspec.Struct, frozen=True, tag="stats"):
    """A gateway's own metrics, sent every few seconds: Prometheus text, and what `bms status` prints."""

    slot: int
    connections: int
    in_flight: int
    requests: int
    metrics: str


FromGateway = GatewayHello | Applied | UsageBatch | ReplicaDown | GatewayStats
ToGateway = SnapshotUpdate | UsageAck

_encode = msgspec.msgpack.Encoder().encode
M = TypeVar("M")


class MessageDecoder(Generic[M]):
    """Decodes the messages of one direction."""

    def __init__(self, kind: object) -> None:
        self._decode: Callable[[bytes], M] = msgspec.msgpack.Decoder(kind).decode

    def decode(self, body: bytes) -> M:
        """Decodes a message. Raises msgspec.DecodeError, also for text that is not UTF-8, which msgspec itself
        accepts."""
        try:
            return self._decode(body)
        except UnicodeDecodeError as error:
            raise _no_text(error) from None


class _KnownUsage(msgspec.Struct, frozen=True, tag="usage"):
    """A UsageBatch all of whose runs are readable: the usual one, decoded at once."""

    source: str
    runs: tuple[UsageRun, ...]


class _AnyUsage(msgspec.Struct, frozen=True, tag="usage"):
    """A UsageBatch with runs of any version."""

    source: str
    runs: tuple[msgspec.Raw, ...]


class _AnyRun(msgspec.Struct, frozen=True, array_like=True):
    """A usage run of any version."""

    first: Annotated[int, msgspec.Meta(ge=1)]
    events: Annotated[list[msgspec.Raw], msgspec.Meta(min_length=1)]
    version: int = 1


class _FromGateway(MessageDecoder[FromGateway]):
    """Decodes a gateway's messages. Usage is decoded again where something in it can't be read: a gateway may be of a
    later release."""

    def __init__(self) -> None:
        super().__init__(GatewayHello | Applied | _KnownUsage | ReplicaDown | GatewayStats)

    def decode(self, body: bytes) -> FromGateway:
        try:
            message = super().decode(body)
        except msgspec.ValidationError as error:
            return _usage_of_any_version(body, error)
        if not isinstance(message, _KnownUsage):
            return message
        if message.runs and max([run.version for run in message.runs]) > VERSION:
            return _usage_of_any_version(body, None)
        return UsageBatch(message.source, message.runs)


def _usage_of_any_version(body: bytes, error: msgspec.ValidationError | None) -> UsageBatch:
    """Decodes usage whose runs may be of later versions. Raises msgspec.ValidationError, `error` for what is no usage,
    or for a run that is one of no version."""
    try:
        batch = _any_usage.decode(body)
    except msgspec.ValidationError as other:
        raise (error or other) from None
    return UsageBatch(batch.source, tuple([_run(bytes(raw)) for raw in batch.runs]))


def _run(record: bytes) -> UsageRun | UnreadRun:
    found = _any_run.decode(record)
    if found.version <= VERSION:
        return _known_run.decode(record)
    return UnreadRun(found.first, found.first + len(found.events) - 1, found.version, record)


class _ToGateway(MessageDecoder[ToGateway]):
    """Decodes control's messages. Updates are decoded again where something in them can't be read: control may be of a
    later release."""

    def __init__(self) -> None:
        super().__init__(ToGateway)
        self._updates = UpdateDecoder()

    def decode(self, body: bytes) -> ToGateway:
        try:
            return super().decode(body)
        except msgspec.ValidationError as error:
            try:
                return self._updates.again(body, error)
            except UnicodeDecodeError as other:
                raise _no_text(other) from None


def _no_text(error: UnicodeDecodeError) -> msgspec.DecodeError:
    return msgspec.DecodeError(f"text that is not UTF-8: {error}")


_any_usage: MessageDecoder[_AnyUsage] = MessageDecoder(_AnyUsage)
_any_run: MessageDecoder[_AnyRun] = MessageDecoder(_AnyRun)
_known_run: MessageDecoder[UsageRun] = MessageDecoder(UsageRun)
from_gateway: MessageDecoder[FromGateway] = _FromGateway()
to_gateway: MessageDecoder[ToGateway] = _ToGateway()


def encode(message: FromGateway | ToGateway) -> bytes:
    """Encodes a message. Raises InvalidArgument for more than MAX_MESSAGE bytes."""
    return framed(_encode(message), MAX_MESSAGE)


def message_reader() -> LengthReader:
    """Returns a reader that cuts a byte stream into message bodies, to be decoded with `from_gateway` or
    `to_gateway`."""
    return LengthReader(MAX_MESSAGE)
