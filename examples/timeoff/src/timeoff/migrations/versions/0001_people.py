"""Departments and people.

MySQL and MariaDB can't roll back DDL: `if_not_exists` lets a step that was cut short run again.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPTIONS: dict[str, Any] = {
    "if_not_exists": True,
    "mysql_charset": "utf8mb4",
    "mysql_engine": "InnoDB",
}


def upgrade() -> None:
    op.create_table(
        "departments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.UniqueConstraint("name", name="uq_departments_name"),
        **OPTIONS,
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("email", sa.String(190), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("session_version", sa.Integer, nullable=False),
        sa.Column("is_admin", sa.Boolean, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("department_id", sa.Integer, sa.ForeignKey("departments.id")),
        sa.UniqueConstraint("email", name="uq_users_email"),
        **OPTIONS,
    )
    op.create_table(
        "department_managers",
        sa.Column("department_id", sa.Integer, sa.ForeignKey("departments.id"), primary_key=True),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id"), nullable=False),
        **OPTIONS,
    )


def downgrade() -> None:
    for table in ("department_managers", "users", "departments"):
        op.drop_table(table, if_exists=True)
