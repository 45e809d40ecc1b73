"""Migrates a database to the schema of this program, and refuses one that is newer."""

from sqlalchemy import Connection, inspect, text

from bms.adapters.sql.database.engine import Database
from bms.adapters.sql.migrations import FOLDER
from bms.core.errors import FailedPrecondition

_LOCK = 0x626D736D  # "bmsm"


class NewerSchema(FailedPrecondition):
    """Raised when the database was written by a newer BMS."""


def steps() -> list[str]:
    """Lists the migrations that this program knows, by number, the newest last: `versions/0007_why.py` is 0007."""
    return sorted(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


async def upgrade(database: Database) -> None:
    """Applies the missing migrations; two processes that start at once do it once.

    Raises NewerSchema when the database is at a step this program does not know.
    """
    async with database.engine.connect() as connection:
        await connection.execution_options(bms_write=True)
        async with connection.begin():
            if database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)


async def in_use(database: Database) -> bool:
    """Whether a platform uses the database: it has a tenant."""
    async with database.reading() as connection:
        return await connection.run_sync(_in_use)


def _in_use(connection: Connection) -> bool:
    return inspect(connection).has_table("tenants") and bool(
        connection.execute(text("SELECT EXISTS (SELECT 1 FROM tenants)")).scalar()
    )


def _upgrade(connection: Connection) -> None:
    known, current = steps(), _current(connection)
    if current == known[-1]:
        return
    if current is not None and current not in known:
        raise NewerSchema(
            f"the database's schema ({current}) was written by a newer BMS: upgrade this program, "
            "or start it on a copy made before"
        )
    if current is None and inspect(connection).has_table("tenants"):
        raise FailedPrecondition("the database holds tables (tenants) but no schema number: it is not ours to change")
    from bms.adapters.sql.database.steps import take_all

    take_all(connection)


def _current(connection: Connection) -> str | None:
    """The number of the step that was taken last, as alembic keeps it."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    number: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return number
