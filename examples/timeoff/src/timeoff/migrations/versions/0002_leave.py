"""Leave types, allowances, holidays and requests."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    "if_not_exists": True,
    "mysql_charset": "utf8mb4",
    "mysql_engine": "InnoDB",
}


def upgrade() -> None:
    op.create_table(
        "leave_types",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("tone", sa.String(16), nullable=False),
        sa.Column("half_days", sa.Integer),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.UniqueConstraint("name", name="uq_leave_types_name"),
        **OPTIONS,
    )
    op.create_table(
        "allowances",
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("leave_type_id", sa.Integer, sa.ForeignKey("leave_types.id"), primary_key=True),
        sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("half_days", sa.Integer, nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "holidays",
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        **OPTIONS,
    )
    op.create_table(
        "leave_requests",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("leave_type_id", sa.Integer, sa.ForeignKey("leave_types.id"), nullable=False),
        sa.Column("starts_on", sa.Date, nullable=False),
        sa.Column("ends_on", sa.Date, nullable=False),
        sa.Column("starts_at_noon", sa.Boolean, nullable=False),
        sa.Column("ends_at_noon", sa.Boolean, nullable=False),
        sa.Column("half_days", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("decided_at", sa.DateTime),
        sa.Column("decided_by_id", sa.Integer, sa.ForeignKey("users.id")),
        sa.Column("comment", sa.Text, nullable=False),
        **OPTIONS,
    )


def downgrade() -> None:
    for table in ("leave_requests", "holidays", "allowances", "leave_types"):
        op.drop_table(table, if_exists=True)
