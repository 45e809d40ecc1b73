"""Running a batch: rows of several calls become one run, and its answer is cut up again."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bms.core.errors import BmsError, Internal
from bms.core.tensor import Array
from bms.serving.inference.call import Call
from bms.serving.inference.foreign import call_foreign
from bms.serving.lifecycle.servable import Servable


class Outcome(NamedTuple):
    """What became of one call: outputs or an error, and its share of the run in nanoseconds."""

    outputs: dict[str, Array]
    error: BmsError | None
    queue_ns: int
    compute_ns: int


class Run(NamedTuple):
    """One run of the servable, for counting: how many rows, how long in nanoseconds."""

    rows: int
    compute_ns: int


def execute(
    servable: Servable, batch: Sequence[Call], monotonic: Callable[[], float]
) -> tuple[list[Outcome], list[Run]]:
    """Outcomes in the order of `batch`, whose calls are of one group.

    Where a run of several calls fails, each is run alone, so that only the one at fault fails.
    """
    began = monotonic()
    queued = [int((began - call.arrived) * 1e9) for call in batch]
    try:
        inputs = _joined(batch)
        outputs = call_foreign(
            "running the model", lambda: servable.infer(batch[0].signature, inputs, batch[0].outputs)
        )
        rows = sum(call.rows for call in batch)
        cuts = _cut(outputs, batch, rows)
    except BmsError as error:
        if len(batch) > 1:
            alone = [execute(servable, [call], monotonic) for call in batch]
            return [outcomes[0] for outcomes, _ in alone], [run for _, runs in alone for run in runs]
        cuts, rows = [error], batch[0].rows
    took = int((monotonic() - began) * 1e9)
    outcomes = [
        Outcome({}, cut, waited, took * call.rows // rows)
        if isinstance(cut, BmsError)
        else Outcome(cut, None, waited, took * call.rows // rows)
        for call, cut, waited in zip(batch, cuts, queued, strict=True)
    ]
    return outcomes, [Run(rows, took)]


def _joined(batch: Sequence[Call]) -> dict[str, Array]:
    if len(batch) > 1:
        return {name: np.concatenate([call.inputs[name] for call in batch]) for name in batch[0].inputs}
    # Arrays cut out of a received frame may start at any byte; native kernels expect aligned ones.
    return {name: array if array.flags.aligned else array.copy() for name, array in batch[0].inputs.items()}


def _cut(outputs: dict[str, Array], batch: Sequence[Call], rows: int) -> Sequence[dict[str, Array] | BmsError]:
    if len(batch) == 1:
        return [outputs]
    for name, array in outputs.items():
        if array.shape[:1] != (rows,):
            raise Internal(
                f"output {name!r} has shape {list(array.shape)} for {rows} rows: expected one answer per row"
            )
    cuts: list[dict[str, Array]] = []
    at = 0
    for call in batch:
        end = at + call.rows
        cuts.append({name: array[at:end] for name, array in outputs.items()})
        at = end
    return cuts
