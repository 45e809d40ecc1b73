"""What is declared batched is batched or refused, whatever it is that keeps its rows apart; signatures that stream are
a run of their own by nature."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from bms.adapters.runtimes.available import open_servable
from bms.adapters.runtimes.servables.called import served
from bms.core.errors import FailedPrecondition
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Array
from bms.core.workloads.programs import ServableConfig

Tensor = Callable[[Mapping[str, Array]], Array]
ROWS = Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),), outputs=())
TWO = structs.replace(ROWS, inputs=(TensorSpec(name="x", dtype="FP32", shape=(2, 2)),))
MODEL = """
class Model:
    signature = {"inputs": ["x FP32 [-1, 2]"], "outputs": ["y FP32 [-1, 2]"]%s}
    def predict(self, inputs):
        %s
"""
BOTH = MODEL % ("", "return {'y': inputs['x']}\n    def stream(self, inputs):\n        yield {'y': inputs['x']}")


def opened(directory: Path, found: Signature, answer: Tensor, batched: bool | None) -> Signature:
    (directory / "bms.json").write_text(json.dumps({} if batched is None else {"batched": batched}))
    config = ServableConfig(runtime="python", directory=str(directory), model="m", version=1)
    return served(config, "own", lambda _, inputs, __: {"y": answer(inputs)}, {"predict": found}).signatures["predict"]


@pytest.mark.parametrize(
    ("found", "answer", "says"),
    [
        (TWO, lambda given: given["x"], r"its input 'x' has shape \[2, 2\], whose first dimension is not free"),
        (ROWS, lambda given: given["x"].sum(axis=0), "output 'y'"),
        (ROWS, lambda given: np.float32(given["x"].sum()), "output 'y'"),
        (ROWS, lambda given: given["x"][:1], "output 'y'"),
        (structs.replace(ROWS, batched=False), lambda given: given["x"], "its own signature says that"),
    ],
)
def test_what_is_unbatched_by_itself_is_no_batched_model(
    tmp_path: Path, found: Signature, answer: Tensor, says: str
) -> None:
    assert not opened(tmp_path, found, answer, None).batched
    assert not opened(tmp_path, found, answer, False).batched
    with pytest.raises(FailedPrecondition, match=says) as refused:
        opened(tmp_path, found, answer, True)
    assert "was declared batched, but" in refused.value.message
    assert "push it with" in refused.value.message


def test_a_table_of_whose_rows_nothing_is_proved_is_no_batched_model(tmp_path: Path) -> None:
    table = Signature(inputs=(column_spec("age", "number"),), outputs=())

    def same(given: Mapping[str, Array]) -> Array:
        return np.zeros(len(given["age"]), np.float32)

    assert opened(tmp_path, table, same, None).batched
    with pytest.raises(FailedPrecondition, match=r"declared batched, but all .* get the same answer.* give an example"):
        opened(tmp_path, table, same, True)


def test_what_is_batched_is_served_so(tmp_path: Path) -> None:
    assert opened(tmp_path, ROWS, lambda given: given["x"] * np.float32(2), True).batched


@pytest.mark.parametrize("code", [BOTH, MODEL % ("", "yield {'y': inputs['x']}")])
def test_a_signature_that_streams_is_no_reason_to_refuse(tmp_path: Path, code: str) -> None:
    (tmp_path / "model.py").write_text(code)
    (tmp_path / "bms.json").write_text('{"batched": true}')
    servable = open_servable(ServableConfig(runtime="python", directory=str(tmp_path), model="m", version=1))
    assert {name: one.batched for name, one in servable.signatures.items()} in (
        {"serving_default": True, "stream": False},
        {"serving_default": False},
    )


def test_a_class_that_says_of_itself_that_it_is_unbatched_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL % (', "batched": False', "return {'y': inputs['x']}"))
    (tmp_path / "bms.json").write_text('{"batched": true}')
    with pytest.raises(FailedPrecondition, match="its own signature says that"):
        open_servable(ServableConfig(runtime="python", directory=str(tmp_path), model="m", version=1))
