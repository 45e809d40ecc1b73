"""Sequences by our own SDK, sync and async, and by `bms predict`."""

import json
from collections.abc import AsyncIterator

import grpc
import httpx
import numpy as np
import pytest

from bms.core.errors import InvalidArgument
from bms.protocols.protobuf.pool import message
from tests.peers.callers import KINDS, Caller
from tests.worlds.platforms import RealPlatform

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=KINDS)
async def caller(request: pytest.FixtureRequest, triton: RealPlatform) -> AsyncIterator[Caller]:
    made = Caller(request.param, triton.url, triton.key)
    yield made
    await made.close()


@pytest.mark.parametrize("wire", ["raw", "json"])
@pytest.mark.parametrize("id", [2**64 - 1, "words"])
async def test_steps_find_what_the_steps_before_left(caller: Caller, id: int | str, wire: str) -> None:
    async def sum_after(value: int, **said: bool) -> int:
        given = {"INPUT": np.full((1, 1), value, np.int32)}
        told = await caller.call(lambda c: c.predict("simple_sequence", given, wire=wire, sequence_id=id, **said))
        return int(told.outputs["SUM"][0, 0])

    assert [await sum_after(5, sequence_start=True), await sum_after(6), await sum_after(7, sequence_end=True)] == [
        5,
        11,
        18,
    ]
    with pytest.raises(InvalidArgument, match="must specify the START flag"):
        await sum_after(1)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"sequence_start": True}, "give its sequence_id, too"),
        ({"sequence_id": 0}, "other than 0"),
        ({"sequence_id": ""}, "other than 0"),
        ({"sequence_id": True}, "other than 0"),
        ({"sequence_id": 1, "wire": "tfserving"}, "no place for a sequence"),
        ({"sequence_id": 2**64}, "below 2"),
        ({}, "must specify a non-zero or non-empty correlation ID"),
    ],
)
async def test_what_names_no_sequence_is_refused(caller: Caller, said: dict[str, object], words: str) -> None:
    given = {"INPUT": np.ones((1, 1), np.int32)}
    with pytest.raises(InvalidArgument, match=words):
        await caller.call(lambda c: c.predict("simple_sequence", given, **said))


def test_protocols_without_a_place_for_them_are_refused_with_where_it_is(triton: RealPlatform) -> None:
    key = {"authorization": f"Bearer {triton.key}"}
    body = {"instances": [[1]], "parameters": {"sequence_id": 7, "sequence_start": True}}
    with httpx.Client(base_url=triton.url, headers=key, trust_env=False) as http:
        for path in ("/v1/models/simple_sequence:predict", "/endpoints/simple_sequence/invocations"):
            answer = http.post(path, json=body)
            assert answer.status_code == 400, answer.text
            assert "must specify a non-zero or non-empty correlation ID" in answer.text
            assert "by the Open Inference Protocol" in answer.text
    with grpc.insecure_channel(triton.url.removeprefix("http://")) as channel:
        predict = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        request = message("tensorflow.serving.PredictRequest")()
        request.model_spec.name = "simple_sequence"
        given = request.inputs["INPUT"]
        given.dtype, given.int_val[:] = 3, [1]
        for _ in range(2):
            given.tensor_shape.dim.add().size = 1
        with pytest.raises(grpc.RpcError) as refused:
            predict(request.SerializeToString(), timeout=20, metadata=list(key.items()))
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "by the Open Inference Protocol" in refused.value.details()


def test_the_command_sends_them_too(triton: RealPlatform) -> None:
    def sum_after(value: int, *said: str) -> object:
        told = triton.good("predict", "held", "--data", f"[[{value}]]", "--sequence", "9", *said, "--json").out
        return json.loads(told)["outputs"]["SUM"]

    assert [sum_after(5, "--start"), sum_after(6, "--end")] == [[[5]], [[11]]]
    refused = triton.bms("predict", "held", "--data", "[[1]]", "--start")
    assert (refused.status, "go with --sequence" in refused.errors) == (2, True), refused.errors
