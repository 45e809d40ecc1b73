"""Requests that other servers of this kind were reported to get wrong, as the reports have them, asked of this one.

Each test names its reports. A server that a request ends, or that answers it wrongly, must not be replaced by another
such.
"""

import gzip
import json
import struct
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tests.worlds.platforms import RealPlatform

JSON = {"content-type": "application/json"}
pytestmark = pytest.mark.timeout(300)


class Asker:
    """Asks in bytes, as curl does; over gRPC in messages."""

    def __init__(self, platform: RealPlatform) -> None:
        self._key = {"authorization": f"Bearer {platform.key}"}
        self._http = httpx.Client(base_url=platform.url, headers=self._key, timeout=30, trust_env=False)
        channel = grpc.insecure_channel(platform.url.removeprefix("http://"))
        self._grpc = service_pb2_grpc.GRPCInferenceServiceStub(channel)

    def __call__(self, path: str, body: object, headers: dict[str, str] = JSON) -> tuple[int, Any]:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._http.post(path, content=content, headers=headers)
        return answer.status_code, json.loads(answer.content)

    def refused(self, path: str, body: object, headers: dict[str, str] = JSON) -> str:
        """The words of a 400."""
        status, told = self(path, body, headers)
        assert status == 400, told
        words: str = told["error"]
        return words

    def infer(self, **request: Any) -> Any:
        message = service_pb2.ModelInferRequest(**request)
        return self._grpc.ModelInfer(message, timeout=30, metadata=list(self._key.items()))

    def begun(self, timeout: float, **request: Any) -> Any:
        """The same, not waited for."""
        message = service_pb2.ModelInferRequest(**request)
        return self._grpc.ModelInfer.future(message, timeout=timeout, metadata=list(self._key.items()))

    def stream(self, *requests: Any, **metadata: str) -> Any:
        sent = (service_pb2.ModelInferRequest(**request) for request in requests)
        return self._grpc.ModelStreamInfer(sent, timeout=30, metadata=[*self._key.items(), *metadata.items()])


@pytest.fixture(scope="module")
def ask(asked: RealPlatform) -> Asker:
    return Asker(asked)


def tensor(name: str, datatype: str, shape: list[int], data: object, **more: object) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


X = tensor("x", "FP32", [1, 4], [4, 3, 2, 1])


def test_a_shape_and_a_data_type_that_are_none_are_refused(ask: Asker) -> None:
    """triton-inference-server/server#1649: the server ended."""
    given = {"name": "text", "shape": "-1", "datatype": "STRING", "data": [{"b64": "aGk="}]}
    assert "shape" in ask.refused("/v2/models/kinds/infer", {"inputs": [given]})
    assert "STRING" in ask.refused("/v2/models/kinds/infer", {"inputs": [{**given, "shape": [1]}]})


def test_a_negative_dimension_over_grpc_is_refused(ask: Asker) -> None:
    """triton-inference-server/server#3563: the server ended."""
    given = {"name": "x", "datatype": "FP32", "shape": [-1, 16]}
    with pytest.raises(grpc.RpcError) as refusal:
        ask.infer(model_name="kinds", inputs=[given], raw_input_contents=[bytes(16)])
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "[-1, 16]" in refusal.value.details()


def test_data_twice_and_raw_data_that_do_not_come_are_refused(ask: Asker) -> None:
    """triton-inference-server/server#4244: by multipart/form-data, and a length that leaves nothing for the tensor."""
    body = json.dumps({"inputs": [{**X, "parameters": {"binary_data_size": 16}}]}).encode()
    headers = {"content-type": "multipart/form-data", "inference-header-content-length": str(len(body))}
    status, told = ask("/v2/models/kinds/infer", body, headers)
    assert status in (400, 415), told
    assert "both 'data' and 'binary_data_size'" in ask.refused(
        "/v2/models/kinds/infer", body, {"inference-header-content-length": str(len(body))}
    )


@pytest.mark.parametrize("length", ["999999", "-1", "1e3", "18446744073709551617"])
def test_a_json_part_longer_than_the_body_is_refused(ask: Asker, length: str) -> None:
    """openvinotoolkit/model_server#2664: it was read beyond the body."""
    body = json.dumps({"inputs": [X]}).encode()
    words = ask.refused("/v2/models/kinds/infer", body, {**JSON, "inference-header-content-length": length})
    assert "Inference-Header-Content-Length" in words


