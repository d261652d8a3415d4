"""Undo and redo: a decision taken back whole, field by field, and done again.

Taking back is itself a decision (`undo`) with its own entries, whose before and after are those of the decision the
other way round. Redo takes the undo back; both are therefore one thing, `_reverse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import corrections, journal, outbound
from store.cases import effects
from store.cases.acting import commit
from store.chunks import chunks
from store.database import Database
from store.domain.delivery import DeliveryKind
from store.domain.errors import BadInput, Conflict, NotFound
from store.domain.journal import JournalEntry
from store.domain.mention import JsonObject
from store.domain.standing import WORDS, from_json, to_json
from store.journal import Change
from store.tables import journal as entries
from store.tables import mention, mute
from store.tables import note as notes

COLUMNS = ("status", "assignee", "priority", "team", "snoozed_until", "reason")  # in the order a conflict names them
UNDOABLE = frozenset({*WORDS.values(), "mute"})

TAKEN_BACK = {
    "reply": "reply recalled on {}",
    "note": "note taken back on {}",
    "assign": "assignment taken back on {}",
    "tag": "tags put back on {}",
    "prioritise": "priority put back on {}",
    "snooze": "snooze taken back on {}",
    "escalate": "escalation taken back on {}",
    "forward": "forward recalled on {}",
    "done": "{} reopened",
    "dismiss": "{} reopened",
    "reopen": "{} closed again",
    "correct": "sentiment put back on {}",
    "mute": "mute taken back, {} reopened",
}
DONE_AGAIN = "{} again: {}"


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo or redo touched: `words` says it for a person ("312 cases reopened"); `text` is the reply text that
    was recalled, to be put back into the composer, `corrections` are those of moods that came or went."""

    batch: int
    cases: dict[int, int]
    words: str
    text: str = ""
    corrections: tuple[int, ...] = ()


async def undo(db: Database, *, agent: str, now: datetime, batch: int | None = None) -> Undone:
    """Take back this agent's newest decision that is not undone (or `batch`, anybody's), whole: fields that nobody
    changed since go back to `before`; held or queued deliveries are withdrawn (their text becomes the draft again,
    under the same identity). What is as before already is left so; where a delivery is recalled, so is a column that
    was changed since. Raises NotFound where nothing is left to undo, Conflict (naming what) where a delivery has left
    or may have, or somebody changed the same field."""

    async def work(connection: AsyncConnection) -> Undone:
        wanted = batch or await _newest(connection, agent)
        done = await journal.of_batch(connection, wanted)
        if done[0].action not in UNDOABLE:
            raise BadInput(f"{done[0].action} by {done[0].agent} is not an action that can be undone")
        if done[0].undone:
            raise NotFound("that is undone already")
        new, versions, text = await _reverse(connection, done, "undo", agent=agent, now=now)
        await _mark(connection, wanted, new)
        words = TAKEN_BACK[done[0].action].format(_cases(len(done)))
        return Undone(new, versions, words, text, tuple(_corrections(done)))

    return await db.write(work)


async def redo(db: Database, *, agent: str, now: datetime) -> Undone:
    """Do again what this agent undid last, if the agent has done nothing since. A withdrawn delivery is held anew.
    Raises NotFound where there is nothing to do again, Conflict as undo does."""

    async def work(connection: AsyncConnection) -> Undone:
        undoing = await _newest_undo(connection, agent)
        undone = await journal.of_batch(connection, undoing)
        new, versions, _ = await _reverse(connection, undone, "redo", agent=agent, now=now)
        their_cases = select(entries.c.case_id).where(entries.c.batch == undoing)
        done = (entries.c.undone_by == undoing, entries.c.case_id.in_(their_cases))
        word = (await connection.execute(select(entries.c.action).where(*done).limit(1))).scalar_one()
        await connection.execute(update(entries).where(*done).values(undone_by=None))
        await _mark(connection, undoing, new)
        words = DONE_AGAIN.format(word, _cases(len(undone)))
        return Undone(new, versions, words, corrections=tuple(_corrections(undone)))

    return await db.write(work)


async def _newest(connection: AsyncConnection, agent: str) -> int:
    mine = select(entries.c.batch).where(entries.c.agent == agent, entries.c.action.in_(UNDOABLE))
    newest = mine.where(entries.c.undone_by.is_(None)).order_by(entries.c.id.desc()).limit(1)
    batch: int | None = (await connection.execute(newest)).scalar_one_or_none()
    if batch is None:
        raise NotFound("there is nothing left to undo")
    return batch


async def _newest_undo(connection: AsyncConnection, agent: str) -> int:
    """The newest undo that is not taken back, if no action of the agent came after it."""
    mine = entries.c.agent == agent
    done = select(entries.c.id).where(mine, entries.c.action.in_(UNDOABLE)).order_by(entries.c.id.desc()).limit(1)
    last = (await connection.execute(done)).scalar_one_or_none() or 0
    undone = select(entries.c.batch).where(mine, entries.c.id > last, entries.c.action == "undo")
    newest = undone.where(entries.c.undone_by.is_(None)).order_by(entries.c.id.desc()).limit(1)
    batch: int | None = (await connection.execute(newest)).scalar_one_or_none()
    if batch is None:
        raise NotFound("there is nothing to redo")
    return batch


