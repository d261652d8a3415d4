"""What all tables have in common."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Integer, MetaData, text

metadata = MetaData()


def key() -> Column[int]:
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def only(condition: str) -> dict[str, Any]:
    """An index of some rows only; `store.engines.postgres` says the same there: named here, it would load that whole
    dialect into every process."""
    return {"sqlite_where": text(condition)}
