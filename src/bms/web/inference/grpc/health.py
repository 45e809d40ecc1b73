"""The gRPC health service, grpc.health.v1. Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md"""

from collections.abc import Callable, Mapping

from bms.core.errors import NotFound
from bms.protocols.protobuf.health import SERVICE
from bms.protocols.protobuf.pool import message, parse
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import Method, QuietMethod

_Request = message("grpc.health.v1.HealthCheckRequest")
_Response = message("grpc.health.v1.HealthCheckResponse")
_List = message("grpc.health.v1.HealthListResponse")
_SERVING, _NOT_SERVING, _UNKNOWN = 1, 2, 3

Services = Mapping[str, Callable[[], bool]]  # whether each service serves, by name; "": the server as a whole


def health_methods(services: Services) -> dict[bytes, Method]:
    """Returns the methods; open to all, as health is over REST."""
    path = f"/{SERVICE}/".encode()
    return {path + b"Check": _Check(services), path + b"List": _Listing(services), path + b"Watch": _Watch(services)}


def _status(services: Services, name: str) -> int:
    serves = services.get(name)
    if serves is None:
        return _UNKNOWN
    return _SERVING if serves() else _NOT_SERVING


class _Check(QuietMethod):
    """Answers the status once."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        name = parse(_Request, message).service
        status = _status(self._services, name)
        if status == _UNKNOWN:
            raise NotFound(f"no service {name[:200]!r} here: ask server reflection for all")
        call.respond(_Response(status=status).SerializeToString())


class _Listing(QuietMethod):
    """Answers the status of all services."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        statuses = {name: _Response(status=_status(self._services, name)) for name in self._services}
        call.respond(_List(statuses=statuses).SerializeToString())


class _Watch(QuietMethod):
    """Sends the status at once, and within a second of each change."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        call.caller = parse(_Request, message).service
        self.check_time(call, 0.0)

    def check_time(self, call: RpcCall, now: float) -> None:
        if isinstance(call.caller, str) and not call.congested:
            status = _status(self._services, call.caller)
            if status != call.state:
                call.state = status
                call.send(_Response(status=status).SerializeToString())
