"""How people are told to ask a model that was deployed: by a command that runs as it is printed."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pytest

from bms.cli.command import CommandSession
from bms.cli.predict.example_command import example_of
from bms.cli.serving import _advice
from bms.core.errors import BmsError, PermissionDenied
from bms.sdk.deployments import DeploymentStatus
from bms.sdk.files.local import FileEntry
from bms.sdk.models import Version
from bms.sdk.nouns.signatures import SequenceLimits

X = {"name": "x", "dtype": "FP32", "shape": [None, 2]}
AGE = {"name": "age", "dtype": "FP64", "shape": [None], "column": {"type": "number"}}
CITY = {
    "name": "city",
    "dtype": "BYTES",
    "shape": [None],
    "column": {"type": "category", "categories": ["Köln", "Bonn"]},
}


class Seen:
    """As much of a session as is looked at: where it is connected, and the version that it would be told of."""

    url = "http://here"

    def __init__(self, version: Version | BmsError, example: object = None, connected_by: tuple[str, ...] = ()) -> None:
        self._version = version
        self._example = example
        self.connection = self.client = self.models = self
        self.connected_by = connected_by

    def version(self, model: str, number: int) -> Version:
        if isinstance(self._version, BmsError):
            raise self._version
        return self._version

    def files(self, model: str, number: int) -> tuple[FileEntry, ...]:
        return () if self._example is None else (FileEntry(path="example.json", digest="d", size=1),)

    def download(self, model: str, number: int, path: str) -> Iterator[bytes]:
        yield json.dumps(self._example).encode()


def version(*inputs: dict[str, object], streaming: tuple[str, ...] = (), **signatures: object) -> Version:
    said = {
        "id": "v",
        "tenant": "t",
        "model": "poet",
        "number": 1,
        "state": "ready",
        "runtime": "python",
        "size": 1,
        "artifact": "sha256:0",
        "created_at": "2026-01-01T00:00:00Z",
        "created_by": "u",
        "signatures": {"serving_default": {"inputs": inputs}, **signatures} if inputs else signatures,
        "metadata": {f"answers of {name}": "part by part" for name in streaming},
    }
    return msgspec.convert(said, Version)


def advised(seen: Version | BmsError, example: object = None, connected_by: tuple[str, ...] = ()) -> dict[str, str]:
    status = msgspec.convert(
        {
            "name": "poet",
            "model": "poet",
            "state": "serving",
            "path": "/v1/models/poet:predict",
            "traffic": [{"version": 1, "weight": 100}],
        },
        DeploymentStatus,
    )
    return _advice(cast(Any, Seen(seen, example, connected_by)), status)


def asked(*given: Any, **more: Any) -> list[str]:
    """The words of the command, as a shell reads them."""
    return shlex.split(advised(*given, **more)["try"])


@pytest.mark.parametrize(
    "seen",
    [
        version(X, streaming=("serving_default",)),
        version(generate={"inputs": [X]}, streaming=("generate",)),
    ],
)
def test_who_streams_alone_is_asked_for_a_stream(seen: Version) -> None:
    assert advised(seen)["call"] == "http://here/v2/models/poet/generate_stream"
    assert asked(seen)[-1] == "--stream"


@pytest.mark.parametrize(
    "seen", [version(X), version(X, streaming=("stream",), stream={"inputs": [X]}), PermissionDenied("no")]
)
def test_others_are_asked_to_predict(seen: Version | BmsError) -> None:
    assert advised(seen)["call"] == "http://here/v1/models/poet:predict"
    assert asked(seen)[:3] == ["bms", "predict", "poet"]
    assert "--stream" not in asked(seen)


def test_rows_are_made_up_as_verification_does_where_there_is_no_example() -> None:
    *command, data = asked(version(X))
    assert command == ["bms", "predict", "poet", "--data"]
    assert np.array(json.loads(data)).shape == (1, 2)
    *_, rows = asked(version(AGE, CITY))
    assert json.loads(rows) == [{"age": 1.0, "city": "Bonn"}]
    *_, named = asked(version(X, {"name": "n", "dtype": "INT64", "shape": [None]}))
    assert list(json.loads(named)) == ["x", "n"]
    assert asked(version(X, text={"inputs": [{"name": "text", "dtype": "BYTES", "shape": [None]}]}))[3:] == [
        "--text",
        "a sentence",
    ]


@pytest.mark.parametrize(
    ("example", "data"),
    [
        (
            {"dataframe_split": {"columns": ["age", "city"], "data": [[41, None], [2, "x"]]}},
            [{"age": 41, "city": None}],
        ),
        ({"columns": ["age"], "data": [[41]]}, [{"age": 41}]),
        ({"dataframe_records": [{"age": 1}, {"age": 2}]}, [{"age": 1}]),
        ({"instances": [[1, 2], [3, 4]]}, [[1, 2]]),
        ({"inputs": {"x": [[1, 2], [3, 4]], "scale": 2}}, {"x": [[1, 2]], "scale": 2}),
        ({"inputs": {"image": [{"b64": "AA=="}, {"b64": "AQ=="}]}}, {"image": [{"b64": "AA=="}]}),
        ({"inputs": [[1, 2], [3, 4]]}, [[1, 2]]),
    ],
)
def test_the_first_row_of_the_versions_own_example_is_asked(example: object, data: object) -> None:
    *_, option, text = asked(version(X), example)
    assert (option, json.loads(text)) == ("--data", data)
    assert example_of(cast(Any, Seen(version(X), example)), version(X)) == data


def test_nested_values_of_an_example_are_asked_as_their_json() -> None:
    nested = {"name": "v", "dtype": "BYTES", "shape": [None], "column": {"type": "json"}}
    split = {"dataframe_split": {"columns": ["v", "age"], "data": [[[1, 2], 41]]}}
    seen = version(nested, AGE)
    assert example_of(cast(Any, Seen(seen, split)), seen) == [{"v": "[1, 2]", "age": 41}]
    alone = version({**nested, "name": "x", "column": {"type": "json", "nameless": True}})
    assert example_of(cast(Any, Seen(alone, {"inputs": [{"a": 1}, {"a": 2}]})), alone) == [{"x": '{"a": 1}'}]


def test_who_takes_images_is_asked_with_the_example() -> None:
    image = version(X, image={"inputs": [{"name": "image", "dtype": "BYTES", "shape": [None]}]})
    assert asked(image)[3:] == ["--example"]


def test_who_keeps_something_is_asked_for_a_sequences_first_step() -> None:
    held = version(X)
    one = msgspec.structs.replace(held.signatures["serving_default"], sequences=SequenceLimits())
    *_, option, id, start = asked(msgspec.structs.replace(held, signatures={"serving_default": one}))
    assert (option, id, start) == ("--sequence", "1", "--start")


def test_a_row_too_long_to_read_is_left_to_the_command(tmp_path: Path) -> None:
    wide = version({"name": "x", "dtype": "FP32", "shape": [None, 3, 224, 224]})
    assert asked(wide) == ["bms", "predict", "poet", "--example"]
    here = ("--home", str(tmp_path / "a home"))
    assert asked(wide, connected_by=here) == ["bms", "predict", "poet", "--example", *here]


def test_the_way_to_the_server_is_part_of_the_command_and_no_secret() -> None:
    session = CommandSession("http://there", "bmsk_x.secret", None, json=False)
    assert session.connected_by == ["--url", "http://there"]
    assert CommandSession(None, None, Path("h"), json=False, ca=Path("c.pem")).connected_by == [
        "--home",
        "h",
        "--ca",
        "c.pem",
    ]


def test_a_key_in_a_file_is_named_by_that(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("bmsk_x.secret")
    assert CommandSession(None, f"@{tmp_path / 'key'}", None, json=False).connected_by == [
        "--key",
        f"@{tmp_path / 'key'}",
    ]
