"""Converts error replies to exceptions: problem details of the API, `{"error": …}` of inference."""

import msgspec

from bms.core.clock import Clock
from bms.core.errors import (
    Aborted,
    BmsError,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    from_code,
)
from bms.core.retry_after import parse_retry_after
from bms.sdk.transport.flow import Reply

_BY_STATUS: dict[int, type[BmsError]] = {
    kind.http_status: kind
    for kind in (
        InvalidArgument,
        Unauthenticated,
        PermissionDenied,
        NotFound,
        Aborted,
        FailedPrecondition,
        PayloadTooLarge,
        ResourceExhausted,
        Cancelled,
        Internal,
        Unimplemented,
        Unavailable,
        DeadlineExceeded,
    )
}


class _Problem(msgspec.Struct):
    """The members of an error body, of the API's or of inference."""

    code: str = ""
    detail: str = ""
    error: object = None


def error_of(reply: Reply, clock: Clock) -> BmsError:
    """The exception for an error `reply`, of status 400 or above."""
    wait = retry_after(reply, clock)
    try:
        problem = msgspec.json.decode(reply.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = _Problem()
    message = problem.detail or (problem.error if isinstance(problem.error, str) else "")
    if not message:
        message = (
            f"the server answered {reply.status} without saying why: {reply.content[:200].decode(errors='replace')}"
        )
    if problem.code:
        return from_code(problem.code, message, wait)
    fallback = Internal if reply.status >= 500 else InvalidArgument
    return _BY_STATUS.get(reply.status, fallback)(message, retry_after_s=wait)


def retry_after(reply: Reply, clock: Clock) -> float | None:
    """The seconds that a Retry-After header asks to wait, in either form (RFC 9110, 10.2.3)."""
    text = reply.headers.get("retry-after")
    return None if text is None else parse_retry_after(text, clock.now())
