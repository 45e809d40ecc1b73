"""Bodies of predict in CloudEvents."""

import json

import pytest

from bms.core.errors import InvalidArgument
from bms.core.tensors.request import InferResponse
from bms.protocols.kserve.cloud_events import STRUCTURED, answer_body, answer_lines, event_data
from bms.web.inference.dialects import DIALECTS, OF_KSERVE
from tests.peers.frames_server import SIGNATURES, compute

EVENT = {"specversion": "1.0", "id": "1", "source": "here", "type": "asked", "time": "2026-11-30T00:00:00Z"}
ASKED = {"instances": [[1, 2, 3, 4]]}
BINARY = {b"ce-specversion": b"1.0", b"ce-id": b"1", b"ce-source": b"here", b"ce-type": b"asked"}


@pytest.mark.parametrize("dialect", [DIALECTS["predict"], OF_KSERVE["predict"]])
@pytest.mark.parametrize("mode", ["binary", "structured", ""])
def test_what_is_asked_by_an_event_is_answered_by_one(dialect: object, mode: str) -> None:
    fields = {"binary": BINARY, "structured": {b"content-type": STRUCTURED + b"; charset=utf-8"}, "": {}}[mode]
    body = json.dumps({**EVENT, "data": ASKED} if mode == "structured" else ASKED).encode()
    decoded = dialect.decode(body, fields, "m", SIGNATURES)  # type: ignore[attr-defined]
    outputs = compute("serving_default", decoded.request.inputs)
    answer = dialect.encode(InferResponse(model="m", version=1, outputs=outputs), decoded, SIGNATURES)  # type: ignore[attr-defined]
    told = json.loads(answer.body)
    assert (told["data"] if mode == "structured" else told) == {"predictions": [[3, 5, 7, 9]]}
    assert answer.content_type == (STRUCTURED if mode == "structured" else b"application/json")
    assert (b"ce-source: io.kserve.inference.m\r\n" in answer.headers) == (mode == "binary")
    if mode == "structured":
        assert told | {"id": "", "data": 0} == {
            "specversion": "1.0",
            "id": "",
            "source": "io.kserve.inference.m",
            "type": "io.kserve.inference.response",
            "datacontenttype": "application/json",
            "data": 0,
        }


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({**EVENT, "specversion": "0.3", "data": ASKED}, "specversion '0.3'"),
        (EVENT, 'no "data"'),
        ({"data": ASKED}, "missing required field"),
        ([], "no structured CloudEvent"),
    ],
)
def test_what_is_no_event_is_refused(event: object, says: str) -> None:
    with pytest.raises(InvalidArgument, match=says):
        event_data(json.dumps(event).encode())


def test_an_event_says_nothing_twice() -> None:
    with pytest.raises(InvalidArgument, match="'data' twice"):
        event_data(b'{"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": 1, "data": 2}')


def test_answers_have_ids_of_their_own() -> None:
    assert b"ce-id: ev_1\r\n" in answer_lines("m", "ev_1")
    assert json.loads(answer_body("m", "ev_1", b"[1]"))["data"] == [1]
