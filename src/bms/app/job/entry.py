"""Finds and runs a job's entry: a task of the platform, or a tenant's script."""

import ast
import importlib
import importlib.util
import os
import re
import runpy
import sys
from collections.abc import Callable
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from pathlib import Path
from types import ModuleType
from typing import cast

from bms.adapters.toolkits.job_context import JobContext
from bms.core.errors import InvalidArgument
from bms.core.workloads.programs import TASK

_NAME = re.compile(r"[a-z][a-z0-9_]*")
Main = Callable[[JobContext], object]


def run(entry: str, code: str | None, job: JobContext) -> object:
    """Runs the entry and returns its result. Raises InvalidArgument when there is no such entry, and whatever the entry
    raises."""
    if entry.startswith(TASK):
        return _task(entry.removeprefix(TASK))(job)
    if code is None:
        raise InvalidArgument(f"entry {entry!r} is a script, and this job has no code")
    return _run_script(Path(code).resolve(), entry, job)


def _task(name: str) -> Main:
    module = f"bms.app.tasks.{name}"
    if not _NAME.fullmatch(name) or importlib.util.find_spec(module) is None:
        raise InvalidArgument(f"there is no task {name[:80]!r}")
    return cast(Main, importlib.import_module(module).main)


def _run_script(code: Path, entry: str, job: JobContext) -> object:
    script = (code / entry).resolve()
    if not script.is_relative_to(code) or script.suffix != ".py" or not script.is_file():
        raise InvalidArgument(f"entry {entry!r} is not a Python file of the job's code")
    sys.path_hooks.insert(0, _unwritten(code))
    sys.path.insert(0, str(code))
    sys.path_importer_cache.clear()
    os.environ["PYTHONPATH"] = str(code)  # for the processes it starts
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.argv = [str(script)]
    if not _has_main(script):
        runpy.run_path(str(script), run_name="__main__")
        return None
    return cast(Main, _imported(script).main)(job)


def _has_main(script: Path) -> bool:
    """Whether the script defines main(job) at its top level; its `if __name__ == "__main__"` block is not run then."""
    tree = ast.parse(script.read_bytes(), filename=str(script))
    return any(
        isinstance(node, ast.FunctionDef) and node.name == "main" and len(node.args.posonlyargs + node.args.args) == 1
        for node in tree.body
    )


def _imported(script: Path) -> ModuleType:
    """The script imported as a module under its own name, so that what it defines can be pickled and found again."""
    name = script.stem if script.stem.isidentifier() and script.stem not in sys.modules else "job_script"
    spec = importlib.util.spec_from_file_location(name, script, loader=_UnwrittenLoader(name, str(script)))
    if spec is None or spec.loader is None:
        raise InvalidArgument(f"{script.name} can't be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class _UnwrittenLoader(SourceFileLoader):
    """A loader that does not write bytecode: the code's directory is shared and read-only by agreement."""

    def set_data(self, path: object, data: object, *, _mode: int = 0o666) -> None:
        return


def _unwritten(code: Path) -> Callable[[str], FileFinder]:
    def finder(path: str) -> FileFinder:
        if not Path(path).is_relative_to(code) or not os.path.isdir(path):
            raise ImportError(path)  # the next in sys.path_hooks is asked
        return FileFinder(
            path,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (_UnwrittenLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    return finder
