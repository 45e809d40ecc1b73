"""/api/v1/models: lines of versions under one name, and the aliases that move from one to the next."""

from datetime import datetime

import msgspec

from bms.api_types.gates import Gate
from bms.core.latest import Newest


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A line of versions under one name, unique in its tenant."""

    id: str
    tenant: str = ""
    name: str
    description: str
    created_at: datetime
    gates: tuple[Gate, ...] = ()
    deleted: bool = False
    revision: int = 1


class ListedModel(Model, frozen=True, kw_only=True):
    """A model in a list of them: with its newest version, but for unfinished uploads and deleted ones."""

    newest: Newest | None = None


class CreateModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    description: str = ""
    gates: tuple[Gate, ...] = ()


class ChangeModel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: str | None = None
    gates: tuple[Gate, ...] | None = None


class Alias(msgspec.Struct, frozen=True, kw_only=True):
    """A movable name of one version: what TF Serving calls a label."""

    tenant: str = ""
    model: str
    name: str
    version: int
    moved_at: datetime
    moved_by: str
    previous: int | None = None
    revision: int = 1


class MoveAlias(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`force` passes over the model's gates; admins and owners only."""

    version: int
    force: bool = False
