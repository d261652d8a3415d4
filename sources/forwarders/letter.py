"""A case in words for people outside, and as JSON for their programs: composed when it leaves, from what it is then."""

from __future__ import annotations

from datetime import UTC, datetime

from store.domain.case import CaseDetail
from store.domain.delivery import Delivery, DeliveryKind
from store.domain.mention import JsonObject, Mention
from store.domain.safetext import safe, safe_line

SUBJECT = 60


def subject(delivery: Delivery, case: CaseDetail) -> str:
    """One line: what it is, who says it, the first words."""
    what = "Escalated" if delivery.kind is DeliveryKind.ESCALATION else "For you"
    words = safe_line(case.row.title or case.row.text)
    cut = words if len(words) <= SUBJECT else words[:SUBJECT].rsplit(" ", 1)[0] + "…"
    return safe_line(f"{what}: {case.row.handle} on {case.row.network}: {cut}")


def plain(delivery: Delivery, case: CaseDetail) -> str:
    """The whole letter as plain text, their words quoted."""
    row = case.row
    audience = "" if row.followers is None else f", {row.followers:,} followers"
    head = [
        safe(delivery.text),
        f"{row.name or row.handle} ({row.handle}) on {row.network}{audience}",
        f"Case {row.id}, {row.status}, priority {row.priority}, first seen {_time(row.seen_at)}",
        row.url,
    ]
    return "\n\n".join([*(part for part in head if part), *(_quoted(mention) for mention in case.mentions)]) + "\n"


def as_json(delivery: Delivery, case: CaseDetail) -> JsonObject:
    """What a signed webhook carries. Times are ISO 8601 in UTC."""
    row = case.row
    escalated = delivery.kind is DeliveryKind.ESCALATION
    return {
        "type": "case.escalated" if escalated else "case.forwarded",
        "id": delivery.identity,
        "timestamp": _time(delivery.created_at),
        "agent": delivery.agent,
        "comment": "" if escalated else safe(delivery.text),
        "reason": safe(delivery.text) if escalated else "",
        "case": {
            "id": row.id,
            "status": row.status,
            "priority": row.priority,
            "assignee": row.assignee,
            "source": row.source,
            "network": row.network,
            "author": {"handle": row.handle, "name": row.name, "followers": row.followers},
            "url": row.url,
            "language": row.language,
            "sentiment": {"label": row.sentiment, "score": row.score},
            "intent": row.intent,
            "issue": row.issue,
            "tags": list(row.tags),
            "watches": list(row.watches),
            "created_at": _time(row.created_at),
            "seen_at": _time(row.seen_at),
            "messages": [_message(mention) for mention in case.mentions],
        },
    }


def _message(mention: Mention) -> JsonObject:
    return {
        "ours": mention.ours,
        "author": mention.author.handle,
        "title": mention.title,
        "text": mention.text,
        "url": mention.url,
        "created_at": _time(mention.created_at),
        "deleted": mention.deleted_at is not None,
    }


def _quoted(mention: Mention) -> str:
    words = "\n".join(part for part in (mention.title, mention.text) if part) or "(deleted)"
    head = f"{_time(mention.created_at)} {mention.author.handle}{' (us)' if mention.ours else ''}: {mention.url}"
    return head.rstrip(": ") + "\n" + "\n".join(f"> {line}" for line in safe(words).splitlines())


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
