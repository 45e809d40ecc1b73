"""Prints a model's answer: arrays, or a table with one row per input row."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import typer

from bms.cli.command import CommandSession
from bms.core.tensors.tensor import Array
from bms.sdk import RoundedWarning
from bms.sdk.inference import Prediction

_WIDEST = 16  # columns that one output may become


@contextmanager
def warnings_to_stderr() -> Iterator[None]:
    """Prints the server's notes on an answer to stderr."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RoundedWarning)
        yield
    for one in caught:
        typer.echo(f"bms: {one.message}", err=True)


def show(session: CommandSession, prediction: Prediction) -> None:
    outputs = {name: _listed(array) for name, array in prediction.outputs.items()}
    if session.out.json:
        session.out.raw({"version": prediction.version, "outputs": outputs})
        return
    for name, array in prediction.outputs.items():
        texts = array.dtype.kind == "O"
        session.out.say(f"{name}  {'text' if texts else array.dtype} {list(array.shape)}")
        shown = np.array(outputs[name], dtype=object) if texts else array
        session.out.say(np.array2string(shown, threshold=1000, max_line_width=120))


def show_parts(session: CommandSession, parts: Iterable[Prediction]) -> None:
    """Prints each part as it comes, on a line of its own: one text as it is, anything else as JSON."""
    for part in parts:
        outputs = {name: _listed(array) for name, array in part.outputs.items()}
        array = next(iter(part.outputs.values())) if len(part.outputs) == 1 else None
        if session.out.json or array is None or array.dtype.kind != "O":
            session.out.raw({"version": part.version, "outputs": outputs})
            sys.stdout.flush()
        else:
            typer.echo(part.text)


def _listed(array: Array) -> Any:
    """What JSON can hold: bytes as text, numbers as they are."""
    if array.dtype.kind != "O":
        return np.ascontiguousarray(array)
    items = [item.decode(errors="replace") if isinstance(item, bytes) else item for item in array.ravel()]
    return np.array(items, dtype=object).reshape(array.shape).tolist()


def show_rows(session: CommandSession, prediction: Prediction) -> None:
    """Prints a table with the number of each row, where every output has a few values for it."""
    outputs = prediction.outputs
    counts = {array.shape[:1] for array in outputs.values()}
    flat = all(array.ndim == 1 or (array.ndim == 2 and array.shape[1] <= _WIDEST) for array in outputs.values())
    if session.out.json or len(counts) != 1 or not flat:
        show(session, prediction)
        return
    columns: dict[str, Callable[[int], object]] = {"ROW": lambda row: row}
    for name, array in outputs.items():
        listed = _listed(array)
        if array.ndim == 1:
            columns[name] = _cell(listed, None)
        else:
            for place in range(array.shape[1]):
                columns[name if array.shape[1] == 1 else f"{name}[{place}]"] = _cell(listed, place)
    session.out.many(range(next(iter(counts))[0]), columns, "no rows")


def number_text(value: float) -> str:
    """Formats a number with seven digits, but whole numbers with all of theirs."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.7g}"


def _cell(listed: Any, place: int | None) -> Callable[[int], object]:
    def read(row: int) -> object:
        value = listed[row] if place is None else listed[row][place]
        return number_text(float(value)) if isinstance(value, float | np.floating) else value

    return read
