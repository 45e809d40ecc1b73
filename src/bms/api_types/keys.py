"""/api/v1/keys: API keys, with which programs act as a user."""

from datetime import datetime

import msgspec


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key without its secret, of which only a digest is stored. `rate_per_s` counts inference requests, None:
    not limited; empty `scopes`: all that the user's role allows."""

    id: str
    tenant: str
    user: str
    name: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    rate_per_s: float | None = None
    burst: int | None = None
    revision: int = 1


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A new API key with its full text `id.secret`, shown this once."""

    key: Key
    text: str


class CreateKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to create an API key. `user` is an id or name, by default the asker; empty `scopes` mean all that the
    user's role allows."""

    name: str
    user: str | None = None
    scopes: frozenset[str] = frozenset()
    expires_at: datetime | None = None
    rate_per_s: float | None = None
    burst: int | None = None
