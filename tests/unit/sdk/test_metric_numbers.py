"""Metrics of the SDK are floats, whatever JSON calls them."""

import math
from pathlib import Path

import msgspec
import pytest

from bms.sdk.jobs import Job, JobEvent
from bms.sdk.models import NewVersion, Version
from tests.unit.sdk.test_pushing import JOB, VERSION, Played, uploading


@pytest.mark.parametrize(("kind", "body"), [(Job, JOB), (Version, VERSION), (JobEvent, {"at": 1})])
def test_what_is_no_number_is_told_as_a_float(kind: type, body: dict[str, object]) -> None:
    written = msgspec.json.encode({**body, "metrics": {"loss": "NaN", "best": 0.5, "speed": "-Infinity"}})
    told = msgspec.json.decode(written, type=kind).metrics
    assert (math.isnan(told["loss"]), told["best"], told["speed"]) == (True, 0.5, -math.inf)


def test_and_sent_as_json_has_it(tmp_path: Path) -> None:
    played = Played(uploading)
    (tmp_path / "m.onnx").write_bytes(b"x")
    played.run("upload", "m", tmp_path / "m.onnx", NewVersion(metrics={"loss": math.nan, "best": 1.0}))
    assert played.sent("/models/m/versions")["metrics"] == {"loss": "NaN", "best": 1.0}
