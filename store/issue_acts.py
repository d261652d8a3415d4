"""What persons do to issues: pin, rename, merge, split, and say which issue a mention has.

Each act is remembered with who and when, and can be taken back (`undo`). Mentions are moved a few at a time: an act
says with itself which ones it is to move, and what was broken off is finished by `issue_moves.sweep`, which finding
issues runs first. An issue that was merged stays
as a row that leads to where it went, so that its id, its phrases and its future mentions go there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, issue_moves, issues
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.errors import BadInput, NotFound
from store.domain.safetext import safe_line
from store.domain.words import folded_words
from store.issue_moves import A_STEP, MERGE, PIN, RENAME, SET, SPLIT
from store.issues import led
from store.tables import issue, issue_act, issue_pending, issue_phrase, mention
from store.types import EPOCH

AGAIN = 20_000  # mentions without an issue that a new pin looks at, the newest
LABEL_LIMIT = 120
PHRASES_LIMIT = 50


@dataclass(frozen=True, slots=True)
class Done:
    """One act: the issue that it is about, as it is called now, and how many mentions it moved."""

    act: int
    action: str
    issue: int
    label: str
    moved: int = 0


async def pin(
    db: Database,
    name: str,
    *,
    phrases: Sequence[str] = (),
    examples: Sequence[str] = (),
    mentions: Sequence[int] = (),
    issue_id: int | None = None,
    agent: str,
    now: datetime,
) -> Done:
    """Name an issue for good, or pin the one of `issue_id`. Every text that holds its name or one of the phrases, in
    any language, and whatever is like an example, is its own from now on; so are `mentions`. What has no issue yet is
    looked at again by the next `sources.issues.refresh`. Raises BadInput, NotFound."""
    label, known_by = _label(name), [_phrase(phrase) for phrase in (*phrases, name)]
    texts = [_example(example) for example in examples]
    if len(known_by) + len(texts) > PHRASES_LIMIT:
        raise BadInput(f"an issue takes at most {PHRASES_LIMIT} phrases and examples")

    async def work(connection: AsyncConnection) -> tuple[int, int]:
        before = ""
        if issue_id is None:
            number = await _make(connection, "pin", label, now=now)
        else:
            number, before = await _led(connection, issue_id)
            await connection.execute(update(issue).where(issue.c.id == number).values(label=label, pinned=True))
        act = await _record(connection, PIN, number, agent=agent, now=now, before=before, after=label)
        rows = [{"phrase": phrase, "example": False} for phrase in dict.fromkeys(known_by)]
        rows += [{"phrase": text, "example": True} for text in texts]
        await connection.execute(insert(issue_phrase), [{"issue_id": number, "act_id": act, **row} for row in rows])
        await issue_moves.stale(connection, number)
        await _look_again(connection, known_by)
        await issue_moves.plan(connection, act, number, mention.c.id.in_(dialect_of(connection).these(mentions)))
        return act, number

    act, number = await db.write(work)
    return Done(act, PIN, number, label, await issue_moves.carry_out(db, act, now=now))


async def rename(db: Database, issue_id: int, label: str, *, agent: str, now: datetime) -> Done:
    """Raises BadInput, NotFound."""
    name = _label(label)

    async def work(connection: AsyncConnection) -> Done:
        number, before = await _led(connection, issue_id)
        await connection.execute(update(issue).where(issue.c.id == number).values(label=name))
        act = await _record(connection, RENAME, number, agent=agent, now=now, before=before, after=name)
        await _note(connection, number, now=now)
        return Done(act, RENAME, number, name)

    return await db.write(work)


async def merge(db: Database, survivor: int, other: int, *, agent: str, now: datetime) -> Done:
    """All of `other` goes to `survivor`, now and in future. Raises BadInput where they are one, NotFound. Said again,
    it goes on where it was broken off."""
    await issue_moves.sweep(db, now=now)

    async def work(connection: AsyncConnection) -> Done:
        (number, label), (gone, before) = await _led(connection, survivor), await _led(connection, other)
        if number == gone:
            raise BadInput(f"issue {survivor} and issue {other} are one already: {label}")
        act = await _record(connection, MERGE, number, other=gone, agent=agent, now=now, before=before, after=label)
        await connection.execute(update(issue).where(issue.c.id == gone).values(merged_into=number))
        spans = (
            await connection.execute(select(issue.c.first_seen, issue.c.last_seen).where(issue.c.id == gone))
        ).one()
        await issues.widen(connection, number, spans.first_seen, spans.last_seen)
        await issue_moves.stale(connection, number)
        return Done(act, MERGE, number, label)

    done = await db.write(work)
    return Done(done.act, MERGE, done.issue, done.label, await issue_moves.sweep(db, now=now))


async def split(
    db: Database,
    issue_id: int,
    name: str,
    *,
    phrase: str = "",
    mentions: Sequence[int] = (),
    agent: str,
    now: datetime,
) -> Done:
    """Those mentions of an issue that hold a phrase, or these, into an issue of their own; a phrase pins it. Raises
    BadInput where none of its mentions is meant, NotFound. Said again, it goes on where it was broken off."""
    await issue_moves.sweep(db, now=now)
    label = _label(name)
    words = " ".join(folded_words(_phrase(phrase))) if phrase else ""

    async def work(connection: AsyncConnection) -> tuple[int, int]:
        number, _ = await _led(connection, issue_id)
        meant: ColumnElement[bool] = mention.c.id.in_(dialect_of(connection).these(mentions))
        if words:
            full_text = dialect_of(connection).full_text
            meant = full_text.found(full_text.phrase(words.split()))
        fresh = await _make(connection, "split", label, now=now)
        act = await _record(connection, SPLIT, fresh, other=number, agent=agent, now=now, after=label)
        if not await issue_moves.plan(connection, act, fresh, meant, mention.c.issue_id == number):
            raise BadInput(
                f"issue {issue_id} has no mention that holds that; `earful issues show {issue_id}` shows some"
            )
        if words:
            row = {"issue_id": fresh, "act_id": act, "phrase": phrase, "example": False}
            await connection.execute(insert(issue_phrase), [row])
        await issue_moves.stale(connection, number, fresh)
        return act, fresh

    act, fresh = await db.write(work)
    return Done(act, SPLIT, fresh, label, await issue_moves.carry_out(db, act, now=now))


async def assign(db: Database, case_id: int, issue_id: int | None, *, agent: str, now: datetime) -> Done:
    """Say which issue the mentions of a case have; None: none. Raises NotFound."""

    async def work(connection: AsyncConnection) -> Done:
        theirs = select(mention.c.id, mention.c.issue_id).where(mention.c.case_id == case_id, mention.c.ours.is_(False))
        rows = (await connection.execute(theirs)).all()
        had = next((row.issue_id for row in rows if row.issue_id is not None), None)
        if not rows or (issue_id is None and had is None):
            raise NotFound(f"there is no case {case_id}" if not rows else f"case {case_id} has no issue")
        wanted = issue_id if issue_id is not None else had
        assert wanted is not None
        number, label = await _led(connection, wanted)
        label = "" if issue_id is None else label
        act = await _record(connection, SET, number, other=case_id, agent=agent, now=now, after=label)
        await issue_moves.stale(connection, number, *{row.issue_id for row in rows if row.issue_id is not None})
        moved, to = 0, None if issue_id is None else number
        for some in chunks([row.id for row in rows], A_STEP):
            moved += await issue_moves.put(connection, act, some, to, now=now)
        return Done(act, SET, number, label, moved)

    return await db.write(work)


async def undo(db: Database, *, agent: str, now: datetime) -> Done:
    """Take back the newest act of this agent: mentions that it moved go back, those that came since stay. Raises
    NotFound where there is none."""

    async def work(connection: AsyncConnection) -> Done:
        query = select(issue_act).where(issue_act.c.agent == agent, issue_act.c.undone_at.is_(None))
        act = (await connection.execute(query.order_by(issue_act.c.id.desc()).limit(1))).one_or_none()
        if act is None:
            raise NotFound(f"nothing that {agent} did to issues is left to take back")
        values = update(issue).where(issue.c.id == act.issue_id)
        if act.action == MERGE:
            await connection.execute(update(issue).where(issue.c.id == act.other_id).values(merged_into=None))
        if act.action == RENAME or (act.action == PIN and act.before):
            await connection.execute(values.values(label=act.before))
        if act.action in (PIN, SPLIT):
            await connection.execute(delete(issue_phrase).where(issue_phrase.c.act_id == act.id))
            left = select(issue_phrase.c.id).where(issue_phrase.c.issue_id == act.issue_id).exists()
            await connection.execute(values.values(pinned=left))
        await connection.execute(update(issue_act).where(issue_act.c.id == act.id).values(undone_at=now))
        await issue_moves.stale(connection, act.issue_id, *([act.other_id] if act.action in (MERGE, SPLIT) else []))
        await _note(connection, act.issue_id, now=now)
        return Done(act.id, act.action, act.issue_id, act.before or act.after)

    done = await db.write(work)
    return Done(done.act, done.action, done.issue, done.label, await issue_moves.sweep(db, now=now))


# In a transaction


async def _make(connection: AsyncConnection, kind: str, label: str, *, now: datetime) -> int:
    """A new, pinned issue; its time is widened by what it gets."""
    values = {"phrase": f"{kind} at {now.isoformat()} {label}", "label": label, "first_seen": now, "last_seen": EPOCH}
    fresh = insert(issue).values(**values, pinned=True).returning(issue.c.id)
    number: int = (await connection.execute(fresh)).scalar_one()
    key = {"phrase": f"{kind} {number}"}
    await connection.execute(update(issue).where(issue.c.id == number).values(key))
    return number


async def _record(
    connection: AsyncConnection,
    action: str,
    number: int,
    *,
    agent: str,
    now: datetime,
    other: int | None = None,
    before: str = "",
    after: str = "",
) -> int:
    row = {"at": now, "agent": agent, "action": action, "issue_id": number, "other_id": other}
    query = insert(issue_act).values(**row, before=before, after=after).returning(issue_act.c.id)
    act: int = (await connection.execute(query)).scalar_one()
    return act


async def _led(connection: AsyncConnection, number: int) -> tuple[int, str]:
    """The issue that an id leads to, and its label. Raises NotFound."""
    rows = await connection.execute(select(issue.c.id, issue.c.merged_into).where(issue.c.merged_into.is_not(None)))
    last = led(number, {row.id: row.merged_into for row in rows})
    label = (await connection.execute(select(issue.c.label).where(issue.c.id == last))).scalar_one_or_none()
    if label is None:
        raise NotFound(f"there is no issue {number}; `earful issues` lists them")
    return last, label


async def _look_again(connection: AsyncConnection, phrases: Sequence[str]) -> None:
    """What a new pin may want: all that hold a phrase and the newest of the rest, as far as they have no issue."""
    dialect = dialect_of(connection)
    free = (mention.c.issue_id.is_(None), mention.c.ours.is_(False), mention.c.deleted_at.is_(None))
    wanted = [select(mention.c.id, literal(True)).where(*free).order_by(mention.c.id.desc()).limit(AGAIN)]
    for phrase in phrases:
        holds = dialect.full_text.found(dialect.full_text.phrase(folded_words(phrase)))
        wanted.append(select(mention.c.id, literal(True)).where(*free, holds))
    for query in wanted:
        again = dialect.insert(issue_pending).from_select(["mention_id", "pins_only"], query)
        await connection.execute(again.on_conflict_do_nothing())


async def _note(connection: AsyncConnection, number: int, *, now: datetime) -> None:
    """Screens that show its label look again."""
    query = select(mention.c.case_id).where(mention.c.issue_id == number).order_by(mention.c.id.desc()).limit(A_STEP)
    await changes.note(connection, "case", (await connection.execute(query)).scalars(), at=now)


def _label(name: str) -> str:
    label = safe_line(" ".join(name.split()))
    if not folded_words(label) or len(label) > LABEL_LIMIT:
        raise BadInput(f"give the issue a name of letters, at most {LABEL_LIMIT} characters")
    return label


def _phrase(phrase: str) -> str:
    said = safe_line(" ".join(phrase.split()))
    if not folded_words(said):
        raise BadInput(f"`{said}` holds no words to look for")
    return said


def _example(text: str) -> str:
    said = safe_line(" ".join(text.split()), limit=1_000)
    if len(folded_words(said)) < 3:
        raise BadInput("an example is a whole text, three words at least; a shorter one is a phrase")
    return said
