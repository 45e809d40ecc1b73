"""PyTorch's own: signatures, and archives that are refused. Run by `test_runtime_environments.py`."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is in an environment of its own")

import torch

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.adapters.runtimes.torch_export_file import _is_expression
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.programs import ServableConfig
from bms.core.signature import Signature, TensorSpec
from tests.contract.runtimes.cases_torch import FRAMEWORK, ROWS
from tests.contract.runtimes.torn_files import torn

MADE = FRAMEWORK.artifacts()


def config(path: str, runtime: str = "torch-export", **more: object) -> ServableConfig:
    return ServableConfig(runtime=runtime, directory=str(MADE / path), model="m", version=1, **more)  # type: ignore[arg-type]


def test_a_programs_signature_is_inferred() -> None:
    signature = open_servable(config("export/model")).signatures["serving_default"]
    assert signature.inputs == ROWS["serving_default"].inputs
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [
        ("logits", (None, 10)),
        ("probabilities", (None, 10)),
    ]
    assert (signature.batched, signature.method, signature.scores) == (True, "classify", "probabilities")


def test_several_inputs_keep_types_and_constants_and_are_not_changed() -> None:
    servable = open_servable(config("two_inputs/model"))
    signature = servable.signatures["serving_default"]
    assert [(spec.name, spec.dtype) for spec in signature.inputs] == [("index", "INT64"), ("shift", "FP32")]
    shift = np.ones((2, 4), np.float32)
    shift.setflags(write=False)  # as arrays from a wire are
    answer = servable.infer("serving_default", {"index": np.array([1, 7]), "shift": shift})
    assert list(answer) == ["output_0", "output_1"]
    np.testing.assert_allclose(answer["output_0"], (shift + answer["output_1"]) * 3.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "runtime"), [("export", "torch-export"), ("script", "torchscript"), ("code", "torch")]
)
def test_answers_are_those_of_pytorch(name: str, runtime: str) -> None:
    signatures = {} if name == "export" else ROWS
    servable = open_servable(config(f"{name}/model", runtime, signatures=signatures))
    expected = np.load(MADE / name / "expected.npz")
    answers = servable.infer("serving_default", {"x": expected["x"]})
    for output in ("logits", "probabilities"):
        np.testing.assert_allclose(answers[output], expected[output], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "runtime", "says"),
    [("script", "torchscript", r"what its forward takes \(x\); say"), ("code", "torch", "code tells neither types")],
)
def test_what_the_format_does_not_tell_is_asked_for(name: str, runtime: str, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"{name}/model", runtime))


def test_names_that_forward_does_not_take_are_refused() -> None:
    said = {"serving_default": Signature(inputs=(TensorSpec(name="rows", dtype="FP32", shape=(None, 64)),))}
    with pytest.raises(FailedPrecondition, match="lacks the model's input 'x'"):
        open_servable(config("script/model", "torchscript", signatures=said))
    with pytest.raises(FailedPrecondition, match="unexpected keyword argument 'rows'"):
        open_servable(config("code/model", "torch", signatures=said))


def test_an_index_beyond_a_table_is_the_callers_fault() -> None:
    servable = open_servable(config("two_inputs/model"))
    with pytest.raises(InvalidArgument, match="out of range"):
        servable.infer("serving_default", {"index": np.array([99]), "shift": np.zeros((1, 4), np.float32)})


REFUSED = [
    ("pickled_weight", "torch-export", "holds pickled tensors"),
    ("opaque_object", "torch-export", "holds the object 'opaque_obj_0'"),
    ("pickled_example", "torch-export", "holds pickled objects"),
    ("legacy_weights", "torch-export", "holds pickled objects"),
    ("size_as_code", "torch-export", "has a size .*__import__"),
    ("name_as_code", "torch-export", "names a value 'x=print"),
    ("reaches_python", "torch-export", "uses the operation 'torch.os.mkdir'"),
    ("reads_files", "torch-export", "reads or writes files"),
    ("native_code", "torch-export", "compiled native code"),
    ("outside", "torch-export", r"'\.\./\.\./outside', which lies outside"),
    ("twice", "torch-export", "'models/model.json' twice"),
    ("two_rows", "torch-export", r"for 2 rows at least.*Dim\('rows', min=1\)"),
    ("torn_pt2", "torch-export", "none of PyTorch's archives"),
    ("garbled_pt2", "torch-export", "none of PyTorch's archives"),
    ("state_as_pt2", "torch-export", "its content is a pickle of torch.save"),
    ("pt2_as_pt", "torchscript", "its content is an archive of torch.export.save"),
    ("state", "torchscript", "it is a pickle of torch.save.*torch.export.save"),
    ("bites", "torchscript", "it is a pickle of torch.save.*torch.export.save"),
    ("script_saves", "torchscript", "uses 'torch.save'"),
    ("script_maps", "torchscript", "uses 'torch.from_file'"),
    ("script_class", "torchscript", "torch.classes.dist_c10d.Store"),
    ("torn_script", "torchscript", "none of PyTorch's archives"),
    ("code_pickle", "torch", "is no safetensors file"),
    ("code_lacks", "torch", "Missing key.*last.bias"),
    ("code_fails", "torch", "No module named 'absent_package'; add absent_package"),
    ("code_no_module", "torch", "gave a dict, not a torch.nn.Module"),
    ("code_of_transformers", "torch", "unexpected keyword argument 'architectures'"),
    ("code_garbled", "torch", "is no Python source"),
]


@pytest.mark.parametrize(("name", "runtime", "says"), REFUSED)
def test_archives_that_hold_more_than_a_model_are_refused(
    name: str, runtime: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for allow_pickle in (False, True):
        signatures = {} if runtime == "torch-export" else ROWS
        with pytest.raises(FailedPrecondition, match=says):
            open_servable(config(f"refused/{name}", runtime, signatures=signatures, allow_pickle=allow_pickle))
    assert list(tmp_path.iterdir()) == []


def test_every_broken_artifact_is_tried() -> None:
    assert {name for name, _, _ in REFUSED} == {path.name for path in (MADE / "refused").iterdir()}


@pytest.mark.parametrize(
    "name", ["pickled_weight", "opaque_object", "pickled_example", "legacy_weights", "size_as_code"]
)
def test_the_payloads_bite_whoever_gives_them_to_pytorch(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", raising=False)
    try:
        torch.export.load(str(MADE / "refused" / name / "model.pt2"))
    except Exception as error:  # noqa: BLE001 - what it makes of the rest does not matter
        print(error)
    assert (tmp_path / "bitten").exists()


def test_torchscript_that_saves_does_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.jit.load(str(MADE / "refused" / "script_saves" / "model.pt"))(torch.ones(1))
    assert (tmp_path / "bitten").exists()


def test_pickles_are_recognised_so_as_to_be_refused_in_words_and_need_no_environment() -> None:
    found = recognise(str(MADE / "refused" / "state"))
    assert (found.runtime, found.format, found.requirements) == ("torchscript", "state", ())
    with pytest.raises(pickle.UnpicklingError):
        torch.load(str(MADE / "refused" / "bites" / "model.pth"))


def test_settings_of_another_library_make_no_model_of_ours() -> None:
    assert recognise(str(MADE / "code" / "model")).runtime == "torch"
    with pytest.raises(FailedPrecondition, match="is no model for runtime 'torch'"):
        recognise(str(MADE / "refused" / "code_of_transformers"), runtime="torch")


@pytest.mark.parametrize(
    ("source", "good"),
    [
        ("Symbol('s77', positive=True, integer=True)", True),
        ("Add(Integer(-1), Mul(Integer(2), Symbol('s0', integer=True)))", True),
        ("FloorDiv(Symbol('s0', integer=True), Integer(2))", True),
        ("s77", True),
        ("__import__('os')", False),
        ("Symbol.__class__", False),
        ("Symbol('a b')", False),
        ("[x for x in ()]", False),
        ("lambda: 1", False),
        ("(" * 5000, False),
        ("sympify('1')", False),
    ],
)
def test_sizes_are_expressions_of_sizes_and_nothing_else(source: str, good: bool) -> None:
    assert _is_expression(source) is good


def test_threads_are_those_configured() -> None:
    open_servable(config("export/model"))
    assert (torch.get_num_threads(), torch.get_num_interop_threads()) == (1, 1)
    assert os.environ["OMP_WAIT_POLICY"] == "passive"


@pytest.mark.parametrize("file", ["export/model/model.pt2"])
def test_cut_and_garbled_copies_are_refused_or_run(file: str, tmp_path: Path) -> None:
    torn("torch-export", MADE / file, tmp_path)
