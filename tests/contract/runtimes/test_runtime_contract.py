"""What every runtime promises, with every good model.

Most frameworks are not installed beside BMS: `test_runtime_environments.py` runs this same file in the environment of
each. Here it runs with what the platform's own environment has.
"""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from bms.adapters.runtimes.available import RUNTIMES, open_servable
from bms.adapters.runtimes.recognition import recognise
from bms.core.clock import SystemClock
from bms.core.errors import BmsError, FailedPrecondition, InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec, check_inputs
from bms.core.tensors.tensor import Tensor
from bms.core.workloads.programs import Batching, ServableConfig
from bms.serving.inference.batching.policy import warm_up_sizes
from bms.serving.inference.row_independence import LARGE
from bms.serving.lifecycle.examples import rows_of, varied
from bms.serving.lifecycle.loader import check_outputs, load
from bms.serving.lifecycle.servable import Servable
from tests.contract.runtimes.frameworks import FRAMEWORKS
from tests.contract.runtimes.runtime_cases import Case, Framework, chosen
from tests.contract.runtimes.torn_files import mutations


class Chosen:
    """A case, and how it is loaded."""

    def __init__(self, framework: Framework, case: Case) -> None:
        self.case = case
        self.config = framework.config(case)
        self.expected = Path(self.config.directory).parent / "expected.npz"


@pytest.fixture(scope="module", params=chosen(FRAMEWORKS), ids=lambda pair: pair[1].folder.replace("/", "-"))
def model(request: pytest.FixtureRequest) -> Chosen:
    return Chosen(*request.param)


@pytest.fixture(scope="module")
def loaded(model: Chosen) -> Servable:
    """For all tests that leave it open."""
    return open_servable(model.config)


def every(servable: Servable) -> list[tuple[str, Signature]]:
    assert servable.signatures
    return list(servable.signatures.items())


def test_it_is_recognised_by_its_content_whatever_its_name(model: Chosen, tmp_path: Path) -> None:
    folder = Path(model.config.directory)
    renamed = tmp_path / "renamed"
    if model.case.bare:
        renamed.mkdir()
        for number, path in enumerate(path for path in folder.iterdir() if path.stem == "model"):
            shutil.copy(path, renamed / f"something-{number}")
    else:
        shutil.copytree(folder, renamed)
    assert recognise(str(renamed), signatures=model.case.signatures, allow_pickle=True).runtime == model.case.runtime


def alike(model: Chosen, one: np.ndarray, other: np.ndarray) -> bool:
    if one.dtype.kind == "f" and not model.case.bytes_exact:
        return one.shape == other.shape and np.allclose(one, other, rtol=model.case.rtol, atol=1e-6, equal_nan=True)
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def test_garbage_is_at_most_not_recognised(model: Chosen, tmp_path: Path) -> None:
    files = [path for path in Path(model.config.directory).rglob("*") if path.is_file()]
    copy = tmp_path / "copy"
    shutil.copytree(model.config.directory, copy)
    for file in files:
        place = copy / file.relative_to(model.config.directory)
        for _, content in mutations(file.read_bytes()[:1_000_000]):
            place.write_bytes(content)
            for runtime in RUNTIMES.values():
                runtime.recognises(str(copy))  # whatever it says, it says it
        shutil.copy(file, place)


def test_inferred_signatures_say_what_infer_takes_and_gives(loaded: Servable) -> None:
    for name, signature in every(loaded):
        for rows in (1, 5) if signature.batched else (1,):
            inputs = varied(signature, rows)
            check_inputs(signature, [Tensor(key, array) for key, array in inputs.items()])
            outputs = loaded.infer(name, inputs)
            check_outputs(signature, outputs, rows)
            assert set(outputs) == {spec.name for spec in signature.outputs}


def test_rows_that_depend_on_one_another_are_not_batched(model: Chosen, loaded: Servable) -> None:
    assert all(signature.batched is model.case.batched for _, signature in every(loaded))


def test_what_verification_finds_is_what_a_replica_starts_with(model: Chosen, loaded: Servable) -> None:
    """Both ask the same of it, so that no version is ready and then never starts."""
    found = load(lambda: loaded, warmup_runs=1, sizes=(1, 4), clock=SystemClock()).servable
    proved = structs.replace(model.config, signatures=dict(found.signatures), proved=True)
    replica = load(
        lambda: open_servable(proved), warmup_runs=1, sizes=warm_up_sizes(Batching()), clock=SystemClock(), surely=LARGE
    )
    assert replica.servable.signatures == found.signatures
    assert replica.limits == {}


