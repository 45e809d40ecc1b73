"""Which micro-batches are alike: checked once, and never taken for what they are not."""

import numpy as np
import pytest

from bms.core.errors import BmsError, InvalidArgument, NotFound
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array, Tensor, dtype_of
from bms.protocols.frames import InferMeta, TensorMeta
from bms.serving.inference.batching import batch_keys as module
from bms.serving.inference.batching.batch_keys import BatchKey, BatchKeys, check_together
from tests.servables import CountingServable, FunctionServable, doubled

PAIR = Signature(
    inputs=(
        TensorSpec(name="a", dtype="FP32", shape=(None, None)),
        TensorSpec(name="b", dtype="INT64", shape=(None,)),
    ),
    outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 2)), TensorSpec(name="z", dtype="FP32", shape=(None,))),
)


def found(
    batch_keys: BatchKeys, inputs: dict[str, Array], signature: str = "", outputs: tuple[str, ...] = ()
) -> tuple[BatchKey, int]:
    tensors = [Tensor(name, array) for name, array in inputs.items()]
    metas = tuple(TensorMeta(one.name, dtype_of(one.array), one.array.shape, one.array.nbytes) for one in tensors)
    return batch_keys.find(InferMeta(signature, 0, outputs, metas), tensors)


def pair(rows: int, width: int = 3) -> dict[str, Array]:
    return {"a": np.zeros((rows, width), np.float32), "b": np.zeros(rows, np.int64)}


@pytest.fixture
def batch_keys() -> BatchKeys:
    made = BatchKeys()
    made.serve(FunctionServable(doubled, {DEFAULT: PAIR}))
    return made


def test_only_the_rows_may_differ_within_a_kind(batch_keys: BatchKeys) -> None:
    one, rows = found(batch_keys, pair(1))
    assert rows == 1
    assert found(batch_keys, pair(7)) == (one, 7)
    assert found(batch_keys, pair(7), DEFAULT) == (one, 7)  # the same signature by its name
    backwards = dict(reversed(pair(2).items()))
    assert found(batch_keys, backwards) == (one, 2)
    assert found(batch_keys, pair(1, width=4))[0] is not one
    assert found(batch_keys, pair(1), outputs=("y",))[0] is not one


@pytest.mark.parametrize(
    "wrong",
    [
        {"a": np.zeros((2, 3), np.float64), "b": np.zeros(2, np.int64)},
        {"a": np.zeros((2, 3), np.float32), "b": np.zeros(3, np.int64)},
        {"a": np.zeros((2, 3), np.float32), "b": np.array(5)},
        {"a": np.zeros((0, 3), np.float32), "b": np.zeros(0, np.int64)},
        {"a": np.zeros((2, 3), np.float32)},
        {**pair(2), "c": np.zeros(2)},
        {},
    ],
    ids=["type", "rows", "rank", "no rows", "missing", "unknown", "nothing"],
)
def test_what_is_wrong_is_refused_also_after_what_is_right(batch_keys: BatchKeys, wrong: dict[str, Array]) -> None:
    for _ in range(2):
        with pytest.raises(InvalidArgument):
            found(batch_keys, wrong)
        found(batch_keys, pair(2))


def test_unknown_names_are_refused(batch_keys: BatchKeys) -> None:
    with pytest.raises(NotFound, match="no signature 'other': this model has 'serving_default'"):
        found(batch_keys, pair(1), "other")
    with pytest.raises(InvalidArgument, match="no output 'w'"):
        found(batch_keys, pair(1), outputs=("w",))


def test_shapes_that_clients_choose_fill_no_memory(batch_keys: BatchKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KEYS", 10)
    first, _ = found(batch_keys, pair(1, width=1))
    for width in range(2, 200):
        found(batch_keys, pair(1, width=width))
    assert len(batch_keys._batch_keys) == len(batch_keys._frames) == 10
    again, _ = found(batch_keys, pair(1, width=1))
    assert again is not first
    assert again.profile is first.profile  # what was measured stays: rows of about this size


def test_calls_that_are_not_batched_never_travel_together() -> None:
    batch_keys = BatchKeys()
    batch_keys.serve(CountingServable())
    batch_key, rows = found(batch_keys, {"to": np.array([4])}, "count")
    assert (batch_key.batched, rows) == (False, 1)
    assert batch_key.route.streams is not None
    check_together(batch_key, 1)
    with pytest.raises(BmsError, match="send its calls one by one"):
        check_together(batch_key, 2)


def test_warm_up_is_where_measuring_begins(batch_keys: BatchKeys) -> None:
    batch_keys.warmed(DEFAULT, 4, 0.5, 1)
    batch_key, _ = found(batch_keys, {"a": np.zeros((1, 0), np.float32), "b": np.zeros(1, np.int64)})
    assert batch_key.profile.times.expected(4) == 0.5
