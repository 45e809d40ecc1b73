"""Runs migrations by alembic, which takes long to import: a start seldom needs it.

Development: `python -m bms.adapters.sql.database.steps make "what changed"` writes the next step from the difference.
"""

import sys

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from bms.adapters.sql.migrations import FOLDER


def take_all(connection: Connection) -> None:
    """Applies the missing migrations."""
    command.upgrade(config(connection), "head")


def config(connection: Connection) -> Config:
    made = Config()
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["connection"] = connection
    return made


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
        sys.exit('usage: python -m bms.adapters.sql.database.steps make "what changed"')
    _make(sys.argv[2])
