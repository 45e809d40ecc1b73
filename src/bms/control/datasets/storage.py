"""What a version of a data set holds from when it is ready until it is deleted: its bytes, as it says them."""

from bms.control.datasets.nouns import DatasetVersion
from bms.control.platform.allotments import Allotment, storage_rates


def held_by(version: DatasetVersion) -> Allotment | None:
    """None where it has no bytes."""
    rates = storage_rates(version.size)
    return Allotment(of="storage", subject=version.id, tenant=version.tenant, rates=rates) if rates else None
