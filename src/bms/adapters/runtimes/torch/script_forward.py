"""Reads the arguments of a TorchScript archive's forward from the code within: its language is written as Python's
is."""

import ast
import pickletools
import re
import zipfile
from collections.abc import Mapping

from bms.adapters.runtimes.torch.archive import content, opened
from bms.core.errors import FailedPrecondition

_MAX_CODE = 16 << 20
_MAX_DATA = 256 << 20


def forward_takes(path: str) -> Mapping[str, bool] | None:
    """The names of its arguments, and whether each is needed. None where they can't be determined; then nothing is
    refused, and PyTorch raises its own errors."""
    try:
        archive, entries = opened(path, "torchscript")
        with archive:
            module, kind = _root(content(archive, entries["data.pkl"], _MAX_DATA))
            code = content(archive, entries[f"code/{module.replace('.', '/')}.py"], _MAX_CODE).decode()
        return _arguments(code, kind)
    except (FailedPrecondition, KeyError, ValueError, SyntaxError, RecursionError, MemoryError, zipfile.BadZipFile):
        return None


def _root(pickle: bytes) -> tuple[str, str]:
    """The module and the name of the class that the pickle begins with. Raises ValueError."""
    for code, argument, _ in pickletools.genops(pickle):
        if code.name == "GLOBAL":
            module, _, kind = str(argument).partition(" ")
            return module, kind
        if code.name not in ("PROTO", "FRAME"):
            break
    raise ValueError("it begins with no object of a class")


def _arguments(code: str, kind: str) -> Mapping[str, bool] | None:
    _, opening, body = f"\n{code}".partition(f"\nclass {kind}(Module):\n")
    body = body.partition("\nclass ")[0]
    found = re.search(r"^  (def forward\(.*?\) -> [^\n]*:)$", body, re.MULTILINE | re.DOTALL) if opening else None
    if found is None:
        return None
    (function,) = ast.parse(f"{found[1]} pass").body
    assert isinstance(function, ast.FunctionDef)
    names = [one.arg for one in function.args.args[1:]]
    needed = len(names) - len(function.args.defaults)
    return {name: at < needed for at, name in enumerate(names)}
