"""Which features a SavedModel's graph reads of examples, and what its signatures are called by, told of its bytes."""

from collections.abc import Sequence

import pytest

from bms.adapters.runtimes.tensorflow.examples import features_of
from bms.adapters.runtimes.tensorflow.file import MetaGraph, read
from bms.adapters.runtimes.tensorflow.signature import signatures_of
from bms.core.formats.varints import varint
from bms.core.tensors.features import Feature
from bms.core.tensors.signature import Signature

FLOAT, STRING, INT64 = 1, 7, 9  # types.proto


def part(number: int, content: bytes | str | int) -> bytes:
    """A field of a protocol buffer."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content & 0xFFFFFFFFFFFFFFFF)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def shape(*sizes: int) -> bytes:
    return b"".join(part(2, part(1, size)) for size in sizes)


def node(name: str, operator: str, inputs: Sequence[str] = (), **attributes: bytes) -> bytes:
    listed = [part(5, part(1, key) + part(2, value)) for key, value in attributes.items()]
    return b"".join([part(1, name), part(2, operator), *(part(3, one) for one in inputs), *listed])


def texts(name: str, *values: str) -> bytes:
    """A constant of texts."""
    return node(name, "Const", value=part(8, part(2, shape(len(values))) + b"".join(part(8, one) for one in values)))


def types(*kinds: int, packed: bool = True) -> bytes:
    """A list of types, as an attribute."""
    return part(1, part(6, b"".join(map(varint, kinds))) if packed else b"".join(part(6, kind) for kind in kinds))


def parser(source: str, suffix: str = "", *, packed: bool = True) -> list[bytes]:
    """Reads `tags` of any number, `length` and `pair`; constants are named as functions do where there is a suffix."""
    keys = [f"{key}{suffix}" for key in ("names", "sparse", "dense", "ragged")]
    parse = node(
        "parse",
        "ParseExampleV2",
        [source, *keys, f"d0{suffix}", f"d1{suffix}", "^other"],
        sparse_types=types(STRING, packed=packed),
        Tdense=types(FLOAT, INT64, packed=packed),
        dense_shapes=part(1, part(7, b"") + part(7, shape(2))),
    )
    return [texts("names"), texts("sparse", "tags"), texts("dense", "length", "pair"), texts("ragged"), parse]


READ = (
    Feature(name="length", dtype="FP32", size=1),
    Feature(name="pair", dtype="INT64", size=2),
    Feature(name="tags", dtype="BYTES"),
)


def model(
    nodes: Sequence[bytes], function: Sequence[bytes] = (), method: str = "", outputs: Sequence[str] = ("outputs",)
) -> MetaGraph:
    """With one signature, of an input `inputs` that the graph calls `given`."""
    library = part(2, part(1, part(1, part(1, "f")) + b"".join(part(3, one) for one in function))) if function else b""
    tensor = part(1, "given:0") + part(2, STRING) + part(3, shape(-1))
    numbers = part(1, "y:0") + part(2, FLOAT) + part(3, shape(-1, 3))
    given = [part(2, part(1, name) + part(2, numbers)) for name in outputs]
    signature = part(1, part(1, "inputs") + part(2, tensor)) + b"".join(given) + part(3, method)
    graph = b"".join(part(1, one) for one in nodes) + library
    meta = part(1, part(4, "serve")) + part(2, graph) + part(5, part(1, "serving_default") + part(2, signature))
    (made,) = read(memoryview(part(1, 1) + part(2, meta)))
    return made


def found(graph: MetaGraph) -> tuple[Feature, ...] | None:
    return features_of(graph, graph.signatures["serving_default"].inputs["inputs"])


@pytest.mark.parametrize("packed", [True, False])
def test_features_are_those_of_the_operation_that_parses_the_input(packed: bool) -> None:
    assert found(model(parser("given:0", packed=packed))) == READ
    passed_on = [node("same", "Identity", ["given"]), *parser("same")]
    assert found(model(passed_on)) == READ


def test_older_graphs_name_each_feature_by_a_constant_of_its_own() -> None:
    scalars = [node(key, "Const", value=part(8, part(8, key))) for key in ("tags", "length", "pair")]
    attributes = {
        "sparse_types": types(STRING),
        "Tdense": types(FLOAT, INT64),
        "dense_shapes": part(1, part(7, b"") + part(7, shape(2))),
    }
    parse = node("parse", "ParseExample", ["given", "names", "tags", "length", "pair", "d0", "d1"], **attributes)
    assert found(model([*scalars, parse])) == READ


def test_functions_are_looked_through_where_the_graph_itself_parses_nothing() -> None:
    assert found(model([node("call", "PartitionedCall", ["given"])], parser("examples", ":output:0"))) == READ


def test_what_is_parsed_of_something_else_is_not_the_inputs() -> None:
    assert found(model([node("file", "Placeholder"), *parser("file")])) is None
    assert found(model([node("y", "Identity", ["given"])])) is None


def test_features_that_no_constant_tells_are_not_known() -> None:
    without = [one for one in parser("given") if one != texts("sparse", "tags")]
    assert found(model(without)) is None
    odd = [texts("dense", "length") if one == texts("dense", "length", "pair") else one for one in parser("given")]
    assert found(model(odd)) is None


def signature(graph: MetaGraph) -> Signature:
    return signatures_of(graph, {})["serving_default"]


def test_methods_are_those_of_tensorflow_serving() -> None:
    classes = signature(model(parser("given"), method="tensorflow/serving/classify", outputs=("scores",)))
    assert (classes.method, classes.scores, classes.inputs[0].features) == ("classify", "scores", READ)
    assert signature(model(parser("given"), method="tensorflow/serving/regress")).method == "regress"
    assert signature(model(parser("given"), method="tensorflow/serving/predict")).method == "predict"
    unfit = signature(model(parser("given"), method="tensorflow/serving/classify"))  # without scores
    assert unfit.method == "predict"


def test_a_method_alone_says_that_an_input_holds_examples() -> None:
    nodes = [node("y", "DecodeProtoV2", ["given"])]
    assert signature(model(nodes, method="tensorflow/serving/regress")).inputs[0].features == ()
    assert signature(model(nodes)).inputs[0].features is None
