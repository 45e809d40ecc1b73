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

    A call whose content can't be prepared is told so and leaves its parcel; the others go on without it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        executor: Executor,
        ledger: InflightCalls,
        kinds: BatchKeys,
        ready: Callable[[MicroBatch], None],
    ) -> None:
        self._loop = loop
        self._executor = executor
        self._ledger = ledger
        self._kinds = kinds
        self.ready = ready

    def start(self, parcel: MicroBatch, prepare: Prepare) -> None:
        running = self._loop.run_in_executor(self._executor, _prepared, parcel, prepare)
        running.add_done_callback(partial(self._done, parcel))

    def _done(self, parcel: MicroBatch, future: "asyncio.Future[PreparedInputs]") -> None:
        if parcel.cancelled or future.cancelled():
            return
        made = future.result()
        if made.errors and not self._keep_good(parcel, made.errors):
            return
        parcel.inputs = made.inputs
        parcel.kind = self._kinds.prepared(parcel.kind, parcel.inputs, parcel.rows)
        self.ready(parcel)

    def _keep_good(self, parcel: MicroBatch, errors: dict[int, BmsError]) -> bool:
        """Answers the calls that failed with their errors; returns whether any call is left."""
        good = [number for number in range(len(parcel.parts)) if number not in errors]
        *others, last = errors.items()
        parcel.numbers = tuple(good) or (last[0],)  # the last one ends the parcel
        kept = tuple(parcel.parts[number] for number in parcel.numbers)
        for number, error in errors.items() if good else others:
            self._ledger.fail_call(parcel, number, error)
        parcel.parts, parcel.rows = kept, sum(kept)
        if not good:
            self._ledger.fail(parcel, last[1])
        return bool(good)


def _prepared(parcel: MicroBatch, prepare: Prepare) -> PreparedInputs:
    """Prepares a micro-batch, in the executor. Call by call only where the whole fails and there are several."""
    if parcel.cancelled:
        return PreparedInputs({}, {})
    whole = _tried(prepare, parcel.inputs)
    if not isinstance(whole, BmsError):
        return PreparedInputs(whole, {})
    if len(parcel.parts) == 1:
        return PreparedInputs({}, {0: whole})
    errors: dict[int, BmsError] = {}
    good: list[dict[str, Array]] = []
    at = 0
    for number, rows in enumerate(parcel.parts):
        inputs = {name: array[at : at + rows] for name, array in parcel.inputs.items()}
        at += rows
        tried = _tried(prepare, inputs)
        if isinstance(tried, BmsError):
            errors[number] = tried
        else:
            good.append(inputs)
    if not good:
        return PreparedInputs({}, errors)
    # Once more together: what is made of a call, e.g. the length of its rows, may depend on its company.
    together = _tried(prepare, {name: np.concatenate([inputs[name] for inputs in good]) for name in parcel.inputs})
    if isinstance(together, BmsError):
        return PreparedInputs({}, {number: errors.get(number, together) for number in range(len(parcel.parts))})
    return PreparedInputs(together, errors)


def _tried(prepare: Prepare, inputs: dict[str, Array]) -> dict[str, Array] | BmsError:
    try:
        return call_foreign("preparing the inputs", prepare, inputs)
    except BmsError as error:
        return error
