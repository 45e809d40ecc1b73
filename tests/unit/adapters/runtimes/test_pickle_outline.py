"""Pickles are read as data: what they would make is told, and none of it is made."""

import io
import pickle
import random
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from bms.adapters.runtimes.formats.pickle_outline import Made, PickledGlobal, UnreadablePickle, outline


class Opens:
    """Leaves a trace when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


class Holds:
    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_builtins_are_told_as_they_are(protocol: int) -> None:
    shared = [1]
    value = {"a": [1, -2, 3.5, None, True, 1 << 80], "b": (), "c": ("x", b"y", "é"), "d": {7: shared, "e": shared}}
    if protocol < 3:
        value["c"] = ("x", "é")
    assert outline(io.BytesIO(pickle.dumps(value, protocol))).value == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_objects_are_told_and_not_made(protocol: int, tmp_path: Path) -> None:
    value = [Holds(inner=Holds(x=1)), OrderedDict(k=Opens(tmp_path / "bitten")), Holds]
    found = outline(io.BytesIO(pickle.dumps(value, protocol)))
    held, ordered, kind = found.value
    assert isinstance(held, Made)
    assert held.state["inner"].state == {"x": 1}
    assert ordered.kind == "collections.OrderedDict"
    if protocol > 1:  # older ones hand the pairs to the class
        assert ordered.items["k"].given == (str(tmp_path / "bitten"), "w")
    assert isinstance(kind, PickledGlobal)
    assert kind.name == f"{__name__}.Holds"
    assert {name.rpartition(".")[2] for name in found.names} >= {"Holds", "OrderedDict", "open"}
    assert not (tmp_path / "bitten").exists()


def test_several_pickles_of_one_file_are_read_one_by_one() -> None:
    file = io.BytesIO(pickle.dumps(1) + pickle.dumps("two") + b"the rest")
    assert (outline(file).value, outline(file).value, file.read()) == (1, "two", b"the rest")


def test_garbage_is_unreadable_and_nothing_worse() -> None:
    good = pickle.dumps({"a": [Holds(x=1), (1, 2)], "b": {1, 2}, "c": bytearray(b"x")})
    dice = random.Random(7)
    refused = 0
    for content in [good[:at] for at in range(len(good))] + [
        bytes(dice.randrange(256) if dice.random() < 0.1 else byte for byte in good) for _ in range(300)
    ]:
        try:
            outline(io.BytesIO(content))
        except UnreadablePickle:
            refused += 1
    assert refused > len(good)
