"""Column types: times as UTC microseconds, sealed JSON."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy
from sqlalchemy import BigInteger
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

# In the order of code points everywhere, as SQLite has it: a range of names does not hang on a server's language.
Text = sqlalchemy.Text().with_variant(sqlalchemy.Text(collation="C"), "postgresql")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_HALVES = re.compile("[\ud800-\udfff]")


def to_micros(value: datetime) -> int:
    """Microseconds since 1970 UTC. Raises ValueError for a naive time: it would be the wrong instant somewhere."""
    if value.tzinfo is None:
        raise ValueError("a naive time has no place in the store")
    return (value - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, kept as microseconds since 1970 UTC: exact, sortable, the same on every database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(value)


class JsonText(TypeDecorator[Any]):
    """JSON as text, keys sorted, non-ASCII kept, but half a surrogate pair, which no database takes, written as its
    number. None is stored as NULL."""

    impl = sqlalchemy.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        written = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", written)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)
