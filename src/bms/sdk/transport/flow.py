"""Flows: calls described without I/O, as generators that yield steps for a driver to carry out.

A flow is a generator. It yields a `ClientRequest` and is sent a `Reply`, yields a `Pause` and is resumed later, yields
a `Local` and is sent what its function returned; a stream yields `Item`s besides. Sync and async differ in their driver
alone.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from bms.core.errors import DeadlineExceeded, Unavailable

T = TypeVar("T")
Progress = Callable[[int], None]


@dataclass(frozen=True)
class FileContent:
    """A request body that is streamed from a file.

    `progress` hears how many bytes of it are sent so far, and 0 again when the request is repeated.
    """

    path: Path
    size: int
    progress: Progress | None = None


@dataclass(frozen=True)
class ClientRequest:
    """One HTTP request; its path is below the server's root.

    `timed` names the latency statistics that it counts in. The body of a good reply to a `streamed` one is left
    in the connection, to be had by `NextBytes`s.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | FileContent | None = None
    timed: str = "api"
    timeout_s: float | None = None
    streamed: bool = False


@dataclass(frozen=True)
class Reply:
    """An HTTP reply; `headers` by lower-case name. `stream` is the driver's own, for a streamed body."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    stream: Any = None

    @property
    def ok(self) -> bool:
        return self.status < 400


@dataclass(frozen=True)
class NextBytes:
    """Asks for the next bytes of a streamed reply; the answer is empty at its end."""

    reply: Reply


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Local(Generic[T]):
    """Work on this machine, such as hashing a file: the async driver does it in a thread."""

    work: Callable[[], T]


@dataclass(frozen=True)
class Item(Generic[T]):
    """One item that a stream yields to its caller."""

    value: T


class Unreachable(Unavailable):
    """Raised when no reply came. `sent` False: the request surely never reached the server."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class TimedOut(DeadlineExceeded):
    """Raised when no reply came within the caller's own `timeout_s`; whether the request ran is not known."""


Step = ClientRequest | NextBytes | Pause | Local[Any]
Flow = Generator[Step, Any, T]
Stream = Generator[Step | Item[T], Any, None]


def send(request: ClientRequest) -> Flow[Reply]:
    """Sends one request, and returns its reply, whatever its status. Raises Unreachable, TimedOut."""
    reply = yield request
    assert isinstance(reply, Reply)
    return reply


def pause(seconds: float) -> Flow[None]:
    yield Pause(seconds)


def locally(work: Callable[[], T]) -> Flow[T]:
    """Runs `work()` on this machine, and returns its result."""
    result: T = yield Local(work)
    return result
