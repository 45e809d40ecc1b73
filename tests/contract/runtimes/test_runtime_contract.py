"""What every runtime promises, with every good model.

scikit-learn is not installed beside BMS: its half is skipped here and run by `test_runtime_environments.py`, with the
same file, in an environment that has it.
"""

import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from bms.adapters.runtimes.available import RUNTIMES, open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.programs import ServableConfig
from bms.core.signature import Signature, TensorSpec, check_inputs
from bms.core.tensor import Tensor
from bms.serving.lifecycle.examples import rows_of, varied
from bms.serving.lifecycle.loader import check_outputs
from bms.serving.lifecycle.servable import Servable
from tests.framework_env import SKLEARN, made_by

MAKER = Path(__file__).parent / "make_artifacts.py"
ONNX = [
    "digits",
    "external",
    "fixed",
    "flat_image",
    "mlp",
    "one_row",
    "slow",
    "text",
    "two_inputs",
    "whole_batch",
    "zipmap",
]
ESTIMATORS = ["digits", "forest", "joblib", "kmeans", "pca", "pickled", "ridge", "texts"]
CASES = [("onnx", name) for name in ONNX] + [("sklearn", name) for name in ESTIMATORS]
BATCHED = {"one_row": False, "whole_batch": False, "fixed": False}


def config(runtime: str, name: str) -> ServableConfig:
    if runtime == "sklearn" and importlib.util.find_spec("sklearn") is None:
        pytest.skip("scikit-learn is in an environment of its own")
    directory = made_by(MAKER, SKLEARN) / runtime / name
    return ServableConfig(runtime=runtime, directory=str(directory), model=name, version=1, allow_pickle=True)


@pytest.fixture(params=CASES, ids=lambda case: "-".join(case))
def loaded(request: pytest.FixtureRequest) -> Servable:
    return open_servable(config(*request.param))


def every(servable: Servable) -> list[tuple[str, Signature]]:
    assert servable.signatures
    return list(servable.signatures.items())


def test_the_file_is_recognised_by_its_content_whatever_its_name(tmp_path: Path) -> None:
    for runtime, name in CASES:
        folder = made_by(MAKER, SKLEARN) / runtime / name
        model = next(path for path in folder.iterdir() if path.stem == "model")
        renamed = tmp_path / f"{runtime}-{name}"
        renamed.mkdir()
        (renamed / "something").write_bytes(model.read_bytes())
        assert recognise(str(renamed)).runtime == runtime


def test_inferred_signatures_say_what_infer_takes_and_gives(loaded: Servable) -> None:
    for name, signature in every(loaded):
        for rows in (1, 5) if signature.batched else (1,):
            inputs = varied(signature, rows)
            check_inputs(signature, [Tensor(key, array) for key, array in inputs.items()])
            outputs = loaded.infer(name, inputs)
            check_outputs(signature, outputs, rows)
            assert set(outputs) == {spec.name for spec in signature.outputs}


def test_rows_that_depend_on_one_another_are_not_batched(request: pytest.FixtureRequest, loaded: Servable) -> None:
    case = request.node.callspec.params["loaded"][1]
    assert all(signature.batched is BATCHED.get(case, True) for _, signature in every(loaded))


def test_only_wanted_outputs_are_given(loaded: Servable) -> None:
    for name, signature in every(loaded):
        for spec in signature.outputs:
            assert list(loaded.infer(name, varied(signature, 2), (spec.name,))) == [spec.name]


def test_a_rows_answer_does_not_depend_on_its_company(loaded: Servable) -> None:
    for name, signature in every(loaded):
        if signature.batched:
            inputs = varied(signature, 6)
            together = loaded.infer(name, inputs)
            alone = loaded.infer(name, rows_of(inputs, [3]))
            for key, array in together.items():
                if array.dtype.kind == "f":
                    np.testing.assert_allclose(alone[key][0], array[3], rtol=1e-5, atol=1e-6)
                else:
                    assert np.array_equal(alone[key][0], array[3])