def test_content_types_that_nobody_knows_are_not_looked_at(ask: Asker) -> None:
    """SeldonIO/MLServer#888: 500."""
    said = {"content_type": "nobody's"}
    status, told = ask("/v2/models/kinds/infer", {"inputs": [{**X, "parameters": said}], "parameters": said})
    assert (status, told["outputs"][0]["data"]) == (200, [4, 3, 2, 1])


def test_truth_values_are_taken_in_json(ask: Asker) -> None:
    """tensorflow/serving#1199: they were refused where a scalar is expected."""
    for instances in ([True, False], [{"flag": True}, {"flag": False}]):
        status, told = ask("/v1/models/kinds:predict", {"signature_name": "flags", "instances": instances})
        assert (status, told) == (200, {"predictions": [False, True]})


def test_texts_that_look_like_dates_stay_texts(ask: Asker) -> None:
    """mlflow/mlflow#3713 and #4902: pandas made dates of them."""
    days = ["2020-11-18", "0001", "NaN", "1e5", "None"]
    rows = [{"day": day, "count": 1, "price": 2.5} for day in days]
    for body in ({"dataframe_records": rows}, {"inputs": {name: [row[name] for row in rows] for name in rows[0]}}):
        status, told = ask("/endpoints/frames/invocations", body)
        assert (status, told) == (200, {"predictions": [f"{day} 1 2.5" for day in days]})


def test_csv_is_read_in_the_types_of_the_model(ask: Asker) -> None:
    """mlflow/mlflow#5525: a column of 32 bits was taken in JSON and not in CSV."""
    body = b"day,count,price\r\n007,3,\r\n2020-11-18,-1,2\r\n"
    status, told = ask("/endpoints/frames/invocations", body, {"content-type": "text/csv"})
    assert (status, told) == (200, {"predictions": ["007 3 nan", "2020-11-18 -1 2"]})
    status, told = ask("/endpoints/frames/invocations", b"day,count\na,99999999999\n", {"content-type": "text/csv"})
    assert (status, told["error_code"]) == (400, "BAD_REQUEST")


def test_what_is_missing_is_told_to_the_model_and_refused_where_columns_lack(ask: Asker) -> None:
    """mlflow/mlflow#4827: None was no value of a column."""
    status, told = ask(
        "/endpoints/frames/invocations", {"dataframe_records": [{"day": "a", "count": 1, "price": None}]}
    )
    assert (status, told) == (200, {"predictions": ["a 1 nan"]})
    split = {"columns": ["day"], "data": [["a"]]}
    status, told = ask("/endpoints/frames/invocations", {"dataframe_split": split})
    assert status == 400
    assert "'count' is missing" in told["message"]


def test_columns_may_have_lengths_of_their_own_where_the_model_says_so(ask: Asker) -> None:
    """mlflow/mlflow#5469: inputs by name had to be equally long."""
    inputs = {"nodes": [[1, 2], [3, 4], [5, 6]], "edges": [[0], [1]]}
    for path, member in (("/endpoints/graph/invocations", "predictions"), ("/v1/models/graph:predict", "outputs")):
        assert ask(path, {"inputs": inputs}) == (200, {member: {"total": [9, 12], "from": [0]}})


@pytest.mark.parametrize("said", [{}, {"id": None}, {"parameters": None}, {"outputs": None}, {"outputs": []}])
def test_null_is_as_if_nothing_were_said(ask: Asker, said: dict[str, object]) -> None:
    """kserve/kserve#2944 and #3094: an id of null ended in 500."""
    status, told = ask("/v2/models/kinds/infer", {"inputs": [{**X, "parameters": None}], **said})
    assert status == 200
    assert "id" not in told
    assert told["outputs"][0]["data"] == [4, 3, 2, 1]


def test_an_id_comes_back(ask: Asker) -> None:
    """kserve/kserve#2756: it was dropped."""
    assert ask("/v2/models/kinds/infer", {"inputs": [X], "id": "d3b15cad"})[1]["id"] == "d3b15cad"
    answer = ask.infer(
        model_name="kinds",
        id="d3b15cad",
        inputs=[{"name": "x", "datatype": "FP32", "shape": [1, 4], "contents": {"fp32_contents": [4, 3, 2, 1]}}],
    )
    assert answer.id == "d3b15cad"


