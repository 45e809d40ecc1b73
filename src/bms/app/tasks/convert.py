"""Task: converts a version to another format, and proves that it answers as its parent before it is left as output.

Inputs: `artifact` (the parent's files) and `data` (a data set's version, all of whose splits are compared). Parameters:
`servable` (the parent's ServableConfig), `target` ("onnx"), `tolerance` (largest difference of any output). The proof
is described in `proof`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from bms.adapters.datasets.reader import load_split, read_manifest
from bms.adapters.runtimes.artifacts.model_file import model_file
from bms.adapters.runtimes.available import open_servable as open_by_runtime
from bms.adapters.runtimes.examples.file import EXAMPLE, read_example
from bms.adapters.runtimes.sklearn.file import SUFFIXES, read_estimator
from bms.adapters.runtimes.sklearn.parts import parts
from bms.adapters.runtimes.sklearn.runtime import SklearnRuntime
from bms.adapters.toolkits.onnx_trees import thresholds
from bms.adapters.toolkits.sklearn_onnx import candidates, convertible_input
from bms.app.model_server.preparing import plan_for
from bms.app.tasks.opening import open_servable
from bms.app.tasks.proof.differences import REFUSED
from bms.app.tasks.proof.edges import edges
from bms.app.tasks.proof.proving import Proved, prove
from bms.app.tasks.proof.questions import Answered, Question, ask, real
from bms.app.tasks.proof.typical import typical
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument, Unimplemented
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.plan import Plan
from bms.serving.inference.preparation.prepared import PreparedServable, for_runtime
from bms.serving.lifecycle.servable import Servable

_BASE = 256  # real rows of which edge rows are made


class Convertible(NamedTuple):
    """A parent that can be converted: the child's candidates as bytes, likeliest first, and where its trees split."""

    candidates: Iterator[bytes]
    splits: list[tuple[int, float]]


def sklearn_to_onnx(parent: ServableConfig, signature: Signature) -> Convertible:
    path = model_file(parent.directory, SUFFIXES, SklearnRuntime())
    estimator, _ = read_estimator(path, allow_pickle=parent.allow_pickle)
    spec = convertible_input(estimator, signature)
    splits = thresholds(parts(estimator))
    return Convertible(candidates(estimator, spec, signature.outputs, splits), splits)


CONVERTERS: dict[tuple[str, str], tuple[Callable[[ServableConfig, Signature], Convertible], str]] = {
    ("sklearn", "onnx"): (sklearn_to_onnx, "model.onnx")
}


class Parent(NamedTuple):
    """The parent as it is served, with its answers to all rows; `notes` tell people how real rows were joined."""

    own: dict[str, Signature]  # without those that preparation adds
    served: dict[str, Signature]
    answers: list[Answered]
    rows: Array | None  # real ones as the model itself takes them
    notes: tuple[str, ...]


def main(job: Any) -> dict[str, object]:
    """Runs the task, and returns what was compared. Raises FailedPrecondition when no candidate answers as its parent
    does."""
    wanted = msgspec.convert(job.parameters["servable"], ServableConfig)
    config = msgspec.structs.replace(wanted, directory=str(job.inputs["artifact"]))
    target, tolerance = str(job.parameters["target"]), float(job.parameters["tolerance"])
    if (wanted.runtime, target) not in CONVERTERS:
        raise Unimplemented(f"{wanted.runtime!r} can't be converted to {target!r}")
    convert, file = CONVERTERS[wanted.runtime, target]
    model = job.output / "model"
    model.mkdir(parents=True)
    job.progress(0.1, f"converting to {target}")
    servable = open_by_runtime(for_runtime(config))
    try:
        convertible = convert(config, _default(servable))
        job.progress(0.3, "asking the parent")
        parent = _parent(servable, plan_for(config, servable.signatures), job.inputs["data"], convertible.splits)
    finally:
        servable.close()
    _leave_example(config.directory, model, parent)
    child_config = msgspec.structs.replace(
        config, runtime=target, directory=str(model), signatures=parent.own, proved=False, compared=True
    )
    proved = _first_proved(job, convertible.candidates, model / file, parent, child_config, tolerance)
    made = {
        "runtime": target,
        "labels": parent.own[DEFAULT].labels,
        "preprocess": msgspec.to_builtins(wanted.preprocess),
        "signatures": msgspec.to_builtins(parent.own),
        "metadata": {"converted_from": wanted.runtime, **_metadata(proved)},
    }
    (job.output / "version.json").write_text(json.dumps(made))
    job.metric("largest_difference", proved.largest)
    report = {"rows": proved.rows, "refused_by_parent": proved.refused, "asked_in_mixed_company": proved.again}
    figures = {"differences": proved.differences, "tolerance": tolerance, "largest_difference": proved.largest}
    return {**report, **figures, "joined": parent.notes}


