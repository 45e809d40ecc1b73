"""Tables and numbers from the SDK through a real gateway: what the model gets, and what the caller is told."""

import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from bms.core.errors import InvalidArgument
from bms.core.tensors.signature import Signature, TensorSpec, column_spec
from bms.core.tensors.tensor import Tensor
from bms.sdk import RoundedWarning
from tests.peers import frames_server
from tests.peers.callers import KINDS, Caller
from tests.worlds.gateways import Scene, deployment, scene, version

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one gateway for all of them
SCORES = TensorSpec(name="scores", dtype="FP32", shape=(None, 2))
X = TensorSpec(name="x", dtype="FP64", shape=(None, 2))
MIXED = Signature(
    inputs=(
        column_spec("id", "integer"),
        column_spec("price", "number"),
        column_spec("city", "text"),
        column_spec("paid", "boolean"),
        column_spec("at", "datetime", optional=True),
        column_spec("size", "category", optional=True, categories=("s", "m")),
    ),
    outputs=(SCORES,),
    method="classify",
    scores="scores",
    labels=("no", "yes"),
)
NUMBERS = Signature(inputs=(column_spec("a", "number"), column_spec("b", "number")), outputs=(SCORES,))
TABLES = {
    "mixed": {"serving_default": MIXED},
    "numbers": {"serving_default": NUMBERS, "matrix": Signature(inputs=(X,), outputs=(SCORES,))},
    "plain": {"serving_default": Signature(inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),))},
}
WIRES = ("raw", "json", "tfserving")
Arrived = dict[str, list[Any]]


@pytest.fixture
def arrived(monkeypatch: pytest.MonkeyPatch) -> Arrived:
    """What the model was handed last, with the signature's name under ""."""
    last: Arrived = {}

    def compute(signature: str, tensors: list[Tensor]) -> list[Tensor]:
        last.clear()
        last.update({tensor.name: tensor.array.tolist() for tensor in tensors}, **{"": [signature]})
        rows = len(tensors[0].array)
        return [Tensor("scores", np.tile(np.array([0.25, 0.75], np.float32), (rows, 1)))]

    monkeypatch.setattr(frames_server, "compute", compute)
    return last


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with scene(tmp_path_factory.mktemp("tables")) as made:
        deployments = [
            deployment(version(1, made.server.path, signatures=signatures), name=name)
            for name, signatures in TABLES.items()
        ]
        await made.bus.put(*deployments)
        yield made


@pytest_asyncio.fixture(params=KINDS, loop_scope="module")
async def caller(request: pytest.FixtureRequest, at: Scene) -> AsyncIterator[Caller]:
    made = Caller(request.param, at.process.url, str(at.key))
    yield made
    await made.close()


@pytest.mark.parametrize("wire", WIRES)
async def test_rows_reach_the_model_whole_with_what_is_missing(caller: Caller, wire: str, arrived: Arrived) -> None:
    rows = [
        {"id": 2**53 + 1, "price": 0.1, "city": "Köln", "paid": True, "at": "2026-01-02", "size": "m"},
        {"id": None, "price": None, "city": None, "paid": None, "at": None},
    ]
    answer = await caller.call(lambda c: c.predict("mixed", rows, wire=wire))
    assert next(iter(answer.outputs.values())).tolist() == [[0.25, 0.75]] * 2
    np.testing.assert_array_equal(arrived.pop("price"), [0.1, np.nan])
    assert arrived == {
        "": ["serving_default"],
        "id": [2**53 + 1, 0],
        "city": ["Köln".encode(), b""],
        "paid": [True, False],
        "at": [b"2026-01-02", b""],
        "size": [b"m", b""],
        **{f"{name}:missing": [False, True] for name in ("id", "city", "paid", "at", "size")},
    }


@pytest.mark.parametrize("wire", WIRES)
async def test_whole_numbers_and_gaps_are_numbers_to_a_model_of_numbers(
    caller: Caller, wire: str, arrived: Arrived
) -> None:
    await caller.call(lambda c: c.predict("numbers", {"b": [1, None], "a": [0.5, 2]}, wire=wire))
    np.testing.assert_array_equal([arrived["a"], arrived["b"]], [[0.5, 2], [1, np.nan]])


