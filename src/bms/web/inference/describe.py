"""Descriptions of what is served, for those who may call it: lists, status, metadata, configuration, statistics,
health."""

import re
from collections.abc import Callable

from bms.core.errors import BmsError, InvalidArgument, MethodNotAllowed, Unavailable, Unimplemented
from bms.core.serving.snapshot import KeyEntry, ServedVersion
from bms.protocols import model_listing
from bms.protocols.client_memory import NO_SHARED_MEMORY
from bms.protocols.mlflow import endpoints as mlflow_endpoints
from bms.protocols.mlflow.scoring import VERSION as MLFLOW
from bms.protocols.oip import config as oip_config
from bms.protocols.oip import metadata as oip_metadata
from bms.protocols.oip import repository as oip_repository
from bms.protocols.oip import settings as oip_settings
from bms.protocols.oip import statistics as oip_statistics
from bms.protocols.tfserving import status as tfserving_status
from bms.serving.pipeline.metrics import GatewayMetrics
from bms.serving.traffic.snapshot_index import DeploymentRoute, SnapshotIndex, served
from bms.serving.traffic.split import choose_version, find_route, named_version
from bms.web.inference.http.answers import JSON, UnknownPath
from bms.web.inference.http.compression import deflate, inflate
from bms.web.inference.http.request import HttpRequest
from bms.web.inference.http.whole_body import WholeBodyHandler
from bms.web.inference.paths import GET_AND_POST, VERBS, Operation

_PLAIN = b"text/plain; charset=utf-8"
_TEXT = b"text/plain; version=0.0.4; charset=utf-8"
_BODY_BYTES = 1 << 16  # of the body of an index request, or of settings
_OPENAI = "/v1/embeddings and /v1/models"
_OF_TEXTS = re.compile(rb"/v1/(chat/completions|completions|responses)\b", re.IGNORECASE)
_ENDPOINTS = ("mlflow_endpoints", "mlflow_endpoint", "databricks_endpoints", "databricks_endpoint")
_MADE_ELSEWHERE = "; deployments are made and changed by `bms deploy`, or PUT /api/v1/deployments/NAME"
_METHODS = {"GET": (b"GET", b"HEAD"), "POST": (b"POST",), GET_AND_POST: (b"GET", b"HEAD", b"POST")}


