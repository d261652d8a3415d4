"""A case: one author's words in one thread, our answers, our notes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.domain.delivery import Delivery
from store.domain.journal import JournalEntry
from store.domain.mention import Mention
from store.domain.safetext import SafeText


class CaseStatus(StrEnum):
    NEW = "new"
    OPEN = "open"
    WAITING = "waiting"
    SNOOZED = "snoozed"
    ESCALATED = "escalated"
    DONE = "done"
    DISMISSED = "dismissed"


FINISHED = frozenset({CaseStatus.DONE, CaseStatus.DISMISSED})


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class InboxRow:
    """What one line of the inbox needs; `text` is at most 300 characters of the newest mention.

    `delivery` is the state of the newest unfinished or failed delivery of the case ("held", "unknown", ...), else "".
    `created_at` is the first mention's own time, `last_at` the newest mention's, `seen_at` when earful first saw it.
    `deleted`: the newest mention is gone where it was posted, and its words here.
    """

    id: int
    status: CaseStatus
    priority: Priority
    assignee: str | None
    source: str
    network: str
    handle: SafeText
    name: SafeText
    followers: int | None
    title: SafeText
    text: SafeText
    url: str
    language: str
    sentiment: str
    score: float
    intent: str | None
    urgency: int
    reasons: tuple[str, ...]
    issue: str | None
    watches: tuple[str, ...]
    tags: tuple[str, ...]
    due_at: datetime | None
    created_at: datetime
    last_at: datetime
    seen_at: datetime
    snoozed_until: datetime | None
    mentions: int
    delivery: str
    version: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    id: int
    agent: str
    at: datetime
    text: SafeText


@dataclass(frozen=True, slots=True)
class CaseDetail:
    """A whole case. `mentions` are theirs and (with `ours`) our answers that came back, oldest first; `around` are
    other people's stored words in the same thread."""

    row: InboxRow
    thread: str
    mentions: tuple[Mention, ...]
    around: tuple[Mention, ...]
    notes: tuple[Note, ...]
    journal: tuple[JournalEntry, ...]
    deliveries: tuple[Delivery, ...]
