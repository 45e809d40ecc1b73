"""What the secrets feature needs: rows, and the one who encrypts."""

from typing import Protocol

from bms.control.secrets.nouns import Secret
from bms.core.events import EventSink
from bms.core.pages import Page, PageRequest


class SecretsTx(EventSink, Protocol):
    """Repository of secrets inside one transaction."""

    async def secret(self, tenant: str, name: str) -> tuple[Secret, bytes] | None:
        """With its encrypted value."""
        ...

    async def secrets(self, tenant: str, page: PageRequest) -> Page[Secret]:
        """By name."""
        ...

    async def put_secret(self, secret: Secret, sealed: bytes) -> Secret:
        """Adds it, or replaces the one of its name; its revision grows by one either way."""
        ...

    async def delete_secret(self, tenant: str, name: str) -> bool:
        """Whether there was one."""
        ...


class Vault(Protocol):
    """Encrypts values so that whoever has the database alone reads nothing, and exchanges nothing unnoticed."""

    @property
    def key_id(self) -> str:
        """Of the key that `seal` uses."""
        ...

    def knows(self, key_id: str) -> bool:
        """Whether the key of this id is there."""
        ...

    def seal(self, tenant: str, name: str, value: bytes) -> bytes: ...

    def unseal(self, tenant: str, name: str, key_id: str, sealed: bytes) -> bytes:
        """Raises FailedPrecondition without the key, DataLoss for what was not sealed under this tenant and name."""
        ...
