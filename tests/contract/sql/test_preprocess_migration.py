"""What was said of preprocessing when all of it was for images, in versions and in waiting jobs, is for images."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic import command
from sqlalchemy import Connection, text

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.steps import config
from bms.adapters.sql.jobs import SqlJobs
from bms.adapters.sql.models import SqlModels
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.control.models.nouns import Model, Version
from bms.control.tenants.nouns import Tenant
from bms.core.clock import ManualClock
from bms.core.tensors.preprocessing import ImagePreprocess, Preprocess, TextPreprocess
from tests.worlds.databases import database_url
from tests.worlds.jobs import job

IMAGES = ImagePreprocess(input="x", mode="L", height=8, width=9, scale=1.0, mean=(0.5,))
CUT = msgspec.structs.replace(IMAGES, resize="crop")
SAID: dict[str, Preprocess | None] = {"images": IMAGES, "texts": TextPreprocess(), "cut": CUT, "nothing": None}


async def _move(database: Database, to: str, how: Any) -> None:
    def move(connection: Connection) -> None:
        how(config(connection), to)

    async with database.engine.begin() as connection:
        await connection.run_sync(move)


async def _fill(database: Database, clock: ManualClock) -> None:
    async with SqlStore(database, SqlTenants).write() as tenants:
        await tenants.add_tenant(Tenant(id="acme", created_at=clock.now()))
    async with SqlStore(database, SqlModels).write() as tx:
        await tx.add_model(Model(id="m", tenant="acme", name="m", description="", created_at=clock.now()))
        for number, (id, said) in enumerate(SAID.items(), start=1):
            version = Version(
                id=id, tenant="acme", model="m", number=number, state="ready", runtime="onnx", artifact="a", size=1,
                created_at=clock.now(), created_by="u", preprocess=said,
            )  # fmt: skip
            await tx.add_version(version)
    async with SqlStore(database, SqlJobs).write() as tx:
        servable = {"runtime": "onnx", "preprocess": msgspec.to_builtins(IMAGES)}
        await tx.add_job(job("waits", spec={"parameters": {"servable": servable}}))
        await tx.add_job(job("plain", spec={"parameters": {"servable": {"preprocess": None}}}))


async def _stored(database: Database) -> dict[str, Any]:
    async with database.engine.connect() as connection:
        versions = (await connection.execute(text("SELECT id, preprocess FROM versions"))).all()
        jobs = (await connection.execute(text("SELECT id, spec FROM jobs"))).all()
    said = {id: None if packed is None else msgspec.json.decode(bytes(packed)) for id, packed in versions}
    specs = {id: msgspec.json.decode(bytes(packed)) for id, packed in jobs}
    return said | {id: spec["parameters"]["servable"]["preprocess"] for id, spec in specs.items()}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_images_are_named_and_can_be_unnamed_again(kind: str, tmp_path: Path, clock: ManualClock) -> None:
    async with database_url(kind, tmp_path) as url:
        database = Database(url)
        await _move(database, "head", command.upgrade)
        await _fill(database, clock)
        await _move(database, "0003", command.downgrade)
        before = await _stored(database)
        sizes = {"mode": "L", "height": 8, "width": 9}
        old = {"input": "x", **sizes, "scale": 1.0, "mean": [0.5], "std": [], "layout": "flat"}
        assert before == {"images": old, "texts": None, "cut": None, "nothing": None, "waits": old, "plain": None}
        await _move(database, "0004", command.upgrade)
        after = await _stored(database)
        assert after["waits"] == after["images"] == {"type": "image", **old}
        async with SqlStore(database, SqlModels).read() as tx:
            version = await tx.version("acme", "m", 1)
            assert version is not None
            assert version.preprocess == IMAGES
        await database.close()
