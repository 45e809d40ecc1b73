"""The methods RepositoryModelLoad and RepositoryModelUnload: each is proxied to control as its REST request, and the
answer translated back."""

from http import HTTPStatus
from typing import Any, Literal
from urllib.parse import quote

import msgspec
import orjson

from bms.core.errors import BY_CODE, BmsError, Cancelled, InvalidArgument, Unavailable, Unimplemented, from_code
from bms.protocols.oip.grpc.infer import read_parameters
from bms.protocols.protobuf.pool import message, parse
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import QuietMethod
from bms.web.inference.http.framing import Header
from bms.web.inference.http.request import HttpRequest, RequestHead
from bms.web.inference.reverse_proxy import ReverseProxy

_MOST = 1 << 16  # bytes of control's answer


class RepositoryLoad(QuietMethod):
    """The method that loads or unloads a model by asking control."""

    def __init__(self, pipeline: Pipeline, proxy: ReverseProxy, verb: Literal["load", "unload"]) -> None:
        self._pipeline = pipeline
        self._proxy = proxy
        self._verb = verb
        self._request = message(f"inference.RepositoryModel{verb.capitalize()}Request")

    def opened(self, call: RpcCall) -> None:
        call.caller = self._pipeline.admit(call.head)

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        asked = parse(self._request, message)
        if not asked.model_name:
            raise InvalidArgument("model_name is empty: name a deployment")
        body = orjson.dumps({"parameters": _plain(read_parameters(asked.parameters))})
        target = f"/v2/repository/models/{quote(asked.model_name, safe='')}/{self._verb}"
        head = RequestHead(b"POST", target.encode(), "1.1", self._headers(call, len(body)))
        head.length = len(body)
        request = HttpRequest(_ControlAnswer(call), head)
        request.id, request.complete, request.size = call.id, True, len(body)
        request.chunks.append(body)
        call.state = request
        self._proxy.start(request)

    def cancel(self, call: RpcCall) -> None:
        request, call.state = call.state, None
        if isinstance(request, HttpRequest):
            self._proxy.cancel(request)

    def _headers(self, call: RpcCall, length: int) -> list[Header]:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % length)]
        if call.head.authorization is not None:
            headers.append((b"authorization", call.head.authorization))
        elif call.head.api_key is not None:
            headers.append((b"x-api-key", call.head.api_key))
        if call.deadline is not None:
            left = max(call.deadline - self._pipeline.monotonic(), 0.001)
            headers.append((b"x-request-timeout", b"%.3f" % left))
        return headers


class _ControlAnswer:
    """The Answerer of one request to control: collects the answer and sends it on the gRPC call."""

    unsent = 0
    slow_writer = False

    def __init__(self, call: RpcCall) -> None:
        self._call = call
        self._status = 0
        self._body = b""

    def respond(
        self, request: HttpRequest, status: int, content_type: bytes, body: bytes, headers: bytes = b""
    ) -> None:
        self._status, self._body = status, body
        self.end_stream(request)

    def respond_error(self, request: HttpRequest, error: BmsError, headers: bytes = b"") -> None:
        self._call.state = None
        self._call.fail(error)

    def begin_stream(self, request: HttpRequest, status: int, headers: bytes, length: int | None) -> None:
        self._status = status

    def stream(self, request: HttpRequest, data: bytes) -> None:
        if len(self._body) < _MOST:
            self._body += data

    def end_stream(self, request: HttpRequest) -> None:
        self._call.state = None
        if self._status == HTTPStatus.OK:
            self._call.respond(b"")
        else:
            self._call.fail(read_error(self._status, self._body))

    def abort(self) -> None:
        self._call.state = None
        self._call.fail(Unavailable("control's answer broke off: it may have been done or not; ask again"))

    def hold(self, yes: bool) -> None:
        """Does nothing: the whole request is here already."""

    def continue_(self, request: HttpRequest) -> None:
        """Does nothing: no client waits for 100 Continue."""

    @property
    def peer(self) -> str:
        return self._call.stream.table.peer


def read_error(status: int, body: bytes) -> BmsError:
    """Reads the error of control's REST answer: `{"error": …}`, or a problem of RFC 9457."""
    try:
        said = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError:
        said = {}
    words = str(said.get("error") or said.get("detail") or f"control answered with HTTP status {status}")
    code = said.get("code")
    if isinstance(code, str):
        return from_code(code, words)
    named = [kind for kind in BY_CODE.values() if kind.http_status == status and kind is not Cancelled]
    return named[0](words) if named else Unavailable(words)


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    for name, value in parameters.items():
        if isinstance(value, bytes):
            kind = Unimplemented if name.startswith("file:") else InvalidArgument
            raise kind(
                f"failed to load, parameter {name[:80]!r} carries bytes: models are added as versions, by the API"
            )
    return parameters
