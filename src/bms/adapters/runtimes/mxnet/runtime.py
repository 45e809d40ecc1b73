"""The MXNet runtime: a symbol (`*-symbol.json`) and its parameters (`*.params`), run by MXNet 1.9.1.

MXNet is retired: its last release needs NumPy 1.23 and so Python 3.11 at most, in an environment of its own.
"""

import os
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from bms.adapters.runtimes.artifacts.model_file import lacking, top_files, unexpected
from bms.adapters.runtimes.mxnet.lengths import Lengths, check_lengths, lengths_of
from bms.adapters.runtimes.mxnet.params import NotParams, is_params, names_of
from bms.adapters.runtimes.mxnet.symbol import MAX_BYTES, arguments, check, parsed, probabilities, spec
from bms.adapters.runtimes.servables.called import CalledServable, served
from bms.adapters.runtimes.servables.class_scores import classify
from bms.adapters.runtimes.servables.undeclared import served_as_asked
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import DEFAULT, Signature
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig
from bms.serving.inference.reasons import reason
from bms.serving.inference.runtime import MissingDeclaration, Recognition

REQUIREMENTS = ("mxnet==1.9.1", "numpy==1.23.5")
PYTHON = "3.11"
_HEAD = 4096


class MxnetRuntime:
    """Runs a symbol. What a loss takes as labels is not asked for: it is filled in."""

    name = "mxnet"

    def recognises(self, directory: str) -> Recognition | None:
        try:
            symbols, params = _files(directory)
        except OSError:
            return None
        return Recognition("mxnet-symbol", REQUIREMENTS, python=PYTHON) if symbols and params else None

    def load(self, config: ServableConfig) -> CalledServable:
        symbol_path, params_path = _chosen(config.directory, self)
        symbol = parsed(_content(symbol_path))
        name = os.path.basename(symbol_path)
        if symbol is None:
            raise FailedPrecondition(f"{name!r} is named like an MXNet symbol, but is not one")
        check(symbol, name)
        try:
            parameters = names_of(params_path)
        except NotParams as error:
            raise FailedPrecondition(f"{os.path.basename(params_path)!r} can't be read: {error}") from error
        free = arguments(symbol, parameters)
        takes = [one.name for one in free if not one.label]
        if not takes:
            raise FailedPrecondition(f"every argument of {name!r} is a parameter: nothing is left to be asked for")
        mx = _mxnet(config.threads)
        try:
            labels = [one.name for one in free if one.label]
            graph = Graph(mx, symbol_path, params_path, takes, labels, lengths_of(symbol, takes))
        except Exception as error:  # a hostile file may make any part of the reader fail
            raise FailedPrecondition(f"MXNet can't load the model: {_plain(error)}") from error
        specs = [spec(one) for one in free if not one.label]
        # Lengths and places are floats, too, and MXNet writes beyond its arrays where they lead out: hence `gentle`.
        invalid = (mx.base.MXNetError, ValueError, TypeError)
        if all(specs):
            inputs = tuple(one for one in specs if one is not None)
            known = Signature(inputs=inputs, batched=all(one.shape[:1] == (None,) for one in inputs))
            found = dict.fromkeys(config.signatures or (DEFAULT,), known)
            servable = served(config, "mxnet-symbol", graph.call, found, invalid=invalid, gentle=True)
        else:
            why = f"the symbol does not tell the shapes of what it takes ({', '.join(takes)})"
            asks = MissingDeclaration(why, dict.fromkeys(takes, True))
            servable = served_as_asked(config, "mxnet-symbol", graph.call, asks, invalid=invalid, gentle=True)
        return classify(servable, config.signatures, probabilities(symbol, graph.outputs))


class Graph:
    """A symbol with its parameters, as a function of arrays. MXNet is not safe to call from several threads."""

    def __init__(
        self, mx: Any, symbol: str, params: str, takes: list[str], labels: list[str], lengths: tuple[Lengths, ...]
    ) -> None:
        self._mx = mx
        self._lengths = lengths
        self._lock = threading.Lock()
        self._takes, self._labels = takes, labels
        self._symbol = mx.sym.load(symbol)
        self.outputs: list[str] = self._symbol.list_outputs()
        self._block = mx.gluon.SymbolBlock.imports(symbol, [*takes, *labels], params, ctx=mx.cpu())

    def call(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> Mapping[str, Array]:
        array = self._mx.nd.array
        with self._lock:
            check_lengths(self._lengths, self._symbol, inputs)
            given = [array(inputs[name], dtype=_plain_type(name, inputs[name])) for name in self._takes]
            answer = self._block(*given, *self._fillings(inputs))
            several = answer if isinstance(answer, list | tuple) else [answer]
            return {name: one.asnumpy() for name, one in zip(self.outputs, several, strict=True)}

    def _fillings(self, inputs: Mapping[str, Array]) -> list[Any]:
        if not self._labels:
            return []
        shapes, _, _ = self._symbol.infer_shape(**{name: array.shape for name, array in inputs.items()})
        known = dict(zip(self._symbol.list_arguments(), shapes, strict=True))
        return [self._mx.nd.zeros(known[name]) for name in self._labels]


def _mxnet(threads: int) -> Any:
    os.environ.setdefault("MXNET_ENGINE_TYPE", "NaiveEngine")  # computes in the thread that asks
    os.environ["OMP_NUM_THREADS"] = os.environ["MXNET_CPU_WORKER_NTHREADS"] = str(threads)
    os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")
    try:
        import mxnet as mx
    except ImportError as error:
        raise lacking("mxnet", "mxnet", error) from error
    return mx


def _files(directory: str) -> tuple[list[str], list[str]]:
    """The symbols and the parameter files at the artifact's top, by content."""
    symbols, params = [], []
    for path in top_files(directory):
        if is_params(path):
            params.append(path)
        elif _may_be_symbol(path) and parsed(_content(path)) is not None:
            symbols.append(path)
    return symbols, params


def _may_be_symbol(path: str) -> bool:
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    return head.lstrip().startswith(b"{") and b'"nodes"' in head and os.path.getsize(path) <= MAX_BYTES


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(MAX_BYTES)


def _chosen(directory: str, runtime: MxnetRuntime) -> tuple[str, str]:
    files = list(top_files(directory))
    symbols = [path for path in files if path.endswith("-symbol.json")]
    params = [path for path in files if path.endswith(".params")]
    if not symbols and not params:
        raise unexpected(directory, runtime, "a file *-symbol.json and one *.params at the top")
    if len(symbols) != 1 or len(params) != 1:
        raise FailedPrecondition(
            f"an MXNet model is one *-symbol.json and one *.params, the artifact holds {len(symbols)} and {len(params)}"
            " of them: keep those of the epoch that is to be served"
        )
    return symbols[0], params[0]


def _plain_type(name: str, array: Array) -> Any:
    if array.dtype.hasobject:
        raise ValueError(f"input {name!r} is text, which MXNet does not compute")
    return np.dtype(array.dtype)


def _plain(error: Exception) -> str:
    """MXNet's words without its stack."""
    lines = [
        line for line in str(error).splitlines() if line.strip() and not line.strip().startswith(("File ", "[bt]"))
    ]
    return reason(error, "\n".join(lines))
