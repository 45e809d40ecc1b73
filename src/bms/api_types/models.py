"""/api/v1/models: named series of versions, and the aliases that point at versions."""

from datetime import datetime

import msgspec

from bms.api_types.gates import Gate
from bms.core.latest import Newest


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A named series of versions, unique in its tenant."""

    id: str
    tenant: str = ""
    name: str
    description: str
    created_at: datetime
    gates: tuple[Gate, ...] = ()
    deleted: bool = False
    revision: int = 1


class ListedModel(Model, frozen=True, kw_only=True):
    """A model as listings show it: with its newest version, unfinished uploads and deleted ones left out."""

    newest: Newest | None = None


class CreateModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    description: str = ""
    gates: tuple[Gate, ...] = ()


class ChangeModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: str | None = None
    gates: tuple[Gate, ...] | None = None


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A movable name for one version: what TF Serving calls a label."""

    tenant: str = ""
    model: str
    name: str
    version: int
    moved_at: datetime
    moved_by: str
    previous: int | None = None
    revision: int = 1


class MoveAlias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to point an alias at a version. `force` passes over the model's gates; admins and owners only."""

    version: int
    force: bool = False
