"""Every error BMS raises on purpose, named after the canonical gRPC codes.

    BmsError
    ├── InvalidArgument      400  the request itself is wrong; repeating it unchanged never helps
    │   └── UnsupportedMedia 415  its body is of a type that is not read there
    ├── Unauthenticated      401  no key, or one that is unknown, expired or revoked
    ├── PermissionDenied     403  the key is good, the deed is not allowed to it
    ├── NotFound             404  no such thing *in this tenant*
    ├── AlreadyExists        409  the name is taken
    ├── Aborted              409  somebody else changed it first; read again and repeat
    ├── FailedPrecondition   412  the thing is not in a state that allows this
    ├── PayloadTooLarge      413  larger than a stated limit
    ├── ResourceExhausted    429  a rate, quota or queue is full; wait `retry_after_s`
    ├── Cancelled            499  the caller went away
    ├── Internal             500  our defect
    ├── DataLoss             500  stored bytes do not match their digest
    ├── Unimplemented        501  not supported here
    │   └── MethodNotAllowed 405  nor is this method of a path that is there
    ├── Unavailable          503  cannot be served now; wait `retry_after_s`
    └── DeadlineExceeded     504  the caller's time was used up

A message says what was wrong, what was expected and what to do. The gRPC numbers are those of
https://grpc.io/docs/guides/status-codes/.
"""

from typing import ClassVar


class BmsError(Exception):
    """An error with a canonical code, an HTTP status and a gRPC status number."""

    code: ClassVar[str] = "UNKNOWN"
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[int] = 2

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after_s = retry_after_s


class InvalidArgument(BmsError):
    code, http_status, grpc_status = "INVALID_ARGUMENT", 400, 3


class UnsupportedMedia(InvalidArgument):
    """The body is of a type that is not read at this path."""

    http_status = 415


class Unauthenticated(BmsError):
    code, http_status, grpc_status = "UNAUTHENTICATED", 401, 16


class PermissionDenied(BmsError):
    code, http_status, grpc_status = "PERMISSION_DENIED", 403, 7


class NotFound(BmsError):
    code, http_status, grpc_status = "NOT_FOUND", 404, 5


class AlreadyExists(BmsError):
    code, http_status, grpc_status = "ALREADY_EXISTS", 409, 6


class Aborted(BmsError):
    code, http_status, grpc_status = "ABORTED", 409, 10


class FailedPrecondition(BmsError):
    code, http_status, grpc_status = "FAILED_PRECONDITION", 412, 9


class PayloadTooLarge(BmsError):
    code, http_status, grpc_status = "PAYLOAD_TOO_LARGE", 413, 8


class ResourceExhausted(BmsError):
    code, http_status, grpc_status = "RESOURCE_EXHAUSTED", 429, 8


class Cancelled(BmsError):
    code, http_status, grpc_status = "CANCELLED", 499, 1


class Internal(BmsError):
    code, http_status, grpc_status = "INTERNAL", 500, 13


class LostInHand(Internal):
    """Raised where the replica died with a request: it may have run, so it must not be repeated unasked."""


class DataLoss(BmsError):
    code, http_status, grpc_status = "DATA_LOSS", 500, 15


class Unimplemented(BmsError):
    code, http_status, grpc_status = "UNIMPLEMENTED", 501, 12


class MethodNotAllowed(Unimplemented):
    """Raised for a method that an existing path does not have. `allowed` are those that it has, as the header Allow has
    them."""

    http_status = 405

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class Unavailable(BmsError):
    code, http_status, grpc_status = "UNAVAILABLE", 503, 14


class DeadlineExceeded(BmsError):
    code, http_status, grpc_status = "DEADLINE_EXCEEDED", 504, 4


BY_CODE: dict[str, type[BmsError]] = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        AlreadyExists,
        Aborted,
        FailedPrecondition,
        PayloadTooLarge,
        ResourceExhausted,
        Cancelled,
        Internal,
        DataLoss,
        Unimplemented,
        Unavailable,
        DeadlineExceeded,
    )
}


def from_code(code: str, message: str, retry_after_s: float | None = None) -> BmsError:
    """Returns the error named `code` in a message of ours; an unknown name becomes `Internal`."""
    return BY_CODE.get(code, Internal)(message, retry_after_s=retry_after_s)
