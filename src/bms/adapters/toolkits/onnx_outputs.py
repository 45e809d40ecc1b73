"""Rewrites an ONNX model's inputs and outputs: other names, types and shapes of what it computes."""

from typing import Any, NamedTuple

import numpy as np

from bms.core.tensors.signature import TensorSpec

_TYPES = {"FP32": 1, "FP64": 11, "INT32": 6, "INT64": 7, "BOOL": 9, "BYTES": 8}  # of onnx.TensorProto.DataType


class WantedOutput(NamedTuple):
    """The model's output `source`, to be given as `spec` says."""

    source: str
    spec: TensorSpec


def renamed(model: Any, input: TensorSpec, outputs: list[WantedOutput]) -> Any:
    """Returns `model`, taking `input` in place of its own one input, and giving these outputs alone: cast, and of
    [rows, columns] the last column where [rows] is wanted (the one value; of two classes, that of the second)."""
    from onnx import helper
    from onnx.numpy_helper import from_array

    graph = model.graph
    own = graph.input[0]
    ranks = {output.name: len(output.type.tensor_type.shape.dim) for output in graph.output}
    inside = {name: f"inner_{name}" for name in [own.name, *ranks]}
    for node in graph.node:
        node.input[:] = [inside.get(name, name) for name in node.input]
        node.output[:] = [inside.get(name, name) for name in node.output]
    graph.initializer.append(from_array(np.array(-1, dtype=np.int64), "last_column"))
    nodes = [helper.make_node("Cast", [input.name], [inside[own.name]], to=own.type.tensor_type.elem_type), *graph.node]
    for number, (source, spec) in enumerate(outputs):
        shape = [-1, *(1 if size is None else size for size in spec.shape[1:])]
        graph.initializer.append(from_array(np.array(shape, dtype=np.int64), f"shape_{number}"))
        taken = inside[source]
        if len(spec.shape) == 1 and ranks[source] == 2:
            nodes.append(helper.make_node("Gather", [taken, "last_column"], [f"column_{number}"], axis=1))
            taken = f"column_{number}"
        nodes.append(helper.make_node("Cast", [taken], [f"cast_{number}"], to=_TYPES[spec.dtype]))
        nodes.append(helper.make_node("Reshape", [f"cast_{number}", f"shape_{number}"], [spec.name]))
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.input.append(helper.make_tensor_value_info(input.name, _TYPES[input.dtype], _dims(input)))
    graph.output.extend(helper.make_tensor_value_info(one.name, _TYPES[one.dtype], _dims(one)) for _, one in outputs)
    return model


def _dims(spec: TensorSpec) -> list[object]:
    return ["rows", *spec.shape[1:]]
