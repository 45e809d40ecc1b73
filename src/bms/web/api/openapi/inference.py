"""The inference paths, which gateways answer by themselves: those of TensorFlow Serving, KServe, OpenAI, MLflow."""

from typing import Any, NamedTuple

from bms.web.api.openapi import bounds, errors
from bms.web.api.openapi.tensors import SCHEMAS, Schema, ref

__all__ = ["SCHEMAS", "paths"]

_JSON = "application/json"
_WORDS = {
    "model": "the deployment's name",
    "version": "number of one of its versions",
    "version_or_alias": "number of one of its versions, or an alias of the model",
    "label": "an alias of the model, as TensorFlow Serving calls it",
}
_ASKED = {400, 401, 403, 404, 409, 412, 413, 415, 429, 500, 501, 503, 504}
_TOLD = {400, 401, 403, 404, 503}
_ROW_BODIES = {  # beside JSON
    "text/csv": "a table with a header line",
    "image/png": "one row: an image, where the model takes such",
    "image/jpeg": "one row: an image, where the model takes such",
    "image/webp": "one row: an image, where the model takes such",
    "text/plain": "one row: a text, where the model takes such",
}


class _Path(NamedTuple):
    """One operation of the gateway. `forms` are put in place of `{at}`: the same, of a version or of an alias."""

    method: str
    path: str
    tag: str
    summary: str
    about: str
    answer: Schema
    body: Schema | None = None
    forms: tuple[str, ...] = ("",)
    media: str = _JSON
    more_bodies: tuple[str, ...] = ()
    style: str = errors.PLAIN
    permission: str | None = "inference:invoke"
    more_statuses: frozenset[int] = frozenset()


