"""Preprocessing says what it is for: all that there was is for images. In versions, and in jobs that have not ended."""

from collections.abc import Callable
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _each(lambda said: said if "type" in said else {"type": "image", **said})


def downgrade() -> None:
    """What the older form can't express, texts and cropped pictures, is dropped."""
    _each(lambda said: {name: said[name] for name in _OLD if name in said} if _sayable(said) else None)


_OLD = ("input", "mode", "height", "width", "scale", "mean", "std", "layout")


def _sayable(said: dict[str, Any]) -> bool:
    usual = (said.get("type"), said.get("resize", "stretch"), said.get("interpolation", "bilinear"))
    return usual == ("image", "stretch", "bilinear")


def _each(made_of: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    connection = op.get_bind()
    versions = sa.table("versions", sa.column("id"), sa.column("preprocess", sa.LargeBinary()))
    found = sa.select(versions.c.id, versions.c.preprocess).where(versions.c.preprocess.is_not(None))
    for id, packed in connection.execute(found).all():
        said = made_of(msgspec.json.decode(packed))
        new = None if said is None else msgspec.json.encode(said)
        connection.execute(sa.update(versions).where(versions.c.id == id).values(preprocess=new))
    jobs = sa.table("jobs", sa.column("id"), sa.column("spec", sa.LargeBinary()), sa.column("ended_at"))
    waiting = sa.select(jobs.c.id, jobs.c.spec).where(jobs.c.ended_at.is_(None))
    for id, packed in connection.execute(waiting).all():
        spec = msgspec.json.decode(packed)
        servable = spec.get("parameters", {}).get("servable")
        if isinstance(servable, dict) and isinstance(servable.get("preprocess"), dict):
            servable["preprocess"] = made_of(servable["preprocess"])
            connection.execute(sa.update(jobs).where(jobs.c.id == id).values(spec=msgspec.json.encode(spec)))
