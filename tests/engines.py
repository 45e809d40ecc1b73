"""Engines made for tests, and who listens to them."""

import queue
from collections.abc import Callable, Mapping

import numpy as np

from bms.core.errors import BmsError
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array
from bms.serving.engines.engine import End, EngineCapacity, EngineRequest, Events
from tests.servables import ROW, FunctionServable, doubled

WORDS = Signature(
    inputs=(TensorSpec(name="to", dtype="INT64", shape=(1,)),),
    outputs=(TensorSpec(name="n", dtype="INT64", shape=(1,)),),
    batched=False,
)


class ScriptedEngine:
    """Does nothing by itself: a test tells the events of what was `submitted`."""

    streaming = frozenset({"count"})

    def __init__(self, at_once: int = 2, waiting: int = 3) -> None:
        self.places = EngineCapacity(at_once, waiting)
        self.submitted: list[tuple[EngineRequest, Events]] = []
        self.cancelled: list[int] = []
        self.closed = 0
        self.refuses: Exception | None = None

    def capacity(self) -> EngineCapacity:
        return self.places

    def submit(self, request: EngineRequest, events: Events) -> int:
        if self.refuses is not None:
            raise self.refuses
        self.submitted.append((request, events))
        return len(self.submitted) - 1

    def cancel(self, handle: object) -> None:
        assert isinstance(handle, int)
        self.cancelled.append(handle)

    def close(self) -> None:
        self.closed += 1

    def asked(self, number: int) -> list[float]:
        """The first column of a request's rows."""
        values: list[float] = self.submitted[number][0].inputs["x"][:, 0].tolist()
        return values

    def answer(self, number: int, end: End = End()) -> None:
        request, events = self.submitted[number]
        events.part(doubled(dict(request.inputs)))
        events.end(end)


class EngineFunction(FunctionServable):
    """A servable of rows and of a stream "count", both answered by `engine`."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(doubled, {DEFAULT: ROW, "count": WORDS})
        self.engine = engine


class Heard:
    """Events as they were told: ("began",), ("part", {name: list}), ("end", End) or ("failed", code)."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[tuple[object, ...]] = queue.SimpleQueue()

    def began(self) -> None:
        self.told.put(("began",))

    def part(self, outputs: Mapping[str, Array]) -> None:
        self.told.put(("part", {name: array.tolist() for name, array in outputs.items()}))

    def end(self, end: End) -> None:
        self.told.put(("end", end))

    def failed(self, error: BmsError) -> None:
        self.told.put(("failed", error.code))

    def next(self) -> tuple[object, ...]:
        return self.told.get(timeout=20)

    def rest(
        self, seen: Callable[[tuple[object, ...]], bool] = lambda event: event[0] in ("end", "failed")
    ) -> list[object]:
        """All that is told, up to the end."""
        found: list[object] = []
        while not found or not seen(found[-1]):  # type: ignore[arg-type]
            found.append(self.next())
        return found


def to(number: int) -> dict[str, Array]:
    return {"to": np.array([number])}