_MAY_BE_NONE = (ref("IndexRequest"), ref("RepositoryRequest"))  # bodies that needn't be there
_VERSIONS = ("", "/versions/{version}")
_OIP_VERSIONS = ("", "/versions/{version_or_alias}")
_NAMES = (*_VERSIONS, "/labels/{label}")
_ROWS = tuple(_ROW_BODIES)
_LINE: Schema = {"type": "string"}
_TABLE = (
    _Path(
        "POST", "/v1/models/{model}{at}:predict", "inference", "Predict rows or columns",
        "TensorFlow Serving's predict. Numbers are cast to what the model takes, or refused; NaN and Infinity are "
        "bare.",
        ref("PredictAnswer"), ref("PredictRequest"), _NAMES, more_bodies=_ROWS,
    ),
    _Path(
        "POST", "/v1/models/{model}{at}:classify", "inference", "Classify examples",
        "For each example its classes with their scores, for models that say which output is the scores.",
        ref("ResultsAnswer"), ref("ExamplesRequest"), _NAMES, more_bodies=_ROWS,
    ),
    _Path(
        "POST", "/v1/models/{model}{at}:regress", "inference", "Regress examples",
        "For each example one number.",
        ref("ResultsAnswer"), ref("ExamplesRequest"), _NAMES, more_bodies=("text/csv",),
    ),
    _Path(
        "POST", "/v1/models/{model}{at}:explain", "inference", "Explain answers",
        "KServe's explain, of models that have a signature `explain`: bodies as of predict. 501 for others.",
        ref("ExplainAnswer"), ref("PredictRequest"), _NAMES, more_bodies=_ROWS,
    ),
    _Path(
        "POST", "/v1/embeddings", "inference", "Embed texts",
        "OpenAI's embeddings, of a model that gives one vector for each text.",
        ref("EmbeddingsAnswer"), ref("EmbeddingsRequest"), style=errors.OPENAI,
    ),
    _Path(
        "POST", "/endpoints/{model}{at}/invocations", "inference", "Invoke as MLflow's server",
        "MLflow's scoring protocol. Parameters that the model does not have are refused.",
        ref("InvocationsAnswer"), ref("PredictRequest"), _NAMES, more_bodies=("text/csv",), style=errors.MLFLOW,
        more_statuses=frozenset({415}),
    ),
    _Path(
        "POST", "/serving-endpoints/{model}{at}/invocations", "inference", "Invoke as a Databricks endpoint",
        "The same, where MLflow's client for Databricks looks for it.",
        ref("InvocationsAnswer"), ref("PredictRequest"), _NAMES, more_bodies=("text/csv",), style=errors.MLFLOW,
        more_statuses=frozenset({415}),
    ),
    _Path(
        "GET", "/endpoints/{model}{at}/ping", "served", "Whether it answers, for MLflow's clients",
        "An empty line. 503 while it does not answer.", _LINE, forms=_NAMES, media="text/plain", style=errors.MLFLOW,
    ),
    _Path(
        "GET", "/endpoints/{model}{at}/health", "served", "The same as `…/ping`",
        "An empty line. 503 while it does not answer.", _LINE, forms=_NAMES, media="text/plain", style=errors.MLFLOW,
    ),
    _Path(
        "GET", "/endpoints/{model}{at}/version", "served", "The version of MLflow whose protocol is spoken",
        "Of MLflow, not of the model.", _LINE, forms=_NAMES, media="text/plain", style=errors.MLFLOW,
    ),
    _Path(
        "GET", "/api/2.0/endpoints", "served", "What is served, for MLflow's deployment client",
        "As MLflow's own server tells its endpoints.", ref("Anything"), style=errors.MLFLOW,
    ),
    _Path(
        "GET", "/api/2.0/endpoints/{model}", "served", "One of these",
        "As MLflow's own server tells it.", ref("Anything"), style=errors.MLFLOW,
    ),
    _Path(
        "GET", "/api/2.0/serving-endpoints", "served", "What is served, for MLflow's client for Databricks",
        "As Databricks tells its endpoints: versions, their state, their share of the traffic.",
        ref("Anything"), style=errors.MLFLOW,
    ),
    _Path(
        "GET", "/api/2.0/serving-endpoints/{model}", "served", "One of these",
        "As Databricks tells it.", ref("Anything"), style=errors.MLFLOW,
    ),
    _Path(
        "POST", "/v2/models/{model}{at}/infer", "inference", "Infer tensors",
        "The Open Inference Protocol, in JSON or with raw tensors behind it.",
        ref("InferAnswer"), ref("InferRequest"), _OIP_VERSIONS, more_bodies=("application/octet-stream",),
    ),
    _Path(
        "POST", "/v2/models/{model}{at}/generate", "inference", "Generate once",
        "Plain values in, plain values out.",
        ref("GenerateAnswer"), ref("GenerateRequest"), _OIP_VERSIONS,
    ),
    _Path(
        "POST", "/v2/models/{model}{at}/generate_stream", "inference", "Generate part by part",
        "Server-sent events, `data: {…}`, one for each part. An error after the first is an event with `error` and "
        "`code`.",
        ref("GenerateAnswer"), ref("GenerateRequest"), _OIP_VERSIONS, media="text/event-stream",
    ),
    _Path(
        "GET", "/v1/models", "served", "What is served",
        "Names of the key's tenant alone.", ref("ServedList"), style=errors.OPENAI,
    ),
    _Path(
        "GET", "/v1/models/{model}", "served", "How its versions are",
        "As TensorFlow Serving, KServe V1 and OpenAI tell it.", ref("VersionStatus"), style=errors.OPENAI,
    ),
    _Path(
        "GET", "/v1/models/{model}{at}", "served", "How one of its versions is",
        "As TensorFlow Serving tells it.", ref("VersionStatus"), forms=_NAMES[1:],
    ),
    _Path(
        "GET", "/v1/models/{model}{at}/metadata", "served", "Signatures",
        "As TensorFlow Serving tells them.", ref("ModelMetadata"), forms=_NAMES,
    ),
    _Path(
        "GET", "/v2", "served", "The server", "Name, version, extensions.", ref("ServerMetadata"),
    ),
    _Path(
        "GET", "/v2/models/{model}{at}", "served", "Inputs and outputs",
        "As the Open Inference Protocol tells them.", ref("OipModel"), forms=_OIP_VERSIONS,
    ),
    _Path(
        "GET", "/v2/models/{model}{at}/ready", "served", "Whether it is ready",
        "503 while it is not.", ref("Readiness"), forms=_OIP_VERSIONS,
    ),
    _Path(
        "GET", "/v2/models/{model}{at}/config", "served", "Configuration",
        "As Triton tells it.", ref("Anything"), forms=_OIP_VERSIONS,
    ),
    _Path(
        "GET", "/v2/models/{model}{at}/stats", "served", "Statistics",
        "Of the gateway that answers, since its start.", ref("Statistics"), forms=_OIP_VERSIONS,
    ),
    _Path(
        "GET", "/v2/models/stats", "served", "Statistics of all",
        "The same, of all the tenant serves.", ref("Statistics"),
    ),
    _Path(
        "GET", "/v2/trace/setting", "served", "Trace settings",
        "As Triton tells them. Requests are not traced here.", ref("Anything"),
    ),
    _Path(
        "POST", "/v2/trace/setting", "served", "Change trace settings",
        "They are fixed: 501 for a change, the settings for what is so already.", ref("Anything"), ref("Anything"),
    ),
    _Path(
        "GET", "/v2/models/{model}/trace/setting", "served", "Trace settings of a model",
        "As Triton tells them. The same for all.", ref("Anything"),
    ),
    _Path(
        "POST", "/v2/models/{model}/trace/setting", "served", "Change trace settings of a model",
        "They are fixed: 501 for a change, the settings for what is so already.", ref("Anything"), ref("Anything"),
    ),
    _Path(
        "GET", "/v2/logging", "served", "Log settings",
        "As Triton tells them. What is logged is the operator's to say.", ref("Anything"),
    ),
    _Path(
        "POST", "/v2/logging", "served", "Change log settings",
        "They are fixed: 501 for a change, the settings for what is so already.", ref("Anything"), ref("Anything"),
    ),
    _Path(
        "POST", "/v2/repository/index", "served", "What is in the repository",
        "Deployments of the key's tenant.", ref("RepositoryIndex"), ref("IndexRequest"),
    ),
    _Path(
        "POST", "/v2/repository/models/{model}/load", "deployments", "Serve it",
        "Starts the deployment; where there is none, the alias `production` of the model of that name is deployed. "
        "Answers when every gateway routes to it.",
        ref("Anything"), ref("RepositoryRequest"), permission="deployments:write",
    ),
    _Path(
        "POST", "/v2/repository/models/{model}/unload", "deployments", "Serve it no more",
        "Stops the deployment, which keeps its name and settings.",
        ref("Anything"), ref("RepositoryRequest"), permission="deployments:write",
    ),
    _Path("GET", "/", "health", "Whether the gateway answers", "Open to all.", ref("Anything"), permission=None),
    _Path("GET", "/v2/health/live", "health", "Whether it lives", "Open to all.", ref("Readiness"), permission=None),
    _Path(
        "GET", "/v2/health/ready", "health", "Whether it can answer", "Open to all. 503 while it can't.",
        ref("Readiness"), permission=None,
    ),
    _Path(
        "GET", "/metrics", "health", "Metrics of this gateway",
        "Prometheus text 0.0.4, open to all, with ids instead of names. `/api/v1/system/metrics` has all processes "
        "and names.",
        {"type": "string"}, media="text/plain", permission=None,
    ),
)  # fmt: skip


