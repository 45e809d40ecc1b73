"""The gRPC reflection service: which services there are and their schema, for tools such as grpcurl.

Source: https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
"""

from typing import Any

from google.protobuf.descriptor import FileDescriptor

from bms.core.errors import BmsError, InvalidArgument, NotFound
from bms.protocols.protobuf.pool import FILES, POOL, message, parse
from bms.protocols.protobuf.reflection import V1, V1ALPHA
from bms.web.inference.grpc.call import RpcCall
from bms.web.inference.grpc.method import Method, QuietMethod

_SERVICES = sorted(f"{file.package}.{service.name}" for file in FILES for service in file.service)


def reflection_methods() -> dict[bytes, Method]:
    """Returns the methods; open to all, since they say nothing of models or tenants."""
    return {
        f"/{package}.ServerReflection/ServerReflectionInfo".encode(): _Reflection(package)
        for _, package in (V1, V1ALPHA)
    }


class _Reflection(QuietMethod):
    """Answers each question at once, and pauses while the client does not take the answers."""

    streams = True

    def __init__(self, package: str) -> None:
        self._request = message(f"{package}.ServerReflectionRequest")
        self._response = message(f"{package}.ServerReflectionResponse")

    def message(self, call: RpcCall, message: bytes | memoryview) -> None:
        request = parse(self._request, message)
        response = self._response(valid_host=request.host, original_request=request)
        try:
            self._answer(request, response)
        except BmsError as error:
            response.error_response.error_code = error.grpc_status
            response.error_response.error_message = error.message
        call.send(response.SerializeToString())
        if call.congested:
            call.hold(True)

    def ended(self, call: RpcCall) -> None:
        call.finish()

    def writable(self, call: RpcCall) -> None:
        call.hold(False)

    def _answer(self, request: Any, response: Any) -> None:
        kind = request.WhichOneof("message_request")
        if kind == "list_services":
            for name in _SERVICES:
                response.list_services_response.service.add(name=name)
        elif kind == "file_by_filename":
            _give_file(response, _found(POOL.FindFileByName, request.file_by_filename))
        elif kind == "file_containing_symbol":
            _give_file(response, _found(POOL.FindFileContainingSymbol, request.file_containing_symbol))
        elif kind == "all_extension_numbers_of_type":
            name = request.all_extension_numbers_of_type
            _found(POOL.FindMessageTypeByName, name)
            response.all_extension_numbers_response.base_type_name = name
        elif kind == "file_containing_extension":
            raise NotFound("no message here has extensions")
        else:
            raise InvalidArgument("ask for list_services, file_by_filename or file_containing_symbol")


def _found(find: Any, name: str) -> Any:
    try:
        return find(name)
    except KeyError:
        raise NotFound(f"nothing is called {name[:200]!r} here") from None


def _give_file(response: Any, file: FileDescriptor) -> None:
    """Adds a file with all its imports."""
    files = [file]
    for each in files:
        files += [other for other in each.dependencies if other not in files]
    for each in files:
        response.file_descriptor_response.file_descriptor_proto.append(each.serialized_pb)
