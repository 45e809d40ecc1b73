"""The request gateway: what a gateway's connections share, and which handler a request goes to."""

from collections.abc import Callable, Sequence
from email.utils import formatdate
from itertools import count
from typing import Protocol

from bms.core.errors import BmsError
from bms.protocols.mlflow.scoring import error_body
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.describe import Describer
from bms.web.inference.handler import InferenceHandler
from bms.web.inference.http.answers import JSON, PROBLEM, openai_error, plain_error, problem
from bms.web.inference.http.cors import Cors, Preflight
from bms.web.inference.http.heads import Heads
from bms.web.inference.http.limits import HttpLimits
from bms.web.inference.http.media import check_media
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http1.connection import HttpConnection
from bms.web.inference.paths import PUBLIC, VERBS, Operation, read_path, speaks_mlflow, speaks_openai
from bms.web.inference.reverse_proxy import ReverseProxy

_REMEMBERED = 4096
_PLAIN = (b"/v1", b"/v2")


class ClientConnection(Protocol):
    """A client's socket, whatever protocol it speaks."""

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        ...

    def check_time(self, now: float) -> None: ...

    def drain(self) -> None:
        """Closes the connection as soon as its current requests are answered."""
        ...

    def close(self) -> None:
        """Closes the connection now; what was written is still sent."""
        ...


class RequestGateway:
    """The server context of all connections: it opens requests, picks their handlers and checks time. `name` begins the
    ids of requests that bring none; pages of `origins` may read answers."""

    def __init__(
        self,
        *,
        name: str,
        limits: HttpLimits,
        pipeline: Pipeline,
        handler: InferenceHandler,
        describer: Describer,
        proxy: ReverseProxy,
        metrics: GatewayMetrics,
        now: Callable[[], float],
        unix_ns: Callable[[], int],
        origins: Sequence[str] = (),
    ) -> None:
        self.limits = limits
        self.connections: set[ClientConnection] = set()
        self.heads = Heads()
        self.draining = False
        self.now = now
        self.metrics = metrics
        self._name = name.encode()
        self._ids = count(1)
        self._pipeline = pipeline
        self._handler = handler
        self._describer = describer
        self._proxy = proxy
        self._cors = Cors(origins)
        self._preflight = Preflight()
        self._unix_ns = unix_ns
        self._paths: dict[tuple[bytes, bytes], Operation] = {}
        self.date = b""
        self._set_date()

    def connection(self) -> HttpConnection:
        """Returns a protocol for one accepted socket."""
        return HttpConnection(self)

    def fresh_id(self) -> bytes:
        return b"%b-%d" % (self._name, next(self._ids))

    def open(self, request: HttpRequest) -> None:
        head = request.head
        if self._cors:
            head.lines = self._cors.lines(head)
            if head.lines and self._cors.is_preflight(head):
                head.handler = request.handler = self._preflight
                return
        known = (head.method, head.target)
        operation = self._paths.get(known) or read_path(head.method, head.target)
        if operation is None:
            head.handler = request.handler = self._proxy
            return
        head.operation = operation
        action = operation.action
        if action in VERBS and head.method == b"POST":
            if len(self._paths) >= _REMEMBERED:
                self._paths.clear()
            self._paths[known] = operation
            head.handler = request.handler = self._handler
            check_media(action, head.fields.get(b"content-type"))
            self._handler.open(request)
            return
        head.handler = request.handler = self._describer
        if action not in PUBLIC:
            request.caller = self._pipeline.caller(head)

    def reopen(self, request: HttpRequest) -> None:
        self._handler.open(request)

    def remembers(self, request: HttpRequest) -> bool:
        return request.handler is self._handler and request.refusal is None

    def error_body(self, request: HttpRequest, error: BmsError) -> tuple[bytes, bytes]:
        target = request.target
        if speaks_openai(target):
            return JSON, openai_error(error)
        if not target or target[:3].lower().startswith(_PLAIN):
            return JSON, plain_error(error)
        if speaks_mlflow(target):
            return JSON, error_body(error)
        return PROBLEM, problem(error, request.id.decode("ascii"))

    def refused(self, request: HttpRequest, error: BmsError) -> None:
        self.metrics.direct(error.http_status)

    def check_time(self) -> None:
        """Checks slow clients, slow control and old rate limits, and sets the date; called once a second."""
        now = self.now()
        self._set_date()
        for connection in list(self.connections):
            connection.check_time(now)
        self._proxy.check_time(now)
        self._pipeline.rates.prune(now)

    @property
    def busy(self) -> int:
        """Requests that are not answered yet."""
        return sum(not connection.idle for connection in self.connections)

    def drain(self) -> None:
        """Ends idle connections at once, and the others with their next answers."""
        self.draining = True
        for connection in list(self.connections):
            connection.drain()

    def _set_date(self) -> None:
        self.date = b"date: %b\r\n" % formatdate(self._unix_ns() / 1e9, usegmt=True).encode()
