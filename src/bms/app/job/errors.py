"""Explains an error that a job's own code raised: the message, the line of that code, and what to do about it."""

import os
import traceback
from collections.abc import Iterator
from types import TracebackType

from bms.serving.inference.reasons import reason, text_of

NO_NETWORK = "jobs have no network: give what they read as a data set (`--dataset`), or beside the code (`--code`)"
_NETWORK = frozenset({"URLError", "gaierror", "NameResolutionError", "NewConnectionError", "ConnectError"})
_WORDS = ("name resolution", "Name or service not known", "Network is unreachable", "couldn't connect to 'http")
_PACKAGES = {  # modules that are not called as what brings them
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def error_message(error: BaseException, code: str) -> str:
    """The error for people, with file and line of the innermost frame that lies below `code`."""
    place = _place(error, code)
    return f"{reason(error, directory=code)}{f' ({place})' if place else ''}{_advice(error, code)}"


def print_own(error: BaseException, code: str) -> None:
    """The traceback, beginning where the job's own code does; whole where no frame is of that."""
    own = next((one for one in _frames(error.__traceback__) if _is_own(one.tb_frame.f_code.co_filename, code)), None)
    traceback.print_exception(error.with_traceback(own or error.__traceback__))


def _place(error: BaseException, code: str) -> str:
    if isinstance(error, SyntaxError):
        return ""  # it says so itself
    for frame in reversed(list(_frames(error.__traceback__))):
        if _is_own(name := frame.tb_frame.f_code.co_filename, code):
            return f"{os.path.relpath(name, code)}, line {frame.tb_lineno}"
    return ""


def _advice(error: BaseException, code: str) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        module = error.name.partition(".")[0]
        if os.path.exists(os.path.join(code, module)) or os.path.exists(os.path.join(code, f"{module}.py")):
            return ""
        return f": `--requirement {_PACKAGES.get(module, module)}` installs it"
    if any(_is_network(one) for one in _causes(error)):
        return f": {NO_NETWORK}"
    return ""


def _is_network(error: BaseException) -> bool:
    if hasattr(error, "code") and type(error).__name__ == "HTTPError":
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & _NETWORK) or any(words in text_of(error) for words in _WORDS)


def _causes(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    seen: set[int] = set()
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _frames(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _is_own(file: str, code: str) -> bool:
    return file.startswith(os.path.join(code, ""))
