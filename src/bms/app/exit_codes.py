"""The exit statuses of `bms`: one table for commands and for the supervisor."""

from enum import IntEnum

from bms.core.errors import (
    Aborted,
    AlreadyExists,
    BmsError,
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PayloadTooLarge,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)


class ExitCode(IntEnum):
    """Every status that a `bms` process ends with on purpose."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    UNAVAILABLE = 6
    ALREADY_RUNNING = 7
    NEWER_SCHEMA = 8
    PORT_IN_USE = 9
    DISK = 10
    KEEPS_FAILING = 11
    LIMIT = 12
    INTERRUPTED = 130


MEANING: dict[ExitCode, str] = {
    ExitCode.OK: "done",
    ExitCode.ERROR: "a defect or an unexpected error of the server",
    ExitCode.USAGE: "wrong usage, or a value that the server refuses",
    ExitCode.NOT_FOUND: "no such thing in this tenant, or no such file",
    ExitCode.NOT_ALLOWED: "no key, a wrong one, or one that may not do this",
    ExitCode.CONFLICT: "the name is taken, somebody changed it first, or it is not in a state that allows this",
    ExitCode.UNAVAILABLE: "nobody answers, or not in time",
    ExitCode.ALREADY_RUNNING: "a server already runs on this home",
    ExitCode.NEWER_SCHEMA: "the home belongs to a newer version of BMS",
    ExitCode.PORT_IN_USE: "the address can't be listened on",
    ExitCode.DISK: "the home can't be written: disk full, read-only, or not yours",
    ExitCode.KEEPS_FAILING: "a process of the platform ends again and again at its start",
    ExitCode.LIMIT: "a rate, quota or size limit is reached",
    ExitCode.INTERRUPTED: "interrupted by the user",
}

_BY_ERROR: tuple[tuple[tuple[type[BmsError], ...], ExitCode], ...] = (
    ((InvalidArgument,), ExitCode.USAGE),
    ((NotFound,), ExitCode.NOT_FOUND),
    ((Unauthenticated, PermissionDenied), ExitCode.NOT_ALLOWED),
    ((AlreadyExists, Aborted, FailedPrecondition), ExitCode.CONFLICT),
    ((Unavailable, DeadlineExceeded), ExitCode.UNAVAILABLE),
    ((ResourceExhausted, PayloadTooLarge), ExitCode.LIMIT),
    ((Cancelled,), ExitCode.INTERRUPTED),
)


class Refusal(BmsError):
    """Why the platform can't start or stop here, with the exit status that says so to programs."""

    code = "FAILED_PRECONDITION"

    def __init__(self, exit_code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def exit_code_of(error: BmsError) -> ExitCode:
    if isinstance(error, Refusal):
        return error.exit_code
    for kinds, code in _BY_ERROR:
        if isinstance(error, kinds):
            return code
    return ExitCode.ERROR