def _default(parent: Servable) -> Signature:
    signature = parent.signatures.get(DEFAULT)
    if signature is None:
        raise FailedPrecondition(
            f"the parent has the signatures {', '.join(map(repr, parent.signatures))}: expected {DEFAULT!r}, by which "
            "it is converted"
        )
    return signature


def _parent(model: Servable, plan: Plan | None, data: Any, splits: Sequence[tuple[int, float]]) -> Parent:
    """Opens the parent and asks it all rows. Raises FailedPrecondition where data and model can't be joined, and where
    the parent takes none of a split."""
    served = model if plan is None else PreparedServable(model, plan)
    manifest = read_manifest(data)
    answers: list[Answered] = []
    notes: dict[str, None] = {}
    for split, files in manifest.splits.items():
        if not files.rows:
            continue
        given = real(served.signatures, manifest, split, load_split(data, split))
        notes |= dict.fromkeys(given.notes)
        try:
            answers.append(ask(served, given.question))
        except InvalidArgument as error:
            raise FailedPrecondition(f"the parent takes no row of {split!r}: {error.message}") from error
    if not answers:
        raise FailedPrecondition("the data set has no rows: there is nothing to prove the equality on")
    rows = _rows(model, plan, answers[0].question)
    for question in edges(model, rows, splits):
        try:
            answers.append(ask(model, question))
        except InvalidArgument:  # it takes none of these: nothing is asked of the child then
            answers.append(Answered(question.only(question.places[:0]), {}, question.rows))
    return Parent(dict(model.signatures), dict(served.signatures), answers, rows, tuple(notes))


def _rows(model: Servable, plan: Plan | None, question: Question) -> Array | None:
    """Real rows as the model itself takes them; none where they are for another signature than the default."""
    inputs = question.only(np.arange(min(question.rows, _BASE))).inputs
    if plan is not None and plan.name == question.signature and plan.target == DEFAULT:
        inputs = plan.prepare(inputs)
    elif question.signature != DEFAULT:
        return None
    return inputs[model.signatures[DEFAULT].inputs[0].name]


def _leave_example(directory: str, model: Path, parent: Parent) -> None:
    """Leaves an example for verification and warm-up: the parent's, else rows like those of the data."""
    own = Path(directory, EXAMPLE)
    if read_example(directory) is not None:
        (model / EXAMPLE).write_bytes(own.read_bytes())
    elif parent.rows is not None and len(parent.rows) and not parent.rows.dtype.hasobject:
        name = parent.own[DEFAULT].inputs[0].name
        answers = next(iter(parent.answers[0].outputs.values()))[: len(parent.rows)]
        (model / EXAMPLE).write_text(json.dumps({"inputs": {name: typical(parent.rows, answers).tolist()}}))


def _first_proved(
    job: Any, ways: Iterator[bytes], path: Any, parent: Parent, child: ServableConfig, tolerance: float
) -> Proved:
    """The proof of the first candidate that passes it, which then lies at `path`. Raises the first one's failure."""
    failures: list[BmsError] = []
    for number, candidate in enumerate(ways):
        job.progress(min(0.9, 0.5 + 0.15 * number), "comparing with the parent")
        path.write_bytes(candidate)
        try:
            return _proved(parent, child, tolerance)
        except BmsError as error:
            failures.append(error)
    if not failures:
        raise FailedPrecondition(f"there is no way to convert it to {child.runtime}")
    more = f" (so in the first of {len(failures)} ways that were tried, and otherwise in the rest)"
    raise FailedPrecondition(failures[0].message + (more if len(failures) > 1 else "")) from failures[0]


def _proved(parent: Parent, child: ServableConfig, tolerance: float) -> Proved:
    """The proof of one candidate, opened by its own runtime with the signatures that it is registered with, as a server
    opens it."""
    try:
        servable = open_servable(child)
    except BmsError as error:
        words = error.message.replace(f"{child.directory}/", "")  # where this job runs is nobody's business
        raise FailedPrecondition(f"the converted model can't be served as its parent is: {words}; {REFUSED}") from error
    try:
        return prove(parent.answers, parent.served, servable, tolerance)
    finally:
        servable.close()


def _metadata(proved: Proved) -> dict[str, str]:
    """Metadata for people, kept with the child."""
    return {
        "largest_difference": f"{proved.largest:.3g}",
        "proved_on": _counted(proved.rows),
        **({"not_proved_on": _counted(proved.refused) + " that the parent refuses"} if proved.refused else {}),
        "difference_by_output": ", ".join(f"{name} {value:.3g}" for name, value in proved.differences.items()),
    }


def _counted(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count} of {of}" for of, count in rows.items())
