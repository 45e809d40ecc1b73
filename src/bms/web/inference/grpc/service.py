"""All gRPC methods of a gateway, by path."""

from collections.abc import Callable

from bms.core.errors import Unimplemented
from bms.protocols.protobuf.inference import SERVICE
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.call import Call
from bms.web.inference.grpc.callers import caller
from bms.web.inference.grpc.describe import Describer
from bms.web.inference.grpc.health import health_methods
from bms.web.inference.grpc.infer import ModelInfer
from bms.web.inference.grpc.infer_stream import ModelStreamInfer
from bms.web.inference.grpc.loading import Loading
from bms.web.inference.grpc.method import Method, QuietMethod
from bms.web.inference.grpc.reflection import reflection_methods
from bms.web.inference.pass_on import PassOn

_MEMORY = "shared memory named by clients is not served: send and take the bytes themselves"
_REFUSED = {
    "SystemSharedMemoryStatus": _MEMORY,
    "SystemSharedMemoryRegister": _MEMORY,
    "SystemSharedMemoryUnregister": _MEMORY,
    "CudaSharedMemoryStatus": _MEMORY,
    "CudaSharedMemoryRegister": _MEMORY,
    "CudaSharedMemoryUnregister": _MEMORY,
    "TraceSetting": "traces are not set by clients",
    "LogSettings": "logs are not set by clients",
}


class Refused(QuietMethod):
    """A method of the protocol that is not served, and why."""

    def __init__(self, desk: Desk, why: str) -> None:
        self._desk = desk
        self._why = why

    def opened(self, call: Call) -> None:
        caller(self._desk, call)
        raise Unimplemented(self._why)


def gateway_methods(desk: Desk, pass_on: PassOn, ready: Callable[[], bool], version: str) -> dict[bytes, Method]:
    """`pass_on` asks control; `ready` says whether a snapshot is there, `version` is this software's."""
    methods: dict[str, Method] = {
        **Describer(desk, ready, version).methods(),
        "ModelInfer": ModelInfer(desk),
        "ModelStreamInfer": ModelStreamInfer(desk),
        "RepositoryModelLoad": Loading(desk, pass_on, "load"),
        "RepositoryModelUnload": Loading(desk, pass_on, "unload"),
        **{name: Refused(desk, why) for name, why in _REFUSED.items()},
    }
    return {
        **{f"/{SERVICE}/{name}".encode(): method for name, method in methods.items()},
        **health_methods({"": ready, SERVICE: ready}),
        **reflection_methods(),
    }
