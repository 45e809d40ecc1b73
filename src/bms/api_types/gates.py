"""…/gates of a version: the metrics it must reach before an alias may point at it, and their results."""

from datetime import datetime
from typing import Annotated

import msgspec

GateState = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["failed", "measuring", "not measured", "passed", "unmeasurable"]}),
]


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that a version must reach before an alias may point at it: `metric` on a data set's split, at least
    `minimum` or, where lower is better, at most `maximum`."""

    metric: str
    dataset: str
    minimum: float | None = None
    maximum: float | None = None
    split: str = "validation"


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one gate: its measured `value`; or `reason`, why it could not be measured; or neither, while it is
    being measured. `gate` is the data set as the gate names it, empty in results that are older than this field;
    `dataset` names the exact version measured on ("name@3"), or as the gate does where there was none. `note` says for
    people which columns and classes of it were held against which of the model's. Where a `value` has a `reason` as
    well, job `tried` could not measure the same again, and that is why."""

    metric: str
    gate: str = ""
    dataset: str
    split: str
    minimum: float | None = None
    maximum: float | None = None
    value: float | None = None
    passed: bool = False
    job: str = ""
    at: datetime
    note: str = ""
    reason: str = ""
    tried: str = ""

    @property
    def measuring(self) -> bool:
        return self.value is None and not self.reason


class GateStanding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a version passes one gate of its model, by the gate and the result of now. `why` is for people: empty
    where it passed."""

    metric: str
    dataset: str
    split: str
    minimum: float | None = None
    maximum: float | None = None
    state: GateState
    why: str = ""
    result: GateResult | None = None
