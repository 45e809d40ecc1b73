"""Events of a tenant after its deletion."""

from bms.core.events import Payload


class TenantRemoved(Payload, frozen=True, kw_only=True):
    """Nothing is left of a deleted tenant but its name, events and usage: told in the operator's log."""

    EVENT = "tenant.removed"
    blobs: int
    bytes: int
    rows: int