def test_answers_are_what_the_library_itself_said(model: Chosen, loaded: Servable) -> None:
    if not model.expected.exists():
        return  # its framework's own tests compare them
    name, signature = every(loaded)[0]
    with np.load(model.expected) as expected:
        inputs = {spec.name: as_sent(expected[spec.name], spec) for spec in signature.inputs}
        told = loaded.infer(name, inputs)
        compared = [spec for spec in signature.outputs if spec.name in expected.files]
        assert compared, expected.files
        for spec in compared:
            wanted = as_sent(expected[spec.name], spec)
            if wanted.dtype.kind == "f":
                np.testing.assert_allclose(told[spec.name], wanted, rtol=model.case.rtol, atol=1e-6)
            else:
                assert np.array_equal(told[spec.name], wanted)


def as_sent(array: np.ndarray, spec: TensorSpec) -> np.ndarray:
    if spec.dtype != "BYTES":
        return array
    flat = [item if isinstance(item, bytes) else str(item).encode() for item in array.ravel().tolist()]
    made = np.empty(len(flat), dtype=object)
    made[:] = flat
    return made.reshape(array.shape)


def test_only_wanted_outputs_are_given(loaded: Servable) -> None:
    for name, signature in every(loaded):
        for spec in signature.outputs:
            assert list(loaded.infer(name, varied(signature, 2), (spec.name,))) == [spec.name]


def test_a_rows_answer_does_not_depend_on_its_company(model: Chosen, loaded: Servable) -> None:
    for name, signature in every(loaded):
        if signature.batched:
            inputs = varied(signature, 6)
            together = loaded.infer(name, inputs)
            alone = loaded.infer(name, rows_of(inputs, [3]))
            for key, array in together.items():
                if array.dtype.kind == "f":
                    np.testing.assert_allclose(alone[key][0], array[3], rtol=model.case.rtol, atol=1e-6)
                else:
                    assert np.array_equal(alone[key][0], array[3])


def test_the_same_inputs_give_the_same_outputs_and_are_not_changed(model: Chosen, loaded: Servable) -> None:
    for name, signature in every(loaded):
        inputs = varied(signature, 4)
        kept = {key: array.copy() for key, array in inputs.items()}
        first, second = loaded.infer(name, inputs), loaded.infer(name, inputs)
        assert all(np.array_equal(inputs[key], kept[key]) for key in kept)
        assert all(alike(model, first[key], second[key]) for key in first)


def test_several_threads_get_the_answers_that_one_gets(model: Chosen, loaded: Servable) -> None:
    name, signature = every(loaded)[0]
    questions = [
        rows_of(varied(signature, 8), [row]) if signature.batched else varied(signature, 1) for row in range(8)
    ]
    expected = [loaded.infer(name, inputs) for inputs in questions]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda inputs: loaded.infer(name, inputs), questions * 4))
    for answer, wanted in zip(answers, expected * 4, strict=True):
        assert all(alike(model, answer[key], wanted[key]) for key in wanted)


def test_declared_signatures_are_used_as_they_are(model: Chosen, loaded: Servable) -> None:
    _, signature = every(loaded)[0]
    renamed = {"mine": structs.replace(signature, outputs=signature.outputs[:1], scores=None, method="predict")}
    again = open_servable(structs.replace(model.config, signatures=renamed))
    assert again.signatures == renamed
    assert list(again.infer("mine", varied(signature, 2))) == [signature.outputs[0].name]


def test_declared_signatures_that_do_not_fit_are_refused(model: Chosen, loaded: Servable) -> None:
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
            open_servable(structs.replace(model.config, signatures={"mine": signature}))


def test_a_failed_call_leaves_it_usable(model: Chosen, loaded: Servable) -> None:
    name, signature = every(loaded)[0]
    good = varied(signature, 2)
    before = loaded.infer(name, good)
    bad = {key: np.array(b"\xff\xfe", dtype=object) for key in good}
    with pytest.raises(BmsError):
        loaded.infer(name, bad)
    after = loaded.infer(name, good)
    assert all(alike(model, before[key], after[key]) for key in before)


def test_closing_twice_is_one_effect_and_a_closed_one_refuses(model: Chosen) -> None:
    closed = open_servable(model.config)
    name, signature = every(closed)[0]
    closed.close()
    closed.close()
    with pytest.raises(FailedPrecondition, match="closed"):
        closed.infer(name, varied(signature, 1))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_artifact_without_a_model_is_refused_with_what_was_expected(runtime: str, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("nothing to run")
    with pytest.raises(FailedPrecondition, match=r"expects .*'notes\.md'"):
        open_servable(ServableConfig(runtime=runtime, directory=str(tmp_path), model="m", version=1))
    with pytest.raises(FailedPrecondition, match="can't be read"):
        open_servable(ServableConfig(runtime=runtime, directory=str(tmp_path / "absent"), model="m", version=1))


def test_an_unknown_runtime_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="unknown runtime 'tarot': use one of onnx, "):
        open_servable(ServableConfig(runtime="tarot", directory="/", model="m", version=1))
