"""Makes a version's first form from its files and what their maker declares."""

from collections.abc import Collection
from datetime import datetime

from bms.control.models.nouns import NewVersion, Version, VersionState
from bms.control.platform.trees import Tree
from bms.core.errors import InvalidArgument
from bms.core.formats.json_numbers import json_numbers
from bms.core.ids import new_id


def declared_runtime(declared: str, known: Collection[str]) -> str:
    """The runtime that the maker declared; empty: it is to be recognised. Raises InvalidArgument for an unknown one."""
    if declared and declared not in known:
        raise InvalidArgument(f"unknown runtime {declared[:80]!r}: use one of {', '.join(known)}, or leave it out")
    return declared


def draft(
    tenant: str, model: str, number: int, tree: Tree, new: NewVersion, *, state: VersionState,
    by: str, at: datetime,
) -> Version:  # fmt: skip
    """A new version whose artifact is `tree`."""
    return Version(
        id=new_id("version"),
        tenant=tenant,
        model=model,
        number=number,
        state=state,
        runtime=new.runtime,
        artifact=tree.digest,
        size=tree.size,
        created_at=at,
        created_by=by,
        signatures=new.signatures,
        preprocess=new.preprocess,
        labels=new.labels,
        environment=new.environment,
        allow_pickle=new.allow_pickle,
        metrics=json_numbers(new.metrics),
        metadata=new.metadata,
        lineage=new.lineage,
    )
