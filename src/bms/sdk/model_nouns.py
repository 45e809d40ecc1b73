"""What the API tells of models, versions and aliases."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from bms.core.newest import Newest
from bms.sdk.metric_numbers import Numbers, as_numbers
from bms.sdk.signatures import EnvironmentSpec, Preprocess, Signature


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """What a version must reach on a data set's split before an alias may point at it: at least `minimum` of `metric`,
    or, of one that is better when lower, at most `maximum`."""

    metric: str
    dataset: str
    minimum: float | None = None
    maximum: float | None = None
    split: str = "validation"


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured, by which job; or `reason`, why it could not be; or neither, while it is being measured.

    `gate` is the data set as the gate names it, `dataset` the version measured on. `note` says what of the data set was
    held against what of the model. Where a `value` has a `reason` as well, job
    `tried` could not measure the same again.
    """

    metric: str
    gate: str = ""
    dataset: str
    split: str
    minimum: float | None = None
    maximum: float | None = None
    value: float | None = None
    passed: bool = False
    at: datetime
    job: str = ""
    note: str = ""
    reason: str = ""
    tried: str = ""

    @property
    def measuring(self) -> bool:
        return self.value is None and not self.reason


class GateStanding(msgspec.Struct, frozen=True, kw_only=True):
    """How a version stands with one gate of its model. `state` is passed, failed, measuring, unmeasurable or not
    measured; `why` says it to people, empty where it passed; `result` is the newest."""

    metric: str
    dataset: str
    split: str
    minimum: float | None = None
    maximum: float | None = None
    state: str
    why: str = ""
    result: GateResult | None = None


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A line of versions under one name; its `newest` one is told in lists alone."""

    id: str
    name: str
    description: str
    created_at: datetime
    gates: tuple[Gate, ...] = ()
    revision: int = 1
    newest: Newest | None = None


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a version came from; `parent` is a version of the same model, `datasets` are "name@3"."""

    parent: int | None = None
    relation: str = ""
    job: str | None = None
    datasets: tuple[str, ...] = ()


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """Resident bytes, and nanoseconds to load and to answer one row."""

    memory: int
    load_ns: int
    infer_ns: int


class Version(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    model: str
    number: int
    state: str
    runtime: str
    artifact: str
    size: int
    created_at: datetime
    created_by: str
    signatures: dict[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    environment: EnvironmentSpec = EnvironmentSpec()
    metrics: Numbers = {}
    metadata: dict[str, str] = {}
    lineage: Lineage = Lineage()
    measurement: Measurement | None = None
    gate_results: tuple[GateResult, ...] = ()
    reason: str = ""
    format: str = ""
    revision: int = 1

    def __post_init__(self) -> None:
        as_numbers(self, self.metrics)


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    name: str
    version: int
    moved_at: datetime
    moved_by: str
    previous: int | None = None
    revision: int = 1


class NewVersion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version is to be beside its files; what is left out is found out by verification."""

    runtime: str = ""
    signatures: Mapping[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    environment: EnvironmentSpec = EnvironmentSpec()
    allow_pickle: bool = False
    metrics: Mapping[str, float] = {}
    metadata: Mapping[str, str] = {}
    lineage: Lineage = Lineage()
