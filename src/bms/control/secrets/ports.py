"""The ports of secrets: their repository, and the vault that encrypts."""

from typing import Protocol

from bms.control.secrets.nouns import Secret
from bms.core.events import EventSink
from bms.core.pages import Page, PageRequest


class SecretsTx(EventSink, Protocol):
    """Repository of secrets inside one transaction."""

    async def secret(self, tenant: str, name: str) -> tuple[Secret, bytes] | None:
        """The secret with its encrypted value."""
        ...

    async def secrets(self, tenant: str, page: PageRequest) -> Page[Secret]:
        """The tenant's secrets by name."""
        ...

    async def put_secret(self, secret: Secret, sealed: bytes) -> Secret:
        """Adds the secret, or replaces the one of its name; its revision grows by one either way."""
        ...

    async def delete_secret(self, tenant: str, name: str) -> bool:
        """Deletes the secret; returns whether there was one."""
        ...


class Vault(Protocol):
    """Encrypts values, so that a person with the database alone can neither read them nor exchange them unnoticed."""

    @property
    def key_id(self) -> str:
        """The id of the key that `seal` uses."""
        ...

    def knows(self, key_id: str) -> bool:
        """Whether the vault has the key of this id."""
        ...

    def seal(self, tenant: str, name: str, value: bytes) -> bytes: ...

    def unseal(self, tenant: str, name: str, key_id: str, sealed: bytes) -> bytes:
        """Decrypts a value. Raises FailedPrecondition without the key, DataLoss for what was not sealed under this
        tenant and name."""
        ...
