"""Runs all rows of a split through a model in random order, and some of them again among other rows.

A data set's own order is full of hints (sorted by class, alternating, by time), and a caller's row has none of them:
what is measured must be what a caller gets who asks for one row, or for a few with others' between them.
"""

from collections.abc import Callable, Iterator

import numpy as np

from bms.app.tasks.evaluation.feeding import Fed
from bms.core.errors import FailedPrecondition
from bms.core.tensors.columns import mask_name
from bms.core.tensors.signature import is_table
from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.tolerance import close
from bms.serving.lifecycle.servable import Servable

ROWS = 256  # at a time: bounds memory, and is what a server's large batch looks like
AGAIN = 128  # rows that are asked once more, as many as there are in a signature of one row a call
ALONE = 16  # of them by themselves
_COMPANY = (2, 7, 33)  # then so many together

Progress = Callable[[float, str], None]


def answers(servable: Servable, given: Fed, progress: Progress, random: np.random.Generator) -> dict[str, Array]:
    """The outputs for all rows, in the rows' order, though they are asked in a random one.

    Raises FailedPrecondition for an output that has not an answer a row, and for a model that answers rows otherwise
    in other company, or when asked again.
    """
    order = random.permutation(given.rows)
    drawn = run_all(servable, _ordered(given, order), progress)
    place = np.argsort(order)
    outputs = {name: array[place] for name, array in drawn.items()}
    _ask_again(servable, given, outputs, random.permutation(given.rows)[:AGAIN])
    return outputs


def run_all(servable: Servable, given: Fed, progress: Progress) -> dict[str, Array]:
    """The outputs for all rows, run in batches; one by one where the model's rows depend on one another.

    Raises FailedPrecondition for an output that has not an answer a row.
    """
    step = ROWS if given.signature.batched else 1
    parts: list[dict[str, Array]] = []
    for start in range(0, given.rows, step):
        end = min(given.rows, start + step)
        parts.append(_asked(servable, given, np.arange(start, end)))
        _check_alike(parts[0], parts[-1])
        progress(end / given.rows, f"{end} of {given.rows} rows")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _ask_again(servable: Servable, given: Fed, outputs: dict[str, Array], rows: Array) -> None:
    """Asks some rows again among others. Raises FailedPrecondition naming output and row where an answer is another."""
    other: set[int] = set()
    for company in _companies(rows, given.signature.batched):
        asked = _asked(servable, given, company)
        _check_alike(outputs, asked)
        for name, array in asked.items():
            for place, row in enumerate(company):
                before, again = outputs[name][row : row + 1], array[place : place + 1]
                if not close(before, again):
                    other.add(int(row))
                    if array.dtype.kind == "f" or len(other) > 1 or not _has_numbers(outputs):
                        raise _another(name, int(row), before[0], again[0], len(company))


def _check_alike(one: dict[str, Array], other: dict[str, Array]) -> None:
    """Compares two runs. Raises FailedPrecondition where they differ in what outputs there are, or in their shapes."""
    if odd := one.keys() ^ other.keys():
        raise FailedPrecondition(f"output {min(odd)!r} is not given by every run: expected the same outputs of each")
    for name, array in one.items():
        if array.shape[1:] != other[name].shape[1:]:
            raise FailedPrecondition(
                f"output {name!r} has another shape from run to run, {list(array.shape[1:])} a row and "
                f"{list(other[name].shape[1:])}: expected one, so that rows can be compared with the data set's"
            )


def _companies(rows: Array, batched: bool) -> Iterator[Array]:
    alone = len(rows) if not batched else ALONE
    yield from (rows[[at]] for at in range(min(alone, len(rows))))
    start, turn = alone, 0
    while start < len(rows):
        size = _COMPANY[turn % len(_COMPANY)]
        yield rows[start : start + size]
        start, turn = start + size, turn + 1


def _another(name: str, row: int, before: object, again: object, company: int) -> FailedPrecondition:
    how = "alone" if company == 1 else f"among {company}"
    return FailedPrecondition(
        f"output {name!r} of row {row} is {_shown(before)} among all rows, and {_shown(again)} asked {how}: the "
        "model's rows depend on one another, on their order or on what was asked before, or it draws at random, so "
        "that no figure says what a caller gets"
    )


def _has_numbers(outputs: dict[str, Array]) -> bool:
    """Whether there are floating-point outputs. A class that hangs on a score's last digit may be another among other
    rows; this is passed over once, where the score is answered too."""
    return any(array.dtype.kind == "f" for array in outputs.values())


def _shown(value: object) -> str:
    plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return repr(plain.decode(errors="replace") if isinstance(plain, bytes) else plain)[:80]


def _asked(servable: Servable, given: Fed, rows: Array) -> dict[str, Array]:
    asked = servable.infer(given.name, _part(given, rows))
    for name, array in asked.items():
        if array.shape[:1] != (len(rows),):
            raise FailedPrecondition(
                f"output {name!r} has shape {list(array.shape)} for {len(rows)} rows: expected one answer a row, "
                "to be compared with that row of the data set"
            )
    return asked


def _ordered(given: Fed, order: Array) -> Fed:
    return given._replace(inputs={name: array[order] for name, array in given.inputs.items()})


def _part(given: Fed, rows: Array) -> dict[str, Array]:
    """Some of the rows; a table's masks only where they mark something, as they come with requests."""
    part = {name: array[rows] for name, array in given.inputs.items()}
    if is_table(given.signature):
        for name in [mask_name(spec.name) for spec in given.signature.inputs]:
            if name in part and not part[name].any():
                del part[name]
    return part
