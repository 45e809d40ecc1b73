"""The client: all resources over one pool of connections, `Client` for blocking programs and `AsyncClient` for asyncio.

with Client("http://127.0.0.1:8000", key) as client:
    client.keys.create("ci")
    client.predict("digits", rows).array

async with AsyncClient(url, key) as client:
    await client.keys.create("ci")
"""

from types import TracebackType
from typing import Self

from bms.sdk.audit import Audit
from bms.sdk.binding.resources import D
from bms.sdk.datasets import Datasets
from bms.sdk.deployments import Deployments
from bms.sdk.environments import Environments
from bms.sdk.files.blobs import Blobs
from bms.sdk.jobs import Jobs
from bms.sdk.models import Models
from bms.sdk.parts import Parts
from bms.sdk.reactions import Reactions
from bms.sdk.retries import Retrying, RetryPolicy
from bms.sdk.secrets import Secrets
from bms.sdk.system import System
from bms.sdk.tenants import Keys, Tenants, Users
from bms.sdk.transport.addresses import check_url
from bms.sdk.transport.credentials import clean_key
from bms.sdk.transport.drivers import AsyncDriver, SyncDriver
from bms.sdk.transport.latency import Latencies, LatencySummary
from bms.sdk.trust import Trust
from bms.sdk.usage import Usage

TIMEOUT_S = 60.0


class Connected(Parts[D]):
    """Base class of both clients: predictions as its own methods, everything else by resource."""

    def __init__(self, driver: D, latencies: Latencies, policy: RetryPolicy) -> None:
        retrying = Retrying(policy)
        super().__init__(driver, retrying)
        self._latencies = latencies
        self.inference: Parts[D] = self
        self.tenants: Tenants[D] = Tenants(driver, retrying)
        self.users: Users[D] = Users(driver, retrying)
        self.keys: Keys[D] = Keys(driver, retrying)
        self.secrets: Secrets[D] = Secrets(driver, retrying)
        self.blobs: Blobs[D] = Blobs(driver, retrying)
        self.datasets: Datasets[D] = Datasets(driver, retrying)
        self.jobs: Jobs[D] = Jobs(driver, retrying)
        self.environments: Environments[D] = Environments(driver, retrying)
        self.models: Models[D] = Models(driver, retrying)
        self.deployments: Deployments[D] = Deployments(driver, retrying)
        self.usage: Usage[D] = Usage(driver, retrying)
        self.audit: Audit[D] = Audit(driver, retrying)
        self.reactions: Reactions[D] = Reactions(driver, retrying)
        self.system: System[D] = System(driver, retrying)

    def latency(self, kind: str = "infer") -> LatencySummary | None:
        """The latencies of this client's calls: "infer" for predictions, "api", "upload". None before the first."""
        return self._latencies.summary(kind)


class Client(Connected[SyncDriver]):
    """The blocking client, safe to share between threads. `key` None: only what is open to all."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: RetryPolicy | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Raises InvalidArgument for what is no URL or can't be a key, and a file in `trust` without a certificate."""
        latencies = Latencies()
        driver = SyncDriver(check_url(url), clean_key(key), timeout_s, latencies, trust or Trust())
        super().__init__(driver, latencies, retries or RetryPolicy())

    def close(self) -> None:
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(Connected[AsyncDriver]):
    """The client for asyncio. `key` None: only what is open to all."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        retries: RetryPolicy | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Raises InvalidArgument for what is no URL or can't be a key, and a file in `trust` without a certificate."""
        latencies = Latencies()
        driver = AsyncDriver(check_url(url), clean_key(key), timeout_s, latencies, trust or Trust())
        super().__init__(driver, latencies, retries or RetryPolicy())

    async def close(self) -> None:
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
