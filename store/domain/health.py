"""What a store says of itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something about a store that a person should change; `grave` where data or privacy is at risk now."""

    what: str
    words: str
    advice: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """`damage` is the database's own list of what is broken. `checked` says what was looked at ("undamaged").
    `software` and `version`: "SQLite", "3.53.4, journal mode wal". `size` in bytes."""

    schema: int
    size: int
    software: str
    version: str
    checked: str
    damage: tuple[str, ...] = ()
    troubles: tuple[Trouble, ...] = ()
