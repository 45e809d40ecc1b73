"""The control API in-process, over a real database, as a client sees it."""

from collections.abc import Callable, Sequence

import httpx

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.events import SqlEventLog
from bms.adapters.sql.replies import SqlReplies
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.tenants.authentication import Authenticator
from bms.control.tenants.deletion import TenantDeletion
from bms.control.tenants.nouns import NewTenant
from bms.control.tenants.ports import AtWork
from bms.control.tenants.service import TenantService
from bms.core.clock import Clock
from bms.web.api.application import application
from bms.web.api.credentials import KeyCredentials
from bms.web.api.dispatch import EndpointDispatcher
from bms.web.api.endpoint import Endpoint
from bms.web.api.resources import tenants

PEPPER = b"pepper of the tests"


async def nothing_at_work(_tenant: str) -> list[str]:
    return []


class Api:
    """An application with the tenants' endpoints and any more; `admin` is the default tenant's first owner."""

    def __init__(
        self, database: Database, clock: Clock, more: Sequence[Endpoint] = (), at_work: AtWork = nothing_at_work
    ) -> None:
        store = SqlStore(database, SqlTenants)
        self.events = SqlEventLog(database)
        self.tenants = TenantService(store, clock, PEPPER)
        deletion = TenantDeletion(store, clock, at_work)
        self.endpoints = [*tenants.endpoints(self.tenants, deletion), *more]
        dispatcher = EndpointDispatcher(
            [KeyCredentials(Authenticator(store, clock, PEPPER))], SqlReplies(database, clock)
        )
        self.app = application(self.endpoints, dispatcher, "0")
        self.admin: NewTenant

    async def start(self) -> "Api":
        created = await self.tenants.bootstrap()
        assert created is not None
        self.admin = created
        return self

    def client(self, key: str | None) -> httpx.AsyncClient:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://api/api/v1", headers=headers)

    @property
    def as_admin(self) -> httpx.AsyncClient:
        return self.client(self.admin.key.text)

    async def key_of(self, client: httpx.AsyncClient, **body: object) -> str:
        """A new key's text, made through the API."""
        answer = await client.post("/keys", json={"name": "k", **body})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["text"])


MakeApi = Callable[..., Api]
