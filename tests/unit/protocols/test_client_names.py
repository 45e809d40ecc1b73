"""What clients mean who do not know a model's names, shapes and types: the same over REST, in JSON or raw, and gRPC."""

import base64
import json

import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.columns import Column
from bms.core.tensors.signature import DEFAULT, MATRIX, Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Tensor, to_raw
from bms.protocols.oip import infer as oip
from bms.protocols.oip.grpc import infer as oip_grpc
from bms.protocols.oip.grpc.outline import read_infer
from bms.protocols.protobuf.pool import message

Given = tuple[str, str, list[int], list[object], dict[str, object]]  # name, type, shape, elements, parameters
WIRES = ("json", "raw", "grpc")


def one(name: str, dtype: str, *shape: int | None) -> Signature:
    return Signature(inputs=(TensorSpec(name=name, dtype=dtype, shape=shape),))  # type: ignore[arg-type]


MATRIX_OF_FOUR = {DEFAULT: one("x", "FP32", None, 4)}
TEXTS = {DEFAULT: one("tokens", "INT64", None, None), "text": one("text", "BYTES", None)}
PAIR = {
    DEFAULT: Signature(
        inputs=(
            TensorSpec(name="left", dtype="FP64", shape=(None,)),
            TensorSpec(name="right", dtype="INT64", shape=(None, 1)),
        )
    )
}
NUMBERS = (column_spec("length", "number"), column_spec("width", "number"))
TABLE = {DEFAULT: Signature(inputs=NUMBERS), MATRIX: one("matrix", "FP64", None, 2)}
MIXED = {DEFAULT: Signature(inputs=(column_spec("price", "number"), column_spec("name", "text", optional=True)))}
RAW = {"FP32": "<f4", "FP64": "<f8", "INT64": "<i8", "INT32": "<i4", "BOOL": "?"}


def asked(wire: str, signatures: dict[str, Signature], *inputs: Given, **parameters: object) -> oip.DecodedInfer:
    arrays = [
        np.array([str(item).encode() for item in data], object) if dtype == "BYTES" else np.array(data, RAW[dtype])
        for _, dtype, _, data, _ in inputs
    ]
    raws = [bytes(to_raw(array)) for array in arrays]
    if wire == "grpc":
        return over_grpc(signatures, inputs, raws, parameters)
    described = []
    for (name, dtype, shape, data, said), raw in zip(inputs, raws, strict=True):
        more: dict[str, object] = {"data": data, "parameters": said}
        if wire == "raw":
            more = {"parameters": {**said, "binary_data_size": len(raw)}}
        described.append({"name": name, "datatype": dtype, "shape": shape, **more})
    head = json.dumps({"inputs": described, "parameters": parameters}).encode()
    if wire == "json":
        return oip.decode_infer(head, None, "m", signatures)
    return oip.decode_infer(head + b"".join(raws), len(head), "m", signatures)


def over_grpc(
    signatures: dict[str, Signature], inputs: tuple[Given, ...], raws: list[bytes], parameters: dict[str, object]
) -> oip.DecodedInfer:
    request = message("inference.ModelInferRequest")(model_name="m", raw_input_contents=raws)
    for name, dtype, shape, _, said in inputs:
        tensor = request.inputs.add(name=name, datatype=dtype, shape=shape)
        for key, value in said.items():
            tensor.parameters[key].string_param = value
    for key, value in parameters.items():
        request.parameters[key].string_param = value
    data = request.SerializeToString()
    first = oip_grpc.decode_infer(read_infer(data), signatures)
    again = oip_grpc.decode_infer(read_infer(data), signatures)  # the outline is known now
    assert same(first, again)
    return again


def same(left: oip.DecodedInfer, right: oip.DecodedInfer) -> bool:
    both = zip(left.request.inputs, right.request.inputs, strict=True)
    return left.request.signature == right.request.signature and all(
        one.name == other.name and repr(one.array) == repr(other.array) for one, other in both
    )


def inputs(decoded: oip.DecodedInfer) -> dict[str, object]:
    return {name: array.tolist() for name, array in decoded.request.inputs}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("name", ["x", "input-0", "input-1", "INPUT__0", "whatever"])
