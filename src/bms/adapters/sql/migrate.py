"""Brings a database to the schema of this program, and refuses one that is newer.

Development: `python -m bms.adapters.sql.migrate make "what changed"` writes the next step from the difference.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from bms.adapters.sql.engine import Database
from bms.core.errors import FailedPrecondition

HERE = Path(__file__).parent / "migrations"
_LOCK = 0x626D736D  # "bmsm"


class NewerSchema(FailedPrecondition):
    """The database was written by a newer BMS."""


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made


async def upgrade(database: Database) -> None:
    """Applies what is missing; two processes that start at once do it once.

    Raises NewerSchema when the database is at a step this program does not know.
    """
    async with database.engine.connect() as connection:
        await connection.execution_options(bms_write=True)
        async with connection.begin():
            if database.dialect == "postgresql":
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            await connection.run_sync(_upgrade)


def _upgrade(connection: Connection) -> None:
    made = config(connection)
    script = ScriptDirectory.from_config(made)
    current = MigrationContext.configure(connection).get_current_revision()
    if current == script.get_current_head():
        return
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise NewerSchema(
            f"the database's schema ({current}) was written by a newer BMS: upgrade this program, "
            "or start it on a copy made before"
        )
    if current is None and (tables := [name for name in inspect(connection).get_table_names() if name == "tenants"]):
        raise FailedPrecondition(
            f"the database holds tables ({tables[0]}) but no schema number: it is not ours to change"
        )
    command.upgrade(made, "head")


def _make(message: str) -> None:
    """Writes the next step by comparing the tables in code with an empty database brought to the present head."""
    from sqlalchemy import create_engine

    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        made = config(connection)
        command.upgrade(made, "head")
        number = len(list(ScriptDirectory.from_config(made).walk_revisions())) + 1
        command.revision(made, message, autogenerate=True, rev_id=f"{number:04d}")


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "make":
        sys.exit('usage: python -m bms.adapters.sql.migrate make "what changed"')
    _make(sys.argv[2])