def paths() -> dict[str, dict[str, Any]]:
    """Returns operations by path and method."""
    found: dict[str, dict[str, Any]] = {}
    for each in _TABLE:
        for form in each.forms:
            path = each.path.replace("{at}", form)
            found.setdefault(path, {})[each.method.lower()] = _operation(each, path)
    return found


def _operation(each: _Path, path: str) -> dict[str, Any]:
    words = [part for part in path.replace(":", "/").replace("{", "").replace("}", "").split("/") if part]
    statuses = set() if each.permission is None else _ASKED if each.body else _TOLD
    operation: dict[str, Any] = {
        "operationId": "_".join([each.method.lower(), "inference", *words]),
        "summary": each.summary,
        "description": each.about,
        "tags": [each.tag],
        "parameters": _parameters(each, path),
        "responses": {
            "200": {"description": "done", "content": {each.media: {"schema": each.answer}}},
            **errors.named((statuses or {503}) | each.more_statuses, each.style),
        },
        "security": [] if each.permission is None else [{"key": []}, {"header": []}],
        "x-permission": each.permission,
    }
    if each.answer == ref("Readiness"):  # which says so itself
        not_ready = {"anyOf": [each.answer, ref(each.style)]}
        operation["responses"]["503"] = {"description": "Not ready.", "content": {_JSON: {"schema": not_ready}}}
    if each.body is not None:
        content = {_JSON: {"schema": each.body}}
        for media in each.more_bodies:
            about = _ROW_BODIES.get(media, "the JSON, then raw little-endian tensors")
            content[media] = {"schema": {"type": "string", "description": about}}
        operation["requestBody"] = {"required": each.body not in _MAY_BE_NONE, "content": content}
    return operation


def _parameters(each: _Path, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": about,
            "schema": {"type": "string", **bounds.PATH[name]},
        }
        for name, about in _WORDS.items()
        if f"{{{name}}}" in path
    ]
    if each.body is not None and each.answer != ref("RepositoryIndex"):
        about = "seconds that the request may take at most"
        found.append(
            {
                "name": "X-Request-Timeout",
                "in": "header",
                "description": about,
                "schema": {"type": "number", **bounds.HEADER["X-Request-Timeout"]},
            }
        )
    return found
