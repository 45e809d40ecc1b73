"""The connection to one model server, local or remote, for inference and for health checks."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

import msgspec

from bms.adapters.replicas.arena import Arena
from bms.adapters.replicas.call_batches import FrameAnswerSink, PendingCalls, SentCall
from bms.adapters.replicas.connecting import connect
from bms.core.errors import InvalidArgument, Unavailable
from bms.core.tensors.sequences import SequenceStep
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.endpoints import TlsEndpoint, parse_endpoint
from bms.core.workloads.programs import ServableStatus
from bms.protocols.frames import Frame, FrameReader, FrameType, encode_plain

log = logging.getLogger(__name__)
_status = msgspec.msgpack.Decoder(ServableStatus)
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 1.0
_KEPT_S = 10.0  # shared memory that nothing is in
_JOINED = 1 << 18  # one buffer of this size is written faster than many small ones


class ReplicaLink(asyncio.Protocol):
    """A connection that is made at once, and again whenever it breaks, until `retire` or `close`.

    All calls of one loop turn are written together, in as few frames as they fit into (`call_batches.py`). A loss fails
    everything pending at once; what was not yet written is worth a retry.
    `address` is in the words of `core.endpoints`: a server of this machine gets memory to share, one behind TLS is sent
    everything, once it showed the certificate that the address names. `on_down` is called whenever the server turns out
    to be unreachable; `token` is what the server asks for.
    """

    def __init__(self, address: str, on_down: Callable[[], None] | None = None, *, token: bytes = b"") -> None:
        self._endpoint = parse_endpoint(address)
        self._on_down = on_down
        self._hello = encode_plain(FrameType.HELLO, meta=token)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._reader = FrameReader()
        self._out: list[bytes | memoryview] = []
        self._parcels = PendingCalls()
        self._flushing = False
        self._arena: Arena | None = None
        self._trimming = False
        self._statuses: dict[int, asyncio.Future[ServableStatus]] = {}
        self.usable = True  # not broken, not going away, not retired
        self._broken = False
        self._retired = False
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = self._loop.create_task(self._keep_connected())

    @property
    def _at(self) -> str:
        """Where the server is, in words."""
        return str(self._endpoint).partition("#")[0]

    @property
    def connected(self) -> bool:
        return self._transport is not None

    @property
    def arena(self) -> Arena | None:
        """The shared memory that the server has mapped; None: large tensors are sent."""
        return self._parcels.arena

    @property
    def in_flight(self) -> int:
        return self._parcels.in_flight

    def infer(
        self,
        sink: FrameAnswerSink,
        signature: str,
        tensors: list[Tensor],
        timeout_us: int,
        outputs: tuple[str, ...],
        rows: int = 1,
        most: int = 1,
        priority: int = 0,
        sequence: SequenceStep | None = None,
        params: bytes = b"",
    ) -> SentCall:
        """Sends a call of `rows` rows, `most` of which the server runs together; the returned call is what `cancel`
        takes. A step of a `sequence` has one row and travels alone, as does a call with `params`."""
        call = SentCall(sink, signature, tensors, timeout_us, outputs, rows, most, priority, sequence, params)
        self._parcels.add(call)
        if not self._flushing and self._transport is not None:
            self._flushing = True
            self._loop.call_soon(self._flush)
        return call

    def cancel(self, call: SentCall) -> None:
        frame = self._parcels.cancel(call)
        if frame is not None and self._transport is not None:
            self._send(frame)
        self._close_if_done()

    async def status(self, timeout_s: float = 5.0) -> ServableStatus:
        """Asks the model server for its status. Raises Unavailable when it cannot be reached or says nothing."""
        id = self._parcels.fresh_id()
        answer: asyncio.Future[ServableStatus] = self._loop.create_future()
        self._statuses[id] = answer
        self._send(encode_plain(FrameType.STATUS, id))
        try:
            async with asyncio.timeout(timeout_s):
                return await answer
        except TimeoutError:
            raise Unavailable(f"the model server at {self._at} did not tell its status in {timeout_s} s") from None
        finally:
            self._statuses.pop(id, None)

    def retire(self) -> None:
        """Accepts no more calls, and closes once nothing is in flight."""
        self._retired, self.usable = True, False
        self._close_if_done()

    def close(self) -> None:
        """Closes now; pending calls fail."""
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
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._receive(frame)
        except (InvalidArgument, msgspec.DecodeError) as error:
            log.warning("model server at %s sent what cannot be read: %s", self._at, error)
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
        if frame.kind == FrameType.ANSWER:
            self._parcels.answered(frame)
        elif frame.kind == FrameType.ERROR:
            self._parcels.failed(frame)
        elif frame.kind == FrameType.STATUS_ANSWER:
            answer = self._statuses.pop(frame.id, None)
            if answer is not None and not answer.done():
                answer.set_result(_status.decode(frame.meta))
        elif frame.kind == FrameType.GOING_AWAY:
            self.usable = False
        elif frame.kind == FrameType.SHARED:
            self._parcels.arena = self._arena
        else:
            raise InvalidArgument(f"frame of kind {frame.kind}, which a model server never sends")
        if self._retired:
            self._close_if_done()
        elif not self._trimming and (arena := self._parcels.arena) is not None and arena.idle:
            self._trimming = True
            self._loop.call_later(_KEPT_S, self._trim)

    def _send(self, frame: bytes) -> None:
        self._out.append(frame)
        if not self._flushing and self._transport is not None:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is None:
            return
        out, self._out = self._out, []
        out += self._parcels.pack()
        if not out:
            return
        if len(out) == 1:
            self._transport.write(out[0])
        elif sum(map(len, out)) <= _JOINED:
            self._transport.write(b"".join(out))
        else:
            self._transport.writelines(out)

    async def _keep_connected(self) -> None:
        wait = _FIRST_WAIT
        while not self._retired or self._parcels.in_flight:
            self._lost.clear()
            try:
                await self._connect()
            except OSError as error:
                self._refused(error)
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
                continue
            wait = _FIRST_WAIT
            await self._lost.wait()
            await asyncio.sleep(_FIRST_WAIT)

    async def _connect(self) -> None:
        """Raises OSError."""
        if isinstance(self._endpoint, TlsEndpoint):
            self._arena = None  # no memory is shared with another machine
            await connect(self._endpoint, lambda: self, self._hello)
            return
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.setblocking(False)
            await self._loop.sock_connect(connection, self._endpoint.path)
            self._arena = _introduce(connection, self._hello)
            await self._loop.create_unix_connection(lambda: self, sock=connection)
        except BaseException:
            connection.close()
            raise

    def _trim(self) -> None:
        """Gives back shared memory that was not used for a while."""
        self._trimming = False
        arena = self._arena
        if arena is not None and arena.idle:
            arena.trim()

    def _refused(self, error: OSError) -> None:
        first = not self._broken
        self._broken, self.usable = True, False
        self._out.clear()
        self._fail_pending()
        if first:
            log.info("model server at %s cannot be reached: %s", self._at, error)
            if self._on_down is not None and not self._retired:
                self._on_down()

    def _fail_pending(self) -> None:
        statuses, self._statuses = self._statuses, {}
        for answer in statuses.values():
            if not answer.done():
                answer.set_exception(Unavailable(f"the model server at {self._at} cannot be reached"))
        self._parcels.lose()

    def _close_if_done(self) -> None:
        if self._retired and not self._parcels.in_flight and not self._statuses:
            self.close()


def _introduce(connection: socket.socket, hello: bytes) -> Arena | None:
    """Says hello to the server that `connection` leads to and offers it memory, in one piece; None where the kernel has
    none to give. Raises OSError when the server is gone."""
    try:
        arena = Arena()
    except OSError as error:
        log.warning("no shared memory, large tensors are sent instead: %s", error)
        connection.send(hello)
        return None
    try:
        socket.send_fds(connection, [hello + encode_plain(FrameType.SHARED)], [arena.fd or 0])
    finally:
        arena.close_fd()
    return arena
