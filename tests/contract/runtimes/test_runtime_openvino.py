"""OpenVINO's own: what is refused, and what it may not do. Run by `test_runtime_environments.py`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import structs

if "openvino" not in os.environ.get("BMS_CONTRACT_FRAMEWORK", ""):
    pytest.skip("OpenVINO is in an environment of its own", allow_module_level=True)

from bms.adapters.runtimes.available import open_servable
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.openvino import FRAMEWORK
from tests.contract.runtimes.torn_files import torn

DIGITS = FRAMEWORK.artifacts() / "digits" / "model"
LOOKING = """
import sys
from bms.adapters.runtimes.available import open_servable
from bms.core.workloads.programs import ServableConfig
open_servable(ServableConfig(runtime="openvino", directory=sys.argv[1], model="m", version=1))
loaded = [name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module]
assert "openvino" in sys.modules and not loaded, loaded
"""


def config(folder: Path) -> ServableConfig:
    return ServableConfig(runtime="openvino", directory=str(folder), model="m", version=1)


def test_it_tells_nobody_that_it_runs() -> None:
    done = subprocess.run([sys.executable, "-c", LOOKING, str(DIGITS)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    own = subprocess.run(
        [sys.executable, "-c", "import openvino_telemetry"], capture_output=True, timeout=60, check=False
    )
    assert own.returncode == 0  # what is kept out is there


@pytest.mark.parametrize("batched", [True, False])
def test_a_declaration_does_not_switch_the_proof_off(batched: bool) -> None:
    said = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 4)),), batched=batched)
    declared = structs.replace(config(FRAMEWORK.artifacts() / "whole" / "model"), signatures={"mine": said})
    assert not open_servable(declared).signatures["mine"].batched


def test_the_signature_is_the_models() -> None:
    signature = open_servable(config(FRAMEWORK.artifacts() / "two" / "model")).signatures["serving_default"]
    assert {spec.name: (spec.dtype, spec.shape) for spec in signature.inputs} == {
        "index": ("INT64", (None,)),
        "shift": ("FP32", (None, 4)),
    }
    assert [spec.name for spec in signature.outputs] == ["sum", "shifted"]


def changed(folder: Path, found: str, instead: str) -> Path:
    shutil.copytree(DIGITS, folder)
    text = (folder / "model.xml").read_text()
    assert found in text
    (folder / "model.xml").write_text(text.replace(found, instead, 1))
    return folder


@pytest.mark.parametrize(
    ("found", "instead", "says"),
    [
        ("<net name=", '<!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/passwd">]><net name=', "but is not one"),
        ("<net name=", "<!-- c --><!DOCTYPE net><net name=", "but is not one"),
        ('version="opset1"', 'version="extension"', "not OpenVINO's own: extension."),
        ("</net>", "", "its XML is broken"),
        ('offset="0"', 'offset="999999999"', "expects 1000"),
        ('offset="0"', 'offset="-4"', "negative"),
        ('offset="0"', 'offset="x"', "no number"),
    ],
)
def test_what_is_no_plain_graph_is_refused(tmp_path: Path, found: str, instead: str, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(changed(tmp_path / "model", found, instead)))


def test_weights_that_lead_elsewhere_or_are_missing_are_refused(tmp_path: Path) -> None:
    shutil.copytree(DIGITS, tmp_path / "linked")
    (tmp_path / "linked" / "model.bin").unlink()
    with pytest.raises(FailedPrecondition, match="no such file"):
        open_servable(config(tmp_path / "linked"))
    (tmp_path / "linked" / "model.bin").symlink_to(DIGITS / "model.bin")
    with pytest.raises(FailedPrecondition, match="leads out"):
        open_servable(config(tmp_path / "linked"))
    (tmp_path / "linked" / "model.bin").unlink()
    (tmp_path / "linked" / "model.bin").write_bytes((DIGITS / "model.bin").read_bytes()[:-8])
    with pytest.raises(FailedPrecondition, match="bytes of weights"):
        open_servable(config(tmp_path / "linked"))


@pytest.mark.parametrize("file", ["model.xml", "model.bin"])
def test_torn_files_are_refused_and_none_hangs(tmp_path: Path, file: str) -> None:
    torn("openvino", DIGITS / file, tmp_path)
