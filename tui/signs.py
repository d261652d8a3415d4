"""One sign for each state, so that colour is never the only one. Every sign is one terminal cell wide."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sources.text.lookalikes import looks_like
from store.domain.case import CaseStatus, InboxRow, Priority
from store.domain.presence import Presence
from store.domain.safetext import safe_line

STATUS = {
    CaseStatus.NEW: "●",
    CaseStatus.OPEN: "○",
    CaseStatus.WAITING: "↩",
    CaseStatus.SNOOZED: "z",
    CaseStatus.ESCALATED: "▲",
    CaseStatus.DONE: "✓",
    CaseStatus.DISMISSED: "×",
}
PRIORITY = {Priority.URGENT: "!", Priority.HIGH: "↑", Priority.NORMAL: " ", Priority.LOW: "↓"}
OVERDUE = "◷"
DOUBLE = "≈"
SENTIMENT = {"positive": "+", "neutral": "·", "negative": "−"}
DELIVERY = {"held": "→", "queued": "→", "sending": "→", "unknown": "?", "needs a person": "?", "failed": "✗"}
NETWORK = {
    "hackernews": "hn",
    "mastodon": "masto",
    "bluesky": "bsky",
    "reddit": "rddt",
    "appstore": "appst",
    "youtube": "yt",
    "github": "gh",
    "facebook": "fb",
    "instagram": "insta",
    "telegram": "tg",
    "discourse": "disc",
    "stackexchange": "stack",
    "lobsters": "lobst",
    "googleplay": "gplay",
    "googlebusiness": "gmaps",
    "trustpilot": "trust",
    "webhook": "hook",
    "tiktok": "tktok",
    "linkedin": "li",
    "pinterest": "pin",
    "snapchat": "snap",
}
LATER = (CaseStatus.WAITING, CaseStatus.DONE, CaseStatus.DISMISSED, CaseStatus.SNOOZED)

LEGEND = (
    ("status", tuple((sign, status.value) for status, sign in STATUS.items())),
    ("priority", (("!", "urgent"), ("↑", "high"), ("↓", "low"), (OVERDUE, "answer overdue"))),
    ("sentiment", (("+", "positive"), ("·", "neutral"), ("−", "negative"))),
    ("delivery", (("→", "on its way"), ("?", "unknown, needs a look"), ("✗", "failed"))),
    ("author", ((DOUBLE, "looks like one of us"),)),
)


def age(then: datetime, now: datetime) -> str:
    """ "now", "12m", "3h", "5d", "7w", "2y": at most three cells."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, size in (("y", 31_557_600), ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size * (2 if unit == "w" else 1):
            return f"{seconds // size}{unit}"
    return "now"


def overdue(row: InboxRow, now: datetime) -> bool:
    """Their word waits for our answer longer than promised."""
    return row.due_at is not None and row.due_at < now and row.status not in LATER


def wordless(row: InboxRow) -> str:
    """What stands for words where there are none."""
    return "deleted by its author" if row.deleted else "no words"


def at_it(present: Iterable[Presence], case_id: int, now: datetime) -> str:
    """ "ana writing 0:40", "bo reading": who else is at a case; a writer before who only reads, others by number."""
    from tui.safe import clip  # loads Textual, and the command line has signs too

    there = [one for one in present if one.case_id == case_id and one.alive(now)]
    if not there:
        return ""
    first = min(there, key=lambda one: (not one.writing, one.since))
    seconds = max(0, int((now - first.since).total_seconds()))
    does = f"writing {seconds // 60}:{seconds % 60:02}" if first.writing else "reading"
    more = f" +{len(there) - 1}" if len(there) > 1 else ""
    return f"{clip(first.agent, 12)} {does}{more}"


def urgent_for(row: InboxRow) -> str:
    """ "urgency 44: negative, complaint": how urgent, and why."""
    return f"urgency {row.urgency}" + (f": {', '.join(row.reasons)}" if row.reasons else "")


def urgency(row: InboxRow, now: datetime) -> str:
    sign = PRIORITY[row.priority]
    return OVERDUE if sign == " " and overdue(row, now) else sign


def network(name: str) -> str:
    return NETWORK.get(name, name)


def who(handle: str, name: str = "") -> str:
    """ "Ana Pop (ana@social.example)": the displayed name and the handle as it is; one where they are the same."""
    return f"{name} ({handle})" if name and handle and name != handle else name or handle


def left(length: timedelta) -> str:
    """ "in 3h", "20m ago": how far a moment is."""
    seconds = int(abs(length).total_seconds())
    words = next(
        (f"{seconds // size}{unit}" for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)) if seconds >= size),
        "now",
    )
    return words if words == "now" else f"in {words}" if length > timedelta(0) else f"{words} ago"


def double(row: InboxRow, ours: tuple[str, ...]) -> str:
    """ "≈ looks like acme" where the author is not us and could be taken for us; else ""."""
    like = looks_like(row.handle, row.name, ours)
    return f"{DOUBLE} looks like {safe_line(like, limit=40)}" if like else ""