@pytest.mark.parametrize("wire", WIRES)
async def test_columns_of_nothing_but_gaps_are_taken(caller: Caller, wire: str, arrived: Arrived) -> None:
    columns = {"id": [1], "price": [None], "city": [None], "paid": [None]}
    await caller.call(lambda c: c.predict("mixed", columns, wire=wire))
    assert (arrived["city"], arrived["city:missing"], arrived["paid:missing"]) == ([b""], [True], [True])
    assert np.isnan(arrived["price"]).all()


@pytest.mark.parametrize("wire", WIRES)
async def test_an_array_goes_to_the_matrix_of_a_table_of_numbers(caller: Caller, wire: str, arrived: Arrived) -> None:
    for array in (np.array([[1.0, 2.0]]), [[1, 2]], np.array([[1, 2]], dtype=object)):
        await caller.call(lambda c, array=array: c.predict("numbers", array, wire=wire))
        assert arrived == {"": ["matrix"], "x": [[1.0, 2.0]]}
    with pytest.raises(InvalidArgument, match=r"takes id integer, price number, .*size category\?: give them by name"):
        await caller.call(lambda c: c.predict("mixed", np.zeros((1, 6)), wire=wire))


async def test_a_signature_can_be_asked_for(caller: Caller, arrived: Arrived) -> None:
    await caller.call(lambda c: c.predict("numbers", {"x": [[1, 2]]}, signature="matrix"))
    assert arrived == {"": ["matrix"], "x": [[1.0, 2.0]]}
    with pytest.raises(InvalidArgument, match=r"no signature 'other': model 'numbers' has serving_default, matrix"):
        await caller.call(lambda c: c.predict("numbers", [[1, 2]], signature="other"))


async def test_names_that_differ_are_refused_with_both_sides(caller: Caller, arrived: Arrived) -> None:
    with pytest.raises(InvalidArgument, match=r"'a' is missing.*'c' is unknown.*'a' number"):
        await caller.call(lambda c: c.predict("numbers", {"b": [1], "c": [2]}))
    with pytest.raises(InvalidArgument, match=r"row 1: column 'b' is missing"):
        await caller.call(lambda c: c.predict("numbers", [{"a": 1, "b": 2}, {"a": 1}]))
    assert not arrived


async def test_classes_of_rows_of_a_table(caller: Caller, arrived: Arrived) -> None:
    rows = [{"id": 1, "price": None, "city": "a", "paid": None}]
    classes = await caller.call(lambda c: c.classify("mixed", rows))
    assert classes.top() == [("yes", 0.75), ("no", 0.25)]
    assert arrived["paid:missing"] == [True]


async def test_doubles_for_a_model_of_singles_just_work_and_the_caller_is_told_at_his_line(
    caller: Caller, arrived: Arrived
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            await caller.call(lambda c: c.predict("plain", np.array([[0.1, 0.2]])))
    assert arrived["x"] == np.array([[0.1, 0.2]], np.float32).tolist()
    [told] = caught
    assert (told.category, told.filename) == (RoundedWarning, __file__)
    assert "input 'x': FP64 numbers were rounded to FP32" in str(told.message)
    assert 'c.predict("plain"' in Path(__file__).read_text().splitlines()[told.lineno - 1]


@pytest.mark.parametrize(
    "exact", [np.array([[0.5, 2**24]]), np.array([[1, -3]]), [[0.1, 0.2]], np.array([[0.1, 0.2]], np.float32)]
)
async def test_nothing_is_told_where_nothing_is_lost(caller: Caller, exact: Any, arrived: Arrived) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        await caller.call(lambda c: c.predict("plain", exact))
    assert arrived["x"] == np.asarray(exact, np.float32).tolist()


async def test_digits_lost_from_lists_are_told(caller: Caller, arrived: Arrived) -> None:
    with pytest.warns(RoundedWarning, match="rounded to FP32"):
        await caller.call(lambda c: c.predict("plain", [[1764000010, 1]]))
    assert arrived["x"] == [[1764000000, 1]]


async def test_fractions_are_never_cut_off(caller: Caller, arrived: Arrived) -> None:
    columns = {"id": [1.5], "price": [1], "city": ["a"], "paid": [True]}
    with pytest.raises(InvalidArgument, match=r"'id' holds 1\.5, which INT64 cannot hold"):
        await caller.call(lambda c: c.predict("mixed", columns))
    assert not arrived


async def test_the_server_tells_the_columns(caller: Caller) -> None:
    info = await caller.call(lambda c: c.metadata("mixed"))
    assert ", ".join(map(str, info.inputs)) == (
        "id integer, price number, city text, paid boolean, at datetime?, size category?"
    )
