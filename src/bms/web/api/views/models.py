"""Converts models and aliases into answers of the API."""

import msgspec

from bms.api_types import models
from bms.control.models.nouns import Alias, ListedModel, Model
from bms.web.api.views.gates import gate


def model(one: Model) -> models.Model:
    return models.Model(
        id=one.id,
        tenant=one.tenant,
        name=one.name,
        description=one.description,
        created_at=one.created_at,
        gates=tuple(gate(each) for each in one.gates),
        deleted=one.deleted,
        revision=one.revision,
    )


def listed(one: ListedModel) -> models.ListedModel:
    return models.ListedModel(**msgspec.structs.asdict(model(one)), newest=one.newest)


def alias(one: Alias) -> models.Alias:
    return models.Alias(
        tenant=one.tenant,
        model=one.model,
        name=one.name,
        version=one.version,
        moved_at=one.moved_at,
        moved_by=one.moved_by,
        previous=one.previous,
        revision=one.revision,
    )
