"""Drafts: what an agent is writing, kept at every pause, with the identity its delivery will carry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store.database import Database
from store.dialects import dialect_of
from store.domain.errors import BadInput, NotFound
from store.tables import draft

KINDS = ("reply", "note")


@dataclass(frozen=True, slots=True)
class Draft:
    """One agent's unsent words on one case; `kind` is "reply" or "note". `text` is as it was typed."""

    case_id: int
    agent: str
    kind: str
    text: str
    identity: str
    updated_at: datetime


def new_identity() -> str:
    """What a network is asked to tell two sendings of one answer by: 36 characters, letters, digits and hyphens."""
    return str(uuid4())


async def get(db: Database, case_id: int, agent: str, kind: str = "reply") -> Draft | None:
    async def work(connection: AsyncConnection) -> Draft | None:
        return await _find(connection, case_id, agent, kind)

    return await db.read(work)


async def save(db: Database, case_id: int, agent: str, text: str, *, now: datetime, kind: str = "reply") -> Draft:
    """Keep the text; the identity is made with the first save and stays. An empty text removes the draft but the Draft
    is returned. No change is noted: nobody else sees a draft. Raises NotFound for an unknown case."""
    if kind not in KINDS:
        raise BadInput(f"a draft is a reply or a note, not {kind!r}")

    async def work(connection: AsyncConnection) -> Draft:
        kept = await _find(connection, case_id, agent, kind)
        words = text.encode("utf-8", "replace").decode()  # a lone surrogate must not cost the whole draft
        saved = Draft(case_id, agent, kind, words, kept.identity if kept else new_identity(), now)
        if not words.strip():
            await remove(connection, [case_id], agent, kind)
        elif kept:
            written = update(draft).where(*_key(case_id, agent, kind))
            await connection.execute(written.values(text=words, updated_at=now))
        else:
            await _insert(connection, saved)
        return saved

    return await db.write(work)


async def of_agent(db: Database, agent: str) -> list[Draft]:
    """Newest first: what this agent has begun and not sent."""

    async def work(connection: AsyncConnection) -> list[Draft]:
        newest_first = select(draft).where(draft.c.agent == agent).order_by(draft.c.updated_at.desc(), draft.c.case_id)
        return [Draft(**row._mapping) for row in await connection.execute(newest_first)]

    return await db.read(work)


async def put_back(
    connection: AsyncConnection, case_id: int, agent: str, text: str, *, identity: str, now: datetime
) -> None:
    """Inside a write: a reply that did not leave is the agent's draft again, unless a newer one is there."""
    if await _find(connection, case_id, agent, "reply") is None:
        await _insert(connection, Draft(case_id, agent, "reply", text, identity, now))


async def taken(connection: AsyncConnection, case_id: int, agent: str, text: str) -> None:
    """Inside a write: this text is on its way again without the composer. Its draft goes; one that was changed since
    stays, under a new identity, because the old one belongs to what is on its way."""
    kept = await _find(connection, case_id, agent, "reply")
    if kept and kept.text == text:
        await remove(connection, [case_id], agent, "reply")
    elif kept:
        await connection.execute(update(draft).where(*_key(case_id, agent, "reply")).values(identity=new_identity()))


async def remove(connection: AsyncConnection, case_ids: Iterable[int], agent: str, kind: str) -> None:
    """Inside a write: what was written has been sent or noted."""
    for case_id in case_ids:
        await connection.execute(delete(draft).where(*_key(case_id, agent, kind)))


def _key(case_id: int, agent: str, kind: str) -> tuple[ColumnElement[bool], ...]:
    return draft.c.case_id == case_id, draft.c.agent == agent, draft.c.kind == kind


async def _find(connection: AsyncConnection, case_id: int, agent: str, kind: str) -> Draft | None:
    row = (await connection.execute(select(draft).where(*_key(case_id, agent, kind)))).one_or_none()
    return Draft(**row._mapping) if row else None


async def _insert(connection: AsyncConnection, new: Draft) -> None:
    try:
        row = {name: getattr(new, name) for name in Draft.__slots__}
        await connection.execute(dialect_of(connection).insert(draft).values(row).on_conflict_do_nothing())
    except IntegrityError as error:
        raise NotFound(f"there is no case {new.case_id}") from error
