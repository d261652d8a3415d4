"""Polling: cursors, pages to store, and the ledger line each fetch leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from store.domain.mention import JsonObject, ReadMention


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where we are in one stream of a source ("tag:acme", "search:acme", "feed", "notifications", ...).

    `bookmark` is the server's own bookmark as the adapter wrote it; `state` is "ok", "unauthorised" or "gone".
    """

    source: str
    stream: str
    bookmark: JsonObject
    next_poll_at: datetime
    failures: int
    last_success_at: datetime | None
    last_error: str
    state: str
    quota_left: int | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """One item that could not be read: kept aside with its raw bytes. `where` is a line number or an id."""

    where: str
    reason: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class PageToStore:
    """One fetch, cleaned, matched and read: stored in one transaction with its cursor and its ledger line.

    returned = len(items) + len(rejected). `deleted` are external ids that are gone upstream. `bookmark` None leaves the
    cursor's as it is. `error` is set for a fetch that failed (then usually no items).
    """

    source: str
    network: str
    stream: str
    started_at: datetime
    asked: str
    items: Sequence[ReadMention] = ()
    rejected: Sequence[Rejected] = ()
    deleted: Sequence[str] = ()
    bookmark: JsonObject | None = None
    next_poll_at: datetime | None = None
    gap_seconds: float = 0.0
    error: str = ""
    failures: int = 0
    state: str = "ok"
    quota_left: int | None = None


@dataclass(frozen=True, slots=True)
class PollLine:
    """One line of the ledger: returned = new + duplicate + unmatched + failed. `reason`: why the first of the failed
    could not be read."""

    id: int
    source: str
    stream: str
    started_at: datetime
    asked: str
    returned: int
    new: int
    duplicate: int
    unmatched: int
    failed: int
    gap_seconds: float
    error: str
    new_mentions: tuple[int, ...] = field(default=())
    new_cases: tuple[int, ...] = field(default=())
    reason: str = ""
