"""A constant load of predictions, to measure what clients experience during a change."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx


@dataclass
class Felt:
    """What the clients of a load experienced. Latencies in seconds; `failures` holds a few descriptions."""

    answered: int = 0
    failed: int = 0
    latencies: list[float] = field(default_factory=list)
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def percentile(self, share: float) -> float:
        """The seconds within which `share` (0 to 1) of the answers came; 0 without answers."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class SteadyStream:
    """A load of `per_second` requests, each sent at its appointed time whether or not earlier ones were answered."""

    def __init__(self, url: str, key: str, path: str, body: bytes, *, per_second: float = 100.0) -> None:
        """`path` is an OIP v2 infer path, `body` its JSON."""
        self.felt = Felt()
        self._url, self._key, self._path, self._body = url, key, path, body
        self._gap = 1.0 / per_second
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Sends requests until `stop`; then waits for the last answer."""
        headers = {"authorization": f"Bearer {self._key}", "content-type": "application/json"}
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=200)
        async with (
            httpx.AsyncClient(
                base_url=self._url, headers=headers, limits=limits, timeout=30, trust_env=False
            ) as client,
            asyncio.TaskGroup() as tasks,
        ):
            due = time.monotonic()
            while not self._stopping.is_set():
                tasks.create_task(self._one(client))
                due += self._gap
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    def stop(self) -> None:
        self._stopping.set()

    async def _one(self, client: httpx.AsyncClient) -> None:
        began = time.monotonic()
        try:
            answer = await client.post(self._path, content=self._body)
        except httpx.HTTPError as error:
            self._failed(f"{type(error).__name__}: {error}")
            return
        if answer.status_code != 200:
            self._failed(f"{answer.status_code}: {answer.text[:200]}")
            return
        self.felt.answered += 1
        self.felt.latencies.append(time.monotonic() - began)
        self.felt.versions[str(answer.json().get("model_version"))] += 1

    def _failed(self, words: str) -> None:
        self.felt.failed += 1
        if len(self.felt.failures) < 20:
            self.felt.failures.append(words)
