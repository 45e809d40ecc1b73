"""Finds why a workload's process ended: the last line that it wrote, where nothing else explains the exit."""

import msgspec

from bms.control.platform.workload_files import WorkloadFiles, tail

MAX_LENGTH = 4096  # characters
_TAIL = 16 * MAX_LENGTH  # bytes that are looked at for it: a line with a traceback is long


async def find_exit_reason(files: WorkloadFiles, workload: str) -> str:
    """The last line that the workload's process wrote; empty where it wrote nothing. Raises Unavailable."""
    _begin, content = await tail(files, workload, "console", _TAIL)
    lines = content.decode(errors="replace").strip().splitlines()
    return _plain(lines[-1])[-MAX_LENGTH:] if lines else ""


def _plain(line: str) -> str:
    """The message of a structured log line, empty where it has none; any other line as it is."""
    try:
        fields = msgspec.json.decode(line, type=_LogLine)
    except msgspec.DecodeError:
        return line
    return ": ".join(part for part in (fields.event or fields.message, fields.reason or fields.error) if part)


class _LogLine(msgspec.Struct):
    """The fields read of a structured log line: `event` and `reason` of model servers, `message` and `error` of the
    platform's own processes."""

    event: str = ""
    message: str = ""
    reason: str = ""
    error: str = ""
