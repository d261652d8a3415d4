"""Doing: one action on one or many cases, in one transaction, as one decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, drafts, journal
from store.cases import effects
from store.database import Database
from store.domain.action import (
    Action,
    AddNote,
    Assign,
    CorrectSentiment,
    Dismiss,
    Escalate,
    Forward,
    Reply,
    Snooze,
    Tag,
)
from store.domain.errors import BadInput, Conflict
from store.domain.mention import SentimentLabel
from store.domain.safetext import safe, safe_line
from store.domain.standing import WORDS, Standing, decide
from store.journal import Change
from store.tables import journal as entries

NOT_ABOUT_US = "not about us"
TAG_LIMIT = 60

Target = tuple[int, int | None]  # (case id, version seen or None)


@dataclass(frozen=True, slots=True)
class Acted:
    """`batch` undoes it. `cases` maps case id to its new version; `deliveries` are ids of what went to the outbox,
    `corrections` maps a corrected mention to the id of its correction.

    A case that already was as the action wants it is not in `cases`; where that is so of all, `batch` is 0.
    """

    batch: int
    cases: dict[int, int]
    deliveries: tuple[int, ...] = ()
    corrections: Mapping[int, int] = field(default_factory=dict)


async def act(db: Database, targets: Sequence[Target], action: Action, *, agent: str, now: datetime) -> Acted:
    """Do one action on one or many cases, all or none, as one decision that one undo takes back.

    `targets` are (case id, version seen); None skips the check (the command line). A case that moved since raises
    Conflict and nothing is written. NotFound for an unknown case. BadInput for what makes no sense (empty reply; that
    a source cannot answer is checked by the caller). Reply: outbox row `held` until now + undo_window with the draft's
    identity, status waiting, draft removed; parent = the newest mention of theirs. A second Reply with the same
    identity, or the same text to the same parent while the first is unsettled, raises Conflict; one Reply to many cases
    has one identity for each, made from the draft's. Forward and Escalate(notify) write an outbox row too, identity
    made here. Any action of a person on a `new` case makes it `open` unless it sets another status; a rule's leaves it.
    """

    async def work(connection: AsyncConnection) -> Acted:
        return await act_in(connection, targets, action, agent=agent, now=now)

    return await db.write(work)


async def act_in(
    connection: AsyncConnection, targets: Sequence[Target], action: Action, *, agent: str, now: datetime
) -> Acted:
    """The same inside a transaction that somebody else began."""
    action = checked(action, now=now)
    if not agent.strip():
        raise BadInput("say who does it: an action needs an agent")
    seen = dict(targets)
    standings = await journal.standings(connection, list(seen))
    for standing in standings.values():
        if seen[standing.id] not in (None, standing.version):
            raise await _moved(connection, standing, seen[standing.id] or 0)
    decided = [Change(standing) for standing in standings.values()]
    for change in decided:
        change.set(decide(change.standing, action, agent=agent))
    sent = await _besides(connection, decided, action, agent=agent, now=now)
    batch, versions = await commit(connection, decided, WORDS[type(action)], agent=agent, now=now)
    corrected = {
        change.after["sentiment"]["mention"]: change.after["correction"]
        for change in decided
        if "correction" in change.after
    }
    return Acted(batch, versions, tuple(sent), corrected)


async def commit(
    connection: AsyncConnection, decided: Sequence[Change], word: str, *, agent: str, now: datetime
) -> tuple[int, dict[int, int]]:
    """Write and journal those of the changes that change anything, and tell the screens."""
    real = [change for change in decided if change]
    if not real:
        return 0, {}
    batch, versions = await journal.record(connection, real, word, agent=agent, now=now)
    await changes.note(connection, "case", versions, at=now)
    return batch, versions


async def _besides(
    connection: AsyncConnection, decided: Sequence[Change], action: Action, *, agent: str, now: datetime
) -> list[int]:
    """What an action does besides the columns of its cases. Returns the ids of its deliveries."""
    match action:
        case Tag():
            await effects.tag(connection, decided, action)
        case AddNote():
            await effects.note(connection, decided, action, agent=agent, now=now)
            await drafts.remove(connection, [change.standing.id for change in decided], agent, "note")
        case CorrectSentiment():
            await effects.correct(connection, decided, action, agent=agent, now=now)
        case Reply():
            await drafts.remove(connection, [change.standing.id for change in decided], agent, "reply")
            return await effects.send(connection, decided, action, agent=agent, now=now)
        case Forward() | Escalate(notify=True):
            return await effects.send(connection, decided, action, agent=agent, now=now)
    return []


def checked(action: Action, *, now: datetime) -> Action:
    """The action with its words made safe to keep and show; what leaves the house stays as typed. Raises BadInput."""
    match action:
        case Reply(text):
            return replace(action, text=_typed(text, "the reply is empty"))
        case AddNote(text):
            return replace(action, text=safe(_typed(text, "the note is empty")))
        case Assign(agent) if agent is not None:
            return replace(action, agent=_line(agent, "say to whom, or assign to nobody"))
        case Tag(add, remove):
            add, remove = tuple(map(tag_name, add)), tuple(map(tag_name, remove))
            if not add and not remove:
                raise BadInput("say which tag to add or remove")
            return Tag(add, tuple(tag for tag in remove if tag not in add))
        case Snooze(until) if until is not None and until <= now:
            raise BadInput("that time is over already; snooze until a later one")
        case Escalate(team, reason):
            line = _line(reason, "say why it is escalated")
            return replace(action, team=_line(team, "say to which team"), reason=line)
        case Forward(department, comment):
            comment = _typed(comment) if comment.strip() else ""
            return replace(action, department=_line(department, "say to which department"), comment=comment)
        case Dismiss(reason):
            return replace(action, reason=safe_line(reason) or NOT_ABOUT_US)
        case CorrectSentiment(label):
            if label not in set(SentimentLabel):
                raise BadInput(f"a sentiment is {', '.join(SentimentLabel)}, not {safe_line(label)!r}")
    return action


def tag_name(text: str) -> str:
    """A tag as it is kept: lower case, one word, without the sign that may stand before it. Raises BadInput."""
    name = "-".join(safe_line(text, limit=TAG_LIMIT).lower().replace(",", " ").lstrip("#+ ").split())
    if not name:
        raise BadInput("a tag needs at least one letter or digit")
    return name


def _line(text: str, complaint: str) -> str:
    line = safe_line(text)
    if not line:
        raise BadInput(complaint)
    return line


def _typed(text: str, complaint: str = "") -> str:
    if complaint and not text.strip():
        raise BadInput(complaint)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInput("the text is not valid Unicode; type it again") from error
    return text.replace("\x00", "").strip()


async def _moved(connection: AsyncConnection, standing: Standing, seen: int) -> Conflict:
    """Says who moved the case, as far as the journal knows."""
    newest = select(entries.c.agent, entries.c.action).where(entries.c.case_id == standing.id)
    last = (await connection.execute(newest.order_by(entries.c.id.desc()).limit(1))).one_or_none()
    by = f" (last: {safe_line(last.agent)}, {last.action})" if last else ""
    return Conflict(f"case {standing.id} changed since you looked at it{by}", seen=seen, found=standing.version)
