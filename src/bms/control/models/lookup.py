"""Lookups and events shared by the use cases of models."""

from datetime import datetime

from bms.control.models.checks import MAX_NUMBER, check_model
from bms.control.models.events import OfModel, OfVersion
from bms.control.models.nouns import Model, Version
from bms.control.models.ports import ModelsTx
from bms.core.errors import Aborted, NotFound
from bms.core.events import Event


async def live_model(tx: ModelsTx, tenant: str, name: str, *, hold: bool = False) -> Model:
    """The model. Raises NotFound; a deleted model is not found either."""
    check_model(name)
    model = await (tx.held_model(tenant, name) if hold else tx.model(tenant, name))
    if model is None or model.deleted:
        raise NotFound(f"no model {name!r} in this tenant: list them with `bms model list`")
    return model


async def known_version(tx: ModelsTx, tenant: str, model: str, number: int) -> Version:
    """The version in any state, deleted ones included. Raises NotFound."""
    check_model(model)
    version = await tx.version(tenant, model, number) if 1 <= number <= MAX_NUMBER else None
    if version is None:
        raise NotFound(f"model {model!r} has no version {number} in this tenant: list them with `bms model versions`")
    return version


def expect(revision: int | None, actual: int) -> None:
    """Checks the revision of an update. Raises Aborted when the caller's is not the actual one."""
    if revision is not None and revision != actual:
        raise Aborted(f"it was changed by someone else: you saw revision {revision}, it is {actual}; read it again")


def model_event(payload: OfModel, model: Model, actor: str, at: datetime) -> Event[OfModel]:
    return Event(payload=payload, tenant=model.tenant, subject=model.name, actor=actor, at=at)


def version_event(payload: OfVersion, version: Version, actor: str, at: datetime) -> Event[OfVersion]:
    return Event(payload=payload, tenant=version.tenant, subject=version.id, actor=actor, at=at)
