"""ONNX's own: answers equal to ONNX Runtime's, signatures from the graph, and what is refused."""

import contextlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from bms.adapters.runtimes.available import RUNTIMES, open_servable
from bms.adapters.runtimes.formats.protobuf_wire import NotProtobuf
from bms.adapters.runtimes.onnx.file import is_onnx, read
from bms.core.clock import SystemClock
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from bms.serving.lifecycle.loader import load
from tests.framework_env import SKLEARN, made_by
from tests.tiny_onnx import adds

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
MAKER = Path(__file__).parent / "make_artifacts.py"


def config(path: str) -> ServableConfig:
    return ServableConfig(runtime="onnx", directory=str(made_by(MAKER, SKLEARN) / path), model="m", version=1)


@pytest.mark.parametrize("name", ["mlp", "external", "digits"])
def test_answers_are_onnx_runtimes_to_the_last_bit(name: str) -> None:
    import onnxruntime

    servable = open_servable(config(f"onnx/{name}"))
    direct = onnxruntime.InferenceSession(str(made_by(MAKER, SKLEARN) / f"onnx/{name}/model.onnx"))
    x = np.random.default_rng(3).standard_normal((9, 64)).astype(np.float32)
    names = [output.name for output in direct.get_outputs()]
    key = servable.signatures["serving_default"].inputs[0].name
    answers = servable.infer("serving_default", {key: x})
    for output, wanted in zip(names, direct.run(names, {key: x}), strict=True):
        assert np.array_equal(answers[output], wanted)


def test_the_graphs_signature_is_inferred() -> None:
    mlp = open_servable(config("onnx/mlp")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in mlp.inputs] == [("x", "FP32", (None, 64))]
    assert [(spec.name, spec.dtype, spec.shape) for spec in mlp.outputs] == [("probabilities", "FP32", (None, 10))]
    assert (mlp.method, mlp.scores, mlp.batched) == ("classify", "probabilities", True)
    two = open_servable(config("onnx/two_inputs")).signatures["serving_default"]
    assert [spec.name for spec in two.inputs] == ["index", "shift"]
    assert (two.method, two.scores) == ("predict", None)


def test_a_model_that_runs_one_row_only_gets_a_fixed_first_dimension() -> None:
    signature = open_servable(config("onnx/one_row")).signatures["serving_default"]
    assert signature.inputs[0].shape == (1, 4)
    assert signature.outputs[0].shape == (1, 2, 2)
    assert not signature.batched


def test_a_classifier_with_maps_answers_like_the_one_without() -> None:
    plain, maps = (open_servable(config(f"onnx/{name}")) for name in ("digits", "zipmap"))
    signature = maps.signatures["serving_default"]
    assert signature.labels == tuple(map(str, range(10)))
    assert signature.method == plain.signatures["serving_default"].method == "classify"
    x = np.random.default_rng(4).random((5, 64)).astype(np.float32)
    of_plain = plain.infer("serving_default", {plain.signatures["serving_default"].inputs[0].name: x})
    of_maps = maps.infer("serving_default", {signature.inputs[0].name: x})
    assert np.array_equal(of_maps[signature.scores or ""], of_plain["probabilities"])


def test_probabilities_of_several_targets_are_stacked_or_outputs_of_their_own() -> None:
    def outputs(name: str) -> dict[str, object]:
        signature = open_servable(config(f"onnx/{name}/model")).signatures["serving_default"]
        assert (signature.method, signature.batched) == ("predict", True)
        return {spec.name: (spec.dtype, spec.shape) for spec in signature.outputs}

    assert outputs("targets") == {"label": ("INT64", (None, 2)), "probabilities": ("FP32", (None, 2, 2))}
    assert outputs("targets_apart") == {
        "label": ("BYTES", (None, 2)),
        "probabilities_0": ("FP32", (None, 2)),
        "probabilities_1": ("FP32", (None, 3)),
    }


def test_a_sequence_of_rows_is_rows() -> None:
    servable = open_servable(config("onnx/parts"))
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert np.array_equal(servable.infer("serving_default", {"x": x})["y"], x[:, None])


