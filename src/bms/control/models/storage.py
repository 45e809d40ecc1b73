"""What a version holds while it is kept: its bytes, as it says them, whoever else keeps the same contents."""

from datetime import datetime

from bms.control.models.nouns import Version
from bms.control.models.ports import ModelsTx
from bms.control.platform.allotments import Allotment, storage_rates


async def begin_storage(tx: ModelsTx, version: Version, at: datetime) -> None:
    """From when it is visible, with all its bytes."""
    if (held := held_by(version)) is not None:
        await tx.open_allotment(held, at)


async def end_storage(tx: ModelsTx, version: Version, at: datetime) -> None:
    """Until it is deleted: a version that was rejected or is offline keeps its bytes."""
    await tx.close_allotment(version.tenant, "storage", version.id, at)


def held_by(version: Version) -> Allotment | None:
    """None where it has no bytes."""
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
