"""Prepares inputs (images, texts) in threads of their own, beside the event loop and the model's thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from typing import NamedTuple

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensors.tensor import Array
from bms.serving.inference.batching.batch_keys import BatchKeys, Prepare
from bms.serving.inference.batching.inflight_calls import InflightCalls
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.inference.model_errors import call_foreign


class PreparedInputs(NamedTuple):
    """A prepared micro-batch: the inputs of all its calls but those, by their numbers, that failed."""

    inputs: dict[str, Array]
    errors: dict[int, BmsError]


class Preparation:
    """Prepares micro-batches in `executor` and hands them to `ready`, which may be replaced.

    A call whose content can't be prepared gets the error and leaves its micro-batch; the others go on without it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        executor: Executor,
        inflight: InflightCalls,
        batch_keys: BatchKeys,
        ready: Callable[[MicroBatch], None],
    ) -> None:
        self._loop = loop
        self._executor = executor
        self._inflight = inflight
        self._batch_keys = batch_keys
        self.ready = ready

    def start(self, micro_batch: MicroBatch, prepare: Prepare) -> None:
        running = self._loop.run_in_executor(self._executor, _prepared, micro_batch, prepare)
        running.add_done_callback(partial(self._done, micro_batch))

    def _done(self, micro_batch: MicroBatch, future: "asyncio.Future[PreparedInputs]") -> None:
        if micro_batch.cancelled or future.cancelled():
            return
        made = future.result()
        if made.errors and not self._keep_good(micro_batch, made.errors):
            return
        micro_batch.inputs = made.inputs
        micro_batch.batch_key = self._batch_keys.prepared(micro_batch.batch_key, micro_batch.inputs, micro_batch.rows)
        self.ready(micro_batch)

    def _keep_good(self, micro_batch: MicroBatch, errors: dict[int, BmsError]) -> bool:
        """Answers the calls that failed with their errors; returns whether any call is left."""
        good = [number for number in range(len(micro_batch.parts)) if number not in errors]
        *others, last = errors.items()
        micro_batch.numbers = tuple(good) or (last[0],)  # the last one ends the micro-batch
        kept = tuple(micro_batch.parts[number] for number in micro_batch.numbers)
        for number, error in errors.items() if good else others:
            self._inflight.fail_call(micro_batch, number, error)
        micro_batch.parts, micro_batch.rows = kept, sum(kept)
        if not good:
            self._inflight.fail(micro_batch, last[1])
        return bool(good)


def _prepared(micro_batch: MicroBatch, prepare: Prepare) -> PreparedInputs:
    """Prepares a micro-batch, in the executor. Call by call only where the whole fails and there are several."""
    if micro_batch.cancelled:
        return PreparedInputs({}, {})
    whole = _tried(prepare, micro_batch.inputs)
    if not isinstance(whole, BmsError):
        return PreparedInputs(whole, {})
    if len(micro_batch.parts) == 1:
        return PreparedInputs({}, {0: whole})
    errors: dict[int, BmsError] = {}
    good: list[dict[str, Array]] = []
    at = 0
    for number, rows in enumerate(micro_batch.parts):
        inputs = {name: array[at : at + rows] for name, array in micro_batch.inputs.items()}
        at += rows
        tried = _tried(prepare, inputs)
        if isinstance(tried, BmsError):
            errors[number] = tried
        else:
            good.append(inputs)
    if not good:
        return PreparedInputs({}, errors)
    # Once more together: what is made of a call, e.g. the length of its rows, may depend on the other calls.
    together = _tried(prepare, {name: np.concatenate([inputs[name] for inputs in good]) for name in micro_batch.inputs})
    if isinstance(together, BmsError):
        return PreparedInputs({}, {number: errors.get(number, together) for number in range(len(micro_batch.parts))})
    return PreparedInputs(together, errors)


def _tried(prepare: Prepare, inputs: dict[str, Array]) -> dict[str, Array] | BmsError:
    try:
        return call_foreign("preparing the inputs", prepare, inputs)
    except BmsError as error:
        return error
