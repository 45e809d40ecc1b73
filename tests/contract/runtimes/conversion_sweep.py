"""Converts every estimator of scikit-learn as the platform does, and compares what became a child with what the library
itself answers on rows that the proof never saw. Prints one JSON object a line: what became of each.

    python conversion_sweep.py FOLDER FORM…

FORMs: "common": estimators that people convert; "some": every twelfth there is, on kinds of data in turns; "full": all
on all kinds, with all parameters. "unproved": "common" by a platform that takes any child, which must come out wrong.
"sabotaged": a converter whose models are spoilt.

Outcomes: "converted", "refused" (and in which words), or "wrong". "unserved": the parent itself is not served.
"""

import json
import shutil
import sys
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from conversion_sabotage import SABOTAGES, spoilt
from conversion_specimens import common
from sklearn_sweep import REFUSALS, answer
from sklearn_zoo import CLASSES, KINDS, Specimen, specimens

from bms.app.tasks import convert, import_dataset
from bms.app.tasks.opening import open_servable
from bms.app.tasks.proof.proving import Proved, prove
from bms.core.errors import BmsError
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import NUMPY
from bms.core.workloads.programs import ServableConfig

NUMBERS = ("numbers", "positive", "singles", "missing")


class Job:
    """What the tasks need of a job."""

    def __init__(self, output: Path, inputs: dict[str, Path], **parameters: object) -> None:
        self.output, self.inputs, self.parameters = output, inputs, parameters
        output.mkdir(parents=True)

    def progress(self, fraction: float, message: str = "") -> None:
        """Nobody looks."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Nobody looks."""


def main(folder: Path, forms: list[str]) -> None:
    warnings.simplefilter("ignore")
    usual = list(common()) if {"common", "unproved", "sabotaged"} & set(forms) else []
    for form in forms:
        convert.prove = unproved if form == "unproved" else prove
        if form == "sabotaged":
            honest = next(one for one in usual if one.name == "logistic")
            asked = ((honest, name, Spoilt(name)) for name in SABOTAGES)
        else:
            asked = ((one, one.name, convert.sklearn_to_onnx) for one in chosen(form, usual))
        for specimen, name, converter in asked:
            outcome = tried(folder, specimen, converter)
            print(json.dumps({"form": form, "name": name, "kind": specimen.kind, **outcome}), flush=True)


def chosen(form: str, usual: list[Specimen]) -> Iterator[Specimen]:
    if form == "full":
        yield from specimens(CLASSES, KINDS, every=True)
    elif form == "some":
        for number, name in enumerate(list(CLASSES)[::12]):
            kinds = tuple(NUMBERS[(number + step) % len(NUMBERS)] for step in range(len(NUMBERS)))
            yield from islice(specimens([name], kinds), 1)
    else:
        yield from usual


def unproved(asked: Any, signatures: Any, child: Any, tolerance: float) -> Proved:
    return Proved({}, {}, {}, 0)


