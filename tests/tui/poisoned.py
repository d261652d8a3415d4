"""A store as a hostile writer would leave it: every column that holds words holds the payloads, each of them in each
column, cleaned by nobody. A desk whose names are no better goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import cases, drafts, issue_acts, tables
from store.database import Database
from store.domain.action import AddNote, Assign, CorrectSentiment, Dismiss, Escalate, Forward, Reply, Tag
from store.domain.delivery import DeliveryState
from store.domain.safetext import SafeText
from tests.factories import land, read_mention
from tests.hostile import PAYLOADS

LONGEST = 2_000
SHORT = 60  # for what is part of a key: it must stay unique
# What is words, or could be made to hold some. All else is a code of the program's own, a time or a number.
WORDS: dict[Table, tuple[str, ...]] = {
    tables.watch: ("name",),
    tables.cursor: ("stream", "last_error"),
    tables.poll: ("stream", "asked", "error"),
    tables.rejected: ("position", "reason"),
    tables.author: ("handle", "name", "url"),
    tables.cases: ("assignee", "team", "reason"),
    tables.issue: ("label",),
    tables.issue_act: ("agent", "before", "after"),
    tables.issue_phrase: ("phrase",),
    tables.correction: ("agent", "language"),
    tables.mention: ("title", "text", "url", "parent", "language", "intent", "visibility"),
    tables.mention_version: ("title", "text"),
    tables.unmatched: ("handle", "name", "author_url", "title", "url", "parent", "language"),
    tables.case_tag: ("tag",),
    tables.note: ("agent", "text"),
    tables.journal: ("agent",),
    tables.draft: ("text",),
    tables.delivery: ("to", "text", "visibility", "agent", "error", "remote_id", "url"),
    tables.attempt: ("detail",),
    tables.mute: ("value", "agent"),
}
UNIQUE = {
    (tables.watch, "name"),
    (tables.cursor, "stream"),
    (tables.author, "handle"),
    (tables.case_tag, "tag"),
    (tables.mute, "value"),
}
STATES = tuple(state for state in DeliveryState if state is not DeliveryState.HELD)
# The own words of the language, as a hostile writer of TOML may put them: check must not let them through raw.
DESK = """
worker = "separate"
[desk]
name = "Acme \\u001b]0;owned\\u0007 [bold]"
undo_window = "90s"
[[watch]]
name = "acme"
query = "acme"
[[watch]]
name = "other \\u001b[31m [/] \\u202e"
query = "other"
role = "competitor"
[[source]]
type = "mastodon"
name = "mastodon.social"
url = "http://127.0.0.1:9"
token = "env:TOKEN"
tags = ["acme"]
[[department]]
name = "billing [/] \\u202e\\u001b[31m"
to = "https://127.0.0.1:9/x"
[[view]]
name = "a view \\u001b]52;c;eA==\\u0007 [@click=app.quit]x[/]"
query = "acme"
"""


def usable(payloads: Sequence[str]) -> list[str]:
    """Those that a database can hold."""
    return [text[:LONGEST] for text in payloads if not any("\ud800" <= char <= "\udfff" for char in text)]


async def poisoned(path: Path, payloads: Sequence[str] = tuple(PAYLOADS.values()), *, first: int = 0) -> int:
    """Make the store. `first` turns the payloads on by so many places. Returns the number of cases."""
    words, now = usable(payloads), datetime.now(UTC).replace(microsecond=0)
    words = words[first % len(words) :] + words[: first % len(words)]
    db = Database(path)
    await db.open()
    items = [
        read_mention(
            f"acme is down {n}", id=f"m{n}", author=f"author{n}", created_at=now - timedelta(minutes=n + 1),
            url=f"https://x.example/{n}", sentiment=("negative", "neutral", "positive")[n % 3], urgency=n % 100,
            reasons=("threat",), title=f"title {n}",
        )
        for n in range(len(words))
    ]  # fmt: skip
    told = await land(db, *items, now=now)
    edited = [replace(item, new=replace(item.new, edited_at=now), text=SafeText("edited")) for item in items[:20]]
    await land(db, *edited, now=now, stream="search:acme", error="failed", state="gone")
    targets = [(case, None) for case in told.new_cases]
    for action in (AddNote("a note"), Tag(add=("vip",)), Assign("bob"), Forward("billing", "look", 0.0)):
        await cases.act(db, targets, action, agent="bob", now=now)
    for case, _ in targets[::3]:
        await cases.act(db, [(case, None)], Reply("sorry", f"id-{case}", 0.0), agent="bob", now=now)
    await cases.act(db, targets[::9], Escalate("pr", "journalist", True, 0.0), agent="bob", now=now)
    await cases.act(db, targets[::11], Dismiss("other acme"), agent="ana", now=now)
    await cases.act(db, targets[::13], CorrectSentiment("positive"), agent="bob", now=now)
    for number in range(9):
        theirs = range(number + 1, len(words) + 1, 9)
        known_by = {"phrases": (f"down {number}",), "examples": ("it does not let me in",)}
        await issue_acts.pin(db, f"issue {number}", **known_by, mentions=theirs, agent="bob", now=now)
    await issue_acts.merge(db, 1, 2, agent="bob", now=now)
    await drafts.save(db, targets[0][0], "ana", "my draft", now=now)
    await db.write(partial(_spoil, words=words, now=now))
    await db.close()
    return len(targets)


async def _spoil(connection: AsyncConnection, *, words: Sequence[str], now: datetime) -> None:
    for number, state in enumerate(STATES * 20):
        await connection.execute(update(tables.delivery).where(tables.delivery.c.id == number + 1).values(state=state))
    mutes = [{"kind": "word", "network": "", "value": f"w{n}", "agent": "ana", "at": now} for n in range(9)]
    await connection.execute(insert(tables.mute), mutes)
    for table, columns in WORDS.items():
        found = (await connection.execute(select(table).order_by(*table.primary_key.columns))).all()
        for number, row in enumerate(found):
            values = {
                name: _value(table, name, number, words[(number + at) % len(words)]) for at, name in enumerate(columns)
            }
            same = [key == getattr(row, key.name) for key in table.primary_key.columns]
            await connection.execute(update(table).where(*same).values(values))
    for row in (await connection.execute(select(tables.journal))).all():
        word = words[row.id % len(words)][:300]
        after = {key: word if isinstance(value, str) else value for key, value in (row.after or {}).items()}
        await connection.execute(update(tables.journal).where(tables.journal.c.id == row.id).values(after=after))


def _value(table: Table, name: str, number: int, text: str) -> str:
    if name in ("url", "author_url"):
        return f"https://x.example/{text}" if number % 2 else text
    return f"{text[:SHORT]}{number}" if (table, name) in UNIQUE else text