def test_one_tensor_is_the_one_input_whatever_its_name(wire: str, name: str) -> None:
    got = asked(wire, MATRIX_OF_FOUR, (name, "FP64", [1, 4], [1, 2, 3, 4], {"content_type": "np"}), content_type="np")
    assert inputs(got) == {"x": [[1, 2, 3, 4]]}
    assert got.request.inputs[0].dtype == "FP32"


@pytest.mark.parametrize("wire", WIRES)
def test_a_text_means_the_signature_that_takes_texts(wire: str) -> None:
    got = asked(wire, TEXTS, ("input-1", "BYTES", [2, 1], ["a", "b"], {"content_type": "str"}))
    assert (got.request.signature, inputs(got), got.rows) == ("text", {"text": [b"a", b"b"]}, 2)
    got = asked(wire, TEXTS, ("input-1", "INT32", [1, 3], [5, 6, 7], {}))
    assert (got.request.signature, inputs(got)) == (DEFAULT, {"tokens": [[5, 6, 7]]})


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("first", [0, 1])
def test_numbers_are_places_and_columns_have_one_value_a_row(wire: str, first: int) -> None:
    right = (f"input-{first + 1}", "INT32", [2], [5, 6], {})
    left = (f"input-{first}", "FP32", [2, 1], [0.5, 1.5], {})
    got = asked(wire, PAIR, right, left)
    assert inputs(got) == {"left": [0.5, 1.5], "right": [[5], [6]]}


@pytest.mark.parametrize("names", [("input-0", "input-2"), ("input-2", "input-3"), ("a", "b"), ("left", "b")])
def test_names_that_say_no_place_are_refused(names: tuple[str, str]) -> None:
    with pytest.raises(InvalidArgument, match="is missing: this model takes 'left', 'right'"):
        asked("json", PAIR, (names[0], "FP64", [1], [1], {}), (names[1], "INT64", [1, 1], [1], {}))


@pytest.mark.parametrize("wire", WIRES)
def test_a_frame_is_a_table_by_its_names_and_a_matrix_by_their_order(wire: str) -> None:
    columns = (("width", "FP32", [2, 1], [1, 2], {}), ("length", "INT64", [2, 1], [3, 4], {}))
    got = asked(wire, TABLE, *columns, content_type="pd")
    assert inputs(got) == {"length": [3, 4], "width": [1, 2]}
    got = asked(wire, {DEFAULT: one("x", "FP32", None, 2)}, *columns, content_type="pd")
    assert inputs(got) == {"x": [[1, 3], [2, 4]]}
    got = asked(wire, TABLE, ("input-0", "FP32", [1, 2], [1, 2], {}))
    assert (got.request.signature, inputs(got)) == (MATRIX, {"matrix": [[1, 2]]})


def test_columns_are_not_taken_for_others() -> None:
    columns = (("Width", "FP32", [1, 1], [1], {}), ("length", "INT64", [1, 1], [3], {}))
    with pytest.raises(InvalidArgument, match="'width' is missing; column 'Width' is unknown"):
        asked("json", TABLE, *columns, content_type="pd")
    alone = {DEFAULT: Signature(inputs=(NUMBERS[0],))}
    with pytest.raises(InvalidArgument, match="'length' is missing"):
        asked("json", alone, ("height", "FP64", [1], [1], {}))
    with pytest.raises(InvalidArgument, match="is missing: this model takes 'x'"):  # without `pd`: two tensors for one
        asked("json", {DEFAULT: one("x", "FP32", None, 2)}, *columns)


@pytest.mark.parametrize("wire", WIRES)
def test_base64_is_read_where_it_is_said(wire: str) -> None:
    written = [base64.b64encode(each).decode() for each in (b"\x89PNG", b"")]
    image = {DEFAULT: one("x", "FP32", None, 4), "image": one("image", "BYTES", None)}
    got = asked(wire, image, ("input-1", "BYTES", [2, 1], written, {"content_type": "base64"}))
    assert (got.request.signature, inputs(got)) == ("image", {"image": [b"\x89PNG", b""]})
    assert inputs(asked(wire, image, ("image", "BYTES", [2], written, {}))) == {
        "image": [each.encode() for each in written]
    }
    with pytest.raises(InvalidArgument, match="element 0 is not base64"):
        asked(wire, image, ("image", "BYTES", [1], ["no!"], {"content_type": "base64"}))


