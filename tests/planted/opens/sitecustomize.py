"""Writes down, one a line, every path below OF_TEST_FORBIDDEN that this process opens, lists, makes or removes."""

import os
import sys

_forbidden = os.environ.get("OF_TEST_FORBIDDEN", "")
_record = os.environ.get("OF_TEST_OPENED", "")


def _heard(event: str, args: tuple[object, ...]) -> None:
    if event.partition(".")[0] not in ("open", "os", "shutil", "sqlite3", "glob"):
        return
    for each in args:
        if isinstance(each, (str, bytes)) and os.fsdecode(each).startswith(_forbidden):
            line = f"{event} {os.fsdecode(each)}\n".encode()
            descriptor = os.open(_record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.write(descriptor, line)
            os.close(descriptor)
            return


if _forbidden and _record:
    sys.addaudithook(_heard)
