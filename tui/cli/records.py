"""Cases, deliveries and ledger lines as other programs (JSON, stable fields) and people (lines) read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sources.text.lookalikes import looks_like
from store.domain.case import CaseDetail, InboxRow
from store.domain.delivery import Delivery, DeliveryState, waits_behind
from store.domain.mention import Author, Mention
from store.domain.poll import PollLine
from tui.output import Cell
from tui.signs import DOUBLE, age, network, wordless
from tui.times import iso, local

Record = dict[str, Any]

SIGNS = {"positive": "+", "neutral": "·", "negative": "-"}
COLOURS = {"positive": "green", "negative": "red"}
PRIORITIES = {"urgent": "!!", "high": "!", "low": "."}


def case_record(row: InboxRow, text: str | None = None) -> Record:
    """`text` where the whole words are at hand; a row holds their beginning."""
    return {
        "id": row.id,
        "status": row.status,
        "priority": row.priority,
        "assignee": row.assignee,
        "source": row.source,
        "network": row.network,
        "author": {"handle": row.handle, "name": row.name, "followers": row.followers},
        "text": row.text if text is None else text,
        "url": row.url,
        "language": row.language,
        "sentiment": {"label": row.sentiment, "score": row.score},
        "intent": row.intent,
        "urgency": {"score": row.urgency, "reasons": row.reasons},
        "issue": row.issue,
        "watches": row.watches,
        "tags": row.tags,
        "due_at": iso(row.due_at),
        "created_at": iso(row.created_at),
        "seen_at": iso(row.seen_at),
        "mentions": row.mentions,
        "version": row.version,
    }


def case_line(row: InboxRow, ours: tuple[str, ...], now: datetime, *, narrow: bool = False) -> list[Cell | str]:
    """number, status, priority, when, network, who, mood, whose, words, tags. `ours` are our names, for who looks like
    us; `narrow` leaves room for words in 80 columns."""
    text = f"{row.title}: {row.text}" if row.title and row.title != row.text else row.text
    who = f"{DOUBLE}{row.handle}" if looks_like(row.handle, row.name, ours) else row.handle
    return [
        Cell(str(row.id), -5, "bold"),
        Cell(row.status, 9),
        Cell(PRIORITIES.get(row.priority, ""), 2, "bold red"),
        Cell(age(row.last_at, now), -3, "dim") if narrow else Cell(local(row.last_at), 16, "dim"),
        Cell(network(row.network), 5) if narrow else Cell(row.network, 10),
        Cell(who, 14 if narrow else 26),
        Cell(SIGNS.get(row.sentiment, "·"), 1, COLOURS.get(row.sentiment, "")),
        Cell(row.assignee or "-", 5 if narrow else 8),
        text or f"({wordless(row)})",
        *(Cell(f"#{tag}", 0, "dim") for tag in row.tags),
    ]


def author_record(author: Author) -> Record:
    return {"handle": author.handle, "name": author.name, "followers": author.followers}


def message_record(mention: Mention) -> Record:
    return {
        "id": mention.id,
        "ours": mention.ours,
        "author": author_record(mention.author),
        "text": mention.text,
        "title": mention.title,
        "url": mention.url,
        "created_at": iso(mention.created_at),
        "edited_at": iso(mention.edited_at),
        "deleted_at": iso(mention.deleted_at),
        "language": mention.language,
        "sentiment": {"label": mention.sentiment, "score": mention.score},
        "versions": [{"at": iso(at), "text": text} for at, text in mention.versions],
    }


def sent_record(delivery: Delivery) -> Record:
    """Our answer as a message, before (or where) the network never shows it to us again."""
    return {
        "id": None,
        "ours": True,
        "author": {"handle": delivery.agent, "name": "", "followers": None},
        "text": delivery.text,
        "title": "",
        "url": delivery.url,
        "created_at": iso(delivery.tried_at or delivery.created_at),
        "edited_at": None,
        "deleted_at": None,
        "language": None,
        "sentiment": None,
        "versions": [],
    }


def messages(case: CaseDetail) -> list[Record]:
    """Theirs and ours, oldest first. An answer that has come back in a poll stands there once."""
    back = {
        key
        for mention in case.mentions
        if mention.ours
        for key in (mention.native_id, mention.external_id, mention.url)
        if key
    }
    records = [message_record(mention) for mention in case.mentions]
    records += [
        sent_record(delivery)
        for delivery in case.deliveries
        if delivery.kind == "reply"
        and delivery.state == DeliveryState.SENT
        and not back & {delivery.remote_id, delivery.url}
    ]
    return sorted(records, key=lambda record: datetime.fromisoformat(record["created_at"]))


def show_record(case: CaseDetail) -> Record:
    theirs = [mention.text for mention in case.mentions if not mention.ours]
    return case_record(case.row, theirs[-1] if theirs else None) | {
        "messages": messages(case),
        "notes": [{"id": note.id, "agent": note.agent, "at": iso(note.at), "text": note.text} for note in case.notes],
        "journal": [
            {
                "id": entry.id,
                "batch": entry.batch,
                "action": entry.action,
                "agent": entry.agent,
                "at": iso(entry.at),
                "before": entry.before,
                "after": entry.after,
                "undone": entry.undone,
            }
            for entry in case.journal
        ],
        "deliveries": [delivery_record(delivery) for delivery in case.deliveries],
    }


def delivery_record(delivery: Delivery) -> Record:
    return {
        "id": delivery.id,
        "case": delivery.case_id,
        "state": delivery.state,
        "kind": delivery.kind,
        "to": delivery.to,
        "text": delivery.text,
        "attempts": delivery.attempts,
        "error": delivery.error or None,
        "url": delivery.url or None,
        "due_at": iso(delivery.due_at),
    }


def delivery_line(delivery: Delivery, others: Iterable[Delivery] = ()) -> list[Cell | str]:
    """case, kind, to whom, state and until when or why. `others` of its case may have to leave before it."""
    words = f"held until {local(delivery.due_at)}" if delivery.state == DeliveryState.HELD else str(delivery.state)
    words += " behind the answer before it" if waits_behind(delivery, others) else ""
    bad = delivery.state in (DeliveryState.FAILED, DeliveryState.PERSON, DeliveryState.UNKNOWN)
    return [
        Cell(str(delivery.case_id), -5, "bold"),
        Cell(delivery.kind, 10),
        Cell(f"to {delivery.to}", 24),
        Cell(words, 0, "red" if bad else ""),
        delivery.error or delivery.url,
    ]


def poll_record(line: PollLine) -> Record:
    return {
        "source": line.source,
        "stream": line.stream,
        "started_at": iso(line.started_at),
        "asked": line.asked,
        "returned": line.returned,
        "new": line.new,
        "duplicate": line.duplicate,
        "unmatched": line.unmatched,
        "failed": line.failed,
        "gap_seconds": line.gap_seconds,
        "error": line.error or None,
    }


def poll_words(line: PollLine) -> str:
    """The counts of a ledger line, those that are not 0: returned = new + duplicate + unmatched + failed."""
    counts = {"new": line.new, "known": line.duplicate, "unmatched": line.unmatched, "failed": line.failed}
    words = f"{line.returned:,} returned"
    words += f": {', '.join(f'{count:,} {name}' for name, count in counts.items() if count)}" if line.returned else ""
    if line.gap_seconds:
        words += f"; {line.gap_seconds:.0f} s not covered"
    return words


def poll_line(line: PollLine) -> list[Cell | str]:
    return [
        Cell(local(line.started_at), 16, "dim"),
        Cell(line.source, 18),
        Cell(poll_words(line), 0, "yellow" if line.gap_seconds else ""),
        Cell(line.error or line.reason, 0, "red"),
        Cell(line.stream, 0, "dim"),
    ]