@pytest.mark.parametrize("wire", WIRES)
def test_a_column_of_json_has_values_of_one_kind_and_gaps(wire: str) -> None:
    price = ("price", "BYTES", [3, 1], ["1.5", "null", "2"], {"content_type": "pd_json"})
    name = ("name", "BYTES", [3, 1], ['"a"', "null", '"b"'], {"content_type": "pd_json"})
    got = inputs(asked(wire, MIXED, price, name, content_type="pd"))
    assert got["name"] == [b"a", b"", b"b"]
    assert got["name:missing"] == [False, True, False]
    assert str(got["price"]) == "[1.5, nan, 2.0]"
    for bad, said in (("{", "element 0 is not JSON"), ('{"a": 1}', "must hold"), ("99999999999999999999", "INT64")):
        with pytest.raises(InvalidArgument, match=said):
            asked(wire, MIXED, ("price", "BYTES", [1, 1], [bad], {"content_type": "pd_json"}))


@pytest.mark.parametrize("wire", WIRES)
def test_a_models_own_column_of_json_takes_values_of_every_kind_as_they_are(wire: str) -> None:
    model = {DEFAULT: Signature(inputs=(column_spec("anything", "json"), column_spec("price", "number")))}
    values = ['"a"', "true", '{"b": [1]}', "null"]
    given = ("anything", "BYTES", [4, 1], values, {"content_type": "pd_json"})
    price = ("price", "BYTES", [4, 1], ["1", "2.5", "null", "3"], {"content_type": "pd_json"})
    got = inputs(asked(wire, model, given, price, content_type="pd"))
    assert got["anything"] == [value.encode() for value in values]
    assert str(got["price"]) == "[1.0, 2.5, nan, 3.0]"


def test_fixed_width_bytes_of_numpy_are_cut() -> None:
    got = asked("json", TEXTS, ("input-1", "BYTES", [2, 1], ["ab\0cde"], {"content_type": "np"}))
    assert inputs(got) == {"text": [b"ab", b"cde"]}
    with pytest.raises(InvalidArgument, match="2 elements; 1 were delivered"):
        asked("json", TEXTS, ("input-1", "BYTES", [2, 1], ["abcde"], {"content_type": "np"}))


def test_dates_go_to_columns_of_dates_as_they_are() -> None:
    when = {DEFAULT: Signature(inputs=(column_spec("when", "datetime"),))}
    given = ("when", "BYTES", [1, 1], ["2026-11-30T12:00:00"], {"content_type": "datetime"})
    assert inputs(asked("json", when, given)) == {"when": [b"2026-11-30T12:00:00"]}
    assert isinstance(when[DEFAULT].inputs[0].column, Column)


def test_a_raw_body_fills_one_row_of_any_length() -> None:
    got = oip.decode_infer(np.array([5, 6, 7], "<i8").tobytes(), 0, "m", {DEFAULT: TEXTS[DEFAULT]})
    assert inputs(got) == {"tokens": [[5, 6, 7]]}
    assert got.rows == 1


def test_what_fits_as_it_came_is_not_copied() -> None:
    array = np.zeros((2, 4), np.float32)
    fitted = oip._of_json("m", [Tensor("x", array)], None, None, MATRIX_OF_FOUR)
    assert fitted.request.inputs[0].array is array


@pytest.mark.parametrize("wire", WIRES)
def test_texts_under_the_name_of_numbers_are_for_the_signature_that_takes_texts(wire: str) -> None:
    text: Given = ("tokens", "BYTES", [2, 1], ["a", "b"], {})
    decoded = asked(wire, TEXTS, text)
    assert (decoded.request.signature, decoded.request.inputs[0].name, decoded.rows) == ("text", "text", 2)
    with pytest.raises(InvalidArgument, match="'tokens' is BYTES, expected INT64"):
        asked(wire, {DEFAULT: TEXTS[DEFAULT]}, text)
    with pytest.raises(InvalidArgument, match="'tokens' is BYTES, expected INT64"):
        asked(wire, TEXTS, text, signature_name=DEFAULT)