def test_bytes_that_are_no_text_reach_a_frames_column_over_grpc(ask: Asker) -> None:
    """kserve/kserve#3731: UnicodeDecodeError, as UNKNOWN."""
    columns = [
        {"name": "day", "datatype": "BYTES", "shape": [2], "contents": {"bytes_contents": [b"\xff\xfe", b"a"]}},
        {"name": "count", "datatype": "INT32", "shape": [2], "contents": {"int_contents": [1, 2]}},
        {"name": "price", "datatype": "FP64", "shape": [2], "contents": {"fp64_contents": [0.5, 1]}},
    ]
    answer = ask.infer(model_name="frames", inputs=columns, parameters={"content_type": {"string_param": "pd"}})
    assert texts(answer.raw_output_contents[0]) == ["\ufffd\ufffd 1 0.5", "a 2 1"]


def texts(raw: bytes) -> list[str]:
    found, at = [], 0
    while at < len(raw):
        (size,) = struct.unpack_from("<I", raw, at)
        found.append(raw[at + 4 : at + 4 + size].decode())
        at += 4 + size
    return found


def test_numbers_that_are_not_finite_come_and_go(ask: Asker) -> None:
    """triton-inference-server/server#3870 (#3711): JSON had no way for them."""
    body = b'{"inputs": [{"name": "x", "shape": [1, 4], "datatype": "FP32", "data": [NaN, Infinity, -Infinity, 1]}]}'
    status, told = ask("/v2/models/kinds/infer", body)
    assert status == 200
    np.testing.assert_array_equal(told["outputs"][0]["data"], [np.nan, np.inf, -np.inf, 1])


@pytest.mark.parametrize(("nodes", "edges"), [((0, 2), (2, 0)), ((2, 2), (2, 0)), ((0, 2), (2, 1))])
def test_models_that_take_nothing_are_asked_with_nothing(
    ask: Asker, nodes: tuple[int, int], edges: tuple[int, int]
) -> None:
    """triton-inference-server/server#5972 and #4865: the server ended, or no answer may be empty."""
    arrays = {"nodes": np.ones(nodes, np.float32), "edges": np.zeros(edges, np.int64)}
    inputs = [
        tensor(name, {"f": "FP32", "i": "INT64"}[array.dtype.kind], list(array.shape), array.tolist())
        for name, array in arrays.items()
    ]
    flat = [{**each, "data": arrays[str(each["name"])].ravel().tolist()} for each in inputs]
    for given in (inputs, flat):
        status, told = ask("/v2/models/graph/infer", {"inputs": given})
        assert status == 200, told
        assert {each["name"]: each["data"] for each in told["outputs"]} == {
            "total": [nodes[0]] * 2,
            "from": [0] * edges[1],
        }
    raw = b"".join(array.tobytes() for array in arrays.values())
    head = {"inputs": [{**each, "parameters": {"binary_data_size": arrays[str(each["name"])].nbytes}} for each in flat]}
    for each in head["inputs"]:
        del each["data"]
    said = json.dumps(head).encode()
    assert ask("/v2/models/graph/infer", said + raw, {"inference-header-content-length": str(len(said))})[0] == 200
    answer = ask.infer(
        model_name="graph",
        inputs=[{"name": str(each["name"]), "datatype": each["datatype"], "shape": each["shape"]} for each in flat],
        raw_input_contents=[array.tobytes() for array in arrays.values()],
    )
    assert [len(each) for each in answer.raw_output_contents] == [8, 8 * edges[1]]


def test_no_rows_are_refused_by_every_wire(ask: Asker) -> None:
    """triton-inference-server/server#968: of a model whose rows are independent there is nothing to ask."""
    empty = tensor("x", "FP32", [0, 4], [])
    assert "no rows" in ask.refused("/v2/models/kinds/infer", {"inputs": [empty]})
    assert "at least one row" in ask.refused("/v1/models/kinds:predict", {"instances": []})
    with pytest.raises(grpc.RpcError) as refusal:
        ask.infer(
            model_name="kinds", inputs=[{"name": "x", "datatype": "FP32", "shape": [0, 4]}], raw_input_contents=[b""]
        )
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_small_body_that_inflates_to_much_is_refused(ask: Asker) -> None:
    """tensorflow/serving#4136: memory was taken for all of it; #1091: gzip was not read."""
    bomb = gzip.compress(bytes(80 << 20))
    status, told = ask("/v1/models/kinds:predict", bomb, {**JSON, "content-encoding": "gzip"})
    assert status == 413, told
    small = gzip.compress(json.dumps({"instances": [[1, 2, 3, 4]]}).encode())
    status, told = ask("/v1/models/kinds:predict", small, {**JSON, "content-encoding": "gzip"})
    assert (status, told) == (200, {"predictions": [[1, 2, 3, 4]]})