class Spoilt:
    """A converter whose models are spoilt in one way: see `conversion_sabotage`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, parent: ServableConfig, signature: Signature) -> convert.Convertible:
        made = convert.sklearn_to_onnx(parent, signature)
        return made._replace(candidates=(spoilt(model, self._name) for model in made.candidates))


def tried(folder: Path, specimen: Specimen, converter: Any) -> dict[str, str]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "parent").mkdir(parents=True)
    joblib.dump(specimen.model, folder / "parent" / "model.joblib")
    config = ServableConfig(
        runtime="sklearn", directory=str(folder / "parent"), model="m", version=1, allow_pickle=True
    )
    try:
        parent = open_servable(config)
    except BmsError as error:
        return {"outcome": "unserved", "why": error.message[:300]}
    signatures = dict(parent.signatures)
    parent.close()
    given = {"runtime": "sklearn", "directory": "", "model": "m", "version": 1, "allow_pickle": True}
    job = Job(
        folder / "output",
        {"artifact": folder / "parent", "data": data_of(folder, specimen.rows)},
        servable=given,
        target="onnx",
        tolerance=1e-5,
    )
    convert.CONVERTERS["sklearn", "onnx"] = (converter, "model.onnx")
    try:
        convert.main(job)
    except BmsError as error:
        return {"outcome": "refused", "why": error.message[:600]}
    card = json.loads((folder / "output" / "version.json").read_text())
    child = open_servable(
        ServableConfig(
            runtime=card["runtime"],
            directory=str(folder / "output" / "model"),
            model="m",
            version=2,
            signatures=signatures,
        )
    )
    for rows in others(specimen.rows, signatures[DEFAULT]):
        if wrong := compared(child, signatures[DEFAULT], specimen.model, rows):
            return {"outcome": "wrong", "why": wrong}
    return {"outcome": "converted", "why": card["metadata"]["difference_by_output"]}


def data_of(folder: Path, rows: Any) -> Path:
    """The rows as a data set of two splits. Of texts and tables, which are refused before anyone reads them, there are
    numbers."""
    array = np.asarray(rows) if isinstance(rows, np.ndarray) else np.zeros((8, 1))
    np.savez(folder / "rows.npz", x=array.reshape(len(array), -1), y=np.arange(len(array)) % 2)
    split = {"train": 0.6, "validation": 0.4}
    job = Job(folder / "data", {"source": folder / "rows.npz"}, format="npz", label="y", split=split)
    import_dataset.main(job)
    return folder / "data"


def others(rows: Any, signature: Signature) -> Iterator[Any]:
    """Rows like those that it was fitted on, and wider, whole, sparse, mixed of them, and alone."""
    random = np.random.default_rng(77)
    kind = NUMPY[signature.inputs[0].dtype]
    known = np.asarray(rows, dtype=np.float64).reshape(len(rows), -1)
    known = np.where(np.isnan(known), 0.5, known)
    shape = (120, known.shape[1])
    yield random.choice(known, shape[0]).astype(kind)
    yield (random.choice(known, shape[0]) + random.normal(0, 0.1, shape)).astype(kind)
    mixed = np.stack([random.choice(column, shape[0]) for column in known.T], axis=1)
    yield mixed.astype(kind)
    yield (mixed * random.choice([0, 1, 3], shape)).astype(kind)
    yield random.integers(-4, 5, shape).astype(kind)
    yield random.uniform(-30, 30, shape).astype(kind)
    yield np.abs(random.normal(0, 2, shape)).astype(kind)
    gone = mixed.astype(kind)
    gone[::3, 0] = np.nan
    yield gone
    for row in mixed[:4].astype(kind):
        yield row[None]


def compared(child: Any, signature: Signature, model: Any, rows: Any) -> str | None:
    """What differs from the library, if anything; of rows that the library refuses, nothing is asked."""
    taken = (
        rows[:, 0]
        if getattr(model, "__sklearn_tags__", None) and model.__sklearn_tags__().input_tags.one_d_array
        else rows
    )
    try:
        own = {spec.name: answer(model, spec.name, taken) for spec in signature.outputs}
    except REFUSALS:
        return None
    given = child.infer(DEFAULT, {signature.inputs[0].name: rows})
    for spec in signature.outputs:
        wanted, told = own[spec.name], given[spec.name]
        if wanted.shape != told.shape:
            return f"{spec.name} has shape {told.shape}, expected {wanted.shape}"
        if wanted.dtype.kind == "f":
            bad = ~np.isclose(told, wanted, rtol=1e-4, atol=1e-4, equal_nan=True).reshape(len(wanted), -1).all(axis=1)
        else:
            texts = [str(one).encode() for one in wanted.ravel()] if told.dtype == object else None
            same = told == wanted if texts is None else np.array(texts, dtype=object).reshape(told.shape) == told
            bad = ~np.asarray(same, dtype=np.bool_).reshape(len(wanted), -1).all(axis=1)
        if bad.any():
            row = int(np.argmax(bad))
            asked = rows[row].tolist()[:6]
            return f"{spec.name} of {asked} is {told[row]}, expected {wanted[row]}; {bad.sum()} of {len(bad)} rows"
    return None


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
