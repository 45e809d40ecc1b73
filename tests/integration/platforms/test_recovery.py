"""A home whose admin key was lost gets another, by who may read its files."""

import json
from pathlib import Path

import pytest

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.app.control.admin_key import recover
from bms.app.home.database import OWN, remember
from bms.app.home.directory import Home
from bms.app.home.opening import open_own
from bms.control.tenants.authentication import Authenticator
from bms.control.tenants.service import TenantService
from bms.core.access.principal import Principal
from bms.core.clock import SystemClock
from bms.core.errors import FailedPrecondition, NotFound
from bms.core.pages import PageRequest
from bms.sdk import Client
from tests.worlds.homes import prepare
from tests.worlds.platforms import bms, real_platform
from tests.worlds.whole_platform import until


async def test_it_is_the_key_of_an_enabled_owner_whatever_became_of_him(tmp_path: Path) -> None:
    prepare(tmp_path)
    with pytest.raises(FailedPrecondition, match="no platform was started here yet"):
        await recover(tmp_path)
    assert not (tmp_path / "admin.key").exists()
    database = Database(Home(tmp_path).database_url)
    store, clock, pepper = SqlStore(database, SqlTenants), SystemClock(), Home(tmp_path).pepper()
    tenants = TenantService(store, clock, pepper)
    first = await tenants.bootstrap()
    assert first is not None
    by = Principal(tenant="default", user=first.owner.id, key="k", role="owner", scopes=frozenset())
    await tenants.change_user(by, "admin", role="viewer", disabled=True, force=True)
    made = await recover(tmp_path)
    assert (tmp_path / "admin.key").read_text().strip() == made.text
    principal = await Authenticator(store, clock, pepper).principal(f"Bearer {made.text}")
    assert (principal.user, principal.role, principal.scopes) == (first.owner.id, "owner", frozenset())
    assert len((await tenants.keys(by, PageRequest())).items) == 2, "the one that was lost is still to be revoked"
    await database.close()


async def test_a_database_of_another_platform_is_neither_taken_nor_given_a_key(tmp_path: Path) -> None:
    urls = []
    for name in ("one", "two"):
        prepare(tmp_path / name)
        home = Home(tmp_path / name)
        database = Database(home.database_url)
        await open_own(database, home.root, OWN)
        await TenantService(SqlStore(database, SqlTenants), SystemClock(), home.pepper()).bootstrap()
        await open_own(database, home.root, OWN)
        remember(home.root, OWN)
        await database.close()
        urls.append(home.database_url)
    with pytest.raises(FailedPrecondition, match=r"two/bms.db is in use with another platform \(platform_"):
        await recover(tmp_path / "one", urls[1])
    assert (await recover(tmp_path / "one", urls[0])).key.tenant == "default"


async def test_a_folder_that_is_no_home_is_left_alone(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is no home of BMS"):
        await recover(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_while_the_platform_runs_the_new_key_is_good_at_once_and_it_is_audited(tmp_path: Path) -> None:
    with real_platform(tmp_path / "home") as platform:
        lost = platform.key
        (platform.home / "admin.key").unlink()
        made = json.loads(platform.good("key", "recover", "--json").out)
        assert made == {"key_id": platform.key.partition(".")[0], "file": str(platform.home / "admin.key")}
        assert platform.key != lost
        with Client(platform.url, platform.key) as client:
            until(lambda: client.ready(), "it answers")
            client.keys.revoke(lost.partition(".")[0])
            told = [(entry.name, entry.actor) for entry in client.audit.list(subject=made["key_id"])]
        assert told == [("key.created", "system")]
    refused = bms("key", "recover", "--home", str(tmp_path))
    assert (refused.status, "is no home of BMS" in refused.errors) == (3, True)
