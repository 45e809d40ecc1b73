"""The descriptive methods of TensorFlow Serving: GetModelStatus, GetModelMetadata and HandleReloadConfigRequest."""

from collections.abc import Callable
from typing import Any

from bms.core.errors import NotFound, Unimplemented
from bms.core.serving.snapshot import KeyEntry
from bms.protocols.protobuf.pool import message, parse
from bms.protocols.tfserving.grpc.model_spec import read_spec
from bms.protocols.tfserving.grpc.models import check_fields, model_metadata, model_status, status_unknown
from bms.protocols.tfserving.grpc.reload import DONE, changes, read_config
from bms.serving.pipeline.pipeline import Pipeline
from bms.serving.traffic.split import UnknownAlias, find_route, named_version
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import QuietMethod
from bms.web.inference.grpc.tfserving.model_lookup import find

_FEW = 10  # changes that are listed
_RELOAD = (
    "what is served is not set by clients of models: use deployments, by `bms deploy`, the SDK or the API. "
    "This configuration would change it"
)


class TfsDescribeMethod(QuietMethod):
    """A method that is answered at once; `tell` makes the answer from the pipeline, the key and the request."""

    def __init__(self, pipeline: Pipeline, request: str, tell: Callable[[Pipeline, KeyEntry, Any], bytes]) -> None:
        self._pipeline = pipeline
        self._request = message(f"tensorflow.serving.{request}")
        self._tell = tell

    def opened(self, call: RpcCall) -> None:
        call.caller = self._pipeline.admit(call.head)

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        key = call.caller
        assert isinstance(key, KeyEntry)
        answer = self._tell(self._pipeline, key, parse(self._request, message))
        self._pipeline.metrics.direct(200)
        call.respond(answer)


def get_model_status(pipeline: Pipeline, key: KeyEntry, request: Any) -> bytes:
    """Answers the status of all versions, or of the one that is named."""
    meant = read_spec(request)
    try:
        route = find_route(pipeline.index, key.tenant, meant.name)
        if meant.number is None and meant.label is None:
            if not route.versions:
                raise status_unknown(meant)
            return model_status(route.versions.values())
        return model_status([named_version(route, meant.number, meant.label)])
    except UnknownAlias:
        raise meant.unlabelled() from None
    except NotFound:
        raise status_unknown(meant) from None


def get_model_metadata(pipeline: Pipeline, key: KeyEntry, request: Any) -> bytes:
    """Answers the signatures of the version that is named, or of one that takes traffic."""
    meant = read_spec(request)
    check_fields(request.metadata_field)
    route, version = find(pipeline, key, meant)
    return model_metadata(route.entry.name, version)


def reload_config(pipeline: Pipeline, key: KeyEntry, request: Any) -> bytes:
    """Succeeds where the list equals what is served; else raises Unimplemented with what it would change."""
    told = changes(read_config(request), pipeline.index.tenant_entries(key.tenant))
    if told:
        shown = "; ".join(told[:_FEW]) + (f" and {len(told) - _FEW} more" if len(told) > _FEW else "")
        raise Unimplemented(f"{_RELOAD}: {shown}")
    return DONE
