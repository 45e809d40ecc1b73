"""One end of a two-way request connection: both sides send requests, any number at once."""

import asyncio
import itertools
import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import msgspec

from bms.core.errors import BmsError, Internal, InvalidArgument, Unavailable, from_code
from bms.protocols.node_agent import (
    MAX_OPEN,
    AgentAnswer,
    AgentMessageDecoder,
    Alive,
    Ask,
    Cancel,
    Changed,
    Failed,
    Message,
    ProgressLine,
    encode,
    encode_body,
    message,
    message_reader,
)

ALIVE_S, SILENT_S = 10.0, 35.0  # how often each side says that it lives, and how long it is believed without that
MAX_UNSENT = 4 << 20  # bytes; who has as many to send waits before it sends more
_log = logging.getLogger(__name__)
T = TypeVar("T")
Tell = Callable[[str], None]


class Side(Protocol):
    """The handler behind one end of a connection."""

    async def answer(self, what: msgspec.Raw, tell: Tell) -> Any:
        """Answers a request of the other side; `tell` sends it a line meanwhile. Raises BmsError or OSError."""
        ...

    def changed(self) -> None:
        """Called when the other side reports a change."""
        ...

    def lost(self) -> None:
        """Called when the connection ended; no request can be sent any more."""
        ...


class _Open:
    """A pending request of ours."""

    def __init__(self, answer: "asyncio.Future[msgspec.Raw]", tell: Tell | None) -> None:
        self.answer = answer
        self.tell = tell


class Peer(asyncio.Protocol):
    """One end of a connection in `protocols.node_agent`, after its greeting. What can't be understood ends the
    connection."""

    def __init__(self, side: Side, name: str) -> None:
        self.name = name
        self._side = side
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = message_reader()
        self._ids = itertools.count(1)
        self._open: dict[int, _Open] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}
        self._writable = asyncio.Event()
        self._writable.set()
        self._heard_at = self._loop.time()
        self._pulse: asyncio.TimerHandle | None = None
        self.closed = self._loop.create_future()

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    async def ask(self, what: msgspec.Struct, kind: "AgentMessageDecoder[T]", tell: Tell | None = None) -> T:
        """Sends a request, and returns the answer, of type `kind`; `tell` gets the lines that come meanwhile.

        Raises Unavailable when the connection is or gets lost, and what the other side raises.
        """
        if len(self._open) >= MAX_OPEN:
            raise Unavailable(f"{len(self._open)} questions to {self.name} are open already: come again")
        id = next(self._ids)
        mine = self._open[id] = _Open(self._loop.create_future(), tell)
        try:
            await self._send(Ask(id, msgspec.Raw(encode_body(what))))
            return kind.decode(await mine.answer)
        except asyncio.CancelledError:
            self.tell(Cancel(id))
            raise
        finally:
            self._open.pop(id, None)
            if not mine.answer.cancel() and not mine.answer.cancelled():
                mine.answer.exception()  # known of, also where its asker was cancelled meanwhile

    def tell(self, said: Message) -> None:
        """Sends a one-way message; nothing where the connection is lost."""
        if self._transport is not None:
            self._transport.write(encode(said))

    def close(self) -> None:
        """Closes the connection now."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        self._transport.set_write_buffer_limits(high=MAX_UNSENT)
        self._beat()

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        try:
            for body in self._reader.feed(data):
                self._received(message.decode(body))
        except InvalidArgument as error:
            _log.warning("the connection to %s is given up: %s", self.name, error.message)
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._pulse is not None:
            self._pulse.cancel()
        self._writable.set()
        why = f": {exc}" if exc else ""
        for mine in self._open.values():
            if not mine.answer.done():
                mine.answer.set_exception(Unavailable(f"the connection to {self.name} was lost{why}"))
        for task in self._answering.values():
            task.cancel()
        if not self.closed.done():
            self.closed.set_result(None)
        self._side.lost()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _beat(self) -> None:
        if self._loop.time() - self._heard_at > SILENT_S:
            _log.warning("nothing was heard from %s in %g s: the connection is given up", self.name, SILENT_S)
            self.close()
            return
        self.tell(Alive())
        self._pulse = self._loop.call_later(ALIVE_S, self._beat)

    def _received(self, said: Message) -> None:
        match said:
            case Ask(id, what):
                if id in self._answering or len(self._answering) >= MAX_OPEN:
                    raise InvalidArgument(f"question {id} is open already, or {MAX_OPEN} others are")
                task = self._answering[id] = self._loop.create_task(self._answer(id, what))
                task.add_done_callback(lambda _: self._answering.pop(id, None))
            case AgentAnswer(id, content):
                self._resolve(id, content)
            case Failed(id, code, words, retry_after_s):
                self._resolve(id, from_code(code, words, retry_after_s))
            case ProgressLine(id, line):
                mine = self._open.get(id)
                if mine is not None and mine.tell is not None:
                    mine.tell(line)
            case Cancel(id):
                task_or_none = self._answering.get(id)
                if task_or_none is not None:
                    task_or_none.cancel()
            case Changed():
                self._side.changed()
            case Alive():
                pass

    def _resolve(self, id: int, result: "msgspec.Raw | BmsError") -> None:
        mine = self._open.get(id)  # None: its asker is gone
        if mine is None or mine.answer.done():
            return
        if isinstance(result, BmsError):
            mine.answer.set_exception(result)
        else:
            mine.answer.set_result(result)

    async def _answer(self, id: int, what: msgspec.Raw) -> None:
        try:
            content = await self._side.answer(what, lambda line: self.tell(ProgressLine(id, line)))
            said: Message = AgentAnswer(id, msgspec.Raw(encode_body(content)))
        except asyncio.CancelledError:
            self.tell(_failed(id, Unavailable("it was given up on the other side: ask again")))
            raise
        except BmsError as error:
            said = _failed(id, error)
        except OSError as error:
            said = _failed(id, Internal(str(error)))
        except Exception:  # noqa: BLE001 - a defect of ours is told to who asks, and the others go on
            _log.exception("a question of %s can't be answered", self.name)
            said = _failed(id, Internal("something went wrong on the other side; its log says what"))
        try:
            await self._send(said)
        except Unavailable:
            return  # nobody is there to hear it
        except InvalidArgument as error:  # too large
            self.tell(_failed(id, error))

    async def _send(self, said: Message) -> None:
        """Raises Unavailable when nobody is there, InvalidArgument for what is too large."""
        await self._writable.wait()
        if self._transport is None:
            raise Unavailable(f"the connection to {self.name} was lost")
        self._transport.write(encode(said))


def _failed(id: int, error: BmsError) -> Failed:
    return Failed(id, error.code, error.message, error.retry_after_s)
