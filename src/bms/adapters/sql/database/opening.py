"""Opens a database, with one clear sentence where its URL, driver or server is at fault."""

from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, DBAPIError

from bms.adapters.sql.database.engine import Database, is_temporary
from bms.adapters.sql.database.urls import check_url
from bms.core.errors import FailedPrecondition, InvalidArgument, Unavailable


def open_database(url: str) -> Database:
    """Opens the database at a URL. Raises InvalidArgument for what is no URL of a database, FailedPrecondition where
    its driver is not installed."""
    try:
        return Database(check_url(url))
    except ModuleNotFoundError as error:
        raise FailedPrecondition(
            f"PostgreSQL needs its driver ({error}): install BMS with its extra, `pip install 'bms[postgres]'`"
        ) from error
    except (ArgumentError, ValueError):  # whose words may be a part of the password
        raise InvalidArgument(
            "the database's URL can't be read: expected postgresql://USER:PASSWORD@HOST:PORT/NAME, in the password "
            "%40 for @, %2F for / and %25 for %"
        ) from None


async def greet(database: Database, place: str) -> None:
    """Waits for the first answer of the database. `place` is what to call it. Raises Unavailable where nobody does,
    FailedPrecondition for a server that refuses connections, or does not have the database."""
    try:
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))
    except Unavailable as error:
        cause = error.__cause__
        if isinstance(cause, DBAPIError) and is_temporary(cause):
            raise Unavailable(f"{place} can't be used now: {cause.orig}") from error
        raise Unavailable(f"{place} does not answer: is it running, and reachable from here?") from error
    except DBAPIError as error:
        raise FailedPrecondition(
            f"{place} can't be used: {str(error.orig).partition(': ')[2] or error.orig}"
        ) from error