def test_columns_of_several_types_are_inputs_of_their_own() -> None:
    signature = open_servable(config("onnx/frame/model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [
        ("age", "INT64", (None, 1)),
        ("city", "BYTES", (None, 1)),
    ]
    assert (signature.method, signature.labels) == ("classify", ("0", "1"))


def test_free_sizes_are_tried_until_the_model_runs_and_it_is_warmed_up_with_them(tmp_path: Path) -> None:
    shutil.copy(made_by(MAKER, SKLEARN) / "onnx/image/model.onnx", tmp_path)
    own = ServableConfig(runtime="onnx", directory=str(tmp_path), model="m", version=1)
    loaded = load(lambda: open_servable(own), warmup_runs=2, sizes=(1, 4), clock=SystemClock())
    signature = loaded.servable.signatures["serving_default"]
    assert (signature.batched, signature.outputs[0].shape) == (True, (None, 1, None, None))
    assert {run.elements for run in loaded.runs} == {64}


def test_a_model_that_runs_on_no_made_up_row_runs_on_its_own_example(tmp_path: Path) -> None:
    shutil.copy(made_by(MAKER, SKLEARN) / "onnx/odd_width/model.onnx", tmp_path)
    own = ServableConfig(runtime="onnx", directory=str(tmp_path), model="m", version=1)
    with pytest.raises(FailedPrecondition, match=r"does not run on an example .* give one of your own \(`--example"):
        open_servable(own)
    (tmp_path / "example.json").write_text(json.dumps({"instances": np.arange(154.0).reshape(2, 77).tolist()}))
    loaded = load(lambda: open_servable(own), warmup_runs=2, sizes=(1, 4), clock=SystemClock())
    signature = loaded.servable.signatures["serving_default"]
    assert (signature.batched, signature.outputs[0].shape) == (True, (None, 7, 11))


def test_an_input_without_a_shape_is_asked_for_and_then_taken() -> None:
    with pytest.raises(
        FailedPrecondition, match=r"does not declare the dimensions of its input 'x'; say what it takes"
    ):
        open_servable(config("onnx/no_rank"))
    for shape, batched in (((None, 3), True), ((2, 3), False)):
        said = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=shape),))
        declared = structs.replace(config("onnx/no_rank"), signatures={"serving_default": said})
        signature = open_servable(declared).signatures["serving_default"]
        assert (signature.batched, signature.inputs) == (batched, said.inputs)
        assert len(signature.outputs[0].shape) == 2


def test_inputs_that_disagree_on_a_dimension_they_share_are_the_callers_fault() -> None:
    servable = open_servable(config("onnx/tokens"))
    ids, mask = np.ones((1, 3), np.int64), np.ones((1, 4), np.int64)
    with pytest.raises(InvalidArgument, match=r"dimension 's', which they share: it is 3 in 'ids', 4 in 'mask'"):
        servable.infer("serving_default", {"ids": ids, "mask": mask})
    assert servable.infer("serving_default", {"ids": ids, "mask": mask[:, :3]})["y"].tolist() == [[1, 1, 1]]


@pytest.mark.parametrize("proved", [False, True])
def test_an_example_of_several_rows_warms_up_a_model_that_takes_one(tmp_path: Path, proved: bool) -> None:
    shutil.copy(made_by(MAKER, SKLEARN) / "onnx/one_row/model.onnx", tmp_path)
    (tmp_path / "example.json").write_text(json.dumps({"instances": [[1, 2, 3, 4], [5, 6, 7, 8]]}))
    own = ServableConfig(runtime="onnx", directory=str(tmp_path), model="m", version=1)
    if proved:
        own = structs.replace(own, signatures=open_servable(own).signatures, proved=True)
    loaded = load(lambda: open_servable(own), warmup_runs=2, sizes=(1, 4), clock=SystemClock())
    assert loaded.servable.signatures["serving_default"].inputs[0].shape == (1, 4)


@pytest.mark.parametrize("batched", [True, False])
def test_a_declaration_does_not_switch_the_proof_off(batched: bool) -> None:
    said = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),), batched=batched)
    for name, free in (("whole_batch", None), ("one_row", 1)):
        declared = structs.replace(config(f"onnx/{name}"), signatures={"serving_default": said})
        signature = open_servable(declared).signatures["serving_default"]
        assert not signature.batched
        assert signature.inputs[0].shape == (free if batched else None, 4)
        assert signature.outputs[0].name == "y"


def test_a_description_decides_only_where_a_proof_allows_it(tmp_path: Path) -> None:
    def opened(name: str, batched: bool) -> Signature:
        shutil.copy(made_by(MAKER, SKLEARN) / f"onnx/{name}/model.onnx", tmp_path)
        (tmp_path / "bms.json").write_text(json.dumps({"batched": batched}))
        own = ServableConfig(runtime="onnx", directory=str(tmp_path), model="m", version=1)
        return open_servable(own).signatures["serving_default"]

    alone = opened("mlp", False)
    assert (alone.batched, alone.method, alone.inputs[0].shape) == (False, "predict", (None, 64))
    assert opened("mlp", True).batched
    assert not opened("whole_batch", False).batched
    with pytest.raises(FailedPrecondition, match=r"declared batched, but .* in a batch .* `--no-batched`"):
        opened("whole_batch", True)


