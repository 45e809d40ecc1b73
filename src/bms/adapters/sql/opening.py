"""The first words with a database: what is wrong with its URL, its driver or its server, said in one sentence."""

from sqlalchemy import text
from sqlalchemy.exc import ArgumentError, DBAPIError

from bms.adapters.sql.engine import Database
from bms.adapters.sql.urls import check_url
from bms.core.errors import FailedPrecondition, InvalidArgument, Unavailable

# What another start may find better: too_many_connections, admin_shutdown, crash_shutdown, cannot_connect_now
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_PASSING = {"53300", "57P01", "57P02", "57P03"}


def open_database(url: str) -> Database:
    """Raises InvalidArgument for what is no URL of a database, FailedPrecondition where its driver is not installed."""
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
    """Returns when it answers. `place` is what to call it. Raises Unavailable where nobody does, FailedPrecondition for
    a server that lets nobody in, or does not have it."""
    try:
        async with database.reading() as connection:
            await connection.execute(text("SELECT 1"))
    except Unavailable as error:
        raise Unavailable(f"{place} does not answer: is it running, and reachable from here?") from error
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in _PASSING:
            raise Unavailable(f"{place} can't be used now: {error.orig}") from error
        raise FailedPrecondition(
            f"{place} can't be used: {str(error.orig).partition(': ')[2] or error.orig}"
        ) from error
