"""Events of secrets; no event holds a value."""

from bms.core.events import Payload


class SecretSet(Payload, frozen=True, kw_only=True):
    """A secret was set or replaced; the subject is its name."""

    EVENT = "secret.set"


class SecretDeleted(Payload, frozen=True, kw_only=True):
    """A secret was deleted; the subject is its name."""

    EVENT = "secret.deleted"
