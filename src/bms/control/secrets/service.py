"""Use cases of secrets: set, list, delete; and read the value, for control's own use alone."""

from bms.control.platform.transactions import Store
from bms.control.secrets.events import SecretDeleted, SecretSet
from bms.control.secrets.nouns import Secret, SecretView
from bms.control.secrets.ports import SecretsTx, Vault
from bms.core.access.principal import Principal
from bms.core.clock import Clock
from bms.core.errors import InvalidArgument, NotFound
from bms.core.events import Event, Payload
from bms.core.pages import Page, PageRequest
from bms.core.serving.upstreams import check_secret_name, place_of

MAX_VALUE = 8 << 10  # bytes: servers refuse longer heads
MAX_HOSTS = 20


class SecretService:
    """Secrets of tenants. Emits `secret.set` and `secret.deleted`; no error, event or answer holds a value."""

    def __init__(self, store: Store[SecretsTx], vault: Vault, clock: Clock) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock

    async def put(self, by: Principal, name: str, value: str, hosts: tuple[str, ...] = ()) -> SecretView:
        """Sets or replaces a secret; processes that run keep what they were started with."""
        check_secret_name(name)
        _check_value(value)
        if len(hosts) > MAX_HOSTS:
            raise InvalidArgument(f"{len(hosts)} hosts are given, at most {MAX_HOSTS} can be")
        secret = Secret(
            tenant=by.tenant,
            name=name,
            hosts=tuple([place_of(f"https://{host}").host for host in hosts]),
            key_id=self._vault.key_id,
            set_at=self._clock.now(),
            set_by=by.user,
        )
        sealed = self._vault.seal(by.tenant, name, value.encode())
        async with self._store.write() as tx:
            saved = await tx.put_secret(secret, sealed)
            await tx.emit(self._event(SecretSet(), by, name))
        return self._view(saved)

    async def secrets(self, by: Principal, page: PageRequest) -> Page[SecretView]:
        """The tenant's secrets by name, without values."""
        async with self._store.read() as tx:
            found = await tx.secrets(by.tenant, page)
        return Page(items=[self._view(secret) for secret in found.items], next=found.next)

    async def delete(self, by: Principal, name: str) -> None:
        """Deletes a secret. Raises NotFound."""
        async with self._store.write() as tx:
            if not await tx.delete_secret(by.tenant, name):
                raise _unknown(name)
            await tx.emit(self._event(SecretDeleted(), by, name))

    async def value(self, tenant: str, name: str) -> tuple[Secret, str]:
        """The decrypted value, to be handed to a process and forgotten. Raises NotFound, and what vaults raise."""
        async with self._store.read() as tx:
            found = await tx.secret(tenant, name)
        if found is None:
            raise _unknown(name)
        secret, sealed = found
        return secret, self._vault.unseal(tenant, name, secret.key_id, sealed).decode()

    def _view(self, secret: Secret) -> SecretView:
        return SecretView(
            name=secret.name,
            hosts=secret.hosts,
            set_at=secret.set_at,
            set_by=secret.set_by,
            usable=self._vault.knows(secret.key_id),
            revision=secret.revision,
        )

    def _event(self, payload: Payload, by: Principal, name: str) -> Event[Payload]:
        return Event(payload=payload, tenant=by.tenant, subject=name, actor=by.user, at=self._clock.now())


def _check_value(value: str) -> None:
    if not 1 <= len(value) <= MAX_VALUE or not value.isascii() or not value.isprintable() or value != value.strip():
        raise InvalidArgument(
            f"the value can't be sent to a server: expected 1 to {MAX_VALUE} printable ASCII characters on one line, "
            "without blanks around them"
        )


def _unknown(name: str) -> NotFound:
    return NotFound(f"no secret {name[:80]!r} in this tenant: set it with `bms secret set NAME`")
