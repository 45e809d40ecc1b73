"""The connection to one model server over its Unix socket, for those who infer and those who only ask how it is."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from bms.core.errors import InvalidArgument, Unavailable
from bms.core.programs import ServableStatus
from bms.core.tensor import Tensor
from bms.protocols.frames import (
    AnswerMeta,
    ErrorMeta,
    Frame,
    FrameReader,
    Kind,
    decode_answer,
    decode_error,
    encode_infer,
    encode_plain,
)

log = logging.getLogger(__name__)
_status = msgspec.msgpack.Decoder(ServableStatus)
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
_JOINED = 1 << 18  # one buffer of this size is written faster than many small ones


class AnswerSink(Protocol):
    """Who asked: gets answers until one is final, or one error; nothing after `cancel`."""

    def on_answer(self, meta: AnswerMeta, tensors: list[Tensor]) -> None: ...

    def on_error(self, meta: ErrorMeta) -> None: ...


class ReplicaLink(asyncio.Protocol):
    """Connects at once and again whenever the connection breaks, until `retire` or `close`.

    All frames of one loop turn are written together. A loss fails everything pending at once, as worth a retry.
    `address` is "unix:/path"; `on_down` is called whenever the server turns out to be unreachable.
    """

    def __init__(self, address: str, on_down: Callable[[], None] | None = None) -> None:
        scheme, _, path = address.partition(":")
        if scheme != "unix" or not path:
            raise InvalidArgument(f"replica address {address!r} is not served: expected unix:/path")
        self._path = path
        self._on_down = on_down
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._reader = FrameReader()
        self._out: list[bytes | memoryview] = []
        self._pending: dict[int, AnswerSink] = {}
        self._statuses: dict[int, asyncio.Future[ServableStatus]] = {}
        self._last_id = 0
        self.usable = True  # not broken, not going away, not retired
        self._broken = False
        self._retired = False
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._keep_connected())

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def in_flight(self) -> int:
        return len(self._pending)

    def infer(
        self, sink: AnswerSink, signature: str, tensors: list[Tensor], timeout_us: int, outputs: tuple[str, ...]
    ) -> int:
        self._last_id = id = self._last_id + 1
        self._pending[id] = sink
        self._send(encode_infer(id, signature, tensors, timeout_us, outputs))
        return id

    def cancel(self, id: int) -> None:
        if self._pending.pop(id, None) is not None and self._transport is not None:
            self._send([encode_plain(Kind.CANCEL, id)])
        self._close_if_done()

    async def status(self, timeout_s: float = 5.0) -> ServableStatus:
        """What the model server says of itself. Raises Unavailable when it cannot be reached or says nothing."""
        self._last_id = id = self._last_id + 1
        answer: asyncio.Future[ServableStatus] = self._loop.create_future()
        self._statuses[id] = answer
        self._send([encode_plain(Kind.STATUS, id)])
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise Unavailable(f"the model server at {self._path} did not tell its status in {timeout_s} s") from None
        finally:
            self._statuses.pop(id, None)

    def retire(self) -> None:
        """Sends no more, closes once nothing is in flight."""
        self._retired, self.usable = True, False
        self._close_if_done()

    def close(self) -> None:
        """Closes now; what is pending fails."""
        self._retired, self.usable = True, False
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._transport is not None:
            self._transport.close()
        else:
            self._fail_pending()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's are no subclass
        self._reader = FrameReader()
        self._broken = False
        self.usable = not self._retired
        if self._out:
            self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._receive(frame)
        except (InvalidArgument, msgspec.DecodeError) as error:
            log.warning("model server at %s sent what cannot be read: %s", self._path, error)
            if self._transport is not None:
                self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._broken, self.usable = True, False
        self._out.clear()
        self._lost.set()
        self._fail_pending()
        if self._on_down is not None and not self._retired:
            self._on_down()

    def _receive(self, frame: Frame) -> None:
        if frame.kind == Kind.ANSWER:
            sink = self._pending.get(frame.id)
            if sink is None:
                return
            meta, tensors = decode_answer(frame)
            if meta.final:
                del self._pending[frame.id]
            sink.on_answer(meta, tensors)
        elif frame.kind == Kind.ERROR:
            sink = self._pending.pop(frame.id, None)
            if sink is not None:
                sink.on_error(decode_error(frame))
        elif frame.kind == Kind.STATUS_ANSWER:
            answer = self._statuses.pop(frame.id, None)
            if answer is not None and not answer.done():
                answer.set_result(_status.decode(frame.meta))
        elif frame.kind == Kind.GOING_AWAY:
            self.usable = False
        else:
            raise InvalidArgument(f"frame of kind {frame.kind}, which a model server never sends")
        if self._retired:
            self._close_if_done()

    def _send(self, parts: list[bytes] | list[bytes | memoryview]) -> None:
        if not self._out and self._transport is not None:
            self._loop.call_soon(self._flush)
        self._out += parts

    def _flush(self) -> None:
        if self._transport is None or not self._out:
            return
        out, self._out = self._out, []
        if sum(map(len, out)) <= _JOINED:
            self._transport.write(b"".join(out))
        else:
            self._transport.writelines(out)

    async def _keep_connected(self) -> None:
        wait = _FIRST_WAIT
        while not self._retired or self._pending:
            self._lost.clear()
            try:
                await self._loop.create_unix_connection(lambda: self, self._path)
            except OSError as error:
                self._refused(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            await self._lost.wait()
            await asyncio.sleep(_FIRST_WAIT)

    def _refused(self, error: OSError) -> None:
        first = not self._broken
        self._broken, self.usable = True, False
        self._out.clear()
        self._fail_pending()
        if first:
            log.info("model server at %s cannot be reached: %s", self._path, error)
            if self._on_down is not None and not self._retired:
                self._on_down()

    def _fail_pending(self) -> None:
        pending, self._pending = self._pending, {}
        statuses, self._statuses = self._statuses, {}
        lost = ErrorMeta("UNAVAILABLE", "the connection to the model server was lost: come again", True)
        for answer in statuses.values():
            if not answer.done():
                answer.set_exception(Unavailable(f"the model server at {self._path} cannot be reached"))
        for sink in pending.values():
            sink.on_error(lost)

    def _close_if_done(self) -> None:
        if self._retired and not self._pending and not self._statuses:
            self.close()
