"""MXNet's own: what its symbols tell, and models that are refused. Run by `test_runtime_environments.py`."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("mxnet", reason="MXNet is in an environment of its own")

import mxnet as mx

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.mxnet.params import names_of
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec
from bms.core.workloads.programs import ServableConfig
from tests.contract.runtimes.cases.mxnet import FRAMEWORK, ROWS
from tests.contract.runtimes.torn_files import torn

MADE = FRAMEWORK.artifacts()


def config(path: str, **more: object) -> ServableConfig:
    return ServableConfig(runtime="mxnet", directory=str(MADE / path), model="m", version=1, **more)  # type: ignore[arg-type]


def test_shapes_that_the_symbol_tells_need_not_be_said_nor_labels_given() -> None:
    signature = open_servable(config("module/model")).signatures["serving_default"]
    assert [(spec.name, spec.dtype, spec.shape) for spec in signature.inputs] == [("data", "FP32", (None, 64))]
    assert [(spec.name, spec.shape) for spec in signature.outputs] == [("softmax_output", (None, 10))]
    assert (signature.method, signature.scores) == ("classify", "softmax_output")


def test_shapes_that_it_does_not_tell_are_asked_for_by_the_inputs_names() -> None:
    with pytest.raises(FailedPrecondition, match=r"shapes of what it takes \(data\); say what it takes.*--input"):
        open_servable(config("gluon/model"))
    said = {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 64)),))}
    with pytest.raises(FailedPrecondition, match="lacks the model's input 'data'"):
        open_servable(config("gluon/model", signatures=said))


@pytest.mark.parametrize("name", ["gluon", "module"])
def test_answers_are_those_of_mxnet(name: str) -> None:
    servable = open_servable(config(f"{name}/model", signatures=ROWS))
    expected = np.load(MADE / name / "expected.npz")
    for output, array in servable.infer("serving_default", {"data": expected["data"]}).items():
        np.testing.assert_allclose(array, expected[output], rtol=1e-5, atol=1e-6)


def test_parameters_are_read_as_mxnet_reads_them() -> None:
    path = str(MADE / "gluon" / "model" / "digits-0000.params")
    assert names_of(path) == {name.partition(":")[2] for name in mx.nd.load(path)}


@pytest.mark.parametrize(
    ("operator", "lowest", "answer"),
    [
        ("SequenceMask", 0, [[0, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0]]),
        ("SequenceLast", 1, [[2, 3]]),
        ("SequenceReverse", 0, [[2, 3, 0, 1, 4, 5, 6, 7, 8, 9, 10, 11]]),
    ],
)
def test_lengths_that_mxnet_would_write_out_of_bounds_for_are_refused(
    operator: str, lowest: int, answer: list[list[float]]
) -> None:
    servable = open_servable(config(f"{operator}/model"))
    # Of made-up rows SequenceLast takes one alone, which proves nothing: it needs an example of its maker's.
    assert servable.signatures["serving_default"].batched == (operator != "SequenceLast")
    series = np.arange(12, dtype=np.float32).reshape(1, 6, 2)
    for wrong in (lowest - 1, 7, -1000, 1e30, float("nan")):
        lengths = np.array([wrong], np.float32)
        with pytest.raises(InvalidArgument, match=rf"input 'lengths' holds .*: expected lengths from {lowest} to 6"):
            servable.infer("serving_default", {"series": series, "lengths": lengths})
    given = {"series": series, "lengths": np.array([2], np.float32)}
    (array,) = servable.infer("serving_default", given).values()
    assert array.reshape(1, -1).tolist() == answer


REFUSED = [
    ("custom", r"operator Custom \('dense0_relu_fwd'\), which is refused: it calls Python functions"),
    ("custom_within", r"operator Custom \('dense0_relu_fwd'\), which is refused"),
    ("native", "_Native .*calls an address"),
    ("reads_files", "_cvimread .*reads files"),
    ("torn", "ends beyond the file"),
    ("vast", "ends beyond the file"),
    ("garbled", "but is not one"),
    ("pointing_nowhere", "but is not one"),
    ("unknown_operator", "Operator Shell is not registered"),
    ("two_epochs", "keep those of the epoch"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED)
def test_models_that_do_more_than_compute_are_refused(name: str, says: str) -> None:
    with pytest.raises(FailedPrecondition, match=says):
        open_servable(config(f"refused/{name}", signatures=ROWS))


def test_every_broken_artifact_is_tried() -> None:
    assert {name for name, _ in REFUSED} == {path.name for path in (MADE / "refused").iterdir()}


def test_it_runs_on_the_last_python_that_has_it() -> None:
    found = recognise(str(MADE / "module" / "model"))
    assert (found.python, found.requirements) == ("3.11", ("mxnet==1.9.1", "numpy==1.23.5"))


@pytest.mark.parametrize("file", ["module/model/digits-0020.params", "module/model/digits-symbol.json"])
def test_cut_and_garbled_copies_are_refused_or_run(file: str, tmp_path: Path) -> None:
    torn("mxnet", MADE / file, tmp_path)
