"""Authenticates requests to the control API by their `Authorization` header (gateways check keys by the snapshot)."""

from bms.control.platform.transactions import Store
from bms.control.tenants.ports import TenantsTx
from bms.core.access.credentials import parse_authorization, secret_matches
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import Unauthenticated

_HOW = "send `Authorization: Bearer <key>` with a live key (`bms key create` makes one)"


class Authenticator:
    """Checks keys against the store itself, so that a revocation counts from its commit on."""

    def __init__(self, store: Store[TenantsTx], clock: Clock, pepper: bytes) -> None:
        self._store = store
        self._clock = clock
        self._pepper = pepper

    async def principal(self, authorization: str | None) -> Principal:
        """The principal of a key. Raises Unauthenticated; unknown key and wrong secret are not told apart."""
        if not authorization:
            raise Unauthenticated(f"no key was sent: {_HOW}")
        text = parse_authorization(authorization)
        if text is None:
            raise Unauthenticated(f"the Authorization header does not hold a key: {_HOW}")
        async with self._store.read() as tx:
            found = await tx.key_for_authentication(text.key_id)
        # An unknown id is compared too, against nothing, so that timing does not tell ids apart.
        digest = found[1] if found else bytes(32)
        if not secret_matches(self._pepper, text.secret, digest) or found is None:
            raise Unauthenticated(f"this key is not known here: {_HOW}")
        key, _, user = found
        if key.revoked_at is not None:
            raise Unauthenticated(f"this key was revoked: {_HOW}")
        if key.expires_at is not None and key.expires_at <= self._clock.now():
            raise Unauthenticated(f"this key has expired: {_HOW}")
        if user.disabled:
            raise Unauthenticated("the user of this key is disabled: ask an admin of the tenant")
        return Principal(tenant=key.tenant, user=user.id, key=key.id, role=user.role, scopes=key.scopes)
