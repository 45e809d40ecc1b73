"""Whose a call is."""

from bms.core.snapshot import KeyEntry
from bms.serving.traffic.snapshot_index import SnapshotIndex
from bms.web.inference.desk import Desk
from bms.web.inference.grpc.call import Call


class _Known:
    """What a head is known to mean for as long as the index is the same."""

    __slots__ = ("index", "key")

    def __init__(self, index: SnapshotIndex, key: KeyEntry) -> None:
        self.index = index
        self.key = key


def caller(desk: Desk, call: Call) -> KeyEntry:
    """The key in the call's metadata, `authorization` or `x-api-key`, as good as it is now.

    Raises Unauthenticated, PermissionDenied.
    """
    head, index = call.head, desk.index()
    known = head.memory
    if not isinstance(known, _Known) or known.index is not index:
        key = desk.authenticate(head.authorization, head.api_key)
        head.memory = known = _Known(index, key)
    return known.key


def taken(desk: Desk, call: Call) -> KeyEntry:
    """As `caller`, and counts one request of that key. Raises ResourceExhausted when it asks too often."""
    key = caller(desk, call)
    if key.rate_per_s is not None or key.expires_at is not None:
        desk.take(key)
    return key
