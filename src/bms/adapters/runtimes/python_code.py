"""A model's own code: found without running it, imported, and its errors told by the maker's own line."""

import ast
import importlib.util
import inspect
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from bms.adapters.runtimes.description import MAX_BYTES
from bms.core.errors import BmsError, FailedPrecondition
from bms.serving.inference.reasons import reason

CODE = "model.py"
CLASS = "Model"
T = TypeVar("T")
_CLASS = re.compile(rb"^class\s+Model\b", re.MULTILINE)
_log = logging.getLogger("bms.model")


def holds_model(directory: str) -> bool:
    """Whether `model.py` holds a class Model with `predict` or `stream`, or one that may inherit them.

    One with `forward` is a PyTorch module, for the runtime "torch".
    """
    path = os.path.join(directory, CODE)
    if os.path.islink(path) or not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            source = file.read(MAX_BYTES + 1)
        if len(source) > MAX_BYTES or not _CLASS.search(source):
            return False
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and node.name == CLASS:
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
                return bool(methods & {"predict", "stream"} or (node.bases and "forward" not in methods))
    except SyntaxError:
        return True  # loading it will say where
    except (OSError, ValueError, RecursionError, MemoryError):
        return False
    return False


def imported(directory: str) -> type[Any]:
    """The class, from the file run now; modules beside it can be imported. Raises FailedPrecondition."""
    sys.dont_write_bytecode = True
    if directory not in sys.path:
        sys.path.insert(0, directory)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # what it prints is in the log at once
    path = os.path.join(directory, CODE)
    spec = importlib.util.spec_from_file_location("model", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):
        raise FailedPrecondition(f"the artifact holds no {CODE}")
    module = importlib.util.module_from_spec(spec)
    sys.modules["model"] = module
    loader = spec.loader
    told(FailedPrecondition, f"{CODE} can't be imported", directory, lambda: loader.exec_module(module))
    found = getattr(module, CLASS, None)
    if not isinstance(found, type):
        raise FailedPrecondition(f"{CODE} has no class {CLASS}")
    return found


def told(kind: type[BmsError], what: str, directory: str, call: Callable[[], T]) -> T:
    """What `call`, which is the maker's code, returns. What it raises becomes a `kind` that names the maker's own line;
    the whole trace goes to the log. BmsErrors of theirs, e.g. InvalidArgument, and MemoryError pass."""
    try:
        return call()
    except (BmsError, MemoryError):
        raise
    except (Exception, SystemExit) as error:
        _log.exception("%s", what)
        words = f"{reason(error, directory=directory)}{_hint(error)}"
        raise kind(f"{what}: {_where(error, directory)}{words}") from error


def fitted(function: Callable[..., T]) -> Callable[..., T]:
    """The function, called with no more of the arguments given than it takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return function
    places = len([one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)])
    return lambda *arguments: function(*arguments[:places])


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