def test_more_classes_than_there_are_is_all_of_them(ask: Asker) -> None:
    """triton-inference-server/server#1984: the answer's shape had as many as were asked for."""
    wanted = {"name": "scores", "parameters": {"classification": 9}}
    _, told = ask("/v2/models/kinds/infer", {"inputs": [X], "outputs": [wanted]})
    (scores,) = told["outputs"]
    assert scores["shape"] == [1, 4]
    assert scores["data"] == ["4.0:0:a", "3.0:1:b", "2.0:2:c", "1.0:3:d"]


def test_generate_takes_a_row_without_its_brackets(ask: Asker) -> None:
    """triton-inference-server/tensorrtllm_backend#613: "Shape does not match true shape of 'data' field"."""
    for given in ([4, 3, 2, 1], [[4, 3, 2, 1]]):
        status, told = ask("/v2/models/kinds/generate", {"x": given, "streaming": True})
        assert status == 200, told
        assert np.ravel(told["scores"]).tolist() == [4, 3, 2, 1]


def test_a_body_that_was_written_as_json_twice_is_refused_in_words(ask: Asker) -> None:
    """kserve/modelmesh-serving#255: a text of JSON is no object."""
    twice = json.dumps(json.dumps({"inputs": [X]})).encode()
    for path in ("/v2/models/kinds/infer", "/v1/models/kinds:predict"):
        assert "object" in ask.refused(path, twice)


def test_one_text_need_not_be_in_a_list_of_its_own(ask: Asker) -> None:
    """kserve/kserve#2746: what is a text of V2? Here a list of them, and by V1 also base64, nested or not."""
    given = tensor("text", "BYTES", [2], ["a", "é"])
    status, told = ask("/v2/models/kinds/infer", {"inputs": [given]})
    assert (status, told["outputs"][0]["data"]) == (200, ["a", "é"])
    assert "'text'" in ask.refused("/v2/models/kinds/infer", {"inputs": [{**given, "shape": [1], "data": "a"}]})


@pytest.mark.parametrize(
    "instances",
    [
        [{"b64": "aGk="}, {"b64": "YWJj"}],
        [[{"b64": "aGk="}], [{"b64": "YWJj"}]],
        [{"wrapped": {"b64": "aGk="}}, {"wrapped": {"b64": "YWJj"}}],
        [{"wrapped": [{"b64": "aGk="}]}, {"wrapped": [{"b64": "YWJj"}]}],
        [{"wrapped": "hi"}, {"wrapped": "abc"}],
    ],
    ids=["rows", "nested rows", "named", "named and nested", "texts"],
)
def test_base64_is_one_value_a_row_however_it_is_nested(ask: Asker, instances: list[object]) -> None:
    """tensorflow/serving#1317 and openvinotoolkit/model_server#1042: "not a valid ndarray"."""
    status, told = ask("/v1/models/kinds:predict", {"signature_name": "wrapped", "instances": instances})
    assert (status, told) == (200, {"predictions": [[2], [3]]})


def test_base64_for_numbers_is_refused_with_what_is_taken(ask: Asker) -> None:
    """tensorflow/serving#1317: an image in base64 for a model that takes its pixels, and nothing in the log."""
    words = ask.refused("/v1/models/kinds:predict", {"instances": [{"b64": "aGk="}]})
    assert "FP32" in words or "number" in words


def test_whole_numbers_of_another_width_are_taken(ask: Asker) -> None:
    """openvinotoolkit/model_server#2582: 64 bits for 32 were refused."""
    given = tensor("n", "INT64", [1, 2], [3, 5])
    assert ask("/v2/models/kinds/infer", {"inputs": [given]})[1]["outputs"][0]["data"] == [1.5, 2.5]
    words = ask.refused("/v2/models/kinds/infer", {"inputs": [{**given, "data": [3, 1 << 40]}]})
    assert str(1 << 40) in words


