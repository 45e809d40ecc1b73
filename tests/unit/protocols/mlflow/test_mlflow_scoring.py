"""MLflow's scoring protocol without sockets: bodies to requests, answers in the form of the library's own `predict`."""

import base64
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bms.core.errors import InvalidArgument, NotFound, Unavailable, UnsupportedMedia
from bms.core.tensors.columns import Column
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.predicted import Predicted
from bms.core.tensors.request import InferResponse
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Tensor
from bms.protocols.mlflow.scoring import decode_invocation, encode_invocation, error_body
from bms.protocols.tfserving.predict import DecodedPredict

OUTPUTS = (
    TensorSpec(name="p", dtype="FP64", shape=(None, 2)),
    TensorSpec(name="label", dtype="INT64", shape=(None,)),
)
TABLE = Signature(
    inputs=(column_spec("age", "number"), column_spec("city", "text", optional=True)),
    outputs=OUTPUTS,
    params=(Parameter(name="times", type="integer", default=1),),
    predicted=Predicted(outputs=("label",)),
)
MATRIX = Signature(inputs=(TensorSpec(name="x", dtype="FP64", shape=(None, 2)),), outputs=OUTPUTS)
NAMELESS = Column(type="json", nameless=True)
VALUES = Signature(inputs=(TensorSpec(name="x", dtype="BYTES", shape=(None,), column=NAMELESS),), outputs=OUTPUTS)
LISTS = Signature(inputs=(column_spec("v", "json"),), outputs=OUTPUTS)
TEXTS = Signature(inputs=(column_spec("x", "text"),), outputs=OUTPUTS)
ANSWER = (Tensor("p", np.array([[0.25, 0.75], [0.5, np.nan]])), Tensor("label", np.array([1, 0])))


def decoded(signature: Signature, body: object, kind: bytes = b"application/json") -> DecodedPredict:
    given = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return decode_invocation(given, kind, "m", {DEFAULT: signature})


def given(signature: Signature, body: object, kind: bytes = b"application/json") -> dict[str, Any]:
    return {name: array.tolist() for name, array in decoded(signature, body, kind).request.inputs}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"dataframe_split": {"columns": ["city", "age"], "data": [["a", 1], ["b", 2]], "index": [5, 6]}}, b""),
        ({"dataframe_split": {"data": [[1, "a"], [2, "b"]]}}, b""),
        ({"dataframe_records": [{"age": 1, "city": "a"}, {"city": "b", "age": 2}]}, b"application/json"),
        ({"instances": [{"age": 1, "city": "a"}, {"city": "b", "age": 2}]}, b"application/json; charset=utf-8"),
        ({"inputs": {"age": [1, 2], "city": ["a", "b"]}}, b'application/json;charset="UTF-8"'),
        ({"inputs": [{"age": 1, "city": "a"}, {"city": "b", "age": 2}]}, b"Application/JSON"),
        ("city,age\na,1\nb,2\n", b"text/csv"),
        ("age,city\n1,a\n2,b\n", b"text/csv; charset=utf-8"),
    ],
)
def test_every_form_of_a_frame_is_the_same_table(body: object, kind: bytes) -> None:
    assert given(TABLE, body, kind) == {"age": [1, 2], "city": [b"a", b"b"]}
    assert decoded(TABLE, body, kind).request.outputs == ("label",)


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[1, 2], [3, 4]]},
        {"instances": [[1, 2], [3, 4]]},
        {"inputs": {"x": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"columns": [0, 1], "data": [[1, 2], [3, 4]]}},
        {"dataframe_split": {"data": [[1, 2], [3, 4]]}},
    ],
)
def test_a_matrix_comes_as_a_list_or_as_a_frame_whose_columns_are_counted(body: object) -> None:
    assert given(MATRIX, body) == {"x": [[1, 2], [3, 4]]}


