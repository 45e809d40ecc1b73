"""Inputs that are made from what was sent, e.g. tensors from images, beside the loop and beside the model's thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensor import Array
from bms.serving.inference.foreign import call_foreign
from bms.serving.inference.kinds import Kinds, Prepare
from bms.serving.inference.ledger import Ledger
from bms.serving.inference.parcel import Parcel

Prepared = list[dict[str, Array] | BmsError]  # one for the whole parcel, or one for each of its calls


class Preparation:
    """Prepares parcels in `executor` and hands them to `ready`.

    A call whose content can't be prepared is told so and leaves its parcel; the others go on without it.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        executor: Executor,
        ledger: Ledger,
        kinds: Kinds,
        ready: Callable[[Parcel], None],
    ) -> None:
        self._loop = loop
        self._executor = executor
        self._ledger = ledger
        self._kinds = kinds
        self._ready = ready

    def start(self, parcel: Parcel, prepare: Prepare) -> None:
        running = self._loop.run_in_executor(self._executor, _prepared, parcel, prepare)
        running.add_done_callback(partial(self._done, parcel))

    def _done(self, parcel: Parcel, future: "asyncio.Future[Prepared]") -> None:
        if parcel.cancelled or future.cancelled():
            return
        made = future.result()
        if len(made) == 1:
            (whole,) = made
            if isinstance(whole, BmsError):
                self._ledger.fail(parcel, whole)
                return
            parcel.inputs = whole
        elif not self._keep_good(parcel, made):
            return
        parcel.kind = self._kinds.prepared(parcel.kind, parcel.inputs, parcel.rows)
        self._ready(parcel)

    def _keep_good(self, parcel: Parcel, made: Prepared) -> bool:
        """Whether any call of the parcel is left once those that failed are told."""
        good = [(number, one) for number, one in enumerate(made) if not isinstance(one, BmsError)]
        bad = [(number, one) for number, one in enumerate(made) if isinstance(one, BmsError)]
        if not good:  # the last one ends the parcel
            parcel.numbers = (bad[-1][0],)
        else:
            parcel.numbers = tuple(number for number, _ in good)
        kept = tuple(parcel.parts[number] for number in parcel.numbers)
        for number, error in bad if good else bad[:-1]:
            self._ledger.fail_call(parcel, number, error)
        parcel.parts, parcel.rows = kept, sum(kept)
        if not good:
            self._ledger.fail(parcel, bad[-1][1])
            return False
        parcel.inputs = {name: np.concatenate([inputs[name] for _, inputs in good]) for name in good[0][1]}
        return True


def _prepared(parcel: Parcel, prepare: Prepare) -> Prepared:
    """Runs in the executor. Call by call only where the whole fails and there are several."""
    if parcel.cancelled:
        return [{}]
    whole = _tried(prepare, parcel.inputs)
    if isinstance(whole, BmsError) and len(parcel.parts) > 1:
        made: Prepared = []
        at = 0
        for rows in parcel.parts:
            made.append(_tried(prepare, {name: array[at : at + rows] for name, array in parcel.inputs.items()}))
            at += rows
        return made
    return [whole]


def _tried(prepare: Prepare, inputs: dict[str, Array]) -> dict[str, Array] | BmsError:
    try:
        return call_foreign("decoding the images", prepare, inputs)
    except BmsError as error:
        return error
