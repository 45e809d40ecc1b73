"""The gRPC server: turns HTTP/2 streams into calls and dispatches them to methods."""

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

from bms.core.errors import BmsError, DeadlineExceeded, Internal, ResourceExhausted, Unimplemented
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.call_head import CallHead, speaks_grpc
from bms.web.inference.grpc.messages import MessageReader, whole_message
from bms.web.inference.grpc.method import Method
from bms.web.inference.grpc.status import TOO_LARGE, no_grpc
from bms.web.inference.http2.stream import Stream
from bms.web.inference.http2.table import Http2Handler

log = logging.getLogger(__name__)
_DEFECT = "call %s could not be answered"


class _Route(NamedTuple):
    """The routing result that is kept with an HTTP/2 head. `method` None: `head` says why."""

    head: CallHead
    method: Method | None


class GrpcServer:
    """The HTTP/2 handler that dispatches gRPC calls. `methods` by path, e.g.
    `/inference.GRPCInferenceService/ModelInfer`.

    `message_bytes` bounds one message, `buffered_bytes` all unfinished messages of one connection. `refused` is called
    for every error that was answered here, with its HTTP status. `others` has the streams that are no gRPC; without it
    they are refused.
    """

    def __init__(
        self,
        methods: Mapping[bytes, Method],
        *,
        message_bytes: int,
        buffered_bytes: int,
        fresh_id: Callable[[], bytes],
        refused: Callable[[int], object],
        others: Http2Handler | None = None,
    ) -> None:
        self._methods = methods
        self._others = others
        self._message_bytes = message_bytes
        self._buffered_bytes = buffered_bytes
        self._fresh_id = fresh_id
        self._refused = refused
        self._read_on = self._resume

    # --- a Handler ---

    too_large: bytes = TOO_LARGE

    def opened(self, stream: Stream) -> None:
        route = stream.head.note
        if not isinstance(route, _Route):
            method = self._methods.get(stream.head.path)
            if self._others is not None and method is None and not speaks_grpc(stream.head):
                self._others.opened(stream)
                return
            route = stream.head.note = _Route(CallHead(stream.head, method is not None), method)
        head, method = route
        call = stream.state = RpcCall(stream, head, head.request_id or self._fresh_id(), self._read_on)
        if head.status != 200:
            call.over = True
            self._refused(head.status)
            stream.writer.end(stream, no_grpc(head.status))
        elif head.error is not None or method is None:
            self._refuse(call, head.error or Unimplemented("there is no such method"))
        else:
            stream.patient = method.streams
            try:
                method.opened(call)
            except BmsError as error:
                self._refuse(call, error)
            except Exception:
                log.exception(_DEFECT, call.id.decode("ascii"))
                self._end(call, method, _internal_error())
            if stream.ended and not call.over:
                self._take(call, method, b"")

    def data(self, stream: Stream, data: bytes) -> None:
        call, route = stream.state, stream.head.note
        if not isinstance(call, RpcCall):
            assert self._others is not None
            self._others.data(stream, data)
            return
        assert isinstance(route, _Route)
        method = route.method
        if call.over or method is None:
            return
        if stream.ended and call.reader is None and not method.streams:
            message = whole_message(data)
            if message is not None and len(message) <= self._message_bytes:
                call.size = len(data)
                call.through = True
                self._deliver(call, method, message)
                return
        self._take(call, method, data)

    def reset(self, stream: Stream) -> None:
        call, route = stream.state, stream.head.note
        if not isinstance(call, RpcCall):
            assert self._others is not None
            self._others.reset(stream)
            return
        assert isinstance(route, _Route)
        if not call.over:
            call.close()
            if route.method is not None:
                route.method.cancel(call)

    def writable(self, stream: Stream) -> None:
        call, route = stream.state, stream.head.note
        if not isinstance(call, RpcCall):
            assert self._others is not None
            self._others.writable(stream)
            return
        assert isinstance(route, _Route)
        if not call.over and route.method is not None:
            route.method.writable(call)

    def check_time(self, stream: Stream, now: float) -> None:
        call, route = stream.state, stream.head.note
        if not isinstance(call, RpcCall):
            assert self._others is not None
            self._others.check_time(stream, now)
            return
        assert isinstance(route, _Route)
        if call.over or route.method is None:
            return
        if call.deadline is not None and now > call.deadline:
            self._end(call, route.method, DeadlineExceeded("the call's grpc-timeout is over"))
        else:
            route.method.check_time(call, now)

    # --- messages ---

    def _resume(self, call: RpcCall) -> None:
        route = call.stream.head.note
        assert isinstance(route, _Route)
        if not call.over and route.method is not None:
            self._take(call, route.method, b"")

    def _take(self, call: RpcCall, method: Method, data: bytes) -> None:
        """Takes messages that come in pieces, compressed, or several at once."""
        reader = call.reader
        if reader is None:
            reader = call.reader = MessageReader(call.head.encoding, self._message_bytes)
        reader.add(data)
        call.size += len(data)
        call.keep(reader.size)
        try:
            if call.stream.table.buffered > self._buffered_bytes:
                raise ResourceExhausted("too many unfinished requests on this connection: send less at once")
            if method.streams:
                self._read_stream(call, method, reader)
            else:
                self._read_one(call, method, reader)
        except BmsError as error:
            self._end(call, method, error)
            return
        if not call.over:
            call.keep(reader.size)

    def _read_one(self, call: RpcCall, method: Method, reader: MessageReader) -> None:
        if not call.stream.ended:
            reader.check()
            return
        message = reader.next()
        if message is None or reader.size:
            raise Unimplemented("this method takes exactly one whole message")
        call.through = True
        self._deliver(call, method, message)

    def _read_stream(self, call: RpcCall, method: Method, reader: MessageReader) -> None:
        while not call.over and not call.stream.held:
            message = reader.next()
            if message is not None:
                self._deliver(call, method, message)
                continue
            if call.stream.ended and not call.through:
                if reader.size:
                    raise Internal("the stream ends within a message")
                call.through = True
                method.ended(call)
            return

    def _deliver(self, call: RpcCall, method: Method, message: bytes | memoryview) -> None:
        try:
            method.message(call, message)
        except BmsError as error:
            self._end(call, method, error)
        except Exception:
            log.exception(_DEFECT, call.id.decode("ascii"))
            self._end(call, method, _internal_error())

    # --- errors ---

    def _end(self, call: RpcCall, method: Method, error: BmsError) -> None:
        if not call.over:
            method.cancel(call)
            self._refuse(call, error)

    def _refuse(self, call: RpcCall, error: BmsError) -> None:
        self._refused(error.http_status)
        call.fail(error)


def _internal_error() -> Internal:
    return Internal("this call met a defect of ours: tell the operator its x-request-id")
