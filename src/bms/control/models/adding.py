"""Adds models and versions inside a transaction: shared by creating, uploading and registering."""

from datetime import datetime

import msgspec

from bms.control.models.drafts import draft
from bms.control.models.events import ModelCreated
from bms.control.models.lookup import live_model, model_event
from bms.control.models.nouns import Gate, Model, NewVersion, Version, VersionState
from bms.control.models.ports import ModelsTx
from bms.control.platform.trees import Tree
from bms.core.errors import AlreadyExists, InvalidArgument
from bms.core.ids import new_id


async def add_model(
    tx: ModelsTx, tenant: str, name: str, by: str, at: datetime, description: str = "", gates: tuple[Gate, ...] = ()
) -> Model:
    """Makes a model, or brings a deleted one's name back into use. Raises AlreadyExists for a live one."""
    before = await tx.held_model(tenant, name)
    if before is None:
        made = Model(id=new_id("model"), tenant=tenant, name=name, description=description, created_at=at, gates=gates)
        await tx.add_model(made)
    elif before.deleted:
        revived = msgspec.structs.replace(before, description=description, gates=gates, created_at=at, deleted=False)
        made = await tx.save_model(revived)
    else:
        raise AlreadyExists(f"a model named {name!r} exists already in this tenant: choose another name")
    await tx.emit(model_event(ModelCreated(), made, by, at))
    return made


async def ensure_model(tx: ModelsTx, tenant: str, name: str, by: str, at: datetime) -> Model:
    """The live model of that name, made now if need be, and locked."""
    found = await tx.held_model(tenant, name)
    if found is None or found.deleted:
        try:
            return await add_model(tx, tenant, name, by, at)
        except AlreadyExists:
            if await tx.held_model(tenant, name) is None:  # it is another's name but for case
                raise
            return await live_model(tx, tenant, name, hold=True)  # somebody else made it in the same instant
    return found


async def add_version(
    tx: ModelsTx, tenant: str, model: str, contents: Tree, new: NewVersion, *, state: VersionState,
    by: str, at: datetime, job: str | None = None,
) -> Version:  # fmt: skip
    """Adds the next version of a locked model. Raises InvalidArgument when its parent is not a version of the same
    model."""
    parent = new.lineage.parent
    if parent is not None and await tx.version(tenant, model, parent) is None:
        raise InvalidArgument(f"parent {parent} is not a version of {model!r}")
    number = await tx.next_number(tenant, model)
    version = draft(tenant, model, number, contents, new, state=state, by=by, at=at)
    await tx.add_version(version, job)
    return version