class Describer(WholeBodyHandler):
    """The handler of every gateway path that asks no model. `ready` says whether a snapshot is there."""

    def __init__(
        self,
        *,
        index: Callable[[], SnapshotIndex],
        ready: Callable[[], bool],
        metrics: GatewayMetrics,
        version: str,
        random: Callable[[], float],
    ) -> None:
        self._index = index
        self._ready = ready
        self._metrics = metrics
        self._version = version
        self._random = random

    def start(self, request: HttpRequest) -> None:
        operation = request.operation
        assert isinstance(operation, Operation)
        try:
            status, content_type, body = self._answer(request, operation)
        except BmsError as error:
            self._metrics.direct(error.http_status)
            request.connection.respond_error(request, error)
            return
        self._metrics.direct(status)
        headers = b""
        # tritonclient's asyncio form says that it takes gzip wherever it goes, and inflates inference answers alone.
        if b"accept-encoding" in request.fields and not str(operation.action).startswith("oip"):
            body, headers = deflate(body, request.fields[b"accept-encoding"])
        request.connection.respond(request, status, content_type, body, headers)

    def _answer(self, request: HttpRequest, operation: Operation) -> tuple[int, bytes, bytes]:
        """Returns status, content type and body."""
        action, method = operation.action, request.method
        if action is None:
            raise _missing(request, operation)
        allowed = _METHODS[operation.allowed]
        if method not in allowed or action in VERBS:
            shown = method.decode("latin-1")
            listed = b", ".join(allowed).decode()
            instead = _MADE_ELSEWHERE if action in _ENDPOINTS else ""
            raise MethodNotAllowed(f"{shown} is not for this path: use {operation.allowed}{instead}", listed)
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
        return self._of_tenant(request, operation)

    def _of_tenant(self, request: HttpRequest, operation: Operation) -> tuple[int, bytes, bytes]:
        key, action = request.caller, operation.action
        assert isinstance(key, KeyEntry)
        index = self._index()
        if action == "list":
            return 200, JSON, model_listing.encode_list(index.tenant_entries(key.tenant))
        if action == "mlflow_endpoints":
            return 200, JSON, mlflow_endpoints.encode_endpoints(index.tenant_entries(key.tenant))
        if action == "databricks_endpoints":
            return 200, JSON, mlflow_endpoints.encode_databricks_endpoints(index.tenant_entries(key.tenant))
        if action == "oip_index":
            ready_only = oip_repository.decode_index(_body(request))
            return 200, JSON, oip_repository.encode_index(index.tenant_entries(key.tenant), ready_only)
        if action == "oip_all_stats":
            routes = [index.routes[key.tenant, entry.name] for entry in index.tenant_entries(key.tenant)]
            return 200, JSON, self._statistics([(route, version) for route in routes for version in _all(route)])
        if action in ("oip_trace", "oip_model_trace", "oip_log"):
            if action == "oip_model_trace":
                find_route(index, key.tenant, operation.model)
            return 200, JSON, _settings(request, "log" if action == "oip_log" else "trace")
        return self._of_model(find_route(index, key.tenant, operation.model), operation)

    def _of_model(self, route: DeploymentRoute, operation: Operation) -> tuple[int, bytes, bytes]:
        action, entry = operation.action, route.entry
        if action == "mlflow_endpoint":
            return 200, JSON, mlflow_endpoints.encode_endpoint(entry)
        if action == "databricks_endpoint":
            return 200, JSON, mlflow_endpoints.encode_databricks_endpoint(entry)
        named = operation.version is not None or operation.alias is not None
        if action in ("model", "oip_stats"):
            versions = [named_version(route, operation.version, operation.alias)] if named else _all(route)
            if action == "oip_stats":
                return 200, JSON, self._statistics([(route, version) for version in versions])
            return 200, JSON, model_listing.encode_model(entry, versions)
        if action == "oip_model_ready":
            ready = _model_ready(route, operation)
            return 200 if ready else 503, JSON, oip_metadata.encode_model_ready(operation.model, ready)
        if action in ("mlflow_ping", "mlflow_version"):
            if not _model_ready(route, operation):
                raise Unavailable(f"{operation.model[:80]!r} is not served now: `bms deployment status` says why")
            return 200, _PLAIN, b"\n" if action == "mlflow_ping" else MLFLOW.encode()
        version = (
            named_version(route, operation.version, operation.alias)
            if named
            else choose_version(route, None, None, self._random())
        )
        if action == "metadata":
            return 200, JSON, tfserving_status.encode_metadata(entry.name, version)
        if action == "oip_config":
            return 200, JSON, oip_config.encode_config(entry, version)
        return 200, JSON, oip_metadata.encode_model(entry, version)

    def _statistics(self, versions: list[tuple[DeploymentRoute, ServedVersion]]) -> bytes:
        return oip_statistics.encode_statistics(
            (route.entry.name, version.number, self._metrics.statistics(route.entry.id, version.number))
            for route, version in versions
        )


def _body(request: HttpRequest) -> bytes | memoryview:
    return inflate(request.body(), request.fields.get(b"content-encoding", b""), _BODY_BYTES)


def _settings(request: HttpRequest, kind: oip_settings.Setting) -> bytes:
    if request.method == b"POST":
        oip_settings.check_settings(kind, _body(request))
    return oip_settings.encode_settings(kind)


def _all(route: DeploymentRoute) -> list[ServedVersion]:
    return [route.versions[number] for number in sorted(route.versions)]


def _model_ready(route: DeploymentRoute, operation: Operation) -> bool:
    if operation.version is None and operation.alias is None:
        return bool(route.shares)
    return served(named_version(route, operation.version, operation.alias))


def _missing(request: HttpRequest, operation: Operation) -> BmsError:
    shown = f"{request.method.decode('latin-1')} {request.target[:200].decode('latin-1')}"
    if operation.missing == "memory":
        return Unimplemented(NO_SHARED_MEMORY)
    if operation.missing == "tfserving":
        return InvalidArgument(f"Malformed request: {shown}")
    if operation.missing == "openai":
        return UnknownPath(f"nothing is at {shown}: {_texts(request)}of OpenAI's API, {_OPENAI} are served here")
    if operation.missing == "mlflow":
        return UnknownPath(f"nothing is at {shown}: MLflow's paths are /endpoints/NAME/invocations, …/ping, …/version")
    return UnknownPath(f"nothing is at {shown}: see /v2/models/NAME/infer")


def _texts(request: HttpRequest) -> str:
    """Returns a hint for clients that ask for text generation by an OpenAI path."""
    if not _OF_TEXTS.match(request.target):
        return ""
    return "a model that answers texts is asked by /v2/models/NAME/generate, part by part by …/generate_stream; "
