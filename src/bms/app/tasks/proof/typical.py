"""Makes rows like those of a data set without repeating one: the example that a converted model brings."""

import numpy as np

from bms.core.tensors.tensor import Array

ROWS = 8


def typical(rows: Array, answers: Array) -> Array:
    """At most `ROWS` rows that a model answers as differently as it does the data's. Made-up numbers may be far from
    all that it was fitted on, and all be answered alike.

    `rows`: [N, ...] numbers, N at least 1; `answers`: [N, ...], what the model gave for them. Each row has every other
    column of one of the data and the rest of another with a like answer: no row of the data goes into an artifact that
    more people may read. Rows in which something is missing are left out, if there are others.
    """
    flat = rows.reshape(len(rows), -1)
    whole = np.isfinite(flat).all(axis=1) if flat.dtype.kind == "f" else np.ones(len(flat), np.bool_)
    if not whole.any():
        flat, whole = np.nan_to_num(flat), np.ones(len(flat), np.bool_)
    flat, told = flat[whole], answers[whole].reshape(int(whole.sum()), -1)
    order = np.lexsort([np.arange(len(told)), *(told[:, place] for place in reversed(range(told.shape[1])))])
    count = min(ROWS, len(order))
    places = ((np.arange(count) + 0.5) / count * len(order)).astype(np.int64)
    ones, others = order[places], order[np.minimum(places + 1, len(order) - 1)]
    made = np.where(np.arange(flat.shape[1]) % 2 == 0, flat[ones], flat[others])
    return made.reshape(count, *rows.shape[1:])
