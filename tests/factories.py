"""Readable builders of what sources bring. Only what a test names matters to it; the rest has sane defaults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Executable, Row, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import issue_acts, mentions
from store.database import Database
from store.domain.mention import NewAuthor, NewMention, Reading, ReadMention, SentimentLabel
from store.domain.poll import PageToStore, PollLine
from store.domain.safetext import SafeText

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)
SCORES = {"positive": 0.6, "neutral": 0.0, "negative": -0.6}

_numbers = count(1)


def new_mention(text: str = "acme cloud is down", **fields: Any) -> NewMention:
    """One item as a source gives it. `id` names it (external and native id), `author` is a handle or a NewAuthor;
    every other field of NewMention by its own name."""
    name = str(fields.pop("id", f"post-{next(_numbers)}"))
    author = fields.pop("author", "ana")
    given: dict[str, Any] = {
        "network": "mastodon",
        "external_id": name,
        "native_id": name,
        "author": author if isinstance(author, NewAuthor) else NewAuthor(handle=author, name=author.title()),
        "created_at": NOW - timedelta(hours=1),
        "text": text,
        "url": f"https://social.example/{name}",
    }
    return NewMention(**given | fields)


def read_mention(
    text: str = "acme cloud is down",
    *,
    watches: Sequence[str] = ("acme",),
    lands: bool = True,
    language: str = "en",
    sentiment: str = "neutral",
    score: float | None = None,
    intent: str | None = None,
    urgency: int = 0,
    reasons: Sequence[str] = (),
    analysis: int = 1,
    **fields: Any,
) -> ReadMention:
    """One item after cleaning, matching and reading. `fields` go to `new_mention`."""
    new = new_mention(text, **fields)
    return ReadMention(
        new=new,
        text=SafeText(new.text),
        title=SafeText(new.title),
        author_name=SafeText(new.author.name),
        author_handle=SafeText(new.author.handle),
        watches=tuple(watches),
        lands=lands,
        reading=Reading(
            language=language,
            sentiment=SentimentLabel(sentiment),
            score=SCORES[sentiment] if score is None else score,
            intent=intent,
            urgency=urgency,
            reasons=tuple(reasons),
            version=analysis,
        ),
    )


def page(*items: ReadMention, **fields: Any) -> PageToStore:
    """One fetch ready to be stored, of the stream "tag:acme" of the source "mastodon.social" unless said otherwise."""
    given: dict[str, Any] = {
        "source": "mastodon.social",
        "network": "mastodon",
        "stream": "tag:acme",
        "started_at": NOW,
        "asked": "#acme",
        "items": items,
    }
    return PageToStore(**given | fields)


async def land(
    db: Database, *items: ReadMention, now: datetime = NOW, reply_within: timedelta = A_DAY, **fields: Any
) -> PollLine:
    """Store these items as one page and return its ledger line, with `new_mentions` and `new_cases`."""
    return await mentions.save_page(db, page(*items, **fields), now=now, reply_within=reply_within)


async def issue_of(db: Database, label: str, ids: Sequence[int]) -> int:
    """An issue that a person pinned to these mentions: its id."""
    return (await issue_acts.pin(db, label, mentions=ids, agent="ana", now=NOW)).issue


async def rows(db: Database, query: Table | Executable) -> list[Row[Any]]:
    """What is in a table, in the order of its keys, or what a query finds: for looking behind the doors."""
    found = select(query).order_by(*query.primary_key.columns) if isinstance(query, Table) else query

    async def work(connection: AsyncConnection) -> list[Row[Any]]:
        return list(await connection.execute(found))

    return await db.read(work)


async def change(db: Database, statement: Executable) -> None:
    """Run one statement: to set up what no door leads to."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(statement)

    await db.write(work)
