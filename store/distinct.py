"""The few values that a column of very many rows has, by its index: from each to the next, not row by row."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Select, func, select


def values_of(column: Column[str]) -> Select[Any]:
    """`column` is the first one of an index."""
    found = select(func.min(column).label("value")).cte(f"{column.name}s", recursive=True)
    behind = select(func.min(column)).where(column > found.c.value).scalar_subquery()
    found = found.union_all(select(behind).where(found.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))
