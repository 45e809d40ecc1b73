"""The snapshot: all that gateways must know to answer without asking control, as entries, one per key, deployment and
so on.

Control sends puts and deletes by (kind, id); the gateway keeps the last good state on its disk. An entry is
complete in itself, so one change costs one entry, however many there are. A new kind is a class of its own here, in
`Entry`, and a source of control's snapshot (`bms.control.snapshots`).
"""

from typing import Literal

import msgspec

from bms.core.access.principal import Role
from bms.core.tensors.signature import Signature


class KeyEntry(msgspec.Struct, frozen=True, kw_only=True, tag="key"):
    """A valid API key, whatever its permissions. Revoked and expired ones are absent (expiry is checked again)."""

    id: str
    tenant: str
    user: str
    role: Role
    scopes: frozenset[str]
    digest: bytes
    expires_at: int | None = None  # Unix nanoseconds
    rate_per_s: float | None = None
    burst: int | None = None


class ReplicaAddress(msgspec.Struct, frozen=True, kw_only=True):
    """One ready replica: where the model server of one version listens, and the token that it asks of who connects."""

    id: str
    address: str  # endpoint (`core.endpoints`)
    token: bytes = b""


class ServedVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a deployment that is loaded and ready, with all that is needed to decode requests for it."""

    number: int
    state: Literal["START", "LOADING", "AVAILABLE", "UNLOADING", "END"]
    signatures: dict[str, Signature]
    replicas: tuple[ReplicaAddress, ...]
    aliases: tuple[str, ...] = ()
    weight: int = 0  # share of requests that name no version; 0: only when named
    platform: str = ""  # e.g. "onnx", shown by OIP metadata
    error: str = ""
    max_rows: int = 1  # rows that may run together: as many may travel to a replica as one micro-batch


Dialect = Literal["tfserving", "kserve"]
"""How `:predict`, and the Open Inference Protocol where a request names no outputs, answer for a classifier: all
outputs, or as KServe's servers do, labels alone."""


class DeploymentEntry(msgspec.Struct, frozen=True, kw_only=True, tag="deployment"):
    """One deployment: a name that a tenant's clients call, and where its requests go."""

    id: str
    tenant: str
    name: str
    model: str
    versions: tuple[ServedVersion, ...]
    max_in_flight: int = 256  # queued and running requests per gateway; more are refused with 429
    timeout_s: float = 30.0
    dialect: Dialect = "tfserving"
    known_aliases: tuple[str, ...] = ()  # of the model, served here or not: an unknown one is 404, unserved 503
    unserved_aliases: dict[str, int] = {}  # of these, with its number, whose version isn't to be served either: 404
    revision: int = 0  # of the route: which versions have the traffic, and what share of it; usage is booked with it


Entry = KeyEntry | DeploymentEntry
"""What this release knows; gateways leave out kinds that they do not know (`bms.protocols.snapshots.kinds`)."""
EntryName = tuple[str, str]
"""Kind, which is the tag of the entry's class, and id."""


def name_of(entry: Entry) -> EntryName:
    return (str(entry.__struct_config__.tag), entry.id)


class SnapshotUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="update"):
    """One update of the snapshot. `full` replaces everything; otherwise `puts` and `deletes` are applied.

    A large one travels in parts that say `more`, which are one step together with the part that does not.
    """

    revision: int
    full: bool
    puts: tuple[Entry, ...] = ()
    deletes: tuple[EntryName, ...] = ()
    pepper: bytes = b""  # to check key secrets; only in full updates
    more: bool = False


class SnapshotState(msgspec.Struct, frozen=True, kw_only=True):
    """The whole snapshot, as kept on the gateway's disk."""

    revision: int
    pepper: bytes
    entries: tuple[Entry, ...]
