"""ONNX models of classifiers, spoilt in one way each: what a broken converter would give."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Spoil = Callable[[Any], None]


def spoilt(model: bytes, name: str) -> bytes:
    loaded = onnx.load_model_from_string(model)
    SABOTAGES[name](loaded)
    return bytes(loaded.SerializeToString())


def _renamed(model: Any) -> None:
    _behind(model, "label", lambda inside: [helper.make_node("Identity", [inside], ["class"])])
    _output(model, "label").name = "class"


def _missing(model: Any) -> None:
    model.graph.output.remove(_output(model, "label"))


def _singles(model: Any) -> None:
    _behind(
        model,
        "probabilities",
        lambda inside: [helper.make_node("Cast", [inside], ["probabilities"], to=TensorProto.FLOAT)],
    )
    _output(model, "probabilities").type.tensor_type.elem_type = TensorProto.FLOAT


def _columns(model: Any) -> None:
    _constant(model, "last", [-1, 1])
    _behind(model, "label", lambda inside: [helper.make_node("Reshape", [inside, "last"], ["label"])])
    _output(model, "label").type.tensor_type.shape.dim.add().dim_value = 1


def _permuted(model: Any) -> None:
    _constant(model, "order", [1, 2, 0])
    _behind(
        model,
        "probabilities",
        lambda inside: [helper.make_node("Gather", [inside, "order"], ["probabilities"], axis=1)],
    )


def _rolled(model: Any) -> None:
    """Each row's label is its neighbour's; one row alone is right."""
    _constant(model, "from", [1])
    _constant(model, "to", [2**62])
    _constant(model, "start", [0])

    def nodes(inside: str) -> list[Any]:
        return [
            helper.make_node("Slice", [inside, "from", "to"], ["rest"]),
            helper.make_node("Slice", [inside, "start", "from"], ["first"]),
            helper.make_node("Concat", ["rest", "first"], ["label"], axis=0),
        ]

    _behind(model, "label", nodes)


def _dropped(model: Any) -> None:
    """The last of several rows gets no answer."""
    _constant(model, "from", [0])
    _constant(model, "to", [64])
    _behind(model, "label", lambda inside: [helper.make_node("Slice", [inside, "from", "to"], ["label"])])


def _constant_answer(model: Any) -> None:
    _constant(model, "nothing", np.zeros(1))
    own = model.graph.input[0].name
    for node in model.graph.node:
        node.input[:] = ["zeroed" if name == own else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Mul", [own, "nothing"], ["zeroed"]))


def _off(model: Any) -> None:
    _constant(model, "factors", np.array([1.0, 1.001, 1.0]))
    _behind(model, "probabilities", lambda inside: [helper.make_node("Mul", [inside, "factors"], ["probabilities"])])


def _of_the_batch(model: Any) -> None:
    _behind(
        model,
        "probabilities",
        lambda inside: [
            helper.make_node("ReduceMax", [inside], ["most"], axes=[0], keepdims=1)
            if _opset(model) < 18
            else helper.make_node("ReduceMax", [inside, _constant(model, "axes", [0])], ["most"], keepdims=1),
            helper.make_node("Div", [inside, "most"], ["probabilities"]),
        ],
    )


SABOTAGES: dict[str, Spoil] = {
    "output renamed": _renamed,
    "output missing": _missing,
    "answers in singles": _singles,
    "labels as columns": _columns,
    "probabilities permuted": _permuted,
    "neighbours' labels": _rolled,
    "rows dropped": _dropped,
    "constant": _constant_answer,
    "a class off by a thousandth": _off,
    "rows depend on the batch": _of_the_batch,
}


def _behind(model: Any, output: str, nodes: Callable[[str], list[Any]]) -> None:
    """What gave the output gives another name, from which the nodes make the output."""
    inside = f"{output}_inside"
    for node in model.graph.node:
        node.output[:] = [inside if name == output else name for name in node.output]
    model.graph.node.extend(nodes(inside))


def _constant(model: Any, name: str, values: Any) -> str:
    model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return name


def _output(model: Any, name: str) -> Any:
    return next(one for one in model.graph.output if one.name == name)


def _opset(model: Any) -> int:
    return next(one.version for one in model.opset_import if one.domain == "")
