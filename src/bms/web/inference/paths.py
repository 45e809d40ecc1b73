"""Parses request targets: the paths of TF Serving, KServe, the Open Inference Protocol, OpenAI and MLflow."""

import re
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from bms.core.errors import InvalidArgument

Action = Literal[
    "predict", "classify", "regress", "explain", "infer", "generate", "generate_stream",  # what a model answers
    "invocations",  # MLflow's
    "embeddings",  # the same, of the model that the body names
    "list", "model", "metadata",  # what is served, as TF Serving, KServe V1 and OpenAI tell it
    "oip_server", "oip_model", "oip_model_ready", "oip_config", "oip_stats", "oip_all_stats", "oip_index",
    "oip_trace", "oip_model_trace", "oip_log",  # what Triton's clients ask beside
    "mlflow_ping", "mlflow_version",
    "mlflow_endpoints", "mlflow_endpoint", "databricks_endpoints", "databricks_endpoint",  # its deployment clients'
    "alive", "oip_live", "oip_ready", "metrics",  # open to all
]  # fmt: skip
PUBLIC: frozenset[str] = frozenset({"alive", "oip_live", "oip_ready", "metrics"})
VERBS: frozenset[str] = frozenset(
    {"predict", "classify", "regress", "explain", "infer", "generate", "generate_stream", "invocations", "embeddings"}
)

_NAMED = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
_TFS_VERB = re.compile(_NAMED + r":(?P<verb>predict|classify|regress|explain)", re.IGNORECASE | re.ASCII)
_TFS_GET = re.compile(_NAMED + r"(?P<metadata>/metadata)?/?", re.IGNORECASE | re.ASCII)
_OIP = re.compile(
    r"/v2/models/(?P<model>[^/:]+)(?:/versions/(?:(?P<version>\d{1,18})|(?P<label>[\w.-]+)))?"
    r"(?:/(?P<verb>ready|infer|config|stats|generate|generate_stream))?/?",
    re.ASCII,
)
_OIP_VERBS: dict[str | None, Action] = {
    None: "oip_model",
    "ready": "oip_model_ready",
    "config": "oip_config",
    "stats": "oip_stats",
    "infer": "infer",
    "generate": "generate",
    "generate_stream": "generate_stream",
}
_MLFLOW = re.compile(
    r"/(?:serving-)?endpoints/(?P<model>[^/:]+)(?:/versions/(?P<version>\d{1,18})|/labels/(?P<label>[^/:]+))?"
    r"/(?P<verb>invocations|ping|health|version)/?",
    re.ASCII,
)
_MLFLOW_VERBS: dict[str, Action] = {
    "invocations": "invocations",
    "ping": "mlflow_ping",
    "health": "mlflow_ping",
    "version": "mlflow_version",
}
MLFLOW = ("/endpoints/", "/serving-endpoints/")  # what the paths of MLflow's clients, and for Databricks, begin with
_MLFLOW_LISTED = re.compile(r"/api/2\.0/(?P<whose>serving-)?endpoints(?:/(?P<model>[^/:]+))?/?", re.ASCII)
_MLFLOW_API = ("/api/2.0/endpoints", "/api/2.0/serving-endpoints")
_OPENAI = re.compile(r"/v1(?:/(?!models/)[^?]*|/models/?|/models/[^/:?]+/?)?(?:\?|$)", re.IGNORECASE)
_TRACE = re.compile(r"/v2/models/(?P<model>[^/:]+)/trace/setting/?")
_SHARED_MEMORY = re.compile(r"/v2/(?:system|cuda)sharedmemory(?:/region/[^/]+)?/(?:status|register|unregister)/?")
_LOADING = re.compile(r"/v2/repository/models/[^/:]+/(?:load|unload)/?")
_FIXED: dict[str, Action] = {
    "/": "alive",
    "/metrics": "metrics",
    "/monitoring/prometheus/metrics": "metrics",
    "/v1/models": "list",
    "/v1/models/": "list",
    "/v1/embeddings": "embeddings",
    "/v1/embeddings/": "embeddings",
    "/v2": "oip_server",
    "/v2/": "oip_server",
    "/v2/health/live": "oip_live",
    "/v2/health/live/": "oip_live",
    "/v2/health/ready": "oip_ready",
    "/v2/health/ready/": "oip_ready",
    "/v2/models/stats": "oip_all_stats",
    "/v2/models/stats/": "oip_all_stats",
    "/v2/repository/index": "oip_index",
    "/v2/repository/index/": "oip_index",
    "/v2/trace/setting": "oip_trace",
    "/v2/trace/setting/": "oip_trace",
    "/v2/logging": "oip_log",
    "/v2/logging/": "oip_log",
}
GET_AND_POST = "GET, POST"
_SETTINGS = ("oip_trace", "oip_log")