SEVERAL = Signature(
    inputs=(
        TensorSpec(name="n", dtype="INT32", shape=(None,)),
        TensorSpec(name="t", dtype="BYTES", shape=(None, 1)),
        TensorSpec(name="yes", dtype="BOOL", shape=(None,)),
    ),
    outputs=OUTPUTS,
)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"dataframe_split": {"columns": ["b", "a"], "data": [[1, 2], [3, 4]]}}, b""),
        ({"dataframe_split": {"columns": ["x", "y"], "data": [[1, 2], [3, 4]]}}, b""),
        ({"dataframe_split": {"columns": ["x"], "data": [[[1, 2]], [[3, 4]]]}}, b""),
        ({"dataframe_split": {"columns": ["all"], "data": [[[1, 2]], [[3, 4]]]}}, b""),
        ({"dataframe_records": [{"b": 1, "a": 2}, {"a": 4, "b": 3}]}, b""),
        ({"dataframe_records": [{"x": [1, 2]}, {"x": [3, 4]}]}, b""),
        ({"dataframe_records": [{"all": [1, 2]}, {"all": [3, 4]}]}, b""),
        ("b,a\n1,2\n3,4\n", b"text/csv"),
        ("x,y\n1,2\n3.0,4e0\n", b"text/csv"),
        ("0,1\r\n1,2\r\n3,4\r\n", b"text/csv"),
    ],
)
def test_a_model_of_one_matrix_takes_the_columns_of_a_frame_side_by_side(body: object, kind: bytes) -> None:
    assert given(MATRIX, body, kind) == {"x": [[1, 2], [3, 4]]}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"dataframe_split": {"columns": ["yes", "t", "n"], "data": [[True, "a", 1], [False, "b", 2]]}}, b""),
        ({"dataframe_records": [{"t": "a", "n": 1, "yes": True}, {"yes": False, "n": 2, "t": ["b"]}][:1]}, b""),
        ("t,yes,n\na,true,1\n", b"text/csv"),
    ],
)
def test_tensors_that_have_names_take_columns_by_them(body: object, kind: bytes) -> None:
    told = given(SEVERAL, body, kind)
    assert [told["n"][0], told["t"][0], told["yes"][0]] == [1, [b"a"], True]
    assert set(told) == {"n", "t", "yes"}


def test_a_flat_list_fills_an_input_of_more_dimensions() -> None:
    images = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2, 2)),), outputs=OUTPUTS)
    assert given(images, {"dataframe_records": [{"x": [1, 2, 3, 4]}]}) == {"x": [[[1, 2], [3, 4]]]}
    assert given(images, {"dataframe_records": [{"x": [[1, 2], [3, 4]]}]}) == {"x": [[[1, 2], [3, 4]]]}
    with pytest.raises(InvalidArgument, match=r"'x' has 3 values, expected shape \[2, 2\]"):
        decoded(images, {"dataframe_records": [{"x": [1, 2, 3]}]})


def test_empty_cells_of_numbers_are_nan() -> None:
    (first, second), *_ = given(MATRIX, "a,b\n,2\n", b"text/csv")["x"]
    assert math.isnan(first)
    assert second == 2


@pytest.mark.parametrize(
    ("signature", "body", "kind", "says"),
    [
        (MATRIX, "a,b,c\n1,2,3\n", b"text/csv", r"'x' has shape \[1, 3\], expected \[-1, 2\]"),
        (MATRIX, "a,b\n", b"text/csv", "no rows"),
        (MATRIX, "", b"text/csv", "first line is empty"),
        (MATRIX, "a,a\n1,2\n", b"text/csv", "twice"),
        (MATRIX, "a,b\n1,x\n", b"text/csv", r"column 'b' \(FP64\), row 0: expected a number"),
        (MATRIX, {"dataframe_records": [{"a": 1, "b": 2}, {"a": 1, "c": 2}]}, b"", "row 1 names"),
        (MATRIX, {"dataframe_records": [{"a": 1, "b": "x"}]}, b"", "must be FP64"),
        (MATRIX, {"dataframe_records": [{}]}, b"", "'x' is missing"),
        (SEVERAL, "n,t\n1,a\n", b"text/csv", "input 'yes' is missing"),
        (
            SEVERAL,
            "n,t,no\n1,a,true\n",
            b"text/csv",
            "the columns are 'n', 't', 'no', and this model takes 'n', 't', 'yes'",
        ),
        (SEVERAL, "n,t,yes\n,a,true\n", b"text/csv", "column 'n', row 0 is empty, which INT32 can't express"),
        (SEVERAL, {"dataframe_records": [{"n": 1, "u": "a"}]}, b"", "the columns are 'n', 'u'"),
    ],
)
def test_frames_that_say_no_tensor_are_refused_in_words(
    signature: Signature, body: object, kind: bytes, says: str
) -> None:
    with pytest.raises(InvalidArgument, match=says):
        decoded(signature, body, kind)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"dataframe_split": {"columns": ["no", "city", "age"], "data": [[9, "a", 1], [9, "b", 2]]}}, b""),
        ({"dataframe_records": [{"age": 1, "city": "a", "no": 9}, {"age": 2, "city": "b"}]}, b""),
        ({"instances": [{"age": 1, "city": "a", "no": 9}, {"age": 2, "city": "b", "no": [9]}]}, b""),
        ({"inputs": {"age": [1, 2], "city": ["a", "b"], "no": [9]}}, b""),
        ("no,age,city\n0,1,a\n1,2,b\n", b"text/csv"),
    ],
)
def test_columns_that_the_model_does_not_have_are_left_out_and_told(body: object, kind: bytes) -> None:
    assert given(TABLE, body, kind) == {"age": [1, 2], "city": [b"a", b"b"]}
    assert decoded(TABLE, body, kind).request.notes == ("this model has no column 'no': not read",)


