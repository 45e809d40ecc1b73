"""Runs a batch: joins the rows of several micro-batches into one run, or runs them one by one where that fails."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bms.core.errors import BmsError, Internal, InvalidArgument
from bms.core.tensors.columns import with_masks
from bms.core.tensors.parameters import read_parameters
from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.batch_keys import BatchKey
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.model_errors import call_foreign
from bms.serving.lifecycle.servable import ParameterizedServable, Servable


class Run(NamedTuple):
    """One run of the servable: its rows and padding rows, nanoseconds, and whether it gave an answer."""

    rows: int
    padded: int
    compute_ns: int
    well: bool


class CallResult(NamedTuple):
    """The outcome of one call that ran by itself, and how long it took in nanoseconds."""

    outputs: dict[str, Array]
    error: BmsError | None
    compute_ns: int


class Executed(NamedTuple):
    """The outcome of a batch: the outputs of all its rows, or where no run gave them, `alone`.

    `alone` has for each micro-batch what became of it: one Executed of this micro-batch, or the results of its calls.
    `began` is when the run began, in monotonic seconds; `rows` and `compute_ns` are those of all micro-batches.
    """

    outputs: dict[str, Array]
    began: float
    rows: int
    compute_ns: int
    runs: Sequence[Run]
    alone: Sequence["Executed | Sequence[CallResult]"] | None = None


def execute(
    servable: Servable, batch: Sequence[MicroBatch], monotonic: Callable[[], float], sizes: tuple[int, ...] = ()
) -> Executed:
    """Runs `batch`, whose micro-batches have one key, with one of `sizes` rows at a time (empty: any number).

    Where a run of several micro-batches fails, each is run alone, and where that fails, each of its calls, so that
    only the call at fault fails; unless all are cancelled. The same goes, from then on, for a batch key whose answers
    were found not to be what batching assumes: one for each row, all of one shape.
    """
    began = monotonic()
    first = batch[0]
    batch_key = first.batch_key
    rows = first.rows if len(batch) == 1 else sum([micro_batch.rows for micro_batch in batch])
    runs: list[Run] = []
    several = len(batch) > 1 or len(first.parts) > 1
    try:
        if several and not batch_key.batched:
            raise Internal("rows of this batch key don't share runs")  # nobody sees it: each call is run alone
        outputs = _run(servable, first, _joined(batch), rows, runs, monotonic, sizes)
        if several and not batch_key.batched:
            raise Internal("the shape of an answer depends on the other rows of its batch")
    except BmsError as error:
        if all(each.cancelled for each in batch):  # it may have been stopped for that; nobody waits for its answer
            return Executed({}, began, rows, 0, runs, [()] * len(batch))
        if len(batch) > 1:
            parts = [execute(servable, [micro_batch], monotonic, sizes) for micro_batch in batch]
            return Executed({}, began, rows, 0, [run for part in parts for run in part.runs], parts)
        return _call_by_call(servable, first, error, began, runs, monotonic, sizes)
    return Executed(outputs, began, rows, sum([run.compute_ns for run in runs]), runs)


def _call_by_call(
    servable: Servable,
    micro_batch: MicroBatch,
    error: BmsError,
    began: float,
    runs: list[Run],
    monotonic: Callable[[], float],
    sizes: tuple[int, ...],
) -> Executed:
    """Runs each call of a micro-batch by itself; `error` is that of the micro-batch as a whole."""
    results: list[CallResult] = []
    if len(micro_batch.parts) == 1:
        results.append(CallResult({}, error, sum([run.compute_ns for run in runs])))
        return Executed({}, began, micro_batch.rows, 0, runs, [results])
    runs = []
    at = 0
    for rows in micro_batch.parts:
        inputs = {name: array[at : at + rows] for name, array in micro_batch.inputs.items()}
        made: list[Run] = []
        at += rows
        try:
            outputs = _run(servable, micro_batch, aligned(inputs), rows, made, monotonic, sizes)
        except BmsError as raised:
            results.append(CallResult({}, raised, sum([run.compute_ns for run in made])))
        else:
            results.append(CallResult(outputs, None, sum([run.compute_ns for run in made])))
        runs += made
    return Executed({}, began, micro_batch.rows, 0, runs, [results])


def _run(
    servable: Servable,
    like: MicroBatch,
    inputs: dict[str, Array],
    rows: int,
    runs: list[Run],
    monotonic: Callable[[], float],
    sizes: tuple[int, ...],
) -> dict[str, Array]:
    """Returns the outputs of all rows, and adds the runs to `runs`. Raises BmsError."""
    if not sizes or not like.batch_key.batched:
        return _timed(servable, like, inputs, rows, 0, runs, monotonic)
    answers = []
    for at in range(0, rows, sizes[-1]):
        count = min(sizes[-1], rows - at)
        padding = next(size for size in sizes if size >= count) - count
        filled = {name: _filled_up(array[at : at + count], padding) for name, array in inputs.items()}
        outputs = _timed(servable, like, filled, count, padding, runs, monotonic)
        if padding:
            outputs = {name: array[:count] for name, array in outputs.items()}
        answers.append(outputs)
    if len(answers) == 1:
        return answers[0]
    answers = with_masks(answers)
    for name, array in answers[0].items():
        if any(outputs[name].shape[1:] != array.shape[1:] for outputs in answers):
            raise Internal(
                f"output {name!r} has another shape in each run of {sizes[-1]} rows, so that its answers can't be put "
                "together: send fewer rows"
            )
    return {name: np.concatenate([outputs[name] for outputs in answers]) for name in answers[0]}


def _timed(
    servable: Servable,
    like: MicroBatch,
    inputs: dict[str, Array],
    rows: int,
    padding: int,
    runs: list[Run],
    monotonic: Callable[[], float],
) -> dict[str, Array]:
    began = monotonic()
    well = False
    try:
        if like.batch_key.params:
            outputs = call_foreign("running the model", _with_parameters, servable, like.batch_key, inputs)
        else:
            outputs = call_foreign(
                "running the model", servable.infer, like.batch_key.target, inputs, like.batch_key.outputs
            )
        if like.batch_key.route.signature.batched:
            check_answers(like.batch_key, outputs, rows + padding)
        well = True
    finally:
        runs.append(Run(rows, padding, int((monotonic() - began) * 1e9), well))
    return outputs


def _with_parameters(servable: Servable, batch_key: BatchKey, inputs: dict[str, Array]) -> dict[str, Array]:
    if not isinstance(servable, ParameterizedServable):
        raise InvalidArgument("this model takes no parameters")
    return servable.infer_with(batch_key.target, inputs, batch_key.outputs, read_parameters(batch_key.params))


def _joined(batch: Sequence[MicroBatch]) -> dict[str, Array]:
    if len(batch) == 1:
        return aligned(batch[0].inputs)
    return {name: np.concatenate([micro_batch.inputs[name] for micro_batch in batch]) for name in batch[0].inputs}


def aligned(inputs: dict[str, Array]) -> dict[str, Array]:
    # Arrays cut out of a received frame may start at any byte; native kernels expect aligned ones.
    return {name: array if array.flags.aligned else array.copy() for name, array in inputs.items()}


def _filled_up(array: Array, padding: int) -> Array:
    """Pads `array` with copies of its last row: content that the model is known to take."""
    return np.concatenate([array, np.repeat(array[-1:], padding, axis=0)]) if padding else array


def check_answers(batch_key: BatchKey, outputs: dict[str, Array], rows: int) -> None:
    """Checks that outputs have one row for each row of the inputs; where not, rows of this batch key share no run any
    more. Raises Internal where the numbers of rows differ, since it is unknown which row belongs to which call."""
    seen = batch_key.answers
    for name, array in outputs.items():
        shape = array.shape
        if shape[:1] != (rows,):
            batch_key.batched = False
            raise Internal(
                f"output {name!r} has shape {list(shape)} for {rows} rows: the signature is batched, which promises "
                "one answer for each row; push the model again as one that is not (`--no-batched`)"
            )
        if seen.get(name) != shape[1:]:
            if name in seen:
                batch_key.batched = False
            seen[name] = shape[1:]
