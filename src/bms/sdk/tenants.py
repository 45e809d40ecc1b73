"""Tenants, users and keys: who owns things, who acts, and with what."""

from datetime import datetime

import msgspec

from bms.sdk.binding import D, Resource, operation, path_part, stream
from bms.sdk.flow import Flow, Stream


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    revision: int = 1


class User(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    tenant: str
    name: str
    role: str
    created_at: datetime
    disabled: bool = False
    revision: int = 1


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key without its secret. `rate_per_s` None: not limited; empty `scopes`: all that the user's role allows."""

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
    """A key and, this once, its whole text `id.secret`."""

    key: Key
    text: str


class NewTenant(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant with its first owner and that owner's key."""

    tenant: Tenant
    owner: User
    key: NewKey


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the client's key acts as."""

    tenant: str
    user: str
    key: str
    role: str
    scopes: frozenset[str] = frozenset()


class Tenants(Resource[D]):
    """/api/v1/tenants"""

    @operation
    def create(self, id: str, *, owner: str = "admin") -> Flow[NewTenant]:
        """A tenant, its owner and the owner's key. Only owners of the tenant `default` may do this."""
        return self._post("/tenants", NewTenant, {"id": id, "owner": owner})

    @stream
    def list(self) -> Stream[Tenant]:
        """All tenants for the operator, one's own for others."""
        return self._pages("/tenants", Tenant)

    @operation
    def whoami(self) -> Flow[Identity]:
        """Who this client's key acts as."""
        return self._get("/whoami", Identity)


class Users(Resource[D]):
    """/api/v1/users"""

    @operation
    def create(self, name: str, *, role: str = "developer") -> Flow[User]:
        """Raises AlreadyExists; PermissionDenied for a role above one's own."""
        return self._post("/users", User, {"name": name, "role": role})

    @operation
    def get(self, id_or_name: str) -> Flow[User]:
        return self._get(f"/users/{path_part(id_or_name)}", User)

    @stream
    def list(self) -> Stream[User]:
        return self._pages("/users", User)

    @operation
    def change(
        self,
        id_or_name: str,
        *,
        role: str | None = None,
        disabled: bool | None = None,
        revision: int | None = None,
        force: bool = False,
    ) -> Flow[User]:
        """Raises Aborted when `revision` is given and is no longer the current one, and FailedPrecondition, unless told
        to `force`, for the last owner, or the last one with a key that may make keys and users."""
        said = (("role", role), ("disabled", disabled), ("force", force or None))
        body = {name: value for name, value in said if value is not None}
        return self._change("PATCH", f"/users/{path_part(id_or_name)}", User, body, revision)


class Keys(Resource[D]):
    """/api/v1/keys"""

    @operation
    def create(
        self,
        name: str,
        *,
        user: str | None = None,
        scopes: frozenset[str] = frozenset(),
        expires_at: datetime | None = None,
        rate_per_s: float | None = None,
        burst: int | None = None,
    ) -> Flow[NewKey]:
        """A key that acts as `user` (by default oneself). Its text is shown this once."""
        body: dict[str, object] = {"name": name, "scopes": sorted(scopes)}
        options = {"user": user, "expires_at": expires_at, "rate_per_s": rate_per_s, "burst": burst}
        body.update({option: value for option, value in options.items() if value is not None})
        return self._post("/keys", NewKey, body)

    @operation
    def get(self, id: str) -> Flow[Key]:
        return self._get(f"/keys/{path_part(id)}", Key)

    @stream
    def list(self, *, user: str | None = None) -> Stream[Key]:
        return self._pages("/keys", Key, {"user": user})

    @operation
    def revoke(self, id: str, *, force: bool = False) -> Flow[Key]:
        """Ends the key for good, everywhere within a second. Raises FailedPrecondition, unless told to `force`, for the
        last key of an owner that may make keys and users."""
        return self._post(f"/keys/{path_part(id)}/revoke", Key, query={"force": force or None})
