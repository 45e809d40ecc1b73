"""Tenants, their users, and the API keys that users act with."""

from datetime import datetime
from functools import partial

from bms.api_types.keys import CreateKey, Key, NewKey
from bms.api_types.tenants import CreateTenant, NewTenant, Tenant
from bms.api_types.users import ChangeUser, CreateUser, Identity, User
from bms.core.clock import Clock, SystemClock
from bms.sdk.binding.resources import API, D, Resource, decode, operation, path_part, stream
from bms.sdk.transport.bodies import without_defaults
from bms.sdk.transport.flow import ClientRequest, Flow, Stream
from bms.sdk.transport.waiting import until

__all__ = ["Identity", "Key", "Keys", "NewKey", "NewTenant", "Tenant", "Tenants", "User", "Users"]


class Tenants(Resource[D]):
    """Creates, lists and deletes tenants (`/api/v1/tenants`)."""

    _clock: Clock = SystemClock()

    @operation
    def create(self, id: str, *, owner: str = "admin") -> Flow[NewTenant]:
        """Creates a tenant, its owner and the owner's key. Only owners of the tenant `default` may do this."""
        return self._post("/tenants", NewTenant, without_defaults(CreateTenant(id=id, owner=owner)))

    @stream
    def list(self, *, all: bool = False) -> Stream[Tenant]:
        """Lists tenants: all for the operator, deleted ones too if `all`; one's own for others."""
        return self._pages("/tenants", Tenant, {"all": True} if all else None)

    @operation
    def get(self, id: str) -> Flow[Tenant]:
        return self._tenant(id)

    @operation
    def delete(self, id: str, *, force: bool = False) -> Flow[Tenant]:
        """Deletes a tenant: ends its users and keys at once, and removes all that it owns; its usage records stay. Only
        owners of the tenant `default` may do this. Raises FailedPrecondition while a deployment of it serves or a job
        runs, unless `force`."""
        query = {"force": "true"} if force else {}
        reply = yield from self._retrying(ClientRequest("DELETE", f"{API}/tenants/{path_part(id)}", query=query))
        return decode(reply, Tenant)

    @operation
    def wait_removed(self, id: str, *, timeout_s: float | None = None) -> Flow[Tenant]:
        """Waits until all that a deleted tenant owned is gone, and returns the tenant."""
        return until(
            partial(self._tenant, id),
            lambda tenant: tenant.removed_at is not None,
            what=f"the removal of tenant {id!r}",
            clock=self._clock,
            timeout_s=timeout_s,
        )

    def _tenant(self, id: str) -> Flow[Tenant]:
        return self._get(f"/tenants/{path_part(id)}", Tenant)

    @operation
    def whoami(self) -> Flow[Identity]:
        """Who this client's key acts as."""
        return self._get("/whoami", Identity)


class Users(Resource[D]):
    """Creates, changes and deletes users (`/api/v1/users`)."""

    @operation
    def create(self, name: str, *, role: str = "developer") -> Flow[User]:
        """Creates a user. Raises AlreadyExists; PermissionDenied for a role above one's own."""
        return self._post("/users", User, without_defaults(CreateUser(name=name, role=role)))

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
        """Changes a user's role, or disables or enables it. Raises Aborted when `revision` is given and is no longer
        the current one, and FailedPrecondition, unless `force`, for the last owner, or the last one with a key that may
        do everything."""
        body = without_defaults(ChangeUser(role=role, disabled=disabled, force=force))
        return self._change("PATCH", f"/users/{path_part(id_or_name)}", User, body, revision)

    @operation
    def delete(self, id_or_name: str, *, force: bool = False) -> Flow[None]:
        """Deletes a user with all its keys, which are refused everywhere within a second. What it made stays. Raises
        FailedPrecondition for the user whose key asks, and, unless `force`, for the last owner who has a key that may
        do everything."""
        path = f"{API}/users/{path_part(id_or_name)}"
        yield from self._retrying(ClientRequest("DELETE", path, query={"force": "true"} if force else {}))


class Keys(Resource[D]):
    """Creates, lists and revokes API keys (`/api/v1/keys`)."""

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
        """Creates a key that acts as `user` (by default oneself). Its text is shown this once."""
        made = CreateKey(name=name, user=user, scopes=scopes, expires_at=expires_at, rate_per_s=rate_per_s, burst=burst)
        return self._post("/keys", NewKey, without_defaults(made))

    @operation
    def get(self, id: str) -> Flow[Key]:
        return self._get(f"/keys/{path_part(id)}", Key)

    @stream
    def list(self, *, user: str | None = None) -> Stream[Key]:
        return self._pages("/keys", Key, {"user": user})

    @operation
    def revoke(self, id: str, *, force: bool = False) -> Flow[Key]:
        """Revokes a key for good, everywhere within a second. Raises FailedPrecondition, unless `force`, for the last
        key of an owner that may do everything."""
        return self._post(f"/keys/{path_part(id)}/revoke", Key, query={"force": force or None})
