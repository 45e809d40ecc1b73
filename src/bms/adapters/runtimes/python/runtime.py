"""The runtime of plain Python: a directory with `model.py`, whose class Model loads, predicts and streams."""

import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import structs

from bms.adapters.runtimes.artifacts.description import small_file
from bms.adapters.runtimes.artifacts.model_file import unexpected
from bms.adapters.runtimes.python.code import check_written, fitted, holds_model, imported, may_say, yields
from bms.adapters.runtimes.python.errors import run_user_code
from bms.adapters.runtimes.python.signature import declared_signatures, returned, streamed
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.core.errors import FailedPrecondition, Internal
from bms.core.tensors.columns import mask_name
from bms.core.tensors.sequences import Sequence, SequenceLimits
from bms.core.tensors.signature import DEFAULT, EXPLAIN, Signature
from bms.core.tensors.tensor import NUMPY, Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.runtime import MissingDeclaration, Recognition

PREDICT, STREAM, STEP = "predict", "stream", "step"
_WHY = "class Model has no attribute 'signature'"
_HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"


class PythonRuntime:
    """Runs `Model()` after its `load(directory, config)`; both arguments, and `load` itself, may be left out.

    `predict(inputs)` is called by one thread at a time. With `stream(inputs)`, too, there is a signature "stream" that
    answers part by part; with `stream` alone, or a `predict` that yields, every signature does. With `explain(inputs)`,
    too, there is a signature "explain" of the same inputs. `step(inputs, sequence)` in place of all these makes every
    signature one of sequences.
    """

    name = "python"

    def recognises(self, directory: str) -> Recognition | None:
        if not holds_model(directory):
            return None
        asks = None if may_say(directory, "signature") else MissingDeclaration(_WHY)
        # With its Python named, so that it never runs in the platform's own environment.
        return Recognition("python", ("numpy",), python=_HERE, whole=True, asks=asks)

    def load(self, config: ServableConfig) -> CalledServable:
        directory = config.directory
        if not holds_model(directory):
            raise unexpected(directory, self, "model.py, with a class Model that has predict or stream, at the top")
        model = _made(directory)
        if not any(callable(getattr(model, name, None)) for name in (PREDICT, STREAM, STEP)):
            raise FailedPrecondition("class Model has neither predict nor stream nor step")
        check_written(model)
        config, found, streaming = _signatures(config, model)
        code = Code(model, directory, streaming)
        code.signatures = {**config.signatures, **(found or {})}
        servable = served(config, "python", code.call, found, why=_WHY, streaming=streaming)
        servable.signatures = {
            name: structs.replace(one, batched=False) if name in streaming else one
            for name, one in servable.signatures.items()
        }
        code.signatures, code.resolved = servable.signatures, True
        if callable(getattr(model, STEP, None)):
            return StatefulPython(servable, code, config.model)
        made = StreamingPython(servable, code) if streaming else servable
        made.waits = True  # its runs may be short a thousand times and then never end
        return made


class Code:
    """Calls the maker's object, guarding inputs from changes and converting errors."""

    def __init__(self, model: Any, directory: str, streaming: frozenset[str]) -> None:
        self.signatures: Mapping[str, Signature] = {}
        self.resolved = False  # whether runs have confirmed the signatures
        self.streaming = streaming
        predict = getattr(model, PREDICT, None) or _nothing
        self._predict = fitted(predict)
        explain = getattr(model, EXPLAIN, None)
        self._explain = fitted(explain) if callable(explain) else None
        step = getattr(model, STEP, None)
        self._step = step if callable(step) else None
        self._streams = PREDICT if yields(predict) else STREAM  # the method's name
        self._stream = fitted(getattr(model, self._streams, None) or _nothing)
        self._directory = directory
        self._one = threading.Lock()

    def call(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> dict[str, Array]:
        """Calls `predict`; of a signature that streams, the last part."""
        if signature in self.streaming:
            parts = list(self.parts(signature, inputs))
            if not parts:
                raise Internal(f"Model.{self._streams} gave nothing")
            return parts[-1]
        if self._step is not None:
            return self.step(signature, inputs, Sequence("", True, True, {}))
        said = self.signatures.get(signature)
        batched = said is not None and said.batched and self.resolved
        rows = next(iter(inputs.values())).shape[0] if batched else None
        method, run = PREDICT, self._predict
        if signature == EXPLAIN and self._explain is not None:
            method, run = EXPLAIN, self._explain
        with self._one:
            value = self._call(method, lambda: run(_guarded(inputs, said), signature))
        return returned(value, said, rows)

    def step(self, signature: str, inputs: Mapping[str, Array], sequence: Sequence) -> dict[str, Array]:
        """Calls `step` for one request of a sequence."""
        said, step = self.signatures.get(signature), self._step or _nothing
        with self._one:
            value = self._call(STEP, lambda: step(_guarded(inputs, said), sequence))
        return returned(value, said, None)

    def parts(self, signature: str, inputs: Mapping[str, Array]) -> Iterator[dict[str, Array]]:
        """Iterates over what `stream` yields."""
        method = self._streams
        said = self.signatures.get(signature)
        steps = self._call(method, lambda: iter(self._stream(_guarded(inputs, said), signature)))
        try:
            while (part := self._call(method, lambda: next(steps, _END))) is not _END:
                yield streamed(part, said)
        finally:
            if hasattr(steps, "close"):
                self._call(method, steps.close)

    def _call(self, method: str, call: Callable[[], Any]) -> Any:
        return run_user_code(Internal, f"Model.{method} failed", self._directory, call, meant=True)


def _nothing(*_: object) -> Any:
    raise Internal("this signature can't be called so")


_END = object()


class StreamingPython(CalledServable):
    """A `StreamingServable`: as the one it was made of, with `stream`."""

    def __init__(self, servable: CalledServable, code: Code) -> None:
        super().__init__(servable.format, code.call, servable.signatures)
        self.examples, self.apart = servable.examples, servable.apart
        self.streaming = code.streaming
        self._code: Code | None = code

    def stream(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Array]]:
        if self._code is None:
            raise FailedPrecondition("this servable is closed")
        for part in self._code.parts(signature, inputs):
            yield {name: part[name] for name in outputs or part if name in part}

    def close(self) -> None:
        super().close()
        self._code = None


