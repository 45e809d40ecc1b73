"""Alembic's home: `versions/` holds the steps, applied in order by bms.adapters.sql.steps."""
