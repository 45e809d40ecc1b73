"""Secrets in SQL."""

import msgspec
from sqlalchemy import delete, select, update

from bms.adapters.sql.store import Repository, noun
from bms.adapters.sql.tables.secrets import secrets
from bms.control.secrets.nouns import Secret
from bms.core.pages import Page, PageRequest


class SqlSecrets(Repository):
    """`SecretsTx` on SQL."""

    async def secret(self, tenant: str, name: str) -> tuple[Secret, bytes] | None:
        query = select(secrets).where(secrets.c.tenant == tenant, secrets.c.name == name)
        row = (await self._connection.execute(query)).mappings().first()
        return None if row is None else (noun(Secret, row), row["sealed"])

    async def secrets(self, tenant: str, page: PageRequest) -> Page[Secret]:
        return await self._page(Secret, secrets, "name", page, secrets.c.tenant == tenant)

    async def put_secret(self, secret: Secret, sealed: bytes) -> Secret:
        mine = (secrets.c.tenant == secret.tenant, secrets.c.name == secret.name)
        fields = msgspec.structs.asdict(secret)
        del fields["revision"]
        raised = update(secrets).where(*mine).values(**fields, sealed=sealed, revision=secrets.c.revision + 1)
        if (await self._connection.execute(raised)).rowcount == 0:
            taken = f"the secret {secret.name!r} is being set by somebody else: repeat"
            await self._insert(secrets, secret, taken, sealed=sealed)
        found = await self.secret(secret.tenant, secret.name)
        assert found is not None  # written above
        return found[0]

    async def delete_secret(self, tenant: str, name: str) -> bool:
        gone = delete(secrets).where(secrets.c.tenant == tenant, secrets.c.name == name)
        return (await self._connection.execute(gone)).rowcount > 0
