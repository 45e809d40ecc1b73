"""PyTorch's own: signatures, and archives that are refused. Run by `test_runtime_environments.py`."""

import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Optional

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is in an environment of its own")

import torch

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.adapters.runtimes.torch.export_file import _is_expression
from bms.adapters.runtimes.torch.script_forward import forward_takes
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.torch import FRAMEWORK, ROWS
from tests.contract.runtimes.torn_files import torn
from tests.sizes import some

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
    [
        ("script", "torchscript", r"what its forward takes \(x\); say .* `--input 'x FP32 \[-1, 64\]'`"),
        ("code", "torch", "code tells neither types"),
    ],
)
def test_what_the_format_does_not_tell_is_asked_for(name: str, runtime: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"{name}/model", runtime))
    shutil.copytree(MADE / name / "model", tmp_path, dirs_exist_ok=True)
    (tmp_path / "bms.json").unlink(missing_ok=True)
    with pytest.raises(FailedPrecondition, match=says):  # before there is an environment
        recognise(str(tmp_path))
    assert recognise(str(tmp_path), signatures=ROWS).runtime == runtime


class Choosy(torch.nn.Module):
    def forward(self, first: torch.Tensor, second: torch.Tensor, scale: Optional[torch.Tensor] = None):  # noqa: UP045
        if scale is not None:
            first = first * scale
        return first + second


def two(*names: str) -> dict[str, Signature]:
    inputs = tuple(TensorSpec(name=name, dtype="FP32", shape=(None, 2)) for name in names)
    return {"serving_default": Signature(inputs=inputs)}


@pytest.mark.parametrize("traced", [False, True])
def test_arguments_of_torchscript_are_known_by_name_before_anything_is_loaded(tmp_path: Path, traced: bool) -> None:
    example = (torch.ones(2, 2), torch.ones(2, 2))
    made = torch.jit.trace(Choosy(), example) if traced else torch.jit.script(Choosy())
    made.save(str(tmp_path / "model.pt"))
    takes = {"first": True, "second": True} | ({} if traced else {"scale": False})
    assert forward_takes(str(tmp_path / "model.pt")) == takes
    asking = r"--input 'first FP32 \[-1, 64\]' --input 'second FP32 \[-1, 64\]'` \("
    with pytest.raises(FailedPrecondition, match=asking):
        recognise(str(tmp_path))
    with pytest.raises(FailedPrecondition, match="lacks the model's input 'second'"):
        recognise(str(tmp_path), signatures=two("first"))
    with pytest.raises(FailedPrecondition, match="input 'third', the model takes 'first', 'second'"):
        recognise(str(tmp_path), signatures=two("first", "second", "third"))
    names = ("first", "second") if traced else ("first", "second", "scale")
    given = ServableConfig(runtime="torchscript", directory=str(tmp_path), model="m", version=1, signatures=two(*names))
    inputs = {name: np.full((3, 2), 3, np.float32) for name in names}
    (answer,) = open_servable(given).infer("serving_default", inputs).values()
    assert answer.tolist() == [[6, 6] if traced else [12, 12]] * 3


def test_what_a_module_takes_is_told_of_its_code(tmp_path: Path) -> None:
    shutil.copytree(MADE / "code" / "model", tmp_path, dirs_exist_ok=True)
    (tmp_path / "bms.json").unlink()
    code = (tmp_path / "model.py").read_text()
    for given, says in (
        ("self, rows, *, mask", r"'rows FP32 \[-1, 64\]' --input 'mask FP32"),
        ("self, rows, mask=None", r"'rows FP32 \[-1, 64\]'` \(-1"),
        ("self, *rows", r"arguments\); say"),
    ):
        (tmp_path / "model.py").write_text(code.replace("self, x", given))
        with pytest.raises(FailedPrecondition, match=says):
            recognise(str(tmp_path))


def test_names_that_forward_does_not_take_are_refused() -> None:
    said = {"serving_default": Signature(inputs=(TensorSpec(name="rows", dtype="FP32", shape=(None, 64)),))}
    with pytest.raises(FailedPrecondition, match="lacks the model's input 'x'"):
        open_servable(config("script/model", "torchscript", signatures=said))
    with pytest.raises(FailedPrecondition, match="lacks the model's input 'x'"):
        open_servable(config("code/model", "torch", signatures=said))


def test_an_index_beyond_a_table_is_the_callers_fault() -> None:
    servable = open_servable(config("two_inputs/model"))
    with pytest.raises(InvalidArgument, match="out of range"):
        servable.infer("serving_default", {"index": np.array([99]), "shift": np.zeros((1, 4), np.float32)})


def test_an_error_of_the_models_code_that_says_its_status_reaches_the_caller(tmp_path: Path) -> None:
    shutil.copytree(MADE / "code" / "model", tmp_path, dirs_exist_ok=True)
    code = (tmp_path / "model.py").read_text()
    own = "class Blank(Exception):\n    status_code = 422\n\n\nclass Model("
    raising = 'if bool((x == 12345).all()):\n            raise Blank("a blank picture")\n        scores ='
    (tmp_path / "model.py").write_text(code.replace("class Model(", own).replace("scores =", raising, 1))
    given = ServableConfig(runtime="torch", directory=str(tmp_path), model="m", version=1, signatures=ROWS)
    with pytest.raises(InvalidArgument, match=r"^a blank picture$"):
        open_servable(given).infer("serving_default", {"x": np.full((1, 64), 12345, np.float32)})


