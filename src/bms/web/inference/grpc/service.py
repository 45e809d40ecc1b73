"""The table of all gRPC methods of a gateway, by path."""

from collections.abc import Callable

from bms.protocols.client_memory import NO_SHARED_MEMORY
from bms.protocols.protobuf.inference import SERVICE
from bms.protocols.protobuf.tfserving import MODEL, PREDICTION
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.grpc.describe import GrpcDescriber
from bms.web.inference.grpc.health import health_methods
from bms.web.inference.grpc.infer import ModelInfer
from bms.web.inference.grpc.infer_stream import ModelStreamInfer
from bms.web.inference.grpc.loading import RepositoryLoad
from bms.web.inference.grpc.method import Method
from bms.web.inference.grpc.reflection import reflection_methods
from bms.web.inference.grpc.tfserving.service import tfserving_methods
from bms.web.inference.grpc.unsupported import UnsupportedMethod
from bms.web.inference.reverse_proxy import ReverseProxy

_REFUSED = {
    f"{kind}SharedMemory{verb}": NO_SHARED_MEMORY
    for kind in ("System", "Cuda")
    for verb in ("Status", "Register", "Unregister")
}


def gateway_methods(
    pipeline: Pipeline, proxy: ReverseProxy, ready: Callable[[], bool], version: str
) -> dict[bytes, Method]:
    """Returns all methods by path. `proxy` asks control; `ready` says whether a snapshot is there, `version` is this
    software's."""
    methods: dict[str, Method] = {
        **GrpcDescriber(pipeline, ready, version).methods(),
        "ModelInfer": ModelInfer(pipeline),
        "ModelStreamInfer": ModelStreamInfer(pipeline),
        "RepositoryModelLoad": RepositoryLoad(pipeline, proxy, "load"),
        "RepositoryModelUnload": RepositoryLoad(pipeline, proxy, "unload"),
        **{name: UnsupportedMethod(pipeline, why) for name, why in _REFUSED.items()},
    }
    return {
        **{f"/{SERVICE}/{name}".encode(): method for name, method in methods.items()},
        **tfserving_methods(pipeline),
        **health_methods({"": ready, SERVICE: ready, PREDICTION: ready, MODEL: ready}),
        **reflection_methods(),
    }
