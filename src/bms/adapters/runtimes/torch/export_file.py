"""Checks that a .pt2 archive describes a computation and nothing else, before PyTorch opens it.

Reading one, PyTorch unpickles what its lists call pickled, evaluates the expressions of its sizes as Python, looks up
whatever its nodes name below `torch`, and writes their names into source code that it compiles. So none of that may be
anything but what torch.export writes. Source: torch/export/pt2_archive/_package.py and torch/_export/serde of 2.13.
"""

import ast
import json
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

from bms.adapters.runtimes.torch.archive import content, opened
from bms.core.errors import FailedPrecondition

_MAX_DEPTH = 200
_OPERATIONS = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision)\.\w+(\.\w+)?"
    r"|torch\.ops\.higher_order\.(wrap_with_set_grad_enabled|wrap_with_autocast|cond|map_impl|scan|while_loop)"
    r"|torch\.(_sym|sym)_\w+"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|pos|and_|or_|eq|ne|lt|le|gt|ge|not_)"
    r"|math\.(ceil|floor|trunc|sqrt|log2|pow|prod)"
)
_FILES = re.compile(r"torch\.ops\.aten\.(from_file|save)\b.*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUALIFIED = re.compile(r"(?!.*__)[A-Za-z0-9_][A-Za-z0-9_.\-]*")
_TREES = frozenset({None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"})
_EXPRESSIONS = re.compile(
    r"Symbol|Integer|Rational|Float|Add|Mul|Pow|Mod|Max|Min|Abs|Piecewise|ExprCondPair|And|Or|Not|Equality|Unequality"
    r"|(Strict)?(Greater|Less)Than|floor|ceiling|FloorDiv|ModularIndexing|Where|PythonMod|CleanDiv|CeilDiv"
    r"|(Ceil|Floor|Trunc|Round)ToInt|TruncToFloat|ToFloat|[LR]Shift|PowByNatural|FloatPow|(Float|Int)TrueDiv"
    r"|IsNonOverlappingAndDenseIndicator|RoundDecimal|Identity"
)
_EXPRESSION_PARTS = (ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.UnaryOp, ast.USub)


def inspect(path: str) -> None:
    """Checks the archive. Raises FailedPrecondition for what is no archive of torch.export.save, and for one that holds
    more."""
    name = os.path.basename(path)
    archive, entries = opened(path, "pt2")
    with archive:
        for entry in entries:
            if entry.startswith(("data/aotinductor/", "data/executorch/")):
                raise FailedPrecondition(f"{name!r} holds compiled native code: save it with torch.export.save")
        if [entry for entry in entries if entry.startswith("models/")] != ["models/model.json"]:
            raise FailedPrecondition(f"{name!r} holds no single program: save it again with torch.export.save of 2.13")
        for entry, info in entries.items():
            if not entry.endswith(".json") or entry.startswith("extra/"):
                continue
            parsed = _json(name, entry, content(archive, info))
            if entry.startswith("models/"):
                _program(name, parsed)
            else:
                _payloads(name, parsed)


def _json(name: str, entry: str, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FailedPrecondition(f"{entry!r} in {name!r} is no JSON: {str(error)[:200]}") from error


def _payloads(name: str, parsed: Any) -> None:
    for key, value in _members(parsed, 0):
        if key == "use_pickle" and value:
            raise FailedPrecondition(f"{name!r} holds pickled tensors, which run whatever code they hold when opened")
        if key == "path_name" and not re.fullmatch(r"(weight|tensor)_\d+", str(value)):
            raise FailedPrecondition(
                f"{name!r} holds the object {str(value)[:80]!r} beside its tensors, which only unpickling would read: "
                "export a program whose constants are tensors"
            )


def _program(name: str, parsed: Any) -> None:
    for key, value in _members(parsed, 0):
        if key in ("target", "as_operator") and isinstance(value, str):
            if _FILES.fullmatch(value):
                raise FailedPrecondition(f"{name!r} uses the operation {value!r}, which reads or writes files")
            _fits(_OPERATIONS.fullmatch, name, "uses the operation", value)
        elif key in ("as_custom_obj", "custom_obj") or (key == "custom_obj_values" and value):
            raise FailedPrecondition(f"{name!r} uses objects of its own, which only unpickling would read")
        elif key == "expr_str":
            _fits(_is_expression, name, "has a size", value)
        elif key == "name" and value:
            _fits(_NAME.fullmatch, name, "names a value", value)
        elif key in ("parameter_name", "buffer_name", "tensor_constant_name"):
            _fits(_QUALIFIED.fullmatch, name, "names a tensor", value)
        elif key == "forward_arg_names":
            for one in value or ():
                _fits(_NAME.fullmatch, name, "names an argument", one)
        elif key in ("in_spec", "out_spec") and value:
            _fits(_is_tree, name, "has a structure", value)


def _fits(test: Callable[[str], object], name: str, what: str, value: Any) -> None:
    if not isinstance(value, str) or not test(value):
        raise FailedPrecondition(
            f"{name!r} {what} {str(value)[:120]!r}, which is none of those that run here: export the model with "
            "torch.export.export, of standard operations on plain tensors, tuples, lists and dicts"
        )


def _members(value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Every member of every object, at any depth; the notes on where nodes come from are left out."""
    if depth > _MAX_DEPTH:
        raise FailedPrecondition(f"the archive's lists are nested deeper than {_MAX_DEPTH}")
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "metadata":
                yield key, inner
                yield from _members(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _members(inner, depth + 1)


def _is_expression(source: str) -> bool:
    try:
        tree = ast.parse(source, mode="eval") if len(source) < 10_000 else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return tree is not None and all(map(_is_part, ast.walk(tree)))


def _is_part(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and bool(_EXPRESSIONS.fullmatch(node.func.id))
    if isinstance(node, ast.Constant):
        return isinstance(node.value, bool | int | float) or bool(re.fullmatch(r"\w+|-?[\d.e+-]+", str(node.value)))
    if isinstance(node, ast.Name):
        return bool(_EXPRESSIONS.fullmatch(node.id) or re.fullmatch(r"(s|u|zuf|zf)\d+|true|false|int_oo|oo", node.id))
    return isinstance(node, _EXPRESSION_PARTS)


def _is_tree(text: str) -> bool:
    """Whether a structure written by torch.utils._pytree is of plain containers, their keys identifiers."""
    try:
        spec = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return all(
        value in _TREES if key == "type" else _plain_context(value)
        for key, value in _members(spec, 0)
        if key in ("type", "context")
    )


def _plain_context(context: Any) -> bool:
    try:
        keys = json.loads(context) if isinstance(context, str) else context
    except (ValueError, RecursionError):
        return False
    return keys is None or (isinstance(keys, list) and all(isinstance(k, str) and _NAME.fullmatch(k) for k in keys))
