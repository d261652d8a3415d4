"""What persons do to issues: pin, rename, merge, split, and say which issue a mention has.

Each act is remembered with who and when, and can be taken back (`undo`). Mentions are moved a few at a time: a merger
or an undo that was broken off is finished by `sweep`, which finding issues runs first. An issue that was merged stays
as a row that leads to where it went, so that its id, its phrases and its future mentions go there too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import delete, func, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, issues
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.errors import BadInput, NotFound
from store.domain.safetext import safe_line
from store.domain.words import folded_words
from store.issues import led
from store.steps import step
from store.tables import issue, issue_act, issue_move, issue_pending, issue_phrase, mention
from store.types import EPOCH

A_STEP = 500  # mentions moved in one transaction
AGAIN = 20_000  # mentions without an issue that a new pin looks at, the newest
LABEL_LIMIT = 120
PHRASES_LIMIT = 50
PIN, RENAME, MERGE, SPLIT, SET = "pin", "rename", "merge", "split", "set"


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
        await _stale(connection, number)
        await _look_again(connection, known_by)
        return act, number

    act, number = await db.write(work)
    moved = await _move(db, act, mentions, number, now=now)
    return Done(act, PIN, number, label, moved)


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
    await sweep(db, now=now)

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
        await _stale(connection, number)
        return Done(act, MERGE, number, label)

    done = await db.write(work)
    return Done(done.act, MERGE, done.issue, done.label, await sweep(db, now=now))


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
    BadInput where none of its mentions is meant, NotFound."""
    label = _label(name)
    words = " ".join(folded_words(_phrase(phrase))) if phrase else ""

    async def work(connection: AsyncConnection) -> tuple[int, int, list[int]]:
        number, _ = await _led(connection, issue_id)
        meant = [mention.c.issue_id == number]
        if words:
            full_text = dialect_of(connection).full_text
            meant.append(full_text.found(full_text.phrase(words.split())))
        else:
            meant.append(mention.c.id.in_(dialect_of(connection).these(mentions)))
        ids = list((await connection.execute(select(mention.c.id).where(*meant))).scalars())
        if not ids:
            raise BadInput(
                f"issue {issue_id} has no mention that holds that; `earful issues show {issue_id}` shows some"
            )
        fresh = await _make(connection, "split", label, now=now)
        act = await _record(connection, SPLIT, fresh, other=number, agent=agent, now=now, after=label)
        if words:
            row = {"issue_id": fresh, "act_id": act, "phrase": phrase, "example": False}
            await connection.execute(insert(issue_phrase), [row])
        await _stale(connection, number, fresh)
        return act, fresh, ids

    act, fresh, ids = await db.write(work)
    return Done(act, SPLIT, fresh, label, await _move(db, act, ids, fresh, now=now))


async def assign(db: Database, case_id: int, issue_id: int | None, *, agent: str, now: datetime) -> Done:
    """Say which issue the mentions of a case have; None: none. Raises NotFound."""

    async def work(connection: AsyncConnection) -> tuple[Done, list[int]]:
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
        await _stale(connection, number, *{row.issue_id for row in rows if row.issue_id is not None})
        return Done(act, SET, number, label), [row.id for row in rows]

    done, ids = await db.write(work)
    moved = await _move(db, done.act, ids, None if issue_id is None else done.issue, now=now)
    return Done(done.act, SET, done.issue, done.label, moved)


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
        await _stale(connection, act.issue_id, *([act.other_id] if act.action in (MERGE, SPLIT) else []))
        await _note(connection, act.issue_id, now=now)
        return Done(act.id, act.action, act.issue_id, act.before or act.after)

    done = await db.write(work)
    return Done(done.act, done.action, done.issue, done.label, await sweep(db, now=now))


async def sweep(db: Database, *, now: datetime) -> int:
    """Finish what moves mentions: those of merged issues to where these lead, those of undone acts back."""
    count = 0
    while moved := await step(db, partial(_forward, now=now)):
        count += moved
    while moved := await step(db, partial(_back, now=now)):
        count += moved
    return count


# In a transaction


