"""The REST server over HTTP/2: turns streams into requests and passes them to their handlers."""

import logging
from typing import NamedTuple, Protocol

from bms.core.errors import BmsError, Internal, ResourceExhausted
from bms.web.inference.http.framing import check_body_size
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.request import HttpRequest, RequestHead
from bms.web.inference.http1.reader import DRAINED, RequestTimeout
from bms.web.inference.http2.stream import Stream
from bms.web.inference.rest import answer
from bms.web.inference.rest.answer import StreamAnswer
from bms.web.inference.rest.answer_fields import TOO_LARGE
from bms.web.inference.rest.body import RequestBody
from bms.web.inference.rest.request_head import check_head, request_head

log = logging.getLogger(__name__)


class RestContext(answer.RestAnswerContext, Protocol):
    """What streams need of the server."""

    limits: HttpLimits

    def fresh_id(self) -> bytes: ...

    def open(self, request: HttpRequest) -> None:
        """Sets the head's and the request's handler once the head is there. Raises BmsError to refuse."""
        ...

    def reopen(self, request: HttpRequest) -> None:
        """Admits a request whose head was opened before."""
        ...

    def remembers(self, request: HttpRequest) -> bool:
        """Whether the head of such a request is worth caching."""
        ...

    def refused(self, request: HttpRequest, error: BmsError) -> None:
        """Counts an answer that no handler gave."""
        ...


class _Known(NamedTuple):
    """The request head that is cached with an HTTP/2 head: for requests that end with their head, and for others."""

    ended: bool
    head: RequestHead


class RestServer:
    """The HTTP/2 handler of REST requests. `buffered_bytes` bounds all unfinished bodies of one connection."""

    too_large: bytes = TOO_LARGE

    def __init__(self, host: RestContext, buffered_bytes: int) -> None:
        self._host = host
        self._buffered_bytes = buffered_bytes

    # --- a Handler ---

    def opened(self, stream: Stream) -> None:
        known, answer = stream.head.note, StreamAnswer(self._host, stream)
        stream.state = answer
        if isinstance(known, _Known) and known.ended == stream.ended:
            request, again = HttpRequest(answer, known.head), True
        else:
            request, again = HttpRequest(answer, request_head(stream.head, stream.ended)), False
        answer.request = request
        request.complete = stream.ended
        request.id = request.head.request_id or self._host.fresh_id()
        try:
            self._open(stream, request, again)
        except BmsError as error:
            request.refusal, request.discard = error, True
        except Exception:
            log.exception("request %s could not be opened", request.id.decode("ascii"))
            request.refusal, request.discard = _defect(), True
        self._begin(answer, request)

    def data(self, stream: Stream, data: bytes) -> None:
        answer = _answer(stream)
        request, size = answer.request, len(data)
        if request is None:
            return  # it was answered already
        request.size += size
        request.complete = stream.ended
        if request.discard:
            if stream.ended or request.size > DRAINED:
                self._refuse(answer, request)
        elif request.started:
            if request.handler is not None:
                if size:
                    request.handler.body(request, data)
                if stream.ended and answer.request is not None:
                    request.handler.end(request)
        else:
            self._gather(answer, request, data)

    def reset(self, stream: Stream) -> None:
        self._cancel(_answer(stream))

    def writable(self, stream: Stream) -> None:
        _answer(stream).writable()

    def check_time(self, stream: Stream, now: float) -> None:
        limits, answer = self._host.limits, _answer(stream)
        if answer.stuck_s(now) > limits.write_timeout_s:
            self._cancel(answer)
            stream.table.abort(stream)
            return
        request = answer.request
        if request is None or stream.ended:
            return
        if stream.held:
            stream.since = now  # it is us who do not read
        elif now - stream.since > limits.body_timeout_s + request.size / limits.body_bytes_per_s:
            self._drop(request)
            request.refusal = RequestTimeout("the body of the request did not come in time")
            self._refuse(answer, request)

    # --- parts ---

    def _open(self, stream: Stream, request: HttpRequest, again: bool) -> None:
        head, host = request.head, self._host
        if again:
            host.reopen(request)
        else:
            check_head(stream.head, head, host.limits)
            host.open(request)
            if host.remembers(request):
                stream.head.note = _Known(stream.ended, head)
        if head.length and request.handler is not None and request.handler.whole_body:
            check_body_size(head.length, host.limits)

    def _begin(self, answer: StreamAnswer, request: HttpRequest) -> None:
        handler = request.handler
        if request.refusal is not None:
            # A short body is let come, since there are clients that read nothing while they send.
            if request.complete or request.expects or (request.head.length or 0) > DRAINED:
                self._refuse(answer, request)
        elif handler is not None and (request.complete or not handler.whole_body):
            self._start(request)
        else:
            answer.continue_(request)

    def _gather(self, answer: StreamAnswer, request: HttpRequest, data: bytes) -> None:
        body = answer.body
        if body is None and not request.complete:
            body = answer.body = RequestBody()
        if body is not None:
            body.add(data)
            answer.keep(body.size)
        try:
            check_body_size(request.size, self._host.limits)
            if answer.buffered > self._buffered_bytes:
                raise ResourceExhausted("too many unfinished requests on this connection: send less at once")
        except BmsError as error:
            request.refusal, request.discard = error, True
            self._refuse(answer, request)
            return
        if request.complete:
            request.chunks.append(data if body is None else body.take())
            answer.body = None
            answer.keep(0)
            self._start(request)

    def _start(self, request: HttpRequest) -> None:
        handler = request.handler
        assert handler is not None
        request.started = True
        try:
            handler.start(request)
        except Exception:
            log.exception("request %s could not be answered", request.id.decode("ascii"))
            request.connection.respond_error(request, _defect())

    def _refuse(self, answer: StreamAnswer, request: HttpRequest) -> None:
        assert request.refusal is not None
        self._host.refused(request, request.refusal)
        answer.respond_error(request, request.refusal)

    def _drop(self, request: HttpRequest) -> None:
        if request.started and request.handler is not None and not request.discard:
            request.handler.cancel(request)
        request.started = False

    def _cancel(self, answer: StreamAnswer) -> None:
        request = answer.request
        if request is not None:
            answer.close()
            self._drop(request)


def _answer(stream: Stream) -> StreamAnswer:
    assert isinstance(stream.state, StreamAnswer)
    return stream.state


def _defect() -> Internal:
    return Internal("this request met a defect of ours: tell the operator its x-request-id")
