"""The unmodified tritonclient, over HTTP and gRPC, sync, async and streaming, against one platform."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import ENVIRONMENTS
from tests.clients.table import keep
from tests.framework_env import told_by
from tests.platforms import RealPlatform

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(300)
BEST = [["red", "green"], ["green", "blue"], ["blue", "green"]]  # of each image


@pytest.fixture(scope="module")
def got(triton: RealPlatform) -> dict[str, Any]:
    """What the client got, by what it tried; of a refusal its words, behind the name of what was raised."""
    lines = told_by(ENVIRONMENTS["tritonclient"], HERE / "asks_tritonclient.py", triton.url, triton.key)
    keep("tritonclient", ENVIRONMENTS["tritonclient"][0].replace("==", " "), lines)
    return {line["what"]: line["got"] if "got" in line else f"{line['refused']}: {line['words']}" for line in lines}


@pytest.mark.parametrize("model", ["colours", "colours_nhwc"])
@pytest.mark.parametrize("wire", ["http", "grpc"])
def test_image_clients_are_told_classes_by_name(got: dict[str, Any], wire: str, model: str) -> None:
    ways = ["one by one", "two at a time", "together", *(["streamed"] if wire == "grpc" else [])]
    for way in ways:
        assert got[f"{wire} {model}, {way}"] == BEST, way
    refused = got[f"{wire} {model}, too many"]
    assert f"inference request batch-size must be <= 4 for '{model}', not 5" in refused, refused


WIRES = pytest.mark.parametrize("wire", ["http", "grpc"])


@WIRES
def test_an_optional_input_may_be_left_out(got: dict[str, Any], wire: str) -> None:
    assert got[f"{wire} both inputs"] == {"OUTPUT0": 30, "OUTPUT1": -10}
    assert got[f"{wire} without the optional one"] == {"OUTPUT0": 10, "OUTPUT1": 10}
    assert "input 'INPUT0' is missing" in got[f"{wire} without the other"]


@WIRES
def test_what_is_not_there_is_refused_in_tritons_words(got: dict[str, Any], wire: str) -> None:
    status = "[404]" if wire == "http" else "[StatusCode.NOT_FOUND]"
    for what in ("no such model", "no such metadata"):
        words = got[f"{wire} {what}"]
        said = f"InferenceServerException: {status} Request for unknown model: 'wrong_model_name' is not found"
        assert words.startswith(said), words
    assert "Request for unknown model: 'simple' version 99 is not found" in got[f"{wire} no such version"]


@WIRES
def test_settings_are_read_and_stay(got: dict[str, Any], wire: str) -> None:
    traces, logs = got[f"{wire} traces"], got[f"{wire} logs"]
    assert got[f"{wire} a model's traces"] == traces
    if wire == "grpc":
        traces = {name: value["value"] for name, value in traces.items()}
        logs = {name: next(iter(value.values())) for name, value in logs.items()}
    assert (traces["trace_level"], len(traces)) == (["OFF"], 6)
    assert (logs["log_info"], logs["log_verbose_level"], len(logs)) == (True, 0, 6)
    unimplemented = "[501]" if wire == "http" else "[StatusCode.UNIMPLEMENTED]"
    assert f"{unimplemented} trace setting 'trace_level' stays" in got[f"{wire} other traces"]
    assert f"{unimplemented} log setting 'log_verbose_level' stays 0" in got[f"{wire} other logs"]


@WIRES
def test_shared_memory_is_refused_in_words(got: dict[str, Any], wire: str) -> None:
    for what in ("shared memory", "GPU memory", "input in shared memory"):
        assert "shared memory named by clients is not served" in got[f"{wire} {what}"], what


@WIRES
def test_a_load_brings_neither_configuration_nor_files(got: dict[str, Any], wire: str) -> None:
    assert got[f"{wire} load"] is None
    unimplemented = "[501]" if wire == "http" else "[StatusCode.UNIMPLEMENTED]"
    for what, words in (("otherwise", "a configuration is not taken here"), ("files", "models are brought")):
        refused = got[f"{wire} load {what}"]
        assert f"{unimplemented} failed to load" in refused, refused
        assert words in refused, refused
    assert "failed to load 'wrong_model_name', no model 'wrong_model_name'" in got[f"{wire} load nothing"]


def test_a_decoupled_model_answers_part_by_part_and_says_when_it_has_ended(got: dict[str, Any]) -> None:
    assert got["decoupled"] == [[number] for number in range(100, 110)]
    assert got["decoupled, of nothing"] == []
    assert got["decoupled, said so"] == {"decoupled": True}
    for wire in ("http", "grpc"):
        assert "doesn't support models with decoupled transaction policy" in got[f"{wire} decoupled, once"]


def test_statistics_tell_of_runs_by_their_rows(got: dict[str, Any]) -> None:
    told = got["statistics"]
    assert (told["one a request"], told["rows of runs"], told["failed"]) == (True, ["1"], 0)
    assert {"success", "queue", "compute_input", "compute_infer", "compute_output"} <= set(told["times"])


@WIRES
def test_asyncio_clients_ask_many_at_once(got: dict[str, Any], wire: str) -> None:
    assert (got[f"aio {wire} ready"], got[f"aio {wire} twenty"]) == (True, [16])