def test_an_index_that_pandas_writes_into_csv_is_left_out() -> None:
    assert given(TABLE, ",age,city\n0,1,a\n", b"text/csv") == {"age": [1], "city": [b"a"]}


def test_where_a_column_lacks_both_sides_are_told() -> None:
    for body in ({"dataframe_records": [{"agge": 1, "city": "a"}]}, {"inputs": {"agge": [1], "city": ["a"]}}):
        with pytest.raises(InvalidArgument, match="column 'age' is missing; column 'agge' is unknown"):
            decoded(TABLE, body)


def test_tensors_leave_out_other_columns_unless_they_are_taken_by_place() -> None:
    several: dict[str, object] = {"n": 1, "t": "a", "yes": True, "more": 5}
    assert set(given(SEVERAL, {"dataframe_records": [several]})) == {"n", "t", "yes"}
    assert set(given(SEVERAL, "n,t,yes,more\n1,a,true,5\n", b"text/csv")) == {"n", "t", "yes"}
    assert given(MATRIX, {"dataframe_records": [{"x": [1, 2], "more": 5}]}) == {"x": [[1, 2]]}
    assert given(MATRIX, {"dataframe_records": [{"x": 1, "y": 2}]}) == {"x": [[1, 2]]}
    assert given(MATRIX, "x,y\n1,2\n", b"text/csv") == {"x": [[1, 2]]}


def test_bytes_in_csv_are_texts() -> None:
    bytes_in = Signature(
        inputs=(TensorSpec(name="raw", dtype="BYTES", shape=(None,)),),
        outputs=OUTPUTS,
        predicted=Predicted(base64=("raw",)),
    )
    assert given(bytes_in, "raw\nYQ==\n", b"text/csv") == {"raw": [b"YQ=="]}
    assert given(bytes_in, {"dataframe_records": [{"raw": "YQ=="}]}) == {"raw": [b"a"]}


def test_values_of_one_column_need_no_name_and_nested_ones_travel_as_their_json() -> None:
    assert given(TEXTS, {"inputs": ["a", "b"]}) == {"x": [b"a", b"b"]}
    assert given(TEXTS, {"instances": ["a", "b"]}) == {"x": [b"a", b"b"]}
    assert given(TEXTS, {"instances": [["a"], ["b"]]}) == {"x": [b"a", b"b"]}
    assert given(VALUES, {"inputs": [{"x": 1}, [2], "c", 4.5]}) == {"x": [b'{"x":1}', b"[2]", b'"c"', b"4.5"]}
    assert given(VALUES, {"inputs": {"x": [[1], {}]}}) == {"x": [b"[1]", b"{}"]}
    assert given(LISTS, {"dataframe_records": [{"v": [1, 2]}, {"v": []}]}) == {"v": [b"[1,2]", b"[]"]}
    assert given(LISTS, {"instances": [{"v": [1, 2]}, {"v": []}]}) == {"v": [b"[1,2]", b"[]"]}
    assert given(LISTS, 'v\n"[1, 2]"\n', b"text/csv") == {"v": [b"[1,2]"]}
    with pytest.raises(InvalidArgument, match=r"column 'v' \(json\), row 0"):
        given(LISTS, "v\n[1\n", b"text/csv")


