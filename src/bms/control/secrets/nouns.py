"""The noun Secret: a named value that a tenant's models may use. None of these classes holds the value."""

from datetime import datetime

import msgspec


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret, without its value. It is sent to upstreams on `hosts` alone; none: on any."""

    tenant: str
    name: str
    hosts: tuple[str, ...]
    key_id: str  # of the key that it is encrypted with
    set_at: datetime
    set_by: str
    revision: int = 1


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    """A secret as people see it. `usable` is false when the home lacks the key that it was encrypted with."""

    name: str
    hosts: tuple[str, ...]
    set_at: datetime
    set_by: str
    usable: bool
    revision: int
