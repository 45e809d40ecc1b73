"""Runs migrations on the connection that bms.adapters.sql.database.steps hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from bms.adapters.sql.tables import metadata
from bms.adapters.sql.tables.columns import Packed, UtcTime


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Our column types as what the database sees: a step must not change when the code's types do."""
    if kind == "type" and isinstance(item, Packed):
        return "sa.LargeBinary()"
    if kind == "type" and isinstance(item, UtcTime):
        return "sa.DateTime(timezone=True)"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    render_item=_render,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
