"""Parses a pickle to an outline of what it would make; nothing is imported, made or called.

A pickle is a program for a small stack machine (Python's pickletools.py documents it). Here its instructions only say
what would be made of what.
"""

import pickletools
from typing import Any, BinaryIO, NamedTuple

MAX_INSTRUCTIONS = 5_000_000
_MARK = object()
_CONSTANTS: dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_VALUES = ("INT", "LONG", "FLOAT", "STRING", "UNICODE", "BYTES", "BINBYTES", "BYTEARRAY")
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, EOFError, OverflowError, StopIteration)
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class UnreadablePickle(Exception):
    """Raised for bytes that are no pickle, or one that does more than pickles do."""


class PickledGlobal:
    """A name that unpickling would import, "module.name"."""

    def __init__(self, name: str) -> None:
        self.name = name


class Made:
    """An object that unpickling would make: by calling `kind` with `given`, then setting `state` and `items`."""

    def __init__(self, kind: str, given: tuple[Any, ...]) -> None:
        self.kind = kind
        self.given = given
        self.state: Any = None
        self.items: dict[Any, Any] = {}


class PickleOutline(NamedTuple):
    """The content of a pickle. `value`: of builtins, `PickledGlobal` and `Made`; `names`: all that would be
    imported."""

    value: Any
    names: frozenset[str]


def outline(file: BinaryIO) -> PickleOutline:
    """Parses the next pickle of `file`, which is left behind its end. Raises Unreadable."""
    machine = _Machine()
    try:
        for count, (code, argument, _) in enumerate(pickletools.genops(file)):
            if count > MAX_INSTRUCTIONS:
                raise UnreadablePickle(f"it has more than {MAX_INSTRUCTIONS} instructions")
            if code.name == "STOP":
                return PickleOutline(machine.stack[-1], frozenset(machine.names))
            machine.step(code.name, argument)
    except (*_BROKEN, RecursionError, MemoryError) as error:
        raise UnreadablePickle(f"{type(error).__name__}: {error}") from error
    raise UnreadablePickle("it has no end")


class _Machine:
    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.names: set[str] = set()
        self._memo: dict[Any, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_SET"):
            stack.append({} if name == "EMPTY_DICT" else [])
        elif name == "MARK":
            stack.append(_MARK)
        elif name.endswith("PUT") or name == "MEMOIZE":
            self._memo[len(self._memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name.endswith("GET"):
            stack.append(self._memo[argument])
        elif name == "GLOBAL":
            stack.append(self._named(str(argument).replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            last, module = stack.pop(), stack.pop()
            stack.append(self._named(f"{module}.{last}"))
        elif name in ("POP", "POP_MARK"):
            self._marked() if name == "POP_MARK" else stack.pop()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name.endswith("PERSID"):
            stack.append(Made("persistent", (stack.pop() if name == "BINPERSID" else argument,)))
        elif not self._collects(name) and not self._makes(name, argument) and name not in ("PROTO", "FRAME"):
            if not any(one in name for one in _VALUES):
                raise UnreadablePickle(f"it has the instruction {name}")
            stack.append(argument)

    def _collects(self, name: str) -> bool:
        stack = self.stack
        if name in _TUPLES:
            parts = tuple(stack[-_TUPLES[name] :])
            del stack[-_TUPLES[name] :]
            stack.append(parts)
        elif name == "TUPLE":
            stack.append(tuple(self._marked()))
        elif name in ("LIST", "FROZENSET"):
            stack.append(self._marked())
        elif name == "DICT":
            stack.append(_pairs(self._marked()))
        elif name in ("APPENDS", "ADDITEMS", "APPEND"):
            added = [stack.pop()] if name == "APPEND" else self._marked()
            if isinstance(stack[-1], list):
                stack[-1].extend(added)
        elif name in ("SETITEM", "SETITEMS"):
            added = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else self._marked()
            target = stack[-1].items if isinstance(stack[-1], Made) else stack[-1]
            if isinstance(target, dict):
                target.update(_pairs(added))
        else:
            return False
        return True

    def _makes(self, name: str, argument: Any) -> bool:
        stack = self.stack
        if name in ("REDUCE", "NEWOBJ", "NEWOBJ_EX"):
            if name == "NEWOBJ_EX":
                stack.pop()
            given, kind = stack.pop(), stack.pop()
            stack.append(Made(_name(kind), given if isinstance(given, tuple) else ()))
        elif name in ("INST", "OBJ"):
            given = self._marked()
            kind = self._named(str(argument).replace(" ", ".", 1)) if name == "INST" else given.pop(0)
            stack.append(Made(_name(kind), tuple(given)))
        elif name == "BUILD":
            state = stack.pop()
            if isinstance(stack[-1], Made):
                stack[-1].state = state
        else:
            return False
        return True

    def _named(self, name: str) -> PickledGlobal:
        self.names.add(name)
        return PickledGlobal(name)

    def _marked(self) -> list[Any]:
        """What lies above the last mark, which is taken off with it."""
        at = next(at for at in reversed(range(len(self.stack))) if self.stack[at] is _MARK)
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found


def _name(kind: Any) -> str:
    if isinstance(kind, Made) and kind.kind == "persistent":  # as old files of torch.save refer to a module's class
        kind = next((one for one in kind.given[0] if isinstance(one, PickledGlobal)), None) if kind.given[0] else None
    return kind.name if isinstance(kind, PickledGlobal) else "?"


def _pairs(flat: list[Any]) -> dict[Any, Any]:
    return {
        key: value
        for key, value in zip(flat[::2], flat[1::2], strict=True)
        if isinstance(key, str | int | float | bool)
    }
