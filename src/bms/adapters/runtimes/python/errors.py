"""Converts errors of a model's own code: those meant for callers keep their message, others name the code's line."""

import logging
import os
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from bms.core.errors import (
    Aborted,
    BmsError,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ResourceExhausted,
    Unavailable,
    Unimplemented,
)
from bms.core.retry_after import bounded_retry_after, parse_retry_after
from bms.serving.inference.reasons import MOST, reason, text_of

_KINDS: dict[int, type[BmsError]] = {
    403: PermissionDenied,
    404: NotFound,
    409: Aborted,
    413: PayloadTooLarge,
    429: ResourceExhausted,
    501: Unimplemented,
    503: Unavailable,
    504: DeadlineExceeded,
}
T = TypeVar("T")
_log = logging.getLogger("bms.model")


def run_user_code(kind: type[BmsError], what: str, directory: str, call: Callable[[], T], *, meant: bool = False) -> T:
    """Calls `call`, which is the maker's code, and converts its errors. What it raises becomes a `kind` that names the
    maker's own line; the whole trace goes to the log. BmsErrors of theirs, e.g. InvalidArgument, and MemoryError pass.

    `meant`: it answers a caller, so that an error which says its status is for that one (`for_caller`).
    """
    try:
        return call()
    except (BmsError, MemoryError):
        raise
    except BaseException as error:
        if meant and (own := for_caller(error)) is not None:
            raise own from error
        _log.exception("%s", what)
        said = f"{reason(error, directory=directory)}{_hint(error)}"
        raise kind(f"{what}: {_where(error, directory)}{said}") from error


def for_caller(error: BaseException) -> BmsError | None:
    """Converts an error that says by `status_code` (an HTTP status from 400 on) that it is meant for the caller; None
    for all others. That is how HTTPException of Starlette and FastAPI and MLServerError say it."""
    status = getattr(error, "status_code", None)
    if not isinstance(status, int) or isinstance(status, bool) or not 400 <= status <= 599:
        return None
    detail = getattr(error, "detail", None)
    said = detail if isinstance(detail, str) and detail else text_of(error)
    kind = _KINDS.get(status, InvalidArgument if status < 500 else Internal)
    return kind(said[:MOST] or type(error).__name__, retry_after_s=_wait_s(error))


def _wait_s(error: BaseException) -> float | None:
    """What its header Retry-After says, where its `headers` have one."""
    headers = getattr(error, "headers", None)
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if isinstance(name, str) and name.lower() == "retry-after" and isinstance(value, str | int | float):
            given = value if not isinstance(value, str) else parse_retry_after(value, datetime.now(UTC))
            return bounded_retry_after(given)
    return None


def _where(error: BaseException, directory: str) -> str:
    """ "model.py, line 12: " of the innermost line that lies in the artifact."""
    if isinstance(error, SyntaxError) and error.filename and error.filename.startswith(directory):
        return f"{os.path.relpath(error.filename, directory)}, line {error.lineno}: "
    root = os.path.join(directory, "")
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename.startswith(root):
            return f"{os.path.relpath(frame.filename, directory)}, line {frame.lineno}: "
    return ""


def _hint(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"; list what brings the module {error.name} in requirements.txt"
    return ""