async def _mark(connection: AsyncConnection, batch: int, by: int) -> None:
    await connection.execute(update(entries).where(entries.c.batch == batch).values(undone_by=by))


async def _reverse(
    connection: AsyncConnection, done: Sequence[JournalEntry], word: str, *, agent: str, now: datetime
) -> tuple[int, dict[int, int], str]:
    """Bring what these entries changed back to how it was before. (batch, versions, recalled text)."""
    standings = await journal.standings(connection, [entry.case_id for entry in done])
    changes = [Change(standings[entry.case_id]) for entry in done]
    for change, entry in zip(changes, done, strict=True):
        _columns_back(change, entry)
        change.before |= entry.after
        change.after |= entry.before
    await _tags_back(connection, done)
    await _notes_back(connection, done)
    await _sentiments_back(connection, done)
    await _corrections_back(connection, done, now=now)
    await _mutes_back(connection, done, agent=agent, now=now)
    text = await _deliveries_back(connection, done, now=now)
    batch, versions = await commit(connection, changes, word, agent=agent, now=now)
    return batch, versions, text


def _columns_back(change: Change, entry: JournalEntry) -> None:
    """Recalling what must not leave comes first: there a column that was changed since stays as it is now."""
    current, was = change.standing, from_json(entry.before)
    for name in COLUMNS:
        if name not in was or getattr(current, name) == was[name]:
            continue
        now = to_json({name: getattr(current, name)})[name]
        if now == entry.after[name]:
            change.fields[name] = was[name]
        elif not entry.after.get("delivery"):
            what = f"{name.replace('_', ' ')} was changed since and is now {now or 'empty'}"
            raise Conflict(f"case {current.id}: its {what}; change it by hand if you still want to")


async def _tags_back(connection: AsyncConnection, done: Sequence[JournalEntry]) -> None:
    """Only the tags that the decision put on or took off; what others did to other tags stays."""
    tagged = [entry for entry in done if "tags" in entry.after]
    current = await effects.tags_of(connection, [entry.case_id for entry in tagged])
    wanted: dict[int, tuple[list[str], list[str]]] = {}
    for entry in tagged:
        put_on, taken_off = (
            set(entry.after["tags"]) - set(entry.before["tags"]),
            set(entry.before["tags"]) - set(entry.after["tags"]),
        )
        now = current[entry.case_id]
        wanted[entry.case_id] = (now, sorted((set(now) - put_on) | taken_off))
    await effects.retag(connection, wanted)


async def _notes_back(connection: AsyncConnection, done: Sequence[JournalEntry]) -> None:
    rows = [
        {"which": entry.after["note"] or entry.before["note"], "hidden": entry.before["note"] is None}
        for entry in done
        if "note" in entry.after
    ]
    if rows:
        await connection.execute(update(notes).where(notes.c.id == bindparam("which")), rows)


async def _sentiments_back(connection: AsyncConnection, done: Sequence[JournalEntry]) -> None:
    corrected = {entry.after["sentiment"]["mention"]: entry for entry in done if "sentiment" in entry.after}
    c = mention.c
    back: list[JsonObject] = []
    for some in chunks(corrected):
        for row in await connection.execute(select(c.id, c.sentiment, c.score, c.corrected_by).where(c.id.in_(some))):
            entry, now = corrected[row.id], effects.sentiment_of(row)
            if now == entry.after["sentiment"]:
                back.append(entry.before["sentiment"])
            elif now != entry.before["sentiment"]:
                raise Conflict(f"case {entry.case_id}: its sentiment was changed since and is now {row.sentiment}")
    await effects.write_sentiments(connection, back)


async def _corrections_back(connection: AsyncConnection, done: Sequence[JournalEntry], *, now: datetime) -> None:
    """With a correction goes what it moved: the mentions that say the same."""
    await corrections.undone(connection, _corrections(done), now=now)


def _corrections(done: Sequence[JournalEntry]) -> dict[int, bool]:
    """The corrections of these entries -> whether they are undone once the entries are."""
    return {
        entry.after["correction"] or entry.before["correction"]: entry.before["correction"] is None
        for entry in done
        if "correction" in entry.after
    }


async def _mutes_back(connection: AsyncConnection, done: Sequence[JournalEntry], *, agent: str, now: datetime) -> None:
    for entry in done:
        if "mute" not in entry.after:
            continue
        what: dict[str, Any] = entry.after["mute"] or entry.before["mute"]
        await connection.execute(delete(mute).where(*(mute.c[name] == value for name, value in what.items())))
        if entry.before["mute"]:
            await connection.execute(insert(mute).values(**what, agent=agent, at=now))


async def _deliveries_back(connection: AsyncConnection, done: Sequence[JournalEntry], *, now: datetime) -> str:
    """Withdraw what the decision sent, or send again what an undo withdrew. Returns the text of a withdrawn reply."""
    sent = [entry.after["delivery"]["id"] for entry in done if entry.after.get("delivery")]
    taken = [entry.before["delivery"] for entry in done if entry.before.get("delivery")]
    await outbound.redo(connection, {one["id"]: one["window"] for one in taken}, now=now)
    recalled = await outbound.withdraw(connection, sent, now=now)
    return next((one.text for one in recalled if one.kind is DeliveryKind.REPLY), "")


def _cases(number: int) -> str:
    return "1 case" if number == 1 else f"{number} cases"
