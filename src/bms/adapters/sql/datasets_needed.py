"""Holds data sets that a transaction begins to need until it ends, so that none is deleted meanwhile."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bms.adapters.sql.tables.datasets import dataset_versions as versions
from bms.adapters.sql.tables.datasets import datasets
from bms.core.errors import FailedPrecondition


async def hold(connection: AsyncConnection, tenant: str, needed: Mapping[str, str | None]) -> None:
    """Locks the data sets. `needed`: references ("digits", "digits@3"), each with the tree that it must name to be one
    of a data set, None for any. Raises FailedPrecondition where one was deleted; those that name nothing are passed
    over."""
    names = {reference: reference.partition("@")[0] for reference in needed}
    mine = select(datasets.c.name, datasets.c.deleted).where(
        datasets.c.tenant == tenant, datasets.c.name.in_(sorted(set(names.values())))
    )
    rows = await connection.execute(mine.order_by(datasets.c.name).with_for_update())
    deleted = {name for name, gone in rows if gone}
    for reference, tree in needed.items():
        number = reference.partition("@")[2]
        if not number:
            gone = reference in deleted
        elif number.isascii() and number.isdecimal() and len(number) < 10:
            of = versions.c
            one = (of.tenant == tenant, of.dataset == names[reference], of.number == int(number), of.state == "deleted")
            same = one if tree is None else (*one, of.tree == tree)
            gone = (await connection.execute(select(of.id).where(*same))).first() is not None
        else:
            gone = False
        if gone:
            raise FailedPrecondition(f"data set {reference} was deleted: name another (`bms dataset list`)")