class StatefulPython(CalledServable):
    """A `StatefulServable`: as the one it was made of, with `step`."""

    def __init__(self, servable: CalledServable, code: Code, model: str) -> None:
        super().__init__(servable.format, code.call, servable.signatures)
        self.examples, self.apart, self.waits = servable.examples, servable.apart, True
        self.model = model
        self.stateful = {name: one.sequences or SequenceLimits() for name, one in servable.signatures.items()}
        self._code: Code | None = code

    def step(
        self, signature: str, inputs: Mapping[str, Array], sequence: Sequence, outputs: tuple[str, ...] = ()
    ) -> dict[str, Array]:
        if self._code is None:
            raise FailedPrecondition("this servable is closed")
        given = self._code.step(signature, inputs, sequence)
        return {name: given[name] for name in outputs} if outputs else given

    def close(self) -> None:
        super().close()
        self._code = None


def _made(directory: str) -> Any:
    kind = imported(directory)
    text = small_file(directory, "config.json")
    try:
        settings = {} if text is None else json.loads(text)
    except ValueError as error:
        raise FailedPrecondition(f"'config.json' is no JSON: {error}") from error
    load = callable(getattr(kind, "load", None))
    arguments = () if load else (directory, settings)
    model = run_user_code(FailedPrecondition, "Model can't be made", directory, lambda: fitted(kind)(*arguments))
    if load:
        run_user_code(
            FailedPrecondition, "Model.load failed", directory, lambda: fitted(model.load)(directory, settings)
        )
    return model


def _signatures(
    config: ServableConfig, model: Any
) -> tuple[ServableConfig, dict[str, Signature] | None, frozenset[str]]:
    """The config and the signatures found, both with the one that streams, and the names of those that do."""
    found = declared_signatures(model)
    if callable(getattr(model, STEP, None)):
        config = structs.replace(config, signatures=_of_sequences(config.signatures))
        return config, _of_sequences(found) or None, frozenset()
    for name, one in {**config.signatures, **found}.items():
        if one.sequences is not None:
            raise FailedPrecondition(
                f"signature {name!r} declares sequences, but class Model has no `step(self, inputs, sequence)`"
            )
    predict = getattr(model, PREDICT, None)
    if not callable(predict) or yields(predict):
        config = structs.replace(config, signatures=_unbatched(config.signatures))
        return config, _unbatched(found) or None, frozenset((*config.signatures, *found))
    more = [name for name in (EXPLAIN, STREAM) if callable(getattr(model, name, None))]

    def extended(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
        first = signatures.get(DEFAULT)
        if first is None:
            return dict(signatures)
        plain = structs.replace(first, outputs=(), method="predict", scores=None, labels=())
        added = {EXPLAIN: plain, STREAM: structs.replace(plain, batched=False, max_batch_size=0)}
        return {**signatures, **{name: added[name] for name in more if name not in signatures}}

    config = structs.replace(config, signatures=extended(config.signatures))
    return config, extended(found) or None, frozenset({STREAM} & {*more})


def _unbatched(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
    return {name: structs.replace(one, batched=False) for name, one in signatures.items()}


def _of_sequences(signatures: Mapping[str, Signature]) -> dict[str, Signature]:
    return {
        name: structs.replace(one, sequences=one.sequences or SequenceLimits())
        for name, one in _unbatched(signatures).items()
    }


def _guarded(inputs: Mapping[str, Array], said: Signature | None) -> dict[str, Array]:
    """Views that can't be written to: others may still need what is in them. Every column that has a mask of what is
    missing has it also where nothing is, so that a maker's code need not ask."""
    views = {name: array.view() for name, array in inputs.items()}
    for spec in said.inputs if said is not None else ():
        if spec.column is not None and NUMPY[spec.dtype].kind != "f":
            views.setdefault(mask_name(spec.name), np.zeros(len(inputs[spec.name]), dtype=np.bool_))
    for view in views.values():
        view.flags.writeable = False
    return views
