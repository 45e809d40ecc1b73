"""Asks every model of a family as its callers would: each call alone, and all of them at once as the model server runs
them together.

Arguments: a folder with, for each model, `NAME/model` and `NAME/calls.npz`: arrays "NUMBER/in/TENSOR", and the
library's own answers "NUMBER/out/TENSOR" where it has one; then "sharing" if every model's calls are to share runs,
whatever was found out about them, and "declared" if what is found out is then declared, as batched. Runs in the
library's own environment. For each model it prints a line of JSON: {"name", "batched", "faults"}, or {"name",
"refused": reason}.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import BmsError
from bms.core.tensors.signature import Signature
from bms.core.tensors.tensor import Array, Tensor, dtype_of
from bms.core.workloads.programs import ServableConfig
from bms.protocols.frames import InferMeta, TensorMeta
from bms.serving.inference.batching.batch_keys import BatchKey, BatchKeys
from bms.serving.inference.batching.execution import Executed, execute
from bms.serving.inference.batching.micro_batch import MicroBatch
from bms.serving.lifecycle.servable import Servable

Call = dict[str, Array]
Answer = dict[str, Array] | str  # or what is wrong
RTOL, ATOL = 1e-4, 1e-5


class Nobody:
    """An asker that is never written to."""

    def __init__(self) -> None:
        self.open: dict[int, MicroBatch] = {}

    def send(self, data: bytes) -> None:
        raise AssertionError("nobody is answered here")


def calls_of(file: Path) -> tuple[list[Call], list[Call]]:
    """What is asked, and what the library says to it; nothing where it says something else each time."""
    asked: dict[int, Call] = {}
    wanted: dict[int, Call] = {}
    with np.load(file) as arrays:
        for key in arrays.files:
            number, side, name = key.split("/", 2)
            array = arrays[key]
            array = array.astype(object) if array.dtype.kind == "S" else array
            (asked if side == "in" else wanted).setdefault(int(number), {})[name] = array
    return [asked[number] for number in sorted(asked)], [wanted[number] for number in sorted(wanted)]


def together(servable: Servable, calls: Sequence[Call]) -> list[Answer]:
    """The answers when all calls wait at the same time; who may share runs, and what these answer, is ours to say."""
    batch_keys = BatchKeys()
    batch_keys.serve(servable)
    groups: dict[BatchKey, list[MicroBatch]] = {}
    for number, call in enumerate(calls):
        tensors = [Tensor(name, array) for name, array in call.items()]
        metas = tuple(TensorMeta(name, dtype_of(array), array.shape, array.nbytes) for name, array in call.items())
        batch_key, rows = batch_keys.find(InferMeta("", 0, (), metas), tensors)
        groups.setdefault(batch_key, []).append(MicroBatch(Nobody(), number, batch_key, call, rows, 0.0, None, (rows,)))
    answers: dict[int, Answer] = {}
    for batch_key, micro_batches in groups.items():
        for batch in [micro_batches] if batch_key.batched else [[one] for one in micro_batches]:
            for micro_batch, answer in answered(execute(servable, batch, time.monotonic), batch):
                answers[micro_batch.id] = answer
    return [answers[number] for number in range(len(calls))]


def answered(done: Executed, micro_batches: Sequence[MicroBatch]) -> Iterator[tuple[MicroBatch, Answer]]:
    if done.alone is None:
        at = 0
        for micro_batch in micro_batches:
            single = len(micro_batches) == 1
            end = at + micro_batch.rows
            yield micro_batch, {name: array if single else array[at:end] for name, array in done.outputs.items()}
            at = end
        return
    for micro_batch, one in zip(micro_batches, done.alone, strict=True):
        if isinstance(one, Executed):
            yield from answered(one, [micro_batch])
        else:
            yield micro_batch, one[0].error.message if one[0].error else one[0].outputs


def faults(way: str, answers: Sequence[Answer], wanted: Sequence[Call]) -> Iterator[str]:
    for number, (answer, own) in enumerate(zip(answers, wanted, strict=True)):
        if isinstance(answer, str):
            yield f"{way}, call {number}: {answer}"
            continue
        for name, array in own.items():
            if not alike(answer.get(name), array):
                yield f"{way}, call {number}: {name} is {said(answer.get(name))}, the library says {said(array)}"


def alike(answer: Array | None, wanted: Array) -> bool:
    if answer is None or answer.shape != wanted.shape:
        return False
    if wanted.dtype.kind != "f":
        return np.array_equal(answer, wanted)
    largest = float(np.max(np.abs(wanted), initial=1.0, where=np.isfinite(wanted)))
    return np.allclose(answer, wanted, rtol=RTOL, atol=ATOL * largest, equal_nan=True)


def said(array: Array | None) -> str:
    return "missing" if array is None else f"{list(array.shape)} {array.ravel()[:4].tolist()}"


def declaring(servable: Servable) -> dict[str, Signature]:
    """What a maker would say who takes all of the model's rows to be independent."""
    return {
        name: structs.replace(one, outputs=(), batched=True, method="predict", scores=None, labels=())
        for name, one in servable.signatures.items()
    }


def told(directory: Path, *, sharing: bool, declared: bool) -> dict[str, Any]:
    model = str(directory / "model")
    try:
        found = recognise(model)
        own = found.description.signatures
        config = ServableConfig(runtime=found.runtime, directory=model, model="m", version=1, signatures=own)
        servable = open_servable(config)
        if declared:
            servable = open_servable(structs.replace(config, signatures=declaring(servable)))
    except BmsError as error:
        return {"refused": error.message}
    asked, wanted = calls_of(directory / "calls.npz")
    name, signature = next(iter(servable.signatures.items()))
    if sharing:
        servable.signatures[name] = structs.replace(signature, batched=True)
    wrong = []
    if wanted:
        alone = [together(servable, [call])[0] for call in asked]
        wrong += faults("alone", alone, wanted)
        order = [(7 * place + 3) % len(asked) for place in range(len(asked))]  # every call, among other neighbours
        for way, places in (("together", range(len(asked))), ("mixed", order)):
            answers = together(servable, [asked[place] for place in places])
            wrong += faults(way, answers, [wanted[place] for place in places])
    made = {"batched": signature.batched, "calls": len(asked), "faults": wrong}
    servable.close()
    return made


def main(root: Path, *options: str) -> None:
    for file in sorted(root.glob("*/calls.npz")):
        found = told(file.parent, sharing="sharing" in options, declared="declared" in options)
        print(json.dumps({"name": file.parent.name, **found}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
