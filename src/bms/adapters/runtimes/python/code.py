"""Finds a model's own code without running it, imports it, and checks that its methods can be called."""

import ast
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from bms.adapters.runtimes.artifacts.description import MAX_BYTES
from bms.adapters.runtimes.python.errors import run_user_code
from bms.core.errors import FailedPrecondition

CODE = "model.py"
CLASS = "Model"
T = TypeVar("T")
_WITHOUT_STEPS = ("predict", "stream", "explain")
_CLASS = re.compile(rb"^class\s+Model\b", re.MULTILINE)


def holds_model(directory: str) -> bool:
    """Whether `model.py` holds a class Model with `predict`, `stream` or `step`, or one that may inherit them.

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
                methods = {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
                return bool(methods & {"predict", "stream", "step"} or (node.bases and "forward" not in methods))
    except SyntaxError:
        return True  # loading it will say where
    except (OSError, ValueError, RecursionError, MemoryError):
        return False
    return False


def may_say(directory: str, word: str) -> bool:
    """Whether the class may have an attribute whose name begins with `word`: False only where nothing in its file names
    one, and it inherits from nothing else. For code in which `holds_model` found it."""
    with open(os.path.join(directory, CODE), "rb") as file:
        source = file.read(MAX_BYTES)
    try:
        defined = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # loading it will say where
    kinds = [node for node in defined if isinstance(node, ast.ClassDef) and node.name == CLASS]
    made = any(kind.bases or kind.keywords or kind.decorator_list for kind in kinds)
    return made or word.encode() in source


def imported(directory: str) -> type[Any]:
    """Imports the class, which runs the file; modules beside it can be imported. Raises FailedPrecondition."""
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
    run_user_code(FailedPrecondition, f"{CODE} can't be imported", directory, lambda: loader.exec_module(module))
    found = getattr(module, CLASS, None)
    if not isinstance(found, type):
        raise FailedPrecondition(f"{CODE} has no class {CLASS}")
    return found


def fitted(function: Callable[..., T]) -> Callable[..., T]:
    """Adapts a function, so that it is called with no more of the arguments given than it takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return function
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):
        return function
    places = len([one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)])
    return lambda *arguments: function(*arguments[:places])


def check_written(model: Any) -> None:
    """Raises FailedPrecondition for methods that can't be called as they are written."""
    for name in ("predict", "stream", "explain", "step"):
        method = getattr(model, name, None)
        if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
            raise FailedPrecondition(
                f"Model.{name} is async, but a model is asked by one thread, one call after the other: write it "
                "without async, with asyncio.run(…) around what a library needs awaited"
            )
    for name in ("explain", "step"):
        if yields(getattr(model, name, None)):
            raise FailedPrecondition(f"Model.{name} yields its answer in parts: return the whole of it")
    if callable(getattr(model, "step", None)) and any(callable(getattr(model, one, None)) for one in _WITHOUT_STEPS):
        raise FailedPrecondition(
            "Model.step answers the requests of sequences, and other methods those that stand alone: leave one kind of "
            f"{', '.join(_WITHOUT_STEPS)} and step"
        )
    if callable(getattr(model, "stream", None)) and yields(getattr(model, "predict", None)):
        raise FailedPrecondition(
            "Model.predict yields its answer in parts, and so does Model.stream: leave one of them, or return the "
            "whole answer from predict"
        )


def yields(method: object) -> bool:
    """Whether a function is a generator, so that its answer comes in parts."""
    return inspect.isgeneratorfunction(method)