def test_parameters_are_those_of_the_model_or_refused() -> None:
    body: dict[str, object] = {"inputs": {"age": [1]}}
    assert decoded(TABLE, body).request.params == b""
    assert decoded(TABLE, {**body, "params": None}).request.params == b""
    assert decoded(TABLE, {**body, "params": {"times": 1}}).request.params == b""
    assert decoded(TABLE, {**body, "params": {"times": 3}}).request.params == b'{"times":3}'
    with pytest.raises(InvalidArgument, match=r"unknown parameter 'time': this model takes 'times' integer"):
        decoded(TABLE, {**body, "params": {"time": 3}})
    with pytest.raises(InvalidArgument, match="this model takes no parameters"):
        decoded(MATRIX, {"inputs": [[1, 2]], "params": {"times": 3}})
    assert decoded(MATRIX, {"inputs": [[1, 2]], "params": {}}).rows == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "not JSON"),
        ([], "body"),
        ({}, "one of them, not 0"),
        ({"inputs": [[1, 2]], "instances": [[1, 2]]}, "one of them, not 2"),
        ({"messages": [{"role": "user", "content": "a"}]}, "a body with 'messages' is one for models that chat"),
        ({"prompt": "a", "params": {}}, "a body with 'prompt'"),
        ({"dataframe_split": {"columns": ["x"]}}, "must have 'columns' and 'data'"),
    ],
)
def test_what_is_no_request_is_refused_in_words(body: object, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        decoded(MATRIX, body)


@pytest.mark.parametrize(
    "kind", [b"text/csv; charset=latin-1", b"text/csv; header=no", b"application/json; charset=utf-16"]
)
def test_another_character_set_is_refused_with_415(kind: bytes) -> None:
    with pytest.raises(UnsupportedMedia) as refused:
        decoded(TABLE, "age\n1\n", kind)
    assert refused.value.http_status == 415


@pytest.mark.parametrize(
    ("predicted", "outputs", "told"),
    [
        (Predicted(outputs=("label",)), ANSWER[1:], [1, 0]),
        (Predicted(outputs=("p",), column=1), ANSWER[:1], [0.75, math.nan]),
        (Predicted(outputs=("p",)), ANSWER[:1], [[0.25, 0.75], [0.5, math.nan]]),
        (Predicted(form="records"), ANSWER[1:], [{"label": 1}, {"label": 0}]),
        (Predicted(form="records", outputs=("label",), names=("0",)), ANSWER[1:], [{"0": 1}, {"0": 0}]),
        (Predicted(form="columns"), ANSWER, {"p": [[0.25, 0.75], [0.5, math.nan]], "label": [1, 0]}),
        (Predicted(form="numbered", outputs=("p",)), ANSWER[:1], [{"0": 0.25, "1": 0.75}, {"0": 0.5, "1": math.nan}]),
        (Predicted(form="lists", outputs=("label",)), ANSWER[1:], [[1], [0]]),
        (Predicted(form="lists"), (Tensor("label", np.array([b"a", b"b"], object)),), [["a"], ["b"]]),
        (Predicted(base64=("b",)), (Tensor("b", np.array([b"\xff" * 60, b""], object)),), ["/" * 76 + "\n////\n", ""]),
        (None, ANSWER[1:], [1, 0]),
    ],
)
def test_predictions_have_the_form_of_the_librarys_own(
    predicted: Predicted | None, outputs: tuple[Tensor, ...], told: object
) -> None:
    signature = Signature(inputs=MATRIX.inputs, outputs=OUTPUTS, predicted=predicted)
    body = encode_invocation(
        InferResponse(model="m", version=1, outputs=outputs), decoded(MATRIX, {"inputs": [[1, 2]]}), signature
    )
    np.testing.assert_equal(json.loads(body), {"predictions": told})


def test_nan_is_written_bare_in_records_as_mlflow_writes_it() -> None:
    signature = Signature(inputs=MATRIX.inputs, outputs=OUTPUTS, predicted=Predicted(form="records"))
    response = InferResponse(model="m", version=1, outputs=[Tensor("p", np.array([1.5, np.nan])), ANSWER[1]])
    body = encode_invocation(response, decoded(MATRIX, {"inputs": [[1, 2]]}), signature)
    assert body == b'{"predictions":[{"p":1.5,"label":1},{"p":NaN,"label":0}]}'


@pytest.mark.parametrize(
    ("form", "array", "gaps", "told"),
    [
        ("records", np.array([2**53 + 1, 0]), [False, True], [{"o": 2**53 + 1}, {"o": None}]),
        ("records", np.array([b"", b"a"], object), [True, False], [{"o": None}, {"o": "a"}]),
        ("value", np.array([True, False, False]), [False, True, False], [True, None, False]),
        ("columns", np.array([[1, 0], [2, 3]]), [[False, True], [False, False]], {"o": [[1, None], [2, 3]]}),
    ],
)
def test_what_a_mask_says_is_missing_is_null(form: Any, array: Any, gaps: list[Any], told: object) -> None:
    tensor = Tensor("o", array)
    spec = TensorSpec(name="o", dtype=tensor.dtype, shape=(None,) * array.ndim)
    signature = Signature(inputs=MATRIX.inputs, outputs=(spec,), predicted=Predicted(form=form))
    response = InferResponse(model="m", version=1, outputs=[Tensor("o:missing", np.array(gaps)), tensor])
    body = encode_invocation(response, decoded(MATRIX, {"inputs": [[1, 2]]}), signature)
    assert json.loads(body) == {"predictions": told}


def test_nested_answers_are_json_within_the_answer() -> None:
    texts = np.array([b'{"n": [1, NaN]}', b"null"], dtype=object)
    signature = Signature(
        inputs=MATRIX.inputs,
        outputs=(TensorSpec(name="output", dtype="BYTES", shape=(None,)),),
        predicted=Predicted(nested=("output",)),
    )
    response = InferResponse(model="m", version=1, outputs=[Tensor("output", texts)])
    body = encode_invocation(response, decoded(MATRIX, {"inputs": [[1, 2]]}), signature)
    np.testing.assert_equal(json.loads(body), {"predictions": [{"n": [1, math.nan]}, None]})


def test_rows_of_several_outputs_are_records_and_columns_stay_columns() -> None:
    response = InferResponse(model="m", version=1, outputs=ANSWER)
    plain = Signature(inputs=MATRIX.inputs, outputs=OUTPUTS)
    rows = json.loads(encode_invocation(response, decoded(MATRIX, {"instances": [[1, 2]]}), plain))
    assert rows["predictions"][0] == {"p": [0.25, 0.75], "label": 1}
    columns = json.loads(encode_invocation(response, decoded(MATRIX, {"inputs": [[1, 2]]}), plain))
    assert columns["predictions"]["label"] == [1, 0]


def test_a_form_of_outputs_that_were_not_declared_is_left_aside() -> None:
    less = Signature(inputs=TABLE.inputs, outputs=OUTPUTS[:1], predicted=Predicted(outputs=("label",)))
    assert decoded(less, {"inputs": {"age": [1]}}).request.outputs == ()


def test_errors_have_mlflows_names() -> None:
    for error, name in (
        (InvalidArgument("a"), "BAD_REQUEST"),
        (NotFound("a"), "RESOURCE_DOES_NOT_EXIST"),
        (Unavailable("a"), "TEMPORARILY_UNAVAILABLE"),
    ):
        assert json.loads(error_body(error)) == {"error_code": name, "message": "a"}


PICTURE = b"\xff\xd8" + bytes(range(90))
BYTES = Signature(
    inputs=(
        TensorSpec(name="picture", dtype="BYTES", shape=(None,)),
        TensorSpec(name="name", dtype="BYTES", shape=(None,)),
    ),
    outputs=OUTPUTS,
    predicted=Predicted(base64=("picture",)),
)
IN_LINES = base64.encodebytes(PICTURE).decode()  # as MLflow's own clients write it
IN_ONE = base64.b64encode(PICTURE).decode()


@pytest.mark.parametrize("written", [IN_LINES, IN_ONE, {"b64": IN_ONE}], ids=["in lines", "in one", "as an object"])
@pytest.mark.parametrize(
    "body",
    [
        lambda one: {"dataframe_split": {"columns": ["name", "picture"], "data": [["YQ==", one]]}},
        lambda one: {"dataframe_records": [{"picture": one, "name": "YQ=="}]},
    ],
    ids=["split", "records"],
)
def test_bytes_come_in_base64_as_mlflows_clients_send_frames(body: Callable[[object], object], written: object) -> None:
    assert given(BYTES, body(written)) == {"picture": [PICTURE], "name": [b"YQ=="]}


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [{"picture": "YQ==", "name": "a"}]},
        {"inputs": {"picture": ["YQ=="], "name": ["a"]}},
    ],
)
def test_bytes_outside_of_frames_are_texts_as_mlflows_own_server_has_it(body: object) -> None:
    assert given(BYTES, body) == {"picture": [b"YQ=="], "name": [b"a"]}


def test_a_text_that_is_no_base64_is_refused_for_bytes() -> None:
    with pytest.raises(InvalidArgument, match="input 'picture', value 1: expected base64"):
        decoded(BYTES, {"dataframe_records": [{"picture": one, "name": "a"} for one in ("YQ==", "a.picture")]})
