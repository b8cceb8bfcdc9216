"""The audit log, and failed sign-ins."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    "if_not_exists": True,
    "mysql_charset": "utf8mb4",
    "mysql_engine": "InnoDB",
}


def upgrade() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at", sa.DateTime, nullable=False),
        sa.Column("actor_id", sa.Integer, sa.ForeignKey("users.id")),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("request_id", sa.Integer, sa.ForeignKey("leave_requests.id")),
        sa.Column("detail", sa.Text, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "sign_in_failures",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(190), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("at", sa.DateTime, nullable=False),
        **OPTIONS,
    )


def downgrade() -> None:
    for table in ("sign_in_failures", "audit_events"):
        op.drop_table(table, if_exists=True)