def said(*texts: bytes) -> dict[str, Any]:
    contents = {"bytes_contents": texts}
    inputs = [{"name": "text", "datatype": "BYTES", "shape": [len(texts)], "contents": contents}]
    return {"model_name": "kinds", "id": texts[0].decode(), "inputs": inputs}


def test_a_stream_ends_by_its_first_error_where_the_client_says_so(ask: Asker) -> None:
    """triton-inference-server/client#775: `triton_grpc_error`, without which errors are messages of the stream."""
    requests = (said(b"one"), said(b"refuse"), said(b"two"))
    told = [(each.error_message, each.infer_response.id) for each in ask.stream(*requests)]
    assert [id for _, id in told] == ["one", "refuse", "two"]
    assert [bool(words) for words, _ in told] == [False, True, False]
    stream = ask.stream(*requests, triton_grpc_error="true")
    assert next(stream).infer_response.id == "one"
    with pytest.raises(grpc.RpcError) as refusal:
        list(stream)
    assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.value.details() == "one of these texts is refused"
    unknown = ask.stream(said(b"one"), {"model_name": "nothing"}, triton_grpc_error="true")
    assert next(unknown).infer_response.id == "one"
    with pytest.raises(grpc.RpcError) as refusal:
        next(unknown)
    assert refusal.value.code() == grpc.StatusCode.NOT_FOUND


def test_one_request_at_fault_takes_no_other_with_it(ask: Asker) -> None:
    """Lightning-AI/LitServe#340 and ray-project/ray#66140: whoever shared its run failed, too, or waited for ever."""
    begun = [ask.begun(30, **said(b"refuse" if number % 5 == 0 else b"good")) for number in range(60)]
    for number, call in enumerate(begun):
        if number % 5:
            assert texts(call.result().raw_output_contents[0]) == ["good"]
        else:
            assert call.exception().code() == grpc.StatusCode.INVALID_ARGUMENT


def test_clients_that_give_up_leave_the_server_as_it_was(ask: Asker) -> None:
    """ray-project/ray#41057 and triton-inference-server/server#7368: later requests failed, or the server ended."""
    for _ in range(5):
        begun = [ask.begun(0.001 * (number % 4), **said(b"given up")) for number in range(50)]
        for number, call in enumerate(begun):
            if number % 3 == 0:
                call.cancel()
        for call in begun:
            if not call.cancelled():
                assert call.exception() is None or call.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    for _ in range(20):
        assert texts(ask.infer(**said(b"still there")).raw_output_contents[0]) == ["still there"]


@pytest.mark.parametrize(
    ("datatype", "number"), [("UINT8", 256), ("INT8", -129), ("UINT16", 65536), ("INT32", 1 << 31)]
)
def test_numbers_beyond_their_type_are_refused_in_json(ask: Asker, datatype: str, number: int) -> None:
    """triton-inference-server/server#8821: 256 became 0."""
    words = ask.refused("/v2/models/kinds/infer", {"inputs": [tensor("n", datatype, [1, 2], [1, number])]})
    assert datatype in words


def test_a_number_by_itself_is_a_tensor_without_dimensions(ask: Asker) -> None:
    """bentoml/BentoML#3975: IndexError."""
    status, told = ask("/v2/models/graph/infer", {"inputs": [tensor("n", "FP32", [], [2.5])]})
    assert (status, told["outputs"]) == (200, [{"name": "more", "datatype": "FP32", "shape": [], "data": [3.5]}])
    assert ask("/v1/models/graph:predict", {"inputs": {"n": 2.5}}) == (200, {"outputs": 3.5})


def test_a_text_whose_bytes_were_counted_is_one(ask: Asker) -> None:
    """SeldonIO/MLServer#1718: its example says the length of the text where the number of texts is meant."""
    words = '{"name": "Foo Bar", "message": "Hello from é"}'
    size = len(words.encode())
    status, told = ask("/v2/models/kinds/infer", {"inputs": [tensor("text", "BYTES", [size], [words])]})
    assert (status, told["outputs"][0]["data"], told["outputs"][0]["shape"]) == (200, [words], [1])
    given = said(words.encode())
    given["inputs"][0]["shape"] = [size]
    assert texts(ask.infer(**given).raw_output_contents[0]) == [words]
    other = tensor("text", "BYTES", [size + 1], [words])
    assert f"{size + 1} elements; 1 were delivered" in ask.refused("/v2/models/kinds/infer", {"inputs": [other]})


