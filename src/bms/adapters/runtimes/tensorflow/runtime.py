"""The TensorFlow runtime: SavedModels, those that Keras exports included."""

import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.adapters.runtimes.artifacts.model_file import contained, lacking, mapped, unexpected
from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.adapters.runtimes.servables.class_scores import classify
from bms.adapters.runtimes.tensorflow.file import MetaGraph, read
from bms.adapters.runtimes.tensorflow.folder import FILE, holds_saved_model, numbered_folders, saved_model_folder
from bms.adapters.runtimes.tensorflow.refused import refusals
from bms.adapters.runtimes.tensorflow.signature import chosen, signatures_of, with_method
from bms.core.errors import FailedPrecondition
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import Recognition

OTHER_FILES = ("saved_model.cpb", "saved_model.pbtxt")  # TensorFlow would read them, too
TAG = "serve"
_DECORATION = re.compile(
    r"Graph execution error:|Detected at node .* defined at \(most recent call last\):|<stack traces unavailable>|"
    r'File ".*", line \d+, in '
)
_NODE = re.compile(r"\[\[\{\{node (\S+?)\}\}\]\]")
_OPERATION = re.compile(r"\s*\[Op:\S*\]")


class TensorflowRuntime:
    """Runs the signatures of a SavedModel's graph that is tagged "serve"."""

    name = "tensorflow"

    def recognises(self, directory: str) -> Recognition | None:
        """Recognises SavedModels; several, too, which need nothing: `load` refuses them at once, with a message."""
        count = 1 if holds_saved_model(directory) else len(numbered_folders(directory))
        return Recognition("saved_model", ("tensorflow-cpu",) if count == 1 else (), whole=True) if count else None

    def load(self, config: ServableConfig) -> CalledServable:
        folder = saved_model_folder(config.directory)
        graph = _inspected(folder, self)
        known = signatures_of(graph, config.signatures)
        behind = {name: chosen(name, known) for name in config.signatures} or {name: name for name in known}
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # read when the package is imported
        try:
            import tensorflow as tf
        except ImportError as error:
            raise lacking("tensorflow", "tensorflow-cpu", error) from error
        _limit_threads(tf, config.threads)
        try:
            model = tf.saved_model.load(folder, tags=[TAG])
            names = set(model.signatures)
        except Exception as error:  # a hostile file may make any part of the reader fail
            words = reason(error, error_message(error), directory=config.directory)
            raise FailedPrecondition(f"TensorFlow can't load the SavedModel: {words}") from error

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

        found = {**known, **{name: known[own] for name, own in behind.items()}}
        refused = (tf.errors.InvalidArgumentError, tf.errors.OutOfRangeError, ValueError, TypeError, KeyError)
        servable = served(config, "saved_model", call, found, invalid=refused, words=error_message)
        classify(servable, config.signatures)
        _keep_methods(servable, graph, behind)
        return servable


def _keep_methods(servable: CalledServable, graph: MetaGraph, behind: Mapping[str, str]) -> None:
    """What TensorFlow Serving classifies and regresses by is called so here, too, where rows have runs of their own."""
    for name, one in servable.signatures.items():
        if not one.batched and one.method == "predict" and all(spec.shape[:1] == (None,) for spec in one.inputs):
            servable.signatures[name] = with_method(one, graph.signatures[behind.get(name, name)].method)


def error_message(error: Exception) -> str:
    """The message of a TensorFlow error, and the node that it is about, without the trace of the code that made it."""
    lines = [line for line in str(error).splitlines() if line.strip() and not _DECORATION.match(line.strip())]
    return _OPERATION.sub("", _NODE.sub(r"(node \1)", "\n".join(lines)))


def _inspected(directory: str, runtime: TensorflowRuntime) -> MetaGraph:
    path = os.path.join(directory, FILE)
    if os.path.islink(path) or not os.path.isfile(path):
        place = "at the top or in one folder with a number for a name"
        raise unexpected(directory, runtime, f"a file {FILE}, beside its folder 'variables', {place}")
    for other in OTHER_FILES:
        if os.path.lexists(os.path.join(directory, other)):
            raise FailedPrecondition(f"the artifact holds {other!r} beside {FILE!r}: keep only {FILE!r}")
    try:
        graphs = read(mapped(path))
    except (NotProtobuf, ValueError) as error:  # ValueError: an empty file can't be mapped
        raise FailedPrecondition(f"{FILE!r} is named like a SavedModel, but is not one: {error}") from error
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
