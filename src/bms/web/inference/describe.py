"""What is served, told to those who may call it: lists, status, metadata, health."""

from collections.abc import Callable

from bms.core.errors import BmsError, InvalidArgument, NotFound
from bms.core.snapshot import KeyEntry
from bms.protocols import model_listing, oip_metadata, tfserving_status
from bms.serving.traffic.snapshot_index import Route, SnapshotIndex, served
from bms.serving.traffic.split import choose_version, find_route, named_version
from bms.web.inference.answers import JSON
from bms.web.inference.metrics import Metrics
from bms.web.inference.paths import VERBS, Operation
from bms.web.inference.request import Request

_TEXT = b"text/plain; version=0.0.4; charset=utf-8"


class MethodNotAllowed(BmsError):
    """405: the path is there, this method of it is not."""

    code, http_status, grpc_status = "UNIMPLEMENTED", 405, 12


class Describer:
    """Handles every path of ours that asks no model. `ready` says whether a snapshot is there."""

    whole_body = True

    def __init__(
        self,
        *,
        index: Callable[[], SnapshotIndex],
        ready: Callable[[], bool],
        metrics: Metrics,
        version: str,
        random: Callable[[], float],
    ) -> None:
        self._index = index
        self._ready = ready
        self._metrics = metrics
        self._version = version
        self._random = random

    def start(self, request: Request) -> None:
        operation = request.operation
        assert isinstance(operation, Operation)
        try:
            status, content_type, body = self._answer(request, operation)
        except BmsError as error:
            self._metrics.direct(error.http_status)
            allow = b"allow: %b\r\n" % operation.allowed.encode() if isinstance(error, MethodNotAllowed) else b""
            request.connection.respond_error(request, error, allow)
            return
        self._metrics.direct(status)
        request.connection.respond(request, status, content_type, body)

    def body(self, request: Request, chunk: bytes | memoryview) -> None:
        raise AssertionError("a whole body has no more")

    def end(self, request: Request) -> None:
        raise AssertionError("a whole body has no more")

    def cancel(self, request: Request) -> None:
        """Nothing to do: answers are given at once."""

    def writable(self, request: Request, yes: bool) -> None:
        """Nothing to do: an answer is written in one piece."""

    def _answer(self, request: Request, operation: Operation) -> tuple[int, bytes, bytes]:
        """Status, content type, body."""
        action = operation.action
        if action is None:
            raise self._missing(request, operation)
        if request.method not in (b"GET", b"HEAD") or action in VERBS:
            raise MethodNotAllowed(f"{request.method.decode('latin-1')} is not for this path: use {operation.allowed}")
        if action == "alive":
            return 200, JSON, b'{"status":"alive"}'
        if action == "metrics":
            return 200, _TEXT, self._metrics.text().encode()
        if action == "oip_live":
            return 200, JSON, oip_metadata.encode_health("live", True)
        if action == "oip_ready":
            ready = self._ready()
            return 200 if ready else 503, JSON, oip_metadata.encode_health("ready", ready)
        if action == "oip_server":
            return 200, JSON, oip_metadata.encode_server(self._version)
        return self._of_models(request, operation)

    def _of_models(self, request: Request, operation: Operation) -> tuple[int, bytes, bytes]:
        key = request.caller
        assert isinstance(key, KeyEntry)
        index = self._index()
        if operation.action == "list":
            return 200, JSON, model_listing.encode_list(index.tenant_entries(key.tenant))
        route = find_route(index, key.tenant, operation.model)
        named = operation.version is not None or operation.alias is not None
        if operation.action == "model":
            versions = (
                [named_version(route, operation.version, operation.alias)] if named else list(route.versions.values())
            )
            return 200, JSON, model_listing.encode_model(route.entry, versions)
        if operation.action == "oip_model_ready":
            ready = self._model_ready(route, operation)
            return 200 if ready else 503, JSON, oip_metadata.encode_model_ready(operation.model, ready)
        version = (
            named_version(route, operation.version, operation.alias)
            if named
            else choose_version(route, None, None, self._random())
        )
        if operation.action == "metadata":
            return 200, JSON, tfserving_status.encode_metadata(route.entry.name, version)
        return 200, JSON, oip_metadata.encode_model(route.entry, version)

    def _model_ready(self, route: Route, operation: Operation) -> bool:
        if operation.version is None:
            return bool(route.shares)
        return served(named_version(route, operation.version, None))

    def _missing(self, request: Request, operation: Operation) -> BmsError:
        shown = f"{request.method.decode('latin-1')} {request.target[:200].decode('latin-1')}"
        if operation.missing == "tfserving":
            return InvalidArgument(f"Malformed request: {shown}")
        return NotFound(f"nothing is at {shown}: see /v2/models/NAME/infer")