async def _forward(connection: AsyncConnection, *, now: datetime) -> int:
    query = (
        select(mention.c.id, mention.c.issue_id, issue.c.merged_into)
        .join(issue, issue.c.id == mention.c.issue_id)
        .where(
            issue.c.merged_into.is_not(None), issue.c.id.in_(select(issue.c.id).where(issue.c.merged_into.is_not(None)))
        )
    )
    rows = (await connection.execute(query.limit(A_STEP))).all()
    for gone, into in {(row.issue_id, row.merged_into) for row in rows}:
        merged = (issue_act.c.action == MERGE, issue_act.c.other_id == gone, issue_act.c.undone_at.is_(None))
        act = (await connection.execute(select(func.max(issue_act.c.id)).where(*merged))).scalar_one()
        await _put(connection, act, [row.id for row in rows if row.issue_id == gone], into, now=now)
    return len(rows)


async def _back(connection: AsyncConnection, *, now: datetime) -> int:
    """What somebody moved on since then stays there. A pin that is taken back lets go of what it took."""
    query = (
        select(issue_move.c.act_id, issue_move.c.mention_id, issue_move.c.before, issue_act.c.issue_id)
        .join(issue_act, issue_act.c.id == issue_move.c.act_id)
        .where(issue_act.c.undone_at.is_not(None))
        .limit(A_STEP)
    )
    rows = (await connection.execute(query)).all()
    for before, target in {(row.before, row.issue_id) for row in rows}:
        ids = [row.mention_id for row in rows if (row.before, row.issue_id) == (before, target)]
        still = or_(mention.c.issue_id == target, mention.c.issue_id.is_(None))
        await connection.execute(update(mention).where(mention.c.id.in_(ids), still).values(issue_id=before))
    for act in {row.act_id for row in rows}:
        moved = [row.mention_id for row in rows if row.act_id == act]
        await connection.execute(
            delete(issue_move).where(issue_move.c.act_id == act, issue_move.c.mention_id.in_(moved))
        )
    await _note_mentions(connection, [row.mention_id for row in rows], now=now)
    if rows:
        return len(rows)
    empty = (
        select(mention.c.id)
        .join(issue_act, issue_act.c.issue_id == mention.c.issue_id)
        .join(issue, issue.c.id == mention.c.issue_id)
        .where(issue_act.c.action == PIN, issue_act.c.before == "", issue_act.c.undone_at.is_not(None))
        .where(issue.c.pinned.is_(False))
        .limit(A_STEP)
    )
    ids = list((await connection.execute(empty)).scalars())
    await connection.execute(update(mention).where(mention.c.id.in_(ids)).values(issue_id=None))
    await _note_mentions(connection, ids, now=now)
    return len(ids)


async def _move(db: Database, act: int, mentions: Sequence[int], to: int | None, *, now: datetime) -> int:
    count = 0
    for some in chunks(mentions, A_STEP):
        count += await step(db, partial(_put, act=act, mentions=some, to=to, now=now))
    return count


async def _put(connection: AsyncConnection, act: int, mentions: Sequence[int], to: int | None, *, now: datetime) -> int:
    """Give mentions another issue, and keep which they had."""
    query = select(mention.c.id, mention.c.issue_id, mention.c.created_at)
    rows = (await connection.execute(query.where(mention.c.id.in_(mentions), mention.c.ours.is_(False)))).all()
    moved = [row for row in rows if row.issue_id != to]
    if not moved:
        return 0
    kept = [{"act_id": act, "mention_id": row.id, "before": row.issue_id} for row in moved]
    await connection.execute(dialect_of(connection).insert(issue_move).on_conflict_do_nothing(), kept)
    ids = [row.id for row in moved]
    await connection.execute(update(mention).where(mention.c.id.in_(ids)).values(issue_id=to))
    await _stale(connection, *{number for number in (to, *(row.issue_id for row in moved)) if number is not None})
    if to is not None:
        times = [row.created_at for row in moved]
        await issues.widen(connection, to, min(times), max(times))
    await _note_mentions(connection, ids, now=now)
    return len(moved)


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


async def _stale(connection: AsyncConnection, *numbers: int) -> None:
    await connection.execute(update(issue).where(issue.c.id.in_(numbers)).values(stale=True))


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


async def _note_mentions(connection: AsyncConnection, ids: Sequence[int], *, now: datetime) -> None:
    query = select(mention.c.case_id).where(mention.c.id.in_(ids))
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
