"""Servables made of plain functions, for tests of what stands around a runtime."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from msgspec import structs

from bms.core.errors import FailedPrecondition
from bms.core.tensors.parameters import Parameter
from bms.core.tensors.signature import DEFAULT, Signature, TensorSpec
from bms.core.tensors.tensor import Array

Function = Callable[[dict[str, Array]], dict[str, Array]]
ROW = Signature(
    inputs=(TensorSpec(name="x", dtype="FP32", shape=(None, 2)),),
    outputs=(TensorSpec(name="y", dtype="FP32", shape=(None, 2)),),
)


class FunctionServable:
    """Answers with `function`, and notes the number of rows of every run."""

    format = "function"

    def __init__(self, function: Function, signatures: dict[str, Signature] | None = None) -> None:
        self.signatures = signatures or {DEFAULT: ROW}
        self.runs: list[int] = []
        self.closed = 0
        self._function = function

    def infer(self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()) -> dict[str, Array]:
        if self.closed:
            raise FailedPrecondition("this servable is closed")
        self.runs.append(len(next(iter(inputs.values()))))
        given = self._function(dict(inputs))
        return {name: given[name] for name in outputs or given}

    def close(self) -> None:
        self.closed += 1


class TimesServable(FunctionServable):
    """`ParameterizedServable`: multiplies by the parameter `times`."""

    def __init__(self) -> None:
        params = (Parameter(name="times", type="integer", default=1),)
        super().__init__(lambda inputs: {"y": inputs["x"]}, {DEFAULT: structs.replace(ROW, params=params)})

    def infer_with(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...], params: Mapping[str, Any]
    ) -> dict[str, Array]:
        return {
            name: array * np.float32(params["times"]) for name, array in self.infer(signature, inputs, outputs).items()
        }


class ExemplaryFunction(FunctionServable):
    """Has an example: a row of sevens, then one of eights."""

    def __init__(self, function: Function, signatures: dict[str, Signature] | None = None) -> None:
        super().__init__(function, signatures)
        self.examples = {DEFAULT: {"x": np.float32([[7, 7], [8, 8]])}}


class CountingServable(FunctionServable):
    """Beside "serving_default" it streams: "count" answers 0, 1, … up to its input, one at a time."""

    streaming = frozenset({"count"})

    def __init__(self) -> None:
        count = Signature(
            inputs=(TensorSpec(name="to", dtype="INT64", shape=(1,)),),
            outputs=(TensorSpec(name="n", dtype="INT64", shape=(1,)),),
            batched=False,
        )
        super().__init__(doubled, {DEFAULT: ROW, "count": count})
        self.ended = 0

    def stream(
        self, signature: str, inputs: Mapping[str, Array], outputs: tuple[str, ...] = ()
    ) -> Iterator[dict[str, Array]]:
        try:
            for number in range(int(inputs["to"][0])):
                if number == 13:
                    raise FailedPrecondition("nobody counts beyond 13")
                yield {"n": np.array([number])}
        finally:
            self.ended += 1


def doubled(inputs: dict[str, Array]) -> dict[str, Array]:
    return {"y": np.asarray(inputs["x"], dtype=np.float32) * 2}
