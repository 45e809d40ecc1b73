"""Large weights of ONNX models: mapped from where they lie, shared on demand, and what that does not change."""

import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from bms.adapters.runtimes.artifacts.model_file import mapped
from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf
from bms.adapters.runtimes.onnx import weights as onnx_weights
from bms.adapters.runtimes.onnx.file import read
from bms.adapters.runtimes.onnx.weights import without_weights
from bms.core.workloads.programs import Batching, ServableConfig
from tests.worlds.model_servers import Client, model, server_config, started

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
LARGE = ("large/inline", "large/external")


def config(name: str, *, share: bool = False) -> ServableConfig:
    return ServableConfig(runtime="onnx", directory=model(name), model="m", version=1, share_weights=share)


def x(rows: int) -> dict[str, np.ndarray]:
    return {"h0": np.random.default_rng(rows).standard_normal((rows, 2048), np.float32)}


def test_a_model_without_its_weights_says_where_they_lie() -> None:
    path = model("large/inline") + "/model.onnx"
    data = mapped(path)
    slim = without_weights(data, "model.onnx", any_offset=True)
    assert slim is not None
    assert len(slim) < 2000
    before, after = read(data), read(memoryview(slim))
    assert (before.operators, before.producers, before.ir_version) == (
        after.operators,
        after.producers,
        after.ir_version,
    )
    assert [(one.location, one.length) for one in after.external] == [("model.onnx", 1 << 24)] * 3
    assert after.external[0].offset % 2 == 1
    for one, weight in zip(after.external, range(3), strict=True):
        raw = np.frombuffer(data[one.offset : one.offset + (1 << 24)], np.float32)
        outside = np.fromfile(model("large/external") + "/weights.bin", np.float32)
        assert np.array_equal(raw, outside[weight << 22 : (weight + 1) << 22])


def test_where_numbers_must_be_aligned_weights_that_are_not_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    data = mapped(model("large/inline") + "/model.onnx")
    monkeypatch.setattr(onnx_weights, "ENOUGH", 1)
    whole = without_weights(data, "model.onnx", any_offset=True)
    aligned = without_weights(data, "model.onnx", any_offset=False)
    assert whole is not None
    for one in read(memoryview(aligned)).external if aligned else ():
        assert one.offset % 8 == 0
    assert len(aligned or data) > len(whole) + (1 << 24)


@pytest.mark.parametrize("name", ["onnx/mlp", "onnx/external", "large/external"])
def test_what_is_small_or_outside_already_is_left_as_it_is(name: str) -> None:
    assert without_weights(mapped(model(name) + "/model.onnx"), "model.onnx", any_offset=True) is None


def test_a_torn_file_is_no_model() -> None:
    data = mapped(model("large/inline") + "/model.onnx")
    with pytest.raises(NotProtobuf):
        without_weights(data[: len(data) - 1000], "model.onnx", any_offset=True)


@pytest.mark.parametrize("share", [False, True])
@pytest.mark.parametrize("name", LARGE)
def test_answers_stay_the_same(name: str, share: bool) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    direct = onnxruntime.InferenceSession(model("large/inline") + "/model.onnx", options)
    servable = open_servable(config(name, share=share))
    for rows in (1, 7, 64):
        (expected,) = direct.run(None, x(rows))
        np.testing.assert_allclose(servable.infer("serving_default", x(rows))["h3"], expected, rtol=2e-4, atol=2e-5)
    servable.close()


def megabytes(pid: int, what: str) -> float:
    """Of a process's smaps_rollup, e.g. Pss."""
    found = re.search(rf"^{what}:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024


@pytest.mark.parametrize("name", LARGE)
def test_processes_that_share_have_the_weights_in_memory_once(tmp_path: Path, name: str) -> None:
    def private(folder: str, share: bool, mates: int) -> float:
        """What the last of several model servers has for itself alone."""
        (tmp_path / folder).mkdir()
        options = server_config(tmp_path / folder, config(name, share=share), batching=Batching(max_rows=4))
        with started(options, python=sys.executable) as server:  # a forked one shares more than it should
            answered(server.ready())
            if mates:
                return private(folder + "x", share, mates - 1)
            return megabytes(server.process.pid, "Private_Dirty") + megabytes(server.process.pid, "Private_Clean")

    assert private("shared", True, 1) < private("own", False, 1) - 40


def answered(client: Client) -> None:
    assert client.infer(x(1))["h3"].shape == (1, 2048)