class Guarded(torch.nn.Module):
    def forward(self, x: torch.Tensor):
        if bool((x < 0).any()):
            raise ValueError("no negative lengths")
        return torch.nn.functional.linear(x, torch.ones(3, 2))


def test_torchscripts_own_reason_is_told_and_not_its_trace(tmp_path: Path) -> None:
    torch.jit.script(Guarded()).save(str(tmp_path / "model.pt"))
    given = ServableConfig(runtime="torchscript", directory=str(tmp_path), model="m", version=1, signatures=two("x"))
    (tmp_path / "example.json").write_text('{"instances": [[1, 2]]}')
    servable = open_servable(given)
    with pytest.raises(InvalidArgument, match="no negative lengths") as raised:
        servable.infer("serving_default", {"x": np.array([[-1, 2]], np.float32)})
    assert "Traceback" not in raised.value.message
    assert "\n" not in raised.value.message
    with pytest.raises(InvalidArgument, match=r"shapes.*1x5.*2x3"):
        servable.infer("serving_default", {"x": np.ones((1, 5), np.float32)})


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
    ("two_rows", "torch-export", r"for 2 rows at least.*not independent.*Dim\('rows', min=1\)"),
    ("torn_pt2", "torch-export", "none of PyTorch's archives"),
    ("garbled_pt2", "torch-export", "none of PyTorch's archives"),
    ("state_as_pt2", "torch-export", "its content is a pickle of torch.save"),
    ("pt2_as_pt", "torchscript", "its content is an archive of torch.export.save"),
    ("state", "torchscript", "is a pickle of torch.save(.|\\n)*torch.export.save"),
    ("bites", "torchscript", "is a pickle of torch.save(.|\\n)*torch.export.save"),
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


@pytest.mark.parametrize("name", ["state", "bites"])
def test_pickles_are_refused_in_words_before_there_is_an_environment(name: str) -> None:
    with pytest.raises(FailedPrecondition, match=r"is a pickle of torch\.save"):
        recognise(str(MADE / "refused" / name), requirements=["torch==2.5.0"])
    with pytest.raises(pickle.UnpicklingError):
        torch.load(str(MADE / "refused" / "bites" / "model.pth"))


SAVED = sorted(
    path.name for path in (MADE / "saved").iterdir() if path.is_file() and path.suffix not in (".py", ".npz")
)


@pytest.mark.parametrize("file", SAVED)
def test_what_torch_save_wrote_is_refused_with_code_that_makes_a_program_of_it(file: str, tmp_path: Path) -> None:
    """The code is taken out of the error and run as it is, where the model's own code is; the batch is free then."""
    kind = file.partition(".")[0].partition("-")[0]
    (tmp_path / "saved").mkdir()
    shutil.copy(MADE / "saved" / file, tmp_path / "saved")
    with pytest.raises(FailedPrecondition, match=r"is a pickle of torch\.save") as refused:
        recognise(str(tmp_path / "saved"))
    code = textwrap.dedent("\n".join(line for line in refused.value.message.splitlines() if line.startswith("    ")))
    whole = "It holds a whole module: export it where 'nets' can be imported" in refused.value.message
    assert whole is file.startswith("Digits")
    before = "" if whole else f"import nets\nmodel = nets.{kind}()\n"
    compile(before + code, file, "exec")
    if file not in some(SAVED, 0, one_of=3):  # making a program takes seconds
        return
    run = subprocess.run(
        [sys.executable, "-c", before + code],
        cwd=tmp_path / "saved",
        env={"PYTHONPATH": str(MADE / "saved")},  # and nothing that our runtimes set
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    (tmp_path / "program").mkdir()
    shutil.move(tmp_path / "saved" / "model.pt2", tmp_path / "program")
    given = ServableConfig(runtime="torch-export", directory=str(tmp_path / "program"), model="m", version=1)
    servable = open_servable(given)
    signature = servable.signatures["serving_default"]
    assert (signature.batched, signature.inputs[0].shape[0]) == (True, None)
    with np.load(MADE / "saved" / f"{kind}.npz") as expected:
        for rows in (slice(0, 1), slice(0, 5)):
            (answer,) = servable.infer("serving_default", {signature.inputs[0].name: expected["rows"][rows]}).values()
            np.testing.assert_allclose(answer, expected["output"][rows], rtol=1e-4, atol=1e-5)


def test_every_way_of_saving_is_tried() -> None:
    assert len(SAVED) == 8


def test_a_pickle_of_anything_else_is_refused_with_code_for_the_model_it_belongs_to(tmp_path: Path) -> None:
    torch.save([1, 2, 3], tmp_path / "model.pt")
    with pytest.raises(FailedPrecondition, match="Export the model that it belongs to"):
        recognise(str(tmp_path))


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
