"""The storage that a version is billed for while it is kept: its bytes, whether or not others keep the same
contents."""

from datetime import datetime

from bms.control.models.nouns import Version
from bms.control.models.ports import ModelsTx
from bms.control.platform.allotments import Allotment, storage_rates


async def begin_storage(tx: ModelsTx, version: Version, at: datetime) -> None:
    """Opens the version's allotment, from when it is visible, with all its bytes."""
    if (held := held_by(version)) is not None:
        await tx.open_allotment(held, at)


async def end_storage(tx: ModelsTx, version: Version, at: datetime) -> None:
    """Closes the version's allotment when it is deleted: one that was rejected or is offline keeps its bytes."""
    await tx.close_allotment(version.tenant, "storage", version.id, at)


def held_by(version: Version) -> Allotment | None:
    """The allotment of the version's bytes; None where it has none."""
    rates = storage_rates(version.size)
    if not rates:
        return None
    return Allotment(
        of="storage",
        subject=version.id,
        tenant=version.tenant,
        model=version.model,
        version=version.number,
        rates=rates,
    )
