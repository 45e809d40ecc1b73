"""TensorFlow SavedModels, those that Keras exports included."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.adapters.runtimes.artifact import contained, lacking, mapped, unexpected
from bms.adapters.runtimes.called import CalledServable, served
from bms.adapters.runtimes.class_scores import classify
from bms.adapters.runtimes.declared import ask
from bms.adapters.runtimes.protobuf_wire import NotProtobuf
from bms.adapters.runtimes.tensorflow_file import MetaGraph, is_saved_model, read
from bms.adapters.runtimes.tensorflow_refused import refusals
from bms.adapters.runtimes.tensorflow_signature import chosen, signatures_of, unranked
from bms.core.errors import FailedPrecondition
from bms.core.programs import ServableConfig
from bms.core.signature import Signature
from bms.core.tensor import Array
from bms.serving.inference.runtime import Found

FILE = "saved_model.pb"
OTHER_FILES = ("saved_model.cpb", "saved_model.pbtxt")  # TensorFlow would read them, too
TAG = "serve"


class TensorflowRuntime:
    """Runs the signatures of a SavedModel's graph that is tagged "serve"."""

    name = "tensorflow"

    def recognises(self, directory: str) -> Found | None:
        path = os.path.join(directory, FILE)
        if os.path.islink(path) or not os.path.isfile(path):
            return None
        try:
            known = is_saved_model(mapped(path))
        except (OSError, ValueError):  # unreadable or empty
            return None
        return Found("saved_model", ("tensorflow-cpu",), whole=True) if known else None

    def load(self, config: ServableConfig) -> CalledServable:
        graph = _inspected(config.directory, self)
        known = signatures_of(graph)
        if not config.signatures:
            known = _ranked(graph, known)
        behind = {name: chosen(name, known) for name in config.signatures} or {name: name for name in known}
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when the package is imported
        try:
            import tensorflow as tf
        except ImportError as error:
            raise lacking("tensorflow", "tensorflow-cpu") from error
        _limit_threads(tf, config.threads)
        try:
            model = tf.saved_model.load(config.directory, tags=[TAG])
            names = set(model.signatures)
        except Exception as error:  # a hostile file may make any part of the reader fail
            words = " ".join(str(error).split())[:400]
            raise FailedPrecondition(
                f"TensorFlow can't load the SavedModel: {type(error).__name__}: {words}"
            ) from error

        if lost := sorted(set(behind.values()) - names):
            raise FailedPrecondition(f"TensorFlow finds no signature {lost[0]!r} in the SavedModel that declares it")

        def call(signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> Mapping[str, Array]:
            types = {spec.name: spec.dtype for spec in known[behind[signature]].inputs}
            given = {
                name: tf.constant(array, dtype=tf.string if types[name] == "BYTES" else None)
                for name, array in inputs.items()
            }
            answers = model.signatures[behind[signature]](**given)  # functions alone would not hold their variables
            return {name: _array(answers[name]) for name in outputs or answers}

        found = {name: known[own] for name, own in behind.items()}
        refused = (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError, ValueError, TypeError, KeyError)
        servable = served(config, "saved_model", call, found, invalid=refused)
        classify(servable, config.signatures)
        return servable


def _ranked(graph: MetaGraph, known: dict[str, Signature]) -> dict[str, Signature]:
    """Those that need nothing be said. Raises FailedPrecondition, asking, where there are none."""
    found = {name: one for name, one in known.items() if not unranked(graph, name)}
    if not found:
        name = next(iter(known))
        first = unranked(graph, name)[0]
        raise ask("tensorflow", f"the graph says nothing of the dimensions of input {first!r} of signature {name!r}")
    return found


def _inspected(directory: str, runtime: TensorflowRuntime) -> MetaGraph:
    path = os.path.join(directory, FILE)
    if os.path.islink(path) or not os.path.isfile(path):
        raise unexpected(directory, runtime, f"a file {FILE}, beside its folder 'variables', at the top")
    for other in OTHER_FILES:
        if os.path.lexists(os.path.join(directory, other)):
            raise FailedPrecondition(f"the artifact holds {other!r} beside {FILE!r}: keep only {FILE!r}")
    try:
        graphs = read(mapped(path))
    except (NotProtobuf, ValueError) as error:  # ValueError: an empty file can't be mapped
        raise FailedPrecondition(f"{FILE!r} is named as a SavedModel, but its content is none: {error}") from error
    for graph in graphs:
        if refused := list(refusals(graph)):
            more = f", and {len(refused) - 3} more" if len(refused) > 3 else ""
            raise FailedPrecondition(
                f"the SavedModel holds operations that are refused: {'; '.join(refused[:3])}{more}. Export a model "
                "whose graph only computes"
            )
        for file in graph.assets.values():
            contained(directory, f"assets/{file}")
    serving = [graph for graph in graphs if TAG in graph.tags]
    if len(serving) != 1:
        tags = ", ".join(repr(sorted(graph.tags)) for graph in graphs)
        raise FailedPrecondition(f"the SavedModel has no graph tagged {TAG!r}: its graphs are tagged {tags}")
    _no_links(directory)
    return serving[0]


def _no_links(directory: str) -> None:
    for folder, folders, files in os.walk(os.path.join(directory, "variables")):
        for name in (*folders, *files):
            if os.path.islink(os.path.join(folder, name)):
                raise FailedPrecondition(f"{name!r} in 'variables' is a link: put the variables into the artifact")


def _limit_threads(tf: Any, threads: int) -> None:
    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() == threads:
        return
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        raise FailedPrecondition("TensorFlow has begun in this process with another number of threads") from error


def _array(tensor: Any) -> Array:
    array: Array = np.asarray(tensor.numpy())
    if array.dtype.kind == "S":  # a single text
        return np.array(tensor.numpy(), dtype=object)
    return array
