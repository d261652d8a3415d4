"""Long lists in pieces: a statement takes a bounded number of variables (32,766 on SQLite, 65,535 on PostgreSQL)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

KEYS = 400


def chunks(items: Iterable[T], size: int = KEYS) -> Iterator[list[T]]:
    rest = iter(items)
    while piece := list(islice(rest, size)):
        yield piece
