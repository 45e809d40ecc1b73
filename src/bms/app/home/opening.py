"""Opens a home's database: checks that the two belong together and brings the schema up to date."""

from pathlib import Path

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.database.identity import claim, platform_of
from bms.adapters.sql.database.migrate import in_use, upgrade
from bms.app.home.database import DatabaseState, check
from bms.core.clock import SystemClock


async def open_own(database: Database, home: Path, url: str) -> None:
    """Opens the home's own database. Raises FailedPrecondition for one that is not this home's, which is left as it is;
    NewerSchema."""
    own = check(home, url, DatabaseState(await in_use(database), await platform_of(database)))
    await upgrade(database)
    # Another home may have begun in it at the same moment.
    check(home, url, DatabaseState(in_use=True, platform=await claim(database, own, SystemClock().now())))
