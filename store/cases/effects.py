"""What actions do besides the columns of their cases: tags, notes, corrected sentiments, deliveries. Each adds to the
changes what the journal has to know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import corrections, outbound
from store.chunks import chunks
from store.domain.action import AddNote, CorrectSentiment, Escalate, Forward, Reply, Tag
from store.domain.delivery import DeliveryKind
from store.domain.errors import BadInput
from store.domain.mention import JsonObject
from store.drafts import new_identity
from store.journal import Change
from store.outbound import Outgoing
from store.tables import author, case_tag, mention
from store.tables import note as notes

NOTHING_OF_THEIRS = "case {}: there is no word of theirs left"


async def tags_of(connection: AsyncConnection, case_ids: Sequence[int]) -> dict[int, list[str]]:
    """The tags of these cases, sorted; a case without any is there with an empty list."""
    found: dict[int, list[str]] = {case_id: [] for case_id in case_ids}
    for some in chunks(case_ids):
        tagged = select(case_tag.c.case_id, case_tag.c.tag).where(case_tag.c.case_id.in_(some))
        for case_id, name in await connection.execute(tagged.order_by(case_tag.c.tag)):
            found[case_id].append(name)
    return found


async def retag(connection: AsyncConnection, wanted: Mapping[int, tuple[Sequence[str], Sequence[str]]]) -> None:
    """Case id -> (tags before, tags after): write the difference."""
    gone = [{"which": k, "name": tag} for k, (old, new) in wanted.items() for tag in old if tag not in new]
    come = [{"case_id": k, "tag": tag} for k, (old, new) in wanted.items() for tag in new if tag not in old]
    if gone:
        which = (case_tag.c.case_id == bindparam("which"), case_tag.c.tag == bindparam("name"))
        await connection.execute(delete(case_tag).where(*which), gone)
    if come:
        await connection.execute(insert(case_tag), come)


async def tag(connection: AsyncConnection, decided: Sequence[Change], action: Tag) -> None:
    current = await tags_of(connection, [change.standing.id for change in decided])
    wanted: dict[int, tuple[list[str], list[str]]] = {}
    for change in decided:
        before = current[change.standing.id]
        after = sorted((set(before) | set(action.add)) - set(action.remove))
        if after != before:
            wanted[change.standing.id] = (before, after)
            change.keep("tags", before, after)
    await retag(connection, wanted)


async def note(
    connection: AsyncConnection, decided: Sequence[Change], action: AddNote, *, agent: str, now: datetime
) -> None:
    rows = [{"case_id": change.standing.id, "agent": agent, "at": now, "text": action.text} for change in decided]
    written = await connection.execute(insert(notes).returning(notes.c.case_id, notes.c.id), rows)
    numbers = {row.case_id: row.id for row in written}
    for change in decided:
        change.keep("note", None, numbers[change.standing.id])


async def correct(
    connection: AsyncConnection, decided: Sequence[Change], action: CorrectSentiment, *, agent: str, now: datetime
) -> None:
    """The person's word on the newest mention of theirs, kept as a correction that the reading learns from."""
    newest = await _newest(connection, decided)
    other = [
        (change, row)
        for change in decided
        for row in (newest[change.standing.id],)
        if row.corrected_by is None or row.sentiment != action.label
    ]
    if not other:
        return
    rows = [row for _, row in other]
    numbers = await corrections.add(connection, rows, action.label, agent=agent, now=now)
    score = corrections.SCORES[action.label]
    for change, row in other:
        after = {"mention": row.id, "sentiment": action.label, "score": score, "corrected_by": agent}
        change.keep("sentiment", sentiment_of(row), after)
        change.keep("correction", None, numbers[row.id])
    await write_sentiments(connection, [change.after["sentiment"] for change, _ in other])


def sentiment_of(row: Any) -> JsonObject:
    """What the journal keeps of a mention's sentiment: its columns, and whose they are."""
    return {"mention": row.id, "sentiment": row.sentiment, "score": row.score, "corrected_by": row.corrected_by}


async def write_sentiments(connection: AsyncConnection, corrected: Sequence[JsonObject]) -> None:
    """What the journal keeps of a sentiment, written to its mention."""
    if corrected:
        await connection.execute(update(mention).where(mention.c.id == bindparam("mention")), list(corrected))


async def send(
    connection: AsyncConnection,
    decided: Sequence[Change],
    action: Reply | Forward | Escalate,
    *,
    agent: str,
    now: datetime,
) -> list[int]:
    """One delivery a case, held for the action's undo window. Returns their ids."""
    window = max(action.undo_window, 0.0)
    if isinstance(action, Reply):
        outgoing = await _replies(connection, decided, action)
    else:
        outgoing = [_notice(change, action) for change in decided]
    held = await outbound.hold(connection, outgoing, agent=agent, now=now, window=window)
    for change in decided:
        change.keep("delivery", None, {"id": held[change.standing.id], "window": window})
    return list(held.values())


async def _replies(connection: AsyncConnection, decided: Sequence[Change], action: Reply) -> list[Outgoing]:
    if not action.identity:
        raise BadInput("a reply needs the identity of its draft")
    newest = await _newest(connection, decided)
    return [
        Outgoing(
            case_id=change.standing.id,
            kind=DeliveryKind.REPLY,
            source=parent.source,
            to=parent.handle,
            target=parent.native_id or parent.external_id,
            text=action.text,
            identity=action.identity if len(decided) == 1 else _one_of_many(action.identity, change.standing.id),
            mention_id=parent.id,
            visibility=parent.visibility,
        )
        for change in decided
        for parent in (newest[change.standing.id],)
    ]


def _notice(change: Change, action: Forward | Escalate) -> Outgoing:
    """The courier composes what is sent from the case; kept here is what the agent adds."""
    kind = DeliveryKind.FORWARD if isinstance(action, Forward) else DeliveryKind.ESCALATION
    place, text = (action.department, action.comment) if isinstance(action, Forward) else (action.team, action.reason)
    return Outgoing(
        case_id=change.standing.id,
        kind=kind,
        source=change.standing.source,
        to=place,
        target=place,
        text=text,
        identity=new_identity(),
        mention_id=change.standing.newest_mention_id,
    )


def _one_of_many(identity: str, case_id: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"{identity}\x1f{case_id}"))


async def _newest(connection: AsyncConnection, decided: Sequence[Change]) -> dict[int, Any]:
    """The newest mention of theirs of each case, by case id. Raises BadInput for a case that has none left: a network
    refuses an answer to what is gone."""
    by_mention = {change.standing.newest_mention_id: change.standing.id for change in decided}
    numbers = [number for number in by_mention if number is not None]
    found: dict[int, Any] = {}
    said = select(mention, author.c.handle).join(author, author.c.id == mention.c.author_id)
    for some in chunks(numbers):
        for row in await connection.execute(said.where(mention.c.id.in_(some), mention.c.deleted_at.is_(None))):
            found[by_mention[row.id]] = row
    for change in decided:
        if change.standing.id not in found:
            raise BadInput(NOTHING_OF_THEIRS.format(change.standing.id))
    return found
