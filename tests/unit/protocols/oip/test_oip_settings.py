"""Trace and log settings: read by anybody, changed by no client."""

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict

from bms.core.errors import BmsError, InvalidArgument, Unimplemented
from bms.protocols.oip.grpc.settings import log_settings, trace_settings
from bms.protocols.oip.settings import SETTINGS, Setting, check_settings, encode_settings
from bms.protocols.protobuf.pool import message


def told(kind: Setting, request: dict[str, Any]) -> dict[str, Any]:
    name, answer = ("Trace", trace_settings) if kind == "trace" else ("Log", log_settings)
    word = "TraceSetting" if kind == "trace" else "LogSettings"
    given = ParseDict(request, message(f"inference.{word}Request")())
    body = message(f"inference.{word}Response").FromString(answer(given))
    assert name in word
    settings: dict[str, Any] = MessageToDict(body, preserving_proto_field_name=True)["settings"]
    return settings


def test_both_wires_tell_the_same() -> None:
    assert json.loads(encode_settings("trace"))["trace_level"] == ["OFF"]
    traces = told("trace", {})
    assert {name: values["value"] for name, values in traces.items()} == {
        name: value if isinstance(value, list) else [value] for name, value in SETTINGS["trace"].items()
    }
    logs = told("log", {})
    assert {name: next(iter(value.values())) for name, value in logs.items()} == SETTINGS["log"]
    assert logs["log_verbose_level"] == {"uint32_param": 0}


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("trace", b""),
        ("trace", b"{}"),
        ("trace", b'{"trace_level": ["OFF"], "trace_rate": "1000", "trace_count": null}'),
        ("trace", b'{"trace_rate": 1000}'),
        ("log", b'{"log_info": true, "log_verbose_level": 0}'),
    ],
)
def test_what_changes_nothing_is_taken(kind: Setting, body: bytes) -> None:
    check_settings(kind, body)


@pytest.mark.parametrize(
    ("kind", "body", "error", "words"),
    [
        (
            "trace",
            b'{"trace_level": ["TIMESTAMPS"]}',
            Unimplemented,
            r"'trace_level' stays \['OFF'\]: requests",
        ),
        ("trace", b'{"trace_speed": "1"}', InvalidArgument, "no trace setting 'trace_speed': there are trace_file"),
        ("log", b'{"log_verbose_level": 4}', Unimplemented, "log setting 'log_verbose_level' stays 0"),
        ("log", b"[]", InvalidArgument, "send an object of settings"),
        ("log", b"\xff", InvalidArgument, "send an object of settings"),
    ],
)
def test_a_change_is_refused(kind: Setting, body: bytes, error: type[BmsError], words: str) -> None:
    with pytest.raises(error, match=words):
        check_settings(kind, body)


def test_a_change_is_refused_over_grpc() -> None:
    same = told("trace", {"settings": {"trace_rate": {"value": ["1000"]}, "trace_level": {"value": []}}})
    assert same["trace_rate"] == {"value": ["1000"]}
    with pytest.raises(Unimplemented, match="'trace_rate' stays '1000'"):
        told("trace", {"settings": {"trace_rate": {"value": ["1"]}}})
    with pytest.raises(Unimplemented, match="'log_info' stays True"):
        told("log", {"settings": {"log_info": {"bool_param": False}}})
    with pytest.raises(InvalidArgument, match="no log setting 'loud'"):
        told("log", {"settings": {"loud": {"bool_param": False}}})
