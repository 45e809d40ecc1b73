"""gRPC methods of a protocol that are not served: each is refused with the reason."""

from bms.core.errors import Unimplemented
from bms.serving.pipeline.pipeline import Pipeline
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import QuietMethod


class UnsupportedMethod(QuietMethod):
    """Refuses every call with the reason."""

    def __init__(self, pipeline: Pipeline, why: str) -> None:
        self._pipeline = pipeline
        self._why = why

    def opened(self, call: RpcCall) -> None:
        self._pipeline.caller(call.head)
        raise Unimplemented(self._why)
