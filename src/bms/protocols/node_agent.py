"""The messages between a control and a node agent, both ways on one connection: u32 little-endian length, msgpack.

The first message says what a connection is for. `Relay` wants the socket of one workload: after `RelayAccepted`,
whatever follows belongs to that. `AgentHello` is a control's, answered by `Welcome` or `ConnectionRefused`; after it
both sides ask. An `Ask` gets any number of `ProgressLine`, then one `AgentAnswer` or `Failed` of its id; `Cancel` says
that nobody waits for it any more.

Content of any size travels in pieces, each of which the side that wants it asks for: who is slow is sent no more than
it takes. Blobs that the agent needs are read from control by `ReadBlob`; one that it has is announced by `Take`, and
read by control with `Give`.
"""

from collections.abc import Callable
from typing import Any, Generic, Literal, TypeVar

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.workloads.devices import Device
from bms.core.workloads.environments import EnvironmentSpec
from bms.core.workloads.isolation import Isolation
from bms.core.workloads.workload import WorkloadSpec, WorkloadStatus
from bms.protocols import lengths
from bms.protocols.lengths import LengthReader, framed

VERSION = 2
PIECE = 1 << 20  # bytes of content in one message
MAX_MESSAGE = 64 << 20  # bytes; what is known of 100,000 workloads takes about half of it
MAX_FIRST = 1 << 12  # bytes of a first message, whose sender nobody knows yet
MAX_GREETING = 1 << 20
MAX_OPEN = 1024  # asks of one side that are not answered
Record = Literal["console", "log", "events"]


class AgentHello(msgspec.Struct, frozen=True, tag="hello"):
    """The first message of a control. `secret` is the agent's: without it a client gets no answer. `platform` is the
    identity of the control's: an agent runs the workloads of one."""

    version: int
    secret: str
    platform: str
    process: str  # which control it is, for the agent's log

    def __repr__(self) -> str:
        """Without the secret: this may end up in a log."""
        return f"Hello(version={self.version}, platform={self.platform!r}, process={self.process!r})"


class Relay(msgspec.Struct, frozen=True, tag="relay"):
    """The first message of a client that wants to talk with a workload, which asks for a token of its own."""

    workload: str


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    """The agent's answer to AgentHello: what its machine is and offers. `memory` in bytes."""

    version: int
    node: str
    isolation: Isolation
    cores: float
    memory: int


class RelayAccepted(msgspec.Struct, frozen=True, tag="joined"):
    """The answer to Relay: whatever follows comes from the workload."""


class ConnectionRefused(msgspec.Struct, frozen=True, tag="refused"):
    """Why a control is not welcome, or a workload not reached; the connection is closed."""

    reason: str


class Ask(msgspec.Struct, frozen=True, tag="ask"):
    """A request of either side. `id` counts up on each side; `what` is a message of `ToAgent` or `ToControl`."""

    id: int
    what: msgspec.Raw


class AgentAnswer(msgspec.Struct, frozen=True, tag="answer"):
    """The answer to an Ask; the asker knows its type."""

    id: int
    content: msgspec.Raw


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The error that answers an Ask: a BmsError, by its code."""

    id: int
    code: str
    message: str
    retry_after_s: float | None = None


class ProgressLine(msgspec.Struct, frozen=True, tag="said"):
    """A line of progress on an Ask, such as a build's output."""

    id: int
    line: str


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """Cancels an Ask: nobody waits for the answer any more."""

    id: int


class Changed(msgspec.Struct, frozen=True, tag="changed"):
    """Tells control that a workload of the agent ended."""


class Alive(msgspec.Struct, frozen=True, tag="alive"):
    """A keep-alive, sent by both sides: a connection on which nothing is heard is lost."""


class Stat(msgspec.Struct, frozen=True, tag="stat"):
    """Asks for the size of a blob. -> bytes, None where there is none."""

    tenant: str
    digest: str


class ReadBlob(msgspec.Struct, frozen=True, tag="read"):
    """Asks for a piece of a blob. -> PIECE bytes from `offset` on, fewer at its end."""

    tenant: str
    digest: str
    offset: int


class Take(msgspec.Struct, frozen=True, tag="take"):
    """Asks control to store a blob, whose pieces control then asks for by `Give`. -> (digest, size), once it is
    stored."""

    tenant: str
    source: int
    expected: str | None = None


class Give(msgspec.Struct, frozen=True, tag="give"):
    """Asks for the next piece of `source`. -> at most PIECE bytes; none at its end."""

    source: int


class NeededEnvironments(msgspec.Struct, frozen=True, tag="needed"):
    """Asks control which environments are needed, while they are pruned. -> their digests."""


class PrepareAgentWorkload(msgspec.Struct, frozen=True, tag="prepare"):
    """Asks the agent to prepare a workload's environment and trees."""

    spec: WorkloadSpec


class StartAgentWorkload(msgspec.Struct, frozen=True, tag="start"):
    """Asks the agent to start a workload. -> WorkloadStatus."""

    spec: WorkloadSpec
    sealed: bytes

    def __repr__(self) -> str:
        return f"Start({self.spec.id})"  # nothing that is sealed


class Observe(msgspec.Struct, frozen=True, tag="observe"):
    """Asks what runs. -> AgentObservation."""


