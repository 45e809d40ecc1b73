"""Names of models and deployments may have capitals; two that differ by case alone are one."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("uq_models_name_in_any_case", "models", ["tenant", sa.text("lower(name)")], unique=True)
    live = sa.text("NOT deleted")
    op.create_index(
        "uq_deployments_live_name_in_any_case",
        "deployments",
        ["tenant", sa.text("lower(name)")],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def downgrade() -> None:
    op.drop_index("uq_deployments_live_name_in_any_case", table_name="deployments")
    op.drop_index("uq_models_name_in_any_case", table_name="models")