def test_the_same_inputs_give_the_same_outputs_and_are_not_changed(loaded: Servable) -> None:
    for name, signature in every(loaded):
        inputs = varied(signature, 4)
        kept = {key: array.copy() for key, array in inputs.items()}
        first, second = loaded.infer(name, inputs), loaded.infer(name, inputs)
        assert all(np.array_equal(inputs[key], kept[key]) for key in kept)
        assert all(np.array_equal(first[key], second[key]) for key in first)


def test_several_threads_get_the_answers_that_one_gets(loaded: Servable) -> None:
    name, signature = every(loaded)[0]
    questions = [
        rows_of(varied(signature, 8), [row]) if signature.batched else varied(signature, 1) for row in range(8)
    ]
    expected = [loaded.infer(name, inputs) for inputs in questions]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda inputs: loaded.infer(name, inputs), questions * 4))
    for answer, wanted in zip(answers, expected * 4, strict=True):
        assert all(np.array_equal(answer[key], wanted[key]) for key in wanted)


def test_declared_signatures_are_used_as_they_are(loaded: Servable, request: pytest.FixtureRequest) -> None:
    _, signature = every(loaded)[0]
    renamed = {"mine": structs.replace(signature, outputs=signature.outputs[:1], scores=None, method="predict")}
    again = open_servable(structs.replace(config(*request.node.callspec.params["loaded"]), signatures=renamed))
    assert again.signatures == renamed
    assert list(again.infer("mine", varied(signature, 2))) == [signature.outputs[0].name]


def test_declared_signatures_that_do_not_fit_are_refused(loaded: Servable, request: pytest.FixtureRequest) -> None:
    own = config(*request.node.callspec.params["loaded"])
    _, good = every(loaded)[0]
    first = good.inputs[0]
    other = "INT8" if first.dtype != "INT8" else "FP32"
    wrong = {
        first.name: structs.replace(good, inputs=(structs.replace(first, dtype=other), *good.inputs[1:])),
        "missing": structs.replace(
            good, inputs=(*good.inputs, TensorSpec(name="missing", dtype="FP32", shape=(None,)))
        ),
        "absent": structs.replace(good, outputs=(TensorSpec(name="absent", dtype="FP32", shape=(None,)),)),
        "lacks": structs.replace(good, inputs=good.inputs[1:]),
        "shape": structs.replace(good, inputs=(structs.replace(first, shape=(*first.shape, 2)), *good.inputs[1:])),
    }
    for said, signature in wrong.items():
        with pytest.raises(FailedPrecondition, match=said):
            open_servable(structs.replace(own, signatures={"mine": signature}))


def test_a_failed_call_leaves_it_usable(loaded: Servable) -> None:
    name, signature = every(loaded)[0]
    good = varied(signature, 2)
    before = loaded.infer(name, good)
    bad = {key: np.array(b"\xff\xfe", dtype=object) for key in good}
    with pytest.raises(BmsError):
        loaded.infer(name, bad)
    after = loaded.infer(name, good)
    assert all(np.array_equal(before[key], after[key]) for key in before)


def test_closing_twice_is_one_effect_and_a_closed_one_refuses(loaded: Servable) -> None:
    name, signature = every(loaded)[0]
    loaded.close()
    loaded.close()
    with pytest.raises(FailedPrecondition, match="closed"):
        loaded.infer(name, varied(signature, 1))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_artifact_without_a_model_is_refused_with_what_was_expected(runtime: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to run")
    with pytest.raises(FailedPrecondition, match=r"expects a file .*'notes.txt'"):
        open_servable(ServableConfig(runtime=runtime, directory=str(tmp_path), model="m", version=1))
    with pytest.raises(FailedPrecondition, match="can't be read"):
        open_servable(ServableConfig(runtime=runtime, directory=str(tmp_path / "absent"), model="m", version=1))


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"unknown runtime 'tarot': use one of onnx, .*sklearn"):
        open_servable(ServableConfig(runtime="tarot", directory="/", model="m", version=1))
