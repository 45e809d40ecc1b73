"""/api/v1/secrets: values that models send to their upstreams; they can be set, but no answer holds one."""

from datetime import datetime

import msgspec


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret without its value, which is sent to `hosts` alone; none: to whichever upstream names it. `usable` is
    false when the home lacks the key that it was encrypted with."""

    name: str
    hosts: tuple[str, ...]
    set_at: datetime
    set_by: str
    usable: bool = True
    revision: int = 1


class SetSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to set a secret. `value` is sent to `hosts` alone; none: to whichever upstream names the secret."""

    value: str
    hosts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "SetSecret()"  # without the value, wherever this is written
