"""All rows of a split through a model."""

from collections.abc import Callable

import numpy as np

from bms.app.tasks.evaluation.feeding import Fed
from bms.core.columns import mask_name
from bms.core.errors import FailedPrecondition
from bms.core.signature import is_table
from bms.core.tensor import Array
from bms.serving.lifecycle.servable import Servable

ROWS = 256  # at a time: bounds memory, and is what a server's large batch looks like


def run_all(servable: Servable, given: Fed, progress: Callable[[float, str], None]) -> dict[str, Array]:
    """The outputs for all rows, run in parts; one by one where the model's rows depend on their company.

    Raises FailedPrecondition for an output that has not an answer a row.
    """
    step = ROWS if given.signature.batched else 1
    parts: list[dict[str, Array]] = []
    for start in range(0, given.rows, step):
        end = min(given.rows, start + step)
        parts.append(servable.infer(given.name, _part(given, start, end)))
        for name, array in parts[-1].items():
            if array.shape[:1] != (end - start,):
                raise FailedPrecondition(
                    f"output {name!r} has shape {list(array.shape)} for {end - start} rows: expected one answer a row, "
                    "to be held against that row of the data set"
                )
        progress(end / given.rows, f"{end} of {given.rows} rows")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _part(given: Fed, start: int, end: int) -> dict[str, Array]:
    """Some of the rows; a table's masks only where they say something, as they come with requests."""
    part = {name: array[start:end] for name, array in given.inputs.items()}
    if is_table(given.signature):
        for name in [mask_name(spec.name) for spec in given.signature.inputs]:
            if name in part and not part[name].any():
                del part[name]
    return part