class Operation(NamedTuple):
    """The operation that a path means. `action` None: the path is the gateway's, and nothing is there (`missing` says
    in which protocol's words)."""

    action: Action | None
    model: str = ""
    version: int | None = None
    alias: str | None = None
    missing: Literal["", "tfserving", "oip", "memory", "openai", "mlflow"] = ""
    allowed: str = "GET"


def read_path(method: bytes, target: bytes) -> Operation | None:
    """Returns the operation of a target; None for a path that is control's. Raises InvalidArgument for a target that is
    no path."""
    path = _path(target)
    fixed = _FIXED.get(path)
    if fixed is not None:
        if fixed in _SETTINGS:
            return Operation(fixed, allowed=GET_AND_POST)
        return Operation(fixed, allowed="POST" if fixed == "oip_index" or fixed in VERBS else "GET")
    lowered = path[:11].lower()
    if lowered.startswith("/v1/models/"):
        return _tfserving(path)
    if path.startswith("/v2/"):
        return _oip(path)
    if path.startswith(MLFLOW):
        return _mlflow(path)
    if path.startswith(_MLFLOW_API):
        return _mlflow_listed(path)
    if lowered == "/v1" or lowered.startswith("/v1/"):
        return Operation(None, missing="openai")
    return None


def speaks_mlflow(target: bytes) -> bool:
    """Whether errors of this target are written as MLflow writes them."""
    return target.startswith((b"/endpoints/", b"/serving-endpoints/", b"/api/2.0/endpoints", b"/api/2.0/serving-"))


def speaks_openai(target: bytes) -> bool:
    """Whether errors of this target are written as OpenAI writes them: of all paths below /v1 but those that TensorFlow
    Serving alone has, unknown ones included."""
    return target[:3].lower() == b"/v1" and _OPENAI.match(unquote_to_bytes(target).decode("latin-1")) is not None


def _tfserving(path: str) -> Operation:
    found = _TFS_VERB.fullmatch(path)
    if found:
        return _named(found["verb"].lower(), found, "POST")  # type: ignore[arg-type]
    found = _TFS_GET.fullmatch(path)
    if found:
        return _named("metadata" if found["metadata"] else "model", found, "GET")
    return Operation(None, missing="tfserving")


def _mlflow(path: str) -> Operation:
    found = _MLFLOW.fullmatch(path)
    if not found or (found["verb"] != "invocations" and path.startswith(MLFLOW[1])):
        return Operation(None, missing="mlflow")
    action = _MLFLOW_VERBS[found["verb"]]
    return _named(action, found, "POST" if action in VERBS else "GET")


def _mlflow_listed(path: str) -> Operation:
    found = _MLFLOW_LISTED.fullmatch(path)
    if not found:
        return Operation(None, missing="mlflow")
    model = found["model"]
    if found["whose"]:
        return Operation("databricks_endpoint", model) if model else Operation("databricks_endpoints")
    return Operation("mlflow_endpoint", model) if model else Operation("mlflow_endpoints")


def _oip(path: str) -> Operation | None:
    found = _OIP.fullmatch(path)
    if found:
        action = _OIP_VERBS[found["verb"]]
        return _named(action, found, "POST" if action in VERBS else "GET")
    if _LOADING.fullmatch(path):
        return None  # whoever starts and stops what runs is control
    if (found := _TRACE.fullmatch(path)) is not None:
        return Operation("oip_model_trace", found["model"], allowed=GET_AND_POST)
    if _SHARED_MEMORY.fullmatch(path):
        return Operation(None, missing="memory")
    return Operation(None, missing="oip")


def _named(action: Action, found: re.Match[str], allowed: str) -> Operation:
    version = int(found["version"]) if found["version"] else None
    return Operation(action, found["model"], version, found["label"], allowed=allowed)


def _path(target: bytes) -> str:
    path = target.partition(b"?")[0]
    if not path.startswith(b"/"):
        scheme, _, rest = path.partition(b"://")
        if scheme.lower() not in (b"http", b"https"):
            if path == b"*":
                return "*"
            raise InvalidArgument("the request's target must be a path")
        path = b"/" + rest.partition(b"/")[2]
    if b"%" in path:
        path = unquote_to_bytes(path)
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise InvalidArgument("the path is not UTF-8") from None