class StopAgentWorkload(msgspec.Struct, frozen=True, tag="stop"):
    """Asks the agent to stop a workload."""

    workload: str
    grace_s: float | None


class Forget(msgspec.Struct, frozen=True, tag="forget"):
    """Asks the agent to forget an ended workload."""

    workload: str


class RecordExtent(msgspec.Struct, frozen=True, tag="extent"):
    """Asks how far a workload's console, log or events reach."""

    workload: str
    record: Record


class RecordPiece(msgspec.Struct, frozen=True, tag="piece"):
    """Asks for a piece of a workload's console, log or events."""

    workload: str
    record: Record
    offset: int
    limit: int


class GetResult(msgspec.Struct, frozen=True, tag="result"):
    """Asks for a workload's result file. -> bytes, or None."""

    workload: str


class StoreFolder(msgspec.Struct, frozen=True, tag="store"):
    """Asks to store a folder of a job as a tree. -> the digest of the tree, which control has then, or None."""

    tenant: str
    workload: str
    folder: Literal["output", "checkpoint"]


class PruneTrees(msgspec.Struct, frozen=True, tag="prune_trees"):
    """Asks the agent to remove unneeded trees; of a deleted tenant, all. -> [(tenant, digest)] of what was removed."""

    tenant: str


class EnvironmentDigests(msgspec.Struct, frozen=True, tag="environment_digests"):
    """Asks for the digests of environments on that machine. -> None for the platform's own, and for what can't be
    built."""

    specs: tuple[EnvironmentSpec, ...]


class EnvironmentsBuilt(msgspec.Struct, frozen=True, tag="environments_built"):
    """Asks which environments are built."""


class EnvironmentState(msgspec.Struct, frozen=True, tag="environment_state"):
    """Asks for the state of an environment."""

    digest: str


class EnvironmentLock(msgspec.Struct, frozen=True, tag="environment_lock"):
    """Asks for the lock file of an environment."""

    digest: str


class EnvironmentLog(msgspec.Struct, frozen=True, tag="environment_log"):
    """Asks for the build log of an environment."""

    digest: str
    offset: int
    limit: int


class PruneEnvironments(msgspec.Struct, frozen=True, tag="prune_environments"):
    """Asks the agent to remove unneeded environments. What control needs (`NeededEnvironments`) stays."""


class AgentObservation(msgspec.Struct, frozen=True):
    """What runs on the agent's machine, and its GPUs, each with the bytes of its memory that nobody was given."""

    workloads: tuple[WorkloadStatus, ...]
    devices: tuple[tuple[Device, int], ...]


First = AgentHello | Relay
Greeting = Welcome | ConnectionRefused
Joining = RelayAccepted | ConnectionRefused
Message = Ask | AgentAnswer | Failed | ProgressLine | Cancel | Changed | Alive
ToControl = Stat | ReadBlob | Take | NeededEnvironments
ToAgent = (
    PrepareAgentWorkload
    | StartAgentWorkload
    | Observe
    | StopAgentWorkload
    | Forget
    | RecordExtent
    | RecordPiece
    | GetResult
    | StoreFolder
    | Give
    | PruneTrees
    | EnvironmentDigests
    | EnvironmentsBuilt
    | EnvironmentState
    | EnvironmentLock
    | EnvironmentLog
    | PruneEnvironments
)

T = TypeVar("T")
encode_body: Callable[[Any], bytes] = msgspec.msgpack.Encoder().encode


class AgentMessageDecoder(Generic[T]):
    """Decodes messages of several types, told apart by their tags."""

    def __init__(self, kind: Any) -> None:
        self._decode: Callable[[bytes | memoryview | msgspec.Raw], T] = msgspec.msgpack.Decoder(kind).decode

    def decode(self, body: bytes | memoryview | msgspec.Raw) -> T:
        """Decodes a message. Raises InvalidArgument for anything else."""
        try:
            return self._decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise InvalidArgument(f"a message can't be decoded: {error}") from None


first: AgentMessageDecoder[First] = AgentMessageDecoder(First)
greeting: AgentMessageDecoder[Greeting] = AgentMessageDecoder(Greeting)
joining: AgentMessageDecoder[Joining] = AgentMessageDecoder(Joining)
message: AgentMessageDecoder[Message] = AgentMessageDecoder(Message)
to_control: AgentMessageDecoder[ToControl] = AgentMessageDecoder(ToControl)
to_agent: AgentMessageDecoder[ToAgent] = AgentMessageDecoder(ToAgent)


def encode(said: First | Greeting | Joining | Message) -> bytes:
    """Encodes a message. Raises InvalidArgument for more than MAX_MESSAGE bytes."""
    return framed(encode_body(said), MAX_MESSAGE)


def cut(buffer: bytes | bytearray, limit: int) -> tuple[bytes, bytes] | None:
    """Returns the body of the first message in `buffer` and what comes after it; None where it is not all there.

    Raises InvalidArgument for one of more than `limit` bytes.
    """
    found = lengths.cut(buffer, limit)
    return None if found is None else (bytes(buffer[slice(*found)]), bytes(buffer[found[1] :]))


def message_reader() -> LengthReader:
    """Returns a reader that cuts a byte stream into message bodies."""
    return LengthReader(MAX_MESSAGE)