def test_verified_signatures_are_not_proved_anew() -> None:
    said = open_servable(config("onnx/mlp")).signatures
    changed = {name: structs.replace(one, batched=False) for name, one in said.items()}
    again = open_servable(structs.replace(config("onnx/mlp"), signatures=changed, proved=True))
    assert again.signatures == changed


def test_texts_go_through_as_bytes() -> None:
    servable = open_servable(config("onnx/text"))
    sent = np.array(["héllo".encode(), b"", "中".encode()], dtype=object)
    assert servable.infer("serving_default", {"t": sent})["same"].tolist() == sent.tolist()
    with pytest.raises(InvalidArgument, match="not UTF-8"):
        servable.infer("serving_default", {"t": np.array([b"\xff\xfe"], dtype=object)})


def test_inputs_whose_content_is_at_fault_are_the_callers_fault() -> None:
    servable = open_servable(config("onnx/two_inputs"))
    with pytest.raises(InvalidArgument, match="out of data bounds") as raised:
        servable.infer("serving_default", {"index": np.array([9]), "shift": np.zeros((1, 4), np.float32)})
    assert "/onnxruntime" not in raised.value.message


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("external_parent", "leads out of its artifact"),
        ("external_absolute", "leads out of its artifact"),
        ("external_link", "leads out of its artifact"),
        ("external_in_subgraph", "leads out of its artifact"),
        ("external_memory", "no such file"),
        ("external_short", "which holds 16"),
        ("custom_operator", r"no runtime here has: com\.example\.Shell; export"),
        ("sequence_output", "output 'y' is a seq.*, of 1 elements for one row and 2 for three: .* ConcatFromSequence"),
        ("optional_output", "output 'y' is a optional.*, which can't be sent"),
        ("truncated", "but is not one"),
        ("not_onnx", "but is not one"),
        ("empty", "but is not one"),
        ("pickle_inside", "but is not one"),
        ("several", "several models .'a.onnx', 'b.onnx'.: name the one to serve model.onnx"),
        ("nothing", "it holds nothing"),
    ],
)
def test_what_is_refused_says_why(name: str, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"refused/{name}"))


def test_a_graph_that_does_not_load_is_told_without_the_path_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(adds(3.0).replace(b"Add", b"Adx"))
    with pytest.raises(FailedPrecondition, match=r"Load model from model\.onnx failed.*No Op registered for Adx"):
        open_servable(ServableConfig(runtime="onnx", directory=str(tmp_path), model="m", version=1))


def test_a_linked_model_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").symlink_to(made_by(MAKER, SKLEARN) / "onnx/mlp/model.onnx")
    with pytest.raises(FailedPrecondition, match="not an ordinary file"):
        open_servable(ServableConfig(runtime="onnx", directory=str(tmp_path), model="m", version=1))


def test_the_runtime_reads_what_would_escape_when_it_is_not_stopped(tmp_path: Path) -> None:
    import onnxruntime

    folder = made_by(MAKER, SKLEARN) / "onnx/external"
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (tmp_path / "weights.bin").write_bytes((folder / "weights.bin").read_bytes())
    assert onnxruntime.InferenceSession(str(tmp_path / "model.onnx")).get_inputs()
    found = read(memoryview((tmp_path / "model.onnx").read_bytes()))
    assert {external.location for external in found.external} == {"weights.bin"}
    assert len(found.external) == 4
    assert found.operators == {("", "Gemm"), ("", "Relu"), ("", "Softmax")}


def test_cut_or_garbled_files_are_never_taken_for_models() -> None:
    whole = (made_by(MAKER, SKLEARN) / "onnx/digits/model.onnx").read_bytes()
    random = np.random.default_rng(5)
    for cut in random.integers(1, len(whole) - 1, 100):
        assert not is_onnx(memoryview(whole[: int(cut)]))
    for place in random.integers(0, len(whole), 300):
        garbled = bytearray(whole)
        garbled[place] ^= 0xFF
        with contextlib.suppress(NotProtobuf):  # any other error fails the test
            assert read(memoryview(bytes(garbled))).ir_version >= 0


def test_files_that_are_not_there_are_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "nothing").touch()
    for runtime in RUNTIMES.values():
        assert runtime.recognises(str(tmp_path / "empty")) is None
        assert runtime.recognises(str(tmp_path / "absent")) is None