def test_json_needs_no_content_type(ask: Asker) -> None:
    """kserve/kserve#3117: what curl says of a body was not read as JSON."""
    for kind in ({"content-type": "application/x-www-form-urlencoded"}, {}):
        assert ask("/v1/models/kinds:predict", {"instances": [[1, 2, 3, 4]]}, kind)[0] == 200
        assert ask("/v2/models/kinds/infer", {"inputs": [X]}, kind)[0] == 200


@pytest.mark.parametrize("number", [9e-07, 1e06, 1234567.0, 6e-7, 0.96, 1.24, 3.4e38])
def test_numbers_come_and_go_in_valid_json_with_all_their_digits(ask: Asker, number: float) -> None:
    """tensorflow/serving#989 and #1014: answers held `9e-07.0`; #1136: 0.96 "without loss of precision"."""
    status, told = ask("/v1/models/kinds:predict", {"instances": [[number, 0, 0, 0]]})
    assert status == 200, told
    assert np.float32(told["predictions"][0][0]) == np.float32(number)


def test_more_than_six_digits_are_answered(ask: Asker) -> None:
    """tensorflow/serving#1332: 555557.5 was answered as 555558.0."""
    for body, member in (({"instances": [[1111115, 3]]}, "predictions"), ({"inputs": [[1111115, 3]]}, "outputs")):
        status, told = ask("/v1/models/kinds:predict", {"signature_name": "halved", **body})
        assert (status, told) == (200, {member: [[555557.5, 1.5]]})


def test_base64_of_the_webs_alphabet_is_refused_in_words(ask: Asker) -> None:
    """tensorflow/serving#1141: "-_" in place of "+/" is no base64 of theirs; nothing said so."""
    body = {"signature_name": "text", "instances": [{"b64": "-_-_"}]}
    words = ask.refused("/v1/models/kinds:predict", body)
    assert "base64" in words
    good = {"signature_name": "text", "instances": [{"b64": "+/+/"}]}
    assert ask("/v1/models/kinds:predict", good)[0] == 200


def test_texts_may_be_nested_as_their_shape_says_or_flat(ask: Asker) -> None:
    """triton-inference-server/server#4405: [["a"], ["b"]] was refused where ["a", "b"] was taken."""
    for data in (["a", "bcd"], [["a"], ["bcd"]]):
        status, told = ask("/v2/models/kinds/infer", {"inputs": [tensor("wrapped", "BYTES", [2, 1], data)]})
        assert (status, told["outputs"][0]["data"]) == (200, [1, 3]), told


def test_half_precision_is_taken_in_json(ask: Asker) -> None:
    """triton-inference-server/server#5960: "receiving FP16 data via JSON is not supported"."""
    status, told = ask("/v2/models/kinds/infer", {"inputs": [tensor("x", "FP16", [1, 4], [0.5, 2, 3, 65504])]})
    assert (status, told["outputs"][0]["data"]) == (200, [0.5, 2, 3, 65504])


COLUMNS = {"day": ("BYTES", ["a", "b"]), "count": ("INT64", [1, 2]), "price": ("FP64", [0.5, 1])}


@pytest.mark.parametrize("shape", [[2], [2, 1]])
def test_a_frames_columns_may_be_one_wide(ask: Asker, shape: list[int]) -> None:
    """SeldonIO/MLServer#1625: columns [N, 1], as its Pandas codec sends them, were no column of MLflow's schema."""
    inputs = [tensor(name, datatype, shape, data) for name, (datatype, data) in COLUMNS.items()]
    body = {"inputs": inputs, "parameters": {"content_type": "pd"}}
    status, told = ask("/v2/models/frames/infer", body)
    assert (status, told["outputs"][0]["data"]) == (200, ["a 1 0.5", "b 2 1"])


def test_texts_of_a_frame_stay_texts_over_grpc(ask: Asker) -> None:
    """SeldonIO/MLServer#737: they reached the model as "b'test_string'"."""
    fields = {"BYTES": "bytes_contents", "INT64": "int64_contents", "FP64": "fp64_contents"}
    inputs = [
        {
            "name": name,
            "datatype": datatype,
            "shape": [2, 1],
            "contents": {fields[datatype]: [each.encode() for each in data] if datatype == "BYTES" else data},
        }
        for name, (datatype, data) in COLUMNS.items()
    ]
    answer = ask.infer(model_name="frames", inputs=inputs, parameters={"content_type": {"string_param": "pd"}})
    assert texts(answer.raw_output_contents[0]) == ["a 1 0.5", "b 2 1"]


