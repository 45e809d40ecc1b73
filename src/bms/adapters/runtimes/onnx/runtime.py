"""The ONNX runtime: models run by ONNX Runtime on the CPU."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bms.adapters.runtimes.artifacts.model_file import contained, first_format, lacking, mapped, model_file
from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf
from bms.adapters.runtimes.onnx.file import OnnxFile, is_onnx, read
from bms.adapters.runtimes.onnx.outputs import ServedOutput, outputs_of
from bms.adapters.runtimes.onnx.producers import check_producer
from bms.adapters.runtimes.onnx.session import Runs
from bms.adapters.runtimes.onnx.signature import (
    Shared,
    disagreement,
    graph_inputs,
    graph_signature,
    shared_dimensions,
    zeros,
)
from bms.adapters.runtimes.onnx.weights import weights_mapped
from bms.adapters.runtimes.servables.declared import ask
from bms.adapters.runtimes.servables.signature_resolution import asked_of, given_examples, resolve_signatures
from bms.core.errors import FailedPrecondition, Internal, InvalidArgument
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import plain
from bms.serving.inference.runtime import Recognition

_DOMAINS = frozenset(
    {
        "",
        "ai.onnx",
        "ai.onnx.ml",
        "ai.onnx.training",
        "ai.onnx.preview.training",
        "com.microsoft",
        "com.ms.internal.nhwc",
    }
)
_SOURCE = re.compile(r"\S*/onnxruntime/\S+:\d+ (?:\S+(?:\([^)]*\))?(?: const)? )?")


def format_of(path: str) -> str | None:
    """ "onnx" for a file whose content is that; None for anything else."""
    try:
        return "onnx" if is_onnx(mapped(path)) else None
    except (OSError, ValueError):  # unreadable or empty
        return None


class OnnxRuntime:
    """Runs a `.onnx` file. Outputs that are maps or sequences are given as tensors."""

    name = "onnx"

    def recognises(self, directory: str) -> Recognition | None:
        format = first_format(directory, format_of)
        return None if format is None else Recognition(format, ("onnxruntime",))

    def load(self, config: ServableConfig) -> "OnnxServable":
        path = model_file(config.directory, (".onnx",), self)
        inspected = _inspected(path, config.directory)
        os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the package is imported
        try:
            import onnxruntime as ort
            from onnxruntime.capi import onnxruntime_pybind11_state as native
        except ImportError as error:
            raise lacking("onnx", "onnxruntime", error) from error
        failures = tuple(
            kind for kind in vars(native).values() if isinstance(kind, type) and issubclass(kind, Exception)
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads = config.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors reach the caller as exceptions
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            model = weights_mapped(ort, options, path, inspected, share=config.share_weights)
            session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except failures as error:
            words = _plain(error, config.directory)
            raise FailedPrecondition(f"ONNX Runtime can't load the model: {words}") from error
        made_by = session.get_modelmeta()
        check_producer(made_by.producer_name, made_by.custom_metadata_map)
        inputs = graph_inputs(session)

        def tried(names: Sequence[str], rows: int) -> list[Any] | None:
            feeds = zeros(inputs, rows)
            try:
                return None if feeds is None else list(session.run(names, feeds))
            except failures:
                return None

        outputs = outputs_of(session.get_outputs(), tried)
        inferred = graph_signature(session, outputs, inspected.producers, inspected.unranked)
        if not config.signatures and (unranked := [spec.name for spec in inputs if spec.name in inspected.unranked]):
            raise ask("onnx", f"the graph does not declare the dimensions of its input {unranked[0]!r}")
        runs = Runs(session, ort.RunOptions)
        found = {DEFAULT: inferred}
        asked = {name: asked_of(name, config, found) for name in config.signatures or found}
        servable = OnnxServable(runs, asked, outputs, failures, native.InvalidArgument, shared_dimensions(session))
        made = resolve_signatures(servable, config, asked, given_examples(config, asked))
        servable.examples, servable.apart = made.examples, made.apart
        return servable.declaring(made.signatures)


class _Wanted(NamedTuple):
    """The requested outputs, and those of the graph that they are made of; `as_they_are`: the former are the latter."""

    outputs: list[ServedOutput]
    sources: list[str]
    as_they_are: bool


class OnnxServable:
    """A session and the signatures it is called by."""

    format = "onnx"

    def __init__(
        self,
        runs: Runs,
        signatures: dict[str, Signature],
        outputs: tuple[ServedOutput, ...],
        failures: tuple[type[Exception], ...],
        invalid: type[Exception],
        shared: Shared,
    ) -> None:
        self._outputs = {output.spec.name: output for output in outputs}
        self._declare(signatures)
        self.examples: dict[str, Mapping[str, Array]] = {}  # `ExemplaryServable`
        self.apart: dict[str, str] = {}  # `ApartServable`
        self._runs: Runs | None = runs
        self._failures = failures
        self._invalid = invalid
        self._shared = shared

    def declaring(self, signatures: Mapping[str, Signature]) -> "OnnxServable":
        """The same servable, called by these signatures from now on."""
        self._declare(signatures)
        return self

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        runs = self._runs
        if runs is None:
            raise FailedPrecondition("this servable is closed")
        wanted = self._wanted(outputs) if outputs else self._all[signature]
        feeds = {name: _texts(name, array) if array.dtype.hasobject else array for name, array in inputs.items()}
        try:
            values = runs.run(wanted.sources, feeds)
        except self._failures as error:
            if why := disagreement(self._shared, inputs):
                raise InvalidArgument(why) from error
            kind = InvalidArgument if isinstance(error, self._invalid) else Internal
            raise kind(f"the model could not run on these inputs: {_plain(error)}") from error
        if wanted.as_they_are:
            return dict(zip(wanted.sources, values, strict=True))
        found = dict(zip(wanted.sources, values, strict=True))
        return {output.spec.name: output.array(found[output.source]) for output in wanted.outputs}

    def interrupt(self) -> None:
        if self._runs is not None:
            self._runs.interrupt()

    def close(self) -> None:
        self._runs = None

    def _declare(self, signatures: Mapping[str, Signature]) -> None:
        self.signatures = dict(signatures)
        self._all = {
            name: self._wanted(tuple(spec.name for spec in signature.outputs)) for name, signature in signatures.items()
        }

    def _wanted(self, names: Sequence[str]) -> "_Wanted":
        outputs = [self._outputs[name] for name in names]
        sources = list(dict.fromkeys([output.source for output in outputs]))
        return _Wanted(outputs, sources, all(output.as_it_is for output in outputs))


def _inspected(path: str, directory: str) -> OnnxFile:
    name = os.path.basename(path)
    try:
        found = read(mapped(path))
    except (NotProtobuf, ValueError) as error:  # ValueError: an empty file can't be mapped
        raise FailedPrecondition(f"{name!r} is named like an ONNX model, but is not one: {error}") from error
    known = _DOMAINS | found.functions
    foreign = sorted(f"{domain}.{operator}" for domain, operator in found.operators if domain not in known)
    if foreign:
        raise FailedPrecondition(
            f"{name!r} uses operators that no runtime here has: {', '.join(foreign[:10])}; export the model with "
            "standard ONNX operators"
        )
    for external in found.external:
        held = os.path.getsize(contained(directory, external.location))
        if external.offset < 0 or external.offset + (external.length or 0) > held or (external.length or 0) < 0:
            raise FailedPrecondition(
                f"{name!r} expects bytes {external.offset} to {external.offset + (external.length or 0)} of "
                f"{external.location!r}, which holds {held}"
            )
    return found


def _texts(name: str, array: Array) -> Array:
    try:
        flat = [text.decode() for text in array.ravel().tolist()]
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"input {name!r} holds bytes that are not UTF-8, which ONNX strings must be") from error
    decoded = np.empty(len(flat), dtype=object)
    decoded[:] = flat
    return decoded.reshape(array.shape)


def _plain(error: Exception, directory: str = "") -> str:
    """ONNX Runtime's words without its own file names and codes."""
    text = str(error).split("Status Message: ")[-1]
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    return plain(_SOURCE.sub("", text), directory=directory)
