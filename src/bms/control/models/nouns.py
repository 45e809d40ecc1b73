"""The nouns of the registry: Model, Version, Alias, Gate."""

from datetime import datetime
from typing import Literal

import msgspec

from bms.core.formats.json_numbers import JsonNumber
from bms.core.latest import Newest
from bms.core.tensors.preprocessing import Preprocess
from bms.core.tensors.signature import Signature
from bms.core.workloads.environments import EnvironmentSpec

VersionState = Literal["uploading", "verifying", "ready", "rejected", "offline", "deleted"]


class Gate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition that a version must meet before an alias may point at it: `metric` on a data set's split, at least
    `minimum` or, where lower is better, at most `maximum`."""

    metric: str  # one of `core.metrics`
    dataset: str  # "name" (its newest ready version) or "name@3"
    minimum: float | None = None
    maximum: float | None = None
    split: str = "validation"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A line of versions under one name, unique in its tenant."""

    id: str
    tenant: str
    name: str
    description: str
    created_at: datetime
    gates: tuple[Gate, ...] = ()
    deleted: bool = False
    revision: int = 1


class ListedModel(Model, frozen=True, kw_only=True):
    """A model in a list of them: with its newest version, but for unfinished uploads and deleted ones."""

    newest: Newest | None = None


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one gate: its measured `value`; or `reason`, why it could not be measured; or neither, while it is
    being measured. `gate` is the data set as the gate names it, empty in results that are older than this field;
    `dataset` names the exact version measured on ("name@3"), or as the gate does where there was none. `note` tells
    people which columns and classes of it were compared with which of the model's. Where a `value` has a `reason` as
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


GateState = Literal["passed", "failed", "measuring", "unmeasurable", "not measured"]


class GateStanding(msgspec.Struct, frozen=True, kw_only=True):
    """The standing of a version with one gate of its model, as both are now. `why` is for people: empty where it
    passed."""

    metric: str
    dataset: str  # as the gate names it
    split: str
    minimum: float | None
    maximum: float | None
    state: GateState
    why: str = ""
    result: GateResult | None = None  # the newest


class Lineage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The origin of a version. `parent` is the number of the version of the same model it was made from."""

    parent: int | None = None
    relation: Literal["", "converted", "compressed", "fine-tuned"] = ""
    job: str | None = None
    datasets: tuple[str, ...] = ()  # "name@3"


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """The measurements of a version's verification: resident bytes, and nanoseconds to load and to answer one row."""

    memory: int
    load_ns: int
    infer_ns: int


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version. `artifact` is the digest of its tree; content and signature never change once ready;
    only state, gate results and metadata notes do.
    """

    id: str
    tenant: str
    model: str  # the model's name
    number: int
    state: VersionState
    runtime: str  # "onnx", "sklearn"; empty until it is recognised, unless its maker named it
    artifact: str
    size: int
    created_at: datetime
    created_by: str
    signatures: dict[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()  # class names, in the order of the scores
    environment: EnvironmentSpec = EnvironmentSpec()
    allow_pickle: bool = False
    metrics: dict[str, JsonNumber] = {}
    metadata: dict[str, str] = {}
    lineage: Lineage = Lineage()
    measurement: Measurement | None = None
    gate_results: tuple[GateResult, ...] = ()
    reason: str = ""  # why it was rejected, in words for its maker
    format: str = ""  # what its files were recognised as, e.g. "skops"; empty until then
    revision: int = 1


class VersionFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a version that routing needs: a tenth of its size. Equal parts of many are one object."""

    tenant: str
    model: str
    number: int
    state: VersionState
    runtime: str
    signatures: dict[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A movable name of one version: what TF Serving calls a version label."""

    tenant: str
    model: str
    name: str
    version: int
    moved_at: datetime
    moved_by: str
    previous: int | None = None
    revision: int = 1


class NewVersion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The declaration of a version to be made, beside its files. `runtime` empty: recognised from the files."""

    runtime: str = ""
    signatures: dict[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    environment: EnvironmentSpec = EnvironmentSpec()
    allow_pickle: bool = False
    metrics: dict[str, JsonNumber] = {}
    metadata: dict[str, str] = {}
    lineage: Lineage = Lineage()
