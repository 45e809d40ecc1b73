import pytest

from bms.core.errors import InvalidArgument
from bms.web.inference.paths import Operation, read_path


@pytest.mark.parametrize(
    ("request_line", "operation"),
    [
        ("POST /v1/models/m:predict", Operation("predict", "m", allowed="POST")),
        ("POST /V1/Models/m:PREDICT", Operation("predict", "m", allowed="POST")),
        ("POST /v1/models/m/versions/12:classify", Operation("classify", "m", 12, allowed="POST")),
        ("POST /v1/models/m/labels/stable:regress", Operation("regress", "m", None, "stable", allowed="POST")),
        ("POST /v1/models/m%2e1:predict?a=b", Operation("predict", "m.1", allowed="POST")),
        ("POST http://host/v1/models/m:predict", Operation("predict", "m", allowed="POST")),
        ("GET /v1/models/m:predict", Operation("predict", "m", allowed="POST")),
        ("POST /v1/models/m", Operation("model", "m")),
        ("POST /v1/models/m/versions/1/labels/x:predict", Operation(None, missing="tfserving")),
        ("POST /v1/models/m/versions/one:predict", Operation(None, missing="tfserving")),
        ("POST /v1/models/m/versions/%D9%A3:predict", Operation(None, missing="tfserving")),  # a digit, not of ASCII
        ("POST /v1/models/m/label%C5%BF/x:predict", Operation(None, missing="tfserving")),  # an s, to some
        ("POST /v2/models/m/versions/%D9%A3/infer", Operation(None, missing="oip")),
        ("GET /v1/models", Operation("list")),
        ("GET /v1/models/", Operation("list")),
        ("GET /v1/models/m", Operation("model", "m")),
        ("HEAD /v1/models/m/versions/3", Operation("model", "m", 3)),
        ("GET /v1/models/m/labels/a/metadata", Operation("metadata", "m", None, "a")),
        ("POST /v2/models/m/infer", Operation("infer", "m", allowed="POST")),
        ("POST /v2/models/m/versions/2/infer/", Operation("infer", "m", 2, allowed="POST")),
        ("POST /v2/models/m/versions/v0.1.0/infer", Operation("infer", "m", None, "v0.1.0", allowed="POST")),
        ("GET /v2/models/m/versions/stable/ready", Operation("oip_model_ready", "m", None, "stable")),
        ("GET /v2/models/m", Operation("oip_model", "m")),
        ("GET /v2/models/m/ready/", Operation("oip_model_ready", "m")),
        ("GET /v2/models/m/config", Operation("oip_config", "m")),
        ("GET /v2/models/m/versions/2/config/", Operation("oip_config", "m", 2)),
        ("GET /v2/models/m/stats", Operation("oip_stats", "m")),
        ("GET /v2/models/stats", Operation("oip_all_stats")),
        ("GET /v2/models/stats/", Operation("oip_all_stats")),
        ("GET /v2/models/stats/stats", Operation("oip_stats", "stats")),
        ("POST /v2/repository/index", Operation("oip_index", allowed="POST")),
        ("POST /v2/repository/index/", Operation("oip_index", allowed="POST")),
        ("POST /v2/repository/models/m/load", None),
        ("POST /v2/repository/models/m%2e1/unload/", None),
        ("GET /v2/repository/models/m/load", None),
        ("POST /v2/repository/models/m/reload", Operation(None, missing="oip")),
        ("POST /v2/models/m/generate", Operation("generate", "m", allowed="POST")),
        ("POST /v2/models/m/versions/3/generate_stream/", Operation("generate_stream", "m", 3, allowed="POST")),
        ("GET /v2/models/m/trace/setting", Operation("oip_model_trace", "m", allowed="GET, POST")),
        ("POST /v2/trace/setting/", Operation("oip_trace", allowed="GET, POST")),
        ("POST /v2/logging", Operation("oip_log", allowed="GET, POST")),
        ("POST /v2/systemsharedmemory/region/r/register", Operation(None, missing="memory")),
        ("GET /v2/cudasharedmemory/status", Operation(None, missing="memory")),
        ("GET /v2/systemsharedmemory/region/r/seize", Operation(None, missing="oip")),
        ("POST /v1/models/m:explain", Operation("explain", "m", allowed="POST")),
        ("GET /v1/models/m:explain", Operation("explain", "m", allowed="POST")),
        ("GET /api/2.0/endpoints/", Operation("mlflow_endpoints")),
        ("GET /api/2.0/endpoints/?page_token=a", Operation("mlflow_endpoints")),
        ("GET /api/2.0/endpoints/m", Operation("mlflow_endpoint", "m")),
        ("GET /api/2.0/serving-endpoints", Operation("databricks_endpoints")),
        ("DELETE /api/2.0/serving-endpoints/m", Operation("databricks_endpoint", "m")),
        ("PUT /api/2.0/serving-endpoints/m/config", Operation(None, missing="mlflow")),
        ("GET /api/2.0/endpointsx", Operation(None, missing="mlflow")),
        ("GET /v2", Operation("oip_server")),
        ("GET /v2/health/live/", Operation("oip_live")),
        ("GET /", Operation("alive")),
        ("GET /metrics", Operation("metrics")),
        ("GET /monitoring/prometheus/metrics", Operation("metrics")),
        ("GET /api/v1/models", None),
        ("POST /v1/chat/completions", Operation(None, missing="openai")),
        ("GET /v1", Operation(None, missing="openai")),
        ("GET /v1x", None),
        ("OPTIONS *", None),
    ],
)
def test_a_path_asks(request_line: str, operation: Operation | None) -> None:
    method, _, target = request_line.encode().partition(b" ")
    assert read_path(method, target) == operation


@pytest.mark.parametrize("target", [b"models", b"/%ff", b"ftp://x/y"])
def test_what_is_no_path_is_refused(target: bytes) -> None:
    with pytest.raises(InvalidArgument):
        read_path(b"GET", target)
