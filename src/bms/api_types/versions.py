"""/api/v1/models/NAME/versions: immutable versions of a model, and the requests that create them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from bms.api_types.blobs import FileEntry
from bms.api_types.environments import EnvironmentSpec
from bms.api_types.gates import GateResult
from bms.api_types.preprocessing import Preprocess
from bms.api_types.signatures import Signature
from bms.core.formats.json_numbers import JsonNumber

VersionState = Annotated[
    str,
    msgspec.Meta(extra_json_schema={"enum": ["deleted", "offline", "ready", "rejected", "uploading", "verifying"]}),
]
Relation = Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["", "compressed", "converted", "fine-tuned"]})]


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """What a version was made from. `parent` is the number of the version of the same model it was made from,
    `datasets` are "name@3"."""

    parent: int | None = None
    relation: Relation = ""
    job: str | None = None
    datasets: tuple[str, ...] = ()


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What verification measured: resident bytes, and nanoseconds to load and to answer one row."""

    memory: int
    load_ns: int
    infer_ns: int


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One immutable version of a model. `artifact` is the digest of its tree; content and signature never change once
    ready; only state, gate results and metadata notes do."""

    id: str
    tenant: str = ""
    model: str
    number: int
    state: VersionState
    runtime: str
    artifact: str
    size: int
    created_at: datetime
    created_by: str
    signatures: dict[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    environment: EnvironmentSpec = EnvironmentSpec()
    allow_pickle: bool = False
    metrics: Mapping[str, JsonNumber] = {}
    metadata: dict[str, str] = {}
    lineage: Lineage = Lineage()
    measurement: Measurement | None = None
    gate_results: tuple[GateResult, ...] = ()
    reason: str = ""
    format: str = ""
    revision: int = 1


class StartedUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A version and the digests whose contents are still to be sent before it can be completed."""

    version: Version
    missing: tuple[str, ...] = ()


class NewVersion(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a new version, beside its files. What is left out is found out by verification."""

    runtime: str = ""
    signatures: Mapping[str, Signature] = {}
    preprocess: Preprocess | None = None
    labels: tuple[str, ...] = ()
    environment: EnvironmentSpec = EnvironmentSpec()
    allow_pickle: bool = False
    metrics: Mapping[str, JsonNumber] = {}
    metadata: Mapping[str, str] = {}
    lineage: Lineage = Lineage()


class CreateVersion(NewVersion, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to create a version, with its content: `files` to be put as blobs, an `archive` (zip, tar) or a `tree`
    that are blobs already."""

    files: tuple[FileEntry, ...] = ()
    archive: str | None = None
    tree: str | None = None
