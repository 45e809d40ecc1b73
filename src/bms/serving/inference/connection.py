"""One gateway's connection to a model server: bytes to frames, frames to the service, and answers back."""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import msgspec

from bms.core.errors import InvalidArgument
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import ServableStatus
from bms.protocols.frames import Frame, FrameReader, FrameType, InferMeta, decode_infer, encode_plain
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.service import InferenceService

MAX_UNREAD = 64 << 20  # bytes
_log = logging.getLogger(__name__)
_encode_status = msgspec.msgpack.Encoder().encode


class FrameConnection(asyncio.Protocol):
    """A protocol of asyncio that speaks `protocols.frames`. What is no frame, or contradicts itself, closes this
    connection alone.

    A caller that leaves many answers unread is not read from either. Callers read while they write; the limit is high,
    so that one which does not for a while meets no deadlock.
    """

    def __init__(
        self,
        service: InferenceService,
        status: Callable[[], ServableStatus],
        connections: "set[FrameConnection]",
        going_away: Callable[[], bool],
        shared: memoryview | None = None,
    ) -> None:
        """`shared` is the memory in which the gateway hands over large tensors, if it does."""
        self.open: dict[int, MicroBatch] = {}
        self._service = service
        self._status = status
        self._connections = connections
        self._going_away = going_away
        self._shared = shared
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=MAX_UNREAD)
        self._connections.add(self)
        if self._going_away():
            self.go_away()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        for micro_batch in list(self.open.values()):
            self._service.cancel(micro_batch)
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._received(frame)
        except InvalidArgument as error:
            _log.warning(
                "closed a connection that broke the protocol", extra={"fields": {"reason": error.message[:300]}}
            )
            self.close(abort=True)

    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def send(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def go_away(self) -> None:
        """Asks the gateway to send no more; what is in flight is still answered."""
        self.send(encode_plain(FrameType.GOING_AWAY))

    def close(self, *, abort: bool = False) -> None:
        """Closes after what was written has gone out; at once with `abort`."""
        if self._transport is not None:
            if abort:
                self._transport.abort()
            else:
                self._transport.close()

    def _received(self, frame: Frame) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if frame.kind == FrameType.INFER:
            meta, tensors = _decoded(frame, self._shared)
            if frame.id in self.open:
                raise InvalidArgument(f"request id {frame.id} is in flight already")
            self._service.infer(self, frame.id, meta, tensors)
        elif frame.kind == FrameType.CANCEL:
            micro_batch = self.open.get(frame.id)
            if micro_batch is not None:
                self._service.cancel(micro_batch)
        elif frame.kind == FrameType.STATUS:
            self.send(encode_plain(FrameType.STATUS_ANSWER, frame.id, _encode_status(self._status())))
        elif frame.kind == FrameType.SHARED:
            if self._shared is not None:
                self.send(encode_plain(FrameType.SHARED))
        else:
            raise InvalidArgument(f"frame type {frame.kind} is not one that a gateway sends")


def _decoded(frame: Frame, shared: memoryview | None) -> tuple[InferMeta, list[Tensor]]:
    try:
        meta, tensors = decode_infer(frame, shared)
    except (msgspec.MsgspecError, ValueError, OverflowError) as error:  # NumPy's, for shapes beyond its limits
        raise InvalidArgument(f"an INFER frame contradicts itself: {error}") from error
    if not 0 <= meta.timeout_us < 1 << 53:
        raise InvalidArgument(f"timeout_us is {meta.timeout_us}, expected 0 (none) or a number of microseconds")
    if meta.priority < 0:
        raise InvalidArgument(f"priority is {meta.priority}, expected 0 (the usual one) or a level from 1")
    if meta.rows:
        _check_parts(meta.rows, tensors)
    return meta, tensors


def _check_parts(parts: tuple[int, ...], tensors: list[Tensor]) -> None:
    rows = sum(parts)
    if min(parts) < 1 or any(tensor.array.shape[:1] != (rows,) for tensor in tensors):
        shapes = ", ".join(f"{tensor.name!r} {list(tensor.array.shape)}" for tensor in tensors)
        raise InvalidArgument(
            f"the calls of a micro-batch have {list(parts[:20])} rows, which is not what {shapes} hold"
        )
