"""Alembic's home: `versions/` holds the steps, applied in order by bms.adapters.sql.database.steps."""

from pathlib import Path

FOLDER = Path(__file__).parent
