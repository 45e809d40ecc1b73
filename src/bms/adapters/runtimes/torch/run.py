"""Converts arrays to PyTorch and back: shared by the runtimes of its three formats."""

import ast
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from bms.adapters.runtimes.artifacts.model_file import lacking
from bms.adapters.runtimes.servables.called import Call
from bms.core.errors import FailedPrecondition, Internal
from bms.core.tensors.tensor import Array, DType

REQUIREMENTS = ("torch==2.13.0", "safetensors")
REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, KeyError)  # what PyTorch says no to inputs with


def torch_with(threads: int, runtime: str) -> Any:
    """Imports PyTorch, set to so many threads. Raises FailedPrecondition when it is lacking."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when its library is loaded
    try:
        import torch
    except ImportError as error:
        raise lacking(runtime, "torch", error) from error
    torch.set_num_threads(threads)
    if torch.get_num_interop_threads() != 1:
        torch.set_num_interop_threads(1)  # before it first computes; later it raises RuntimeError
    return torch


def dtype_names(torch: Any) -> dict[Any, DType]:
    """The wire's names of PyTorch's types, those that a wire has."""
    return {
        torch.bool: "BOOL",
        torch.uint8: "UINT8",
        torch.uint16: "UINT16",
        torch.uint32: "UINT32",
        torch.uint64: "UINT64",
        torch.int8: "INT8",
        torch.int16: "INT16",
        torch.int32: "INT32",
        torch.int64: "INT64",
        torch.float16: "FP16",
        torch.float32: "FP32",
        torch.float64: "FP64",
    }


def calling(torch: Any, run: Callable[[dict[str, Any]], Any]) -> Call:
    """Wraps `run`, which takes tensors by name, as a function of arrays; its outputs are called as `named` says."""

    def call(signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...]) -> Mapping[str, Array]:
        with torch.inference_mode():
            # Copies: a model may compute in place, and arrays from a wire can't be written to.
            tensors = {name: torch.tensor(array) for name, array in inputs.items()}
            try:
                answers = dict(named(run(tensors)))
            except RuntimeError as error:
                if "can't allocate memory" in str(error):
                    raise MemoryError(str(error)) from error
                raise RuntimeError(_last_line(error)) from error
            except torch.jit.Error as error:  # what TorchScript's own `raise` becomes
                raise ValueError(_last_line(error)) from error
            return {name: _array(torch, name, answers[name]) for name in outputs or answers if name in answers}

    return call


def _last_line(error: Exception) -> str:
    """The error's message, which TorchScript puts behind a trace."""
    text = str(error)
    return text.strip().splitlines()[-1] if "Traceback of TorchScript" in text else text


def named(answer: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Names the outputs of a model's answer: "output" for one, "output_0" and so on for several, keys where it has
    some."""
    if isinstance(answer, Mapping):
        for key, value in answer.items():
            yield from named(value, f"{name}_{key}" if name else str(key))
    elif isinstance(answer, tuple | list):
        for at, value in enumerate(answer):
            yield from named(value, f"{name or 'output'}_{at}")
    elif answer is not None:
        yield name or "output", answer


def _array(torch: Any, name: str, value: Any) -> Array:
    if isinstance(value, bool | int | float):
        return np.array(value)
    if not isinstance(value, torch.Tensor):
        raise Internal(f"output {name!r} is a {type(value).__name__}: models answer with tensors")
    if value.dtype == torch.bfloat16:  # which no wire has
        value = value.float()
    array: Array = value.numpy(force=True)
    return array


def parsed(source: bytes, name: str) -> ast.Module:
    """Parses Python source to a tree, not executed. Raises FailedPrecondition for what is none."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise FailedPrecondition(f"{name!r} is no Python source: {error}") from error
