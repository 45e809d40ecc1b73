"""Models whose rows are not independent, each in a way of its own, beside an honest one of the same signature."""

from collections.abc import Callable, Mapping
from itertools import count

import numpy as np
from numpy.typing import NDArray

from bms.core.clock import ManualClock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.inference.probe import observed
from tests.servables import FunctionServable

IDS = 60  # there are so many
MOST = 30  # answers of `padded`
SIGNATURE = Signature(
    inputs=(
        TensorSpec(name="x", dtype="FP32", shape=(None, 3)),
        TensorSpec(name="id", dtype="INT64", shape=(None,)),
        TensorSpec(name="text", dtype="BYTES", shape=(None,)),
    )
)
Floats = NDArray[np.float32]
Inputs = dict[str, Array]
Outputs = dict[str, Array]
TABLE = np.random.default_rng(3).standard_normal((IDS, 3)).astype(np.float32)


def honest(inputs: Inputs) -> Outputs:
    """`y` [rows, 3] and `length` [rows]."""
    ids = inputs["id"]
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < IDS:
        raise InvalidArgument(f"ids are 0 to {IDS - 1}")
    return {"y": np.tanh(_x(inputs)) + TABLE[ids.astype(int)], "length": lengths(inputs)}


def lengths(inputs: Inputs) -> Array:
    return np.array([len(text) for text in inputs["text"].tolist()], dtype=np.int64)


def _x(inputs: Inputs) -> Floats:
    return inputs["x"].astype(np.float32)


def _changed(change: Callable[[Inputs, Outputs], Outputs]) -> Callable[[Inputs], Outputs]:
    def changed(inputs: Inputs) -> Outputs:
        with np.errstate(invalid="ignore"):  # some rows hold what is no number
            return change(inputs, honest(inputs))

    return changed


def _y(change: Callable[[Inputs, Floats], Array]) -> Callable[[Inputs], Outputs]:
    return _changed(lambda inputs, said: {**said, "y": change(inputs, said["y"].astype(np.float32))})


def _quantized(inputs: Inputs, said: Floats) -> Array:
    step = np.abs(_x(inputs)).max() / 127 + 1e-6
    return said + np.round(_x(inputs) / step) * step


def _padded(inputs: Inputs, said: Outputs) -> Outputs:
    longest = min(MOST, int(lengths(inputs).max(initial=0)))
    return {**said, "y": np.tile(said["length"].astype(np.float32)[:, None], (1, longest))}


def _counting() -> Callable[[Inputs], Outputs]:
    calls = count()
    return _y(lambda inputs, said: said + np.float32(next(calls)))


def _drawing() -> Callable[[Inputs], Outputs]:
    drawn = np.random.default_rng(5)
    return _y(lambda inputs, said: (said + drawn.standard_normal(said.shape)).astype(np.float32))


def _numbers(inputs: Inputs) -> Array:
    return ~np.isnan(_x(inputs)).any(axis=1)


def _dropping(inputs: Inputs, said: Outputs) -> Outputs:
    kept = inputs["x"].sum(axis=1) > -100
    return {name: array[kept] for name, array in said.items()}


# By name: what makes one, and words by which the proof refuses it.
LIARS: Mapping[str, tuple[Callable[[], Callable[[Inputs], Outputs]], str]] = {
    "centred": (lambda: _y(lambda inputs, said: said - said.mean(axis=0)), "in a batch|same answer"),
    "normalised by the batch": (
        lambda: _y(lambda inputs, said: (said - said.mean(0)) / (said.std(0) + np.float32(1e-3))),
        "in a batch|same answer",
    ),
    "quantized by the largest of all": (lambda: _y(_quantized), "in a batch"),
    "divided by the number of rows": (lambda: _y(lambda inputs, said: said / np.float32(len(said))), "in a batch"),
    "added up": (lambda: _y(lambda inputs, said: np.cumsum(said, axis=0)), "in a batch"),
    "sorted": (lambda: _changed(lambda inputs, said: {**said, "length": np.sort(said["length"])}), "'length' of a row"),
    "the first row's neighbours'": (
        lambda: _y(lambda inputs, said: said + (said - np.roll(said, 1, axis=0)) * np.float32(0.01)),
        "in a batch",
    ),
    "transposed": (lambda: _y(lambda inputs, said: said.T.reshape(said.shape)), "in a batch"),
    "of the longest text": (
        lambda: _y(lambda inputs, said: said + np.float32(lengths(inputs).max())),
        "in a batch",
    ),
    "padded to the longest text": (lambda: _changed(_padded), "depends on what is in the row"),
    "where ids are large": (
        lambda: _y(lambda inputs, said: said + np.float32(inputs["id"].max() > 35)),
        "in a batch",
    ),
    "in crowds": (lambda: _y(lambda inputs, said: said + np.float32(len(said) > 16)), "a batch with 16 other rows"),
    "in large crowds": (
        lambda: _y(lambda inputs, said: said + np.float32(len(said) > 60)),
        "a batch with 64 other rows",
    ),
    "beside a huge number": (
        lambda: _y(lambda inputs, said: said * min(np.float32(1), np.float32(1e4) / np.abs(_x(inputs)).max(initial=1))),
        "where 'x' is 1000000",
    ),
    "beside a long text": (
        lambda: _y(lambda inputs, said: said + np.float32(lengths(inputs).max() > 500)),
        "'text' is a long text",
    ),
    "beside what is no number": (lambda: _y(lambda inputs, said: said + 0 * _x(inputs).sum()), "'x' is nan"),
    "filled from the others": (
        lambda: _y(lambda inputs, said: np.where(np.isnan(said), np.nan_to_num(said).mean(), said)),
        "where 'x' is nan in another row",
    ),
    "dropping what is no number": (
        lambda: _changed(lambda inputs, said: {name: array[_numbers(inputs)] for name, array in said.items()}),
        "for 3 rows, where 'x' is nan in one of them",
    ),
    "in pairs": (lambda: _y(lambda inputs, said: said + np.float32(len(said) == 2)), "a batch with 1 other row"),
    "an answer for all": (
        lambda: _changed(lambda inputs, said: {**said, "all": np.float32(0.5).reshape(())}),
        "'all' has shape \\[\\] for one row",
    ),
    "an answer less": (
        lambda: _changed(lambda inputs, said: {**said, "length": said["length"][: max(1, len(said["y"]) - 1)]}),
        "'length' has shape \\[1\\] for 2 rows",
    ),
    "dropping rows": (lambda: _changed(_dropping), "has shape \\[0, 3\\] for one row"),
    "holding state": (_counting, "holds state"),
    "drawing at random": (_drawing, "draws at random"),
    "one row only": (lambda: _only_one, "does not run on 2 rows"),
    "saying the same": (
        lambda: _changed(lambda inputs, said: {"y": np.zeros_like(said["y"])}),
        "get the same answer, which can't tell",
    ),
}


def _only_one(inputs: Inputs) -> Outputs:
    if len(inputs["x"]) > 1:
        raise InvalidArgument("one row at a time")
    return honest(inputs)


def judge(function: Callable[[Inputs], Outputs]) -> None:
    """Raises FailedPrecondition unless rows may share runs, saying why."""
    seen = observed(
        FunctionServable(function, {DEFAULT: SIGNATURE}), DEFAULT, SIGNATURE, monotonic=ManualClock().monotonic
    )
    if not seen.signature.batched:
        raise FailedPrecondition(seen.apart)