def test_an_answer_says_which_version_gave_it(ask: Asker) -> None:
    """kserve/kserve#3465: `model_version` could not be said."""
    assert ask("/v2/models/kinds/infer", {"inputs": [X]})[1]["model_version"] == "1"
    given = {"name": "x", "datatype": "FP32", "shape": [1, 4], "contents": {"fp32_contents": [4, 3, 2, 1]}}
    assert ask.infer(model_name="kinds", inputs=[given]).model_version == "1"


def test_a_frame_by_index_is_one_of_inputs_too(ask: Asker) -> None:
    """kserve/kserve#3221: what its documents show for LightGBM, which one release no longer took."""
    frame = {"price": {"0": 0.5, "1": 1}, "day": {"0": "a", "1": "b"}, "count": {"0": 1, "1": 2}}
    for member, said in (("inputs", "outputs"), ("instances", "predictions")):
        status, told = ask("/v1/models/frames:predict", {member: [frame]})
        assert (status, told) == (200, {said: ["a 1 0.5", "b 2 1"]})


PREDICTS = ("/v1/models/kinds:predict", "/v2/models/kinds/infer", "/endpoints/kinds/invocations")


@pytest.mark.parametrize("path", PREDICTS)
@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"[1", b"null", b"7", b'"text"', b"[]", b"{}", b'{"some_data": "x"}']
)
def test_a_body_that_asks_nothing_is_the_senders_fault(ask: Asker, path: str, body: bytes) -> None:
    """mlflow/mlflow#4897 and kserve/kserve#3007: 500, where the body was empty or none of JSON."""
    status, told = ask(path, body)
    assert status == 400, told
    assert told.get("error") or told["error_code"] == "BAD_REQUEST"


def test_arrays_are_elements_of_a_frame(ask: Asker) -> None:
    """mlflow/mlflow#7394: a frame whose column holds arrays, for a model that takes tensors."""
    row = [4.0, 3.0, 2.0, 1.0]
    for body in (
        {"dataframe_split": {"columns": ["x"], "data": [[row], [row]]}},
        {"dataframe_records": [{"x": row}, {"x": row}]},
        {"dataframe_split": {"columns": ["a", "b", "c", "d"], "data": [row, row]}},
    ):
        assert ask("/endpoints/kinds/invocations", body) == (200, {"predictions": [row, row]})


def test_csv_is_read_for_models_of_tensors(ask: Asker) -> None:
    """mlflow/mlflow#4110: frames and tensors say the same where they have two dimensions."""
    csv = {"content-type": "text/csv"}
    for path in ("/endpoints/kinds/invocations", "/v1/models/kinds:predict"):
        assert ask(path, b"a,b,c,d\n4,3,2,1\n", csv) == (200, {"predictions": [[4, 3, 2, 1]]})
        assert ask(path, b"flag\ntrue\nfalse\n", csv) == (200, {"predictions": [False, True]})
    status, told = ask("/endpoints/kinds/invocations", b"a,b\n4,3\n", csv)
    assert (status, "expected [-1, 4]" in told["message"]) == (400, True), told


def test_columns_that_the_model_does_not_have_are_left_out_by_mlflows_paths(ask: Asker) -> None:
    """mlflow/mlflow#6079: whoever asks had to filter what a model does not take; an index among it."""
    row = {"day": "a", "count": 1, "price": 2.5, "label": 0}
    for body in ({"dataframe_records": [row]}, {"inputs": {name: [value] for name, value in row.items()}}):
        assert ask("/endpoints/frames/invocations", body) == (200, {"predictions": ["a 1 2.5"]})
    csv = b",day,count,price\n0,a,1,2.5\n"
    assert ask("/endpoints/frames/invocations", csv, {"content-type": "text/csv"}) == (
        200,
        {"predictions": ["a 1 2.5"]},
    )
    misspelt = {"dataframe_records": [{"day": "a", "cuont": 1}]}
    status, told = ask("/endpoints/frames/invocations", misspelt)
    assert (status, "'count' is missing; column 'cuont' is unknown" in told["message"]) == (400, True), told
    assert "'label' is unknown" in ask.refused("/v1/models/frames:predict", {"instances": [row]})
