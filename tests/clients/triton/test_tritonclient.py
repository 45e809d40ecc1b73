"""The unmodified tritonclient, over HTTP and gRPC, sync, async and streaming, against one platform."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environments import ENVIRONMENTS
from tests.clients.table import keep
from tests.framework_env import told_by
from tests.pages import block_of, commands_of, ran
from tests.worlds.platforms import RealPlatform

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(600)  # six deployments are made before the first answer
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
    for what, words in (("otherwise", "a configuration is not taken here"), ("files", "models are added")):
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


@WIRES
def test_a_sequence_keeps_what_its_model_keeps_and_no_more(got: dict[str, Any], wire: str) -> None:
    assert got[f"{wire} sequence"] == [[1, 0], [11, 11], [7, 18], [5, 23]]
    assert got[f"{wire} the same again"] == [[101, 100], [-11, 89]]
    assert got[f"{wire} by turns"] == [[2, 1], [11, 10], [2, 3], [20, 30], [3, 6], [30, 60]]


@WIRES
def test_sequences_are_bounded_and_given_up(got: dict[str, Any], wire: str) -> None:
    assert got[f"{wire} three open"] == [5, 5, 5]
    assert "3 sequences are open, which is all that a replica of 'simple_sequence' keeps" in got[f"{wire} a fourth"]
    assert "must specify the START flag on the first request" in got[f"{wire} given up"]
    assert got[f"{wire} room again"] == [6, 5]


@WIRES
def test_a_step_of_no_sequence_and_a_sequence_of_no_model_are_refused(got: dict[str, Any], wire: str) -> None:
    assert "must specify a non-zero or non-empty correlation ID" in got[f"{wire} no sequence"]
    assert "sequence 4711 to model 'simple_sequence' must specify the START flag" in got[f"{wire} not begun"]
    assert "sequences are not served by 'simple'" in got[f"{wire} of a model without"]


def test_sequences_of_a_stream_keep_their_order(got: dict[str, Any]) -> None:
    sums = [0, 11, 18, 23, 26, 28, 28, 29]
    assert got["sequences in a stream"] == {"2001": sums, "2002": [-sum for sum in sums]}
    assert got["sequences, said so"] == {"max_sequence_idle_microseconds": "3000000"}


def test_each_sequence_is_on_one_replica_and_all_are_on_both(got: dict[str, Any]) -> None:
    assert got["sequences of two replicas"] == {"each": [1], "all": 2}


@WIRES
def test_texts_and_encoded_images_are_taken(got: dict[str, Any], wire: str) -> None:
    assert got[f"{wire} texts"] == [True, True]
    assert got[f"{wire} encoded images"] == BEST


@WIRES
def test_objects_and_clients_may_be_many_or_the_same(got: dict[str, Any], wire: str) -> None:
    assert got[f"{wire} the same objects"] == [0, 1, 2]
    assert got[f"{wire} many clients"] == [{"OUTPUT0": 10, "OUTPUT1": 10}]


def test_grpc_channels_and_messages_may_be_of_ones_own_making(got: dict[str, Any]) -> None:
    assert got["kept alive"] == got["channel arguments"] == {"OUTPUT0": 30, "OUTPUT1": -10}
    assert got["explicit contents"] == list(range(16))
    words = "contents field must not be specified when using raw_input_contents for 'INPUT0' for model 'simple'"
    assert words in got["explicit contents and raw ones"]


def test_both_pages_have_the_same_commands_and_they_run_as_written(triton: RealPlatform, tmp_path: Path) -> None:
    (tmp_path / "counter").mkdir()
    (tmp_path / "counter" / "model.py").write_text(block_of("triton", "model"))
    lines = ran(commands_of("triton", blocks=2), triton, tmp_path).splitlines()
    said = [line for line in lines if line.startswith("{")]
    assert [json.loads(line)["outputs"][0]["data"] for line in said[:3]] == [[5], [11], [18]]
    assert "must specify the START flag on the first request of the sequence" in said[3]
    assert [line for line in lines if line.startswith("[")] == ["[5]", "[11]"]  # by the command
