"""The journal: every action with who, when, before and after. Undo reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.domain.mention import JsonObject


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One case touched by one action. Entries of one decision (a bulk action) share `batch`."""

    id: int
    batch: int
    case_id: int
    action: str
    agent: str
    at: datetime
    before: JsonObject
    after: JsonObject
    undone: bool
