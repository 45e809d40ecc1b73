"""Makes a new admin key for a home whose key was lost. Needs read access to the home's files, not a running
platform."""

from pathlib import Path

from bms.adapters.sql.database.opening import greet, open_database
from bms.adapters.sql.store import SqlStore
from bms.adapters.sql.tenants import SqlTenants
from bms.app.control.assembly import keep_admin_key
from bms.app.home.database import OWN, remembered, shown
from bms.app.home.directory import Home
from bms.app.home.opening import open_own
from bms.control.tenants.nouns import NewKey
from bms.control.tenants.service import TenantService
from bms.core.clock import SystemClock
from bms.core.errors import NotFound


async def recover(root: Path, url: str = "") -> NewKey:
    """Makes a new key of the operator's first owner and keeps it as HOME/admin.key. `url` is that of a database other
    than the one that the home remembers.

    Raises NotFound where `root` is no home, FailedPrecondition where no platform has begun in its database, or another
    one has, Refusal where it is a newer version's.
    """
    home = Home(root)
    if not (home.root / "version").exists():
        raise NotFound(f"{home.root} is no home of BMS: name one by --home")
    home.prepare()
    url = url or remembered(home.root) or home.database_url
    database = open_database(url)
    try:
        place = OWN if url == home.database_url else url
        await greet(database, shown(place))
        await open_own(database, home.root, place)
        tenants = TenantService(SqlStore(database, SqlTenants), SystemClock(), home.pepper())
        return await tenants.recover(lambda made: keep_admin_key(home.root, made))
    finally:
        await database.close()
