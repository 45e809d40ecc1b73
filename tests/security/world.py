"""Two tenants on everything control is made of: `default` owns one of each thing, `rival` wants to see it."""

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.app.control import assembly as composition
from bms.app.control.assembly import ControlPlane, make_control_plane
from bms.app.home.directory import Home
from bms.app.rules import WorkloadRules
from bms.control.deployments.nouns import Replica
from bms.control.platform.pending import Reaction
from bms.control.platform.trees import FileEntry, put_tree, tree_of
from bms.control.tenants.service import TenantService
from bms.core.access.principal import BRING, PERMISSIONS, Principal
from bms.core.clock import ManualClock, SystemClock
from bms.core.workloads.environments import EnvironmentSpec
from bms.web.api.endpoint import Endpoint
from tests.worlds.deployments import Registry
from tests.worlds.homes import prepare

MARK = "quarry"  # in the name of all that belongs to `default`
SCRIPT = b"print('quarry')\n"
MODEL = b"not yet a model"
REPLICA = "rep-quarry"
REACTION = "reaction-quarry"


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass
class World:
    """`endpoints` are all that control serves but its description; `places` fills their paths with default's things."""

    control: ControlPlane
    home: Path
    endpoints: list[Endpoint]
    owner: str
    rival: str
    places: dict[str, str]
    ids: dict[str, str]
    tree: str

    def client(self, key: str | None) -> httpx.AsyncClient:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.control.api, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://control/api/v1", headers=headers)

    async def key(self, **more: object) -> tuple[str, str]:
        """A new key of default's owner: (id, text)."""
        async with self.client(self.owner) as client:
            made = await client.post("/keys", json={"name": "k", **more})
        assert made.status_code == 201, made.text
        return made.json()["key"]["id"], made.json()["text"]

    async def expired_key(self) -> str:
        """Made long ago, by the same rules."""
        past = ManualClock(datetime(2001, 1, 1, tzinfo=UTC))
        service = TenantService(
            SqlStore(self.control.platform.database, SqlTenants), past, self.control.platform.pepper
        )
        by = Principal(tenant="default", user=self.ids["owner"], key="k", role="owner", scopes=frozenset())
        return (await service.create_key(by, "old", expires_at=past.now() + timedelta(hours=1))).text

    async def under_scoped(self, permission: str) -> str:
        """All that an owner may, but for one permission and what implies it."""
        implying = BRING if permission == "blobs:write" else frozenset()
        return (await self.key(scopes=sorted(PERMISSIONS - {permission} - implying)))[1]

    def path(self, endpoint: Endpoint) -> str:
        path = endpoint.path.replace(":path", "").format(**self.places)
        return f"http://control{path}" if endpoint.foreign else path


@contextlib.asynccontextmanager
async def two_tenants(folder: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    home = Home(folder / "home")
    prepare(home.root, shared=False)  # every operation is asked for here, and one removes them
    (folder / "run").mkdir()
    database = Database(home.database_url)
    caught: list[Endpoint] = []
    build = composition.application

    def catching(endpoints: list[Endpoint], *more: object) -> Starlette:
        caught.extend(endpoints)
        return build(endpoints, *more)  # type: ignore[arg-type]

    patch.setattr(composition, "application", catching)
    try:
        control = await make_control_plane(
            database, home.root, folder / "run", str(folder / "run" / "bus"), 2, bus_token="b", rules=WorkloadRules()
        )
        world = World(control, home.root, caught, home.admin_key.read_text().strip(), "", {}, {}, "")
        await _furnish(world)
        yield world
        await control.close()
    finally:
        await database.close()


async def _furnish(world: World) -> None:
    objects = world.control.platform.objects

    async def once(content: bytes) -> AsyncIterator[bytes]:
        yield content

    for content in (SCRIPT, MODEL):
        await objects.put("default", once(content), digest(content))
    entry = FileEntry(path="quarry.py", digest=digest(SCRIPT), size=len(SCRIPT))
    world.tree = await put_tree(objects, "default", tree_of([entry]))
    file = {"path": "quarry.onnx", "digest": digest(MODEL), "size": len(MODEL)}
    async with world.client(world.owner) as client:

        async def made(method: str, path: str, body: object) -> dict[str, object]:
            answer = await client.request(method, path, json=body)
            assert answer.status_code in (200, 201), (path, answer.text)
            return answer.json()  # type: ignore[no-any-return]

        world.rival = (await made("POST", "/tenants", {"id": "rival"}))["key"]["text"]  # type: ignore[index]
        await made("POST", "/tenants", {"id": "quarry-tenant"})
        user = await made("POST", "/users", {"name": "quarry-user"})
        key = await made("POST", "/keys", {"name": "quarry-key", "user": "quarry-user"})
        await made("POST", "/models", {"name": "quarry-model"})
        await made("POST", "/models/quarry-model/versions", {"files": [file]})
        registry = Registry(world.control.platform.database, SystemClock())
        await registry.add_version(2, model="quarry-model")
        await registry.point("quarry-alias", 2, model="quarry-model")
        await made("POST", "/datasets/quarry-data/versions", {"source": {"sample": "digits"}})
        needs = {"requirements": ["quarry-package"]}
        train = {"code": world.tree, "entry": "quarry.py", "name": "quarry-job", "environment": needs}
        job = await made("POST", "/jobs", train)
        environment = world.control.platform.environments.digest(EnvironmentSpec(requirements=("quarry-package",)))
        await made("POST", "/deployments", {"name": "quarry-dep", "model": "quarry-model", "version": 2})
        await _quarry_replica(world)
        await _quarry_reaction(world)
        await made("PUT", "/secrets/quarry-secret", {"value": "quarry-value"})
        world.ids["owner"] = (await client.get("/whoami")).json()["user"]
    world.ids["user"], world.ids["key"] = str(user["id"]), str(key["key"]["id"])  # type: ignore[index]
    world.places = {
        "tenant": "quarry-tenant",
        "user": str(user["id"]),
        "key": world.ids["key"],
        "model": "quarry-model",
        "number": "1",
        "alias": "quarry-alias",
        "digest": digest(MODEL),
        "dataset": "quarry-data",
        "replica": REPLICA,
        "job": str(job["id"]),
        "environment": str(environment),
        "path": "quarry.onnx",
        "deployment": "quarry-dep",
        "secret": "quarry-secret",
        "reaction": REACTION,
    }


async def _quarry_reaction(world: World) -> None:
    """A dead letter."""
    now = SystemClock().now()
    dead = Reaction(
        id=REACTION,
        number=1,
        place=0,
        handler="quarry-handler",
        event="quarry.dug",
        tenant="default",
        about="quarry-subject",
        state="dead",
        tries=1,
        due_at=now,
        since=now,
        error="quarry-error",
    )
    async with world.control.features.stores.reactions.write() as tx:
        await tx.add([dead])


async def _quarry_replica(world: World) -> None:
    """One that has ended, and what it said."""
    now = SystemClock().now()
    async with world.control.features.stores.deployments.write() as tx:
        deployment = await tx.deployment("default", "quarry-dep")
        assert deployment is not None
        await tx.add_replica(
            Replica(
                id=REPLICA,
                tenant="default",
                deployment=deployment.id,
                version=2,
                build="b",
                state="failed",
                address="unix:/run/quarry.sock",
                created_at=now,
                ended_at=now,
            )
        )
    (world.home / "logs" / "replicas" / f"{REPLICA}.log").write_bytes(b"quarry says\n")
