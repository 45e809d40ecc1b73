"""The storage that a version of a data set is billed for, from when it is ready until it is deleted."""

from bms.control.datasets.nouns import DatasetVersion
from bms.control.platform.allotments import Allotment, storage_rates


def held_by(version: DatasetVersion) -> Allotment | None:
    """The allotment of the version's bytes; None where it has none."""
    rates = storage_rates(version.size)
    return Allotment(of="storage", subject=version.id, tenant=version.tenant, rates=rates) if rates else None
