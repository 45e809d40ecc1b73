"""Pushing a model and waiting for what a job made, played against answers as the API gives them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bms.core.clock import ManualClock
from bms.core.digest import of_bytes
from bms.core.errors import FailedPrecondition, InvalidArgument, NotFound
from bms.sdk.models import Models
from bms.sdk.retries import Retrying, RetryPolicy
from bms.sdk.transport.flow import ClientRequest, FileContent, Local, Pause, Reply

VERSION = {
    "id": "version_1",
    "model": "m",
    "number": 1,
    "state": "verifying",
    "runtime": "",
    "artifact": "a",
    "size": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "me",
}
JOB = {
    "id": "job_1",
    "name": "train",
    "kind": "train",
    "state": "succeeded",
    "created_at": "2026-01-01T00:00:00Z",
    "created_by": "me",
}


class Played:
    """Models whose requests `answer` answers, a status and a body; all of them are kept."""

    def __init__(self, answer: Callable[[str, str], tuple[int, object]]) -> None:
        self.models: Any = Models(None, Retrying(RetryPolicy()))  # type: ignore[type-var]
        self.models._clock = ManualClock()
        self.requests: list[ClientRequest] = []
        self._answer = answer

    def run(self, name: str, *args: Any, **more: Any) -> Any:
        flow = getattr(Models, name).flow(self.models, *args, **more)
        outcome: Any = None
        try:
            while True:
                step = flow.send(outcome)
                outcome = step.work() if isinstance(step, Local) else None
                if isinstance(step, Pause):
                    self.models._clock.advance(step.seconds)
                elif isinstance(step, ClientRequest):
                    self.requests.append(step)
                    status, body = self._answer(step.method, step.path.removeprefix("/api/v1"))
                    outcome = Reply(status, {}, msgspec.json.encode(body))
        except StopIteration as stop:
            return stop.value

    def sent(self, path: str) -> Any:
        """The body of the request to a path."""
        [body] = [one.content for one in self.requests if one.path == f"/api/v1{path}" and one.method == "POST"]
        assert isinstance(body, bytes)
        return msgspec.json.decode(body)

    def put(self) -> dict[str, bytes]:
        """What was uploaded, by digest."""
        contents = [(one.path.rpartition("/")[2], one.content) for one in self.requests if one.method == "PUT"]
        return {
            digest: content.path.read_bytes() if isinstance(content, FileContent) else bytes(content or b"")
            for digest, content in contents
        }


def uploading(method: str, path: str) -> tuple[int, object]:
    if method == "HEAD":
        return 404, {"code": "NOT_FOUND", "detail": "no such blob"}
    if path == "/models/m/versions":
        return 201, {"version": VERSION, "missing": MISSING}
    return 200, VERSION if path.startswith("/models/m/versions/") else {**JOB, "name": "m", "description": ""}


MISSING: list[str] = []


def test_an_example_becomes_a_file_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "m.skops").write_bytes(b"model")
    played = Played(uploading)
    MISSING[:] = []
    played.run("upload", "m", tmp_path / "m.skops", example=[{"age": 41, "city": None}, {"age": None, "city": "Köln"}])
    body = played.sent("/models/m/versions")
    assert [file["path"] for file in body["files"]] == ["example.json", "m.skops"]
    MISSING[:] = [file["digest"] for file in body["files"]]
    again = Played(uploading)
    again.run("upload", "m", tmp_path / "m.skops", example=[{"age": 41, "city": None}, {"age": None, "city": "Köln"}])
    assert set(again.put()) == set(MISSING)
    content = msgspec.json.decode(again.put()[MISSING[0]])
    assert content["dataframe_split"]["data"] == [[41, None], [None, "Köln"]]


@pytest.mark.parametrize("fails", ["PUT", "complete"])
def test_an_upload_that_fails_is_given_up_so_that_its_number_is_for_the_next(tmp_path: Path, fails: str) -> None:
    """Unless the server completed it after all: then the revision is another, and nothing is deleted."""
    (tmp_path / "m.onnx").write_bytes(b"model")
    digest = of_bytes(b"model")

    def failing(method: str, path: str) -> tuple[int, object]:
        if method == fails or path.endswith(fails):
            return 400, {"code": "INVALID_ARGUMENT", "detail": "too large"}
        return (409, {"code": "ABORTED", "detail": "changed"}) if method == "DELETE" else uploading(method, path)

    MISSING[:] = [digest]
    played = Played(failing)
    with pytest.raises(InvalidArgument, match="too large"):
        played.run("upload", "m", tmp_path / "m.onnx")
    last = played.requests[-1]
    assert (last.method, last.path) == ("DELETE", "/api/v1/models/m/versions/1")
    assert last.headers["if-match"] == '"1"'


def test_a_model_is_made_for_its_first_version_unless_that_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"model")
    MISSING[:] = []
    models: list[str] = []

    def first(method: str, path: str) -> tuple[int, object]:
        if (method, path) == ("POST", "/models"):
            models.append("m")
        if path == "/models/m/versions" and not models:
            return 404, {"code": "NOT_FOUND", "detail": "no model 'm'"}
        return uploading(method, path)

    played = Played(first)
    played.run("upload", "m", tmp_path / "m.onnx")
    assert models == ["m"]
    with pytest.raises(NotFound, match="no model 'm'"):
        models.clear()
        Played(first).run("upload", "m", tmp_path / "m.onnx", create=False)

    def refusing(method: str, path: str) -> tuple[int, object]:
        assert (method, path) == ("POST", "/models/m/versions"), "nothing is made of what is refused"
        return 412, {"code": "FAILED_PRECONDITION", "detail": "it is a pickle"}

    with pytest.raises(FailedPrecondition, match="it is a pickle"):
        Played(refusing).run("upload", "m", tmp_path / "m.onnx")


def test_an_example_takes_the_place_of_the_folders_own(tmp_path: Path) -> None:
    (tmp_path / "example.json").write_text("{}")
    (tmp_path / "m.skops").write_bytes(b"model")
    played = Played(uploading)
    played.run("upload", "m", tmp_path, example={"a": [1]})
    files = played.sent("/models/m/versions")["files"]
    assert [file["path"] for file in files] == ["example.json", "m.skops"]
    assert files[0]["size"] > 2


def test_columns_are_declared_as_the_signature(tmp_path: Path) -> None:
    (tmp_path / "m.skops").write_bytes(b"model")
    played = Played(uploading)
    played.run("upload", "m", tmp_path / "m.skops", columns=["age number", "city text?"])
    assert played.sent("/models/m/versions")["signatures"]["serving_default"]["inputs"] == [
        {"name": "age", "dtype": "FP64", "shape": [None], "column": {"type": "number"}},
        {"name": "city", "dtype": "BYTES", "shape": [None], "column": {"type": "text", "optional": True}},
    ]


def test_an_archive_is_not_opened_to_put_an_example_in(tmp_path: Path) -> None:
    (tmp_path / "m.zip").write_bytes(b"PK")
    with pytest.raises(InvalidArgument, match=r"m\.zip is an archive: put example\.json into it"):
        Played(uploading).run("upload", "m", tmp_path / "m.zip", example={"a": [1]})


def test_the_version_that_a_job_made_is_waited_for() -> None:
    lists = iter([[], [{**VERSION, "number": 2}], [{**VERSION, "lineage": {"job": "job_1"}}]])
    states = iter(["verifying", "ready"])

    def answer(method: str, path: str) -> tuple[int, object]:
        if path == "/jobs/job_1":
            return 200, JOB
        if path == "/models/m/versions":
            return 200, {"items": next(lists)}
        return 200, {**VERSION, "state": next(states)}

    assert Played(answer).run("wait_made", "m", "job_1").state == "ready"


def test_a_job_that_made_no_version_says_why() -> None:
    def answer(method: str, path: str) -> tuple[int, object]:
        if path == "/jobs/job_1":
            return 200, {**JOB, "message": "no version was made of it: it left nothing in output/model"}
        return 404, {"code": "NOT_FOUND", "detail": "no model 'm'"}

    with pytest.raises(FailedPrecondition, match=r"job job_1: no version was made of it: .* output/model"):
        Played(answer).run("wait_made", "m", "job_1")


def _standing(state: str, job: str = "", tried: str = "") -> dict[str, object]:
    result = {
        "metric": "f1",
        "dataset": "d@1",
        "split": "test",
        "at": "2026-01-01T00:00:00Z",
        "job": job,
        "tried": tried,
    }
    return {"metric": "f1", "dataset": "d", "split": "test", "minimum": 0.5, "state": state, "result": result}


def test_gates_are_waited_for_until_none_is_measured_and_the_jobs_were_heard_of() -> None:
    told = [
        [_standing("measuring"), _standing("passed", "job_0")],
        [_standing("passed", "job_1"), _standing("passed", "job_0")],
        [_standing("passed", "job_1"), _standing("passed", "job_0", "job_2")],
        [_standing("unmeasurable", "job_3")],
    ]
    seen: list[int] = []

    def answer(method: str, path: str) -> tuple[int, object]:
        assert (method, path) == ("GET", "/models/m/versions/1/gates")
        return 200, {"items": told[len(seen)]}

    played = Played(answer)
    found = played.run("wait_gates", "m", 1, lambda gates: seen.append(len(gates)), jobs=["job_1", "job_2"])
    assert (len(seen), found[1].result.tried) == (3, "job_2")
    assert [one.state for one in played.run("wait_gates", "m", 1)] == ["unmeasurable"]
