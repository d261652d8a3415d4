"""Erasing a person: words, names and handles go everywhere, what is counted stays.

It goes in many small transactions with rests between them, so that nobody waits for it; the person's own row is
renamed last, so that one that was broken off is taken up by asking again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Table, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes, erased, forgetting, issue_words, search, traces, unmatched
from store.database import Database
from store.domain.mention import UNKNOWN_AUTHOR
from store.forgetting import Papers
from store.killpoints import point
from store.steps import Pace, step
from store.tables import author, cases, mention, mention_version, metadata, mute
from store.tables import unmatched as unmatched_posts
from store.traces import Person

ROWS_A_STEP = 500
SAMPLES, SAMPLE_BYTES = 20, 48
NOBODY = f"{erased.MARK[:-1]} "  # how the handle of one who was erased begins: "erased 3f9ac2e1"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Found:
    """A person whom the store knows. `author_id` is None where no word of theirs ever landed."""

    person: Person
    author_id: int | None
    mentions: int
    cases: int
    unmatched: int


@dataclass(slots=True)
class Erased:
    """What went, in rows. `elsewhere` are rows of others in which the person was named. `samples` are beginnings of
    what was erased, in memory only, to look whether they are really gone."""

    network: str
    mentions: int = 0
    versions: int = 0
    raws: int = 0
    cases: int = 0
    papers: Papers = field(default_factory=Papers)
    unmatched: int = 0
    mutes: int = 0
    elsewhere: int = 0
    samples: list[bytes] = field(default_factory=list, repr=False)


async def find(db: Database, who: str, network: str | None = None) -> list[Found]:
    """Those who have this handle, or this address of their page; by network. A handle written in another case counts
    where none is written so."""
    handles = list(dict.fromkeys((who, who.removeprefix("@"), f"@{who.removeprefix('@')}")))

    async def work(connection: AsyncConnection) -> list[Found]:
        exact = await _known(connection, author.c.handle.in_(handles), unmatched_posts.c.handle.in_(handles))
        alike = [handle.lower() for handle in handles]
        some = exact or await _known(
            connection,
            or_(func.lower(author.c.handle).in_(alike), (author.c.url == who) & (author.c.url != "")),
            func.lower(unmatched_posts.c.handle).in_(alike),
        )
        found = [await _found(connection, *each) for each in some if network in (None, each[0])]
        return [each for each in found if each.person.handle != UNKNOWN_AUTHOR]

    return await db.read(work)


async def was_erased(db: Database, who: str, networks: list[str]) -> bool:
    """Whether a person of this handle was erased on one of these networks before."""
    handles = (who, who.removeprefix("@"), f"@{who.removeprefix('@')}")
    digests = [erased.of_person(network, handle) for network in networks for handle in handles]
    return bool(await db.read(lambda connection: erased.these(connection, digests)))


async def networks(db: Database) -> list[str]:
    async def work(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(select(author.c.network).distinct())).scalars())

    return await db.read(work)


async def erase(db: Database, found: Found, *, agent: str, now: datetime, tell: Tell = lambda words: None) -> Erased:
    """Everything of this person. Raises StoreError; asked again, it goes on where it was."""
    person, gone = found.person, Erased(found.person.network)
    while found.author_id is not None:
        await _own(db, found.author_id, gone, agent=agent, now=now, tell=tell)
        await _everywhere(db, person, gone, now=now, tell=tell)
        if await step(db, partial(_rename, person=person, author_id=found.author_id, now=now)):
            break  # else they wrote again meanwhile
    else:
        await _everywhere(db, person, gone, now=now, tell=tell)
    await search.shed(db)
    return gone


async def _own(db: Database, author_id: int, gone: Erased, *, agent: str, now: datetime, tell: Tell) -> None:
    """The person's mentions and cases, our answers in them too."""
    pace = Pace()
    theirs = (mention.c.author_id == author_id, mention.c.external_id.not_like(f"{erased.MARK}%"))
    while await pace.step(db, partial(_mentions, where=theirs, gone=gone, now=now)):
        tell(f"{gone.mentions:,} mentions")
    after = 0
    while after := await pace.step(
        db, partial(_cases, author_id=author_id, after=after, gone=gone, agent=agent, now=now)
    ):
        tell(f"{gone.cases:,} cases")
    gone.elsewhere += await step(db, partial(issue_words.unname, author_id=author_id))


async def _mentions(
    connection: AsyncConnection, *, where: tuple[ColumnElement[bool], ...], gone: Erased, now: datetime, limit: int
) -> int:
    columns = (mention.c.id, mention.c.text, mention.c.title)
    rows = (await connection.execute(select(*columns).where(*where).limit(limit))).all()
    old = select(mention_version.c.text).where(mention_version.c.mention_id.in_([row.id for row in rows]))
    versions_of = (await connection.execute(old)).scalars().all()
    said = [words for row in rows for words in (row.text, f"{row.title} {row.text}")]
    gone.elsewhere += await issue_words.forget_examples(connection, [*said, *versions_of])
    for row in rows:
        sample = (row.text or row.title).encode()[:SAMPLE_BYTES]
        if len(gone.samples) < SAMPLES and len(sample) == SAMPLE_BYTES:
            gone.samples.append(sample)
    versions, raws = await forgetting.words(connection, [row.id for row in rows], now=now)
    gone.mentions, gone.versions, gone.raws = gone.mentions + len(rows), gone.versions + versions, gone.raws + raws
    point("erase_words")
    return len(rows)


async def _cases(
    connection: AsyncConnection, *, author_id: int, after: int, gone: Erased, agent: str, now: datetime, limit: int
) -> int:
    """The next few cases; returns the last one's id, 0 where none is left."""
    query = select(cases.c.id).where(cases.c.author_id == author_id, cases.c.id > after)
    ids = list((await connection.execute(query.order_by(cases.c.id).limit(limit))).scalars())
    if not ids:
        return 0
    ours = select(mention.c.id).where(mention.c.case_id.in_(ids), mention.c.ours.is_(True))
    answers = list((await connection.execute(ours)).scalars())
    versions, raws = await forgetting.words(connection, answers, now=now)
    gone.papers += await forgetting.papers(connection, ids, agent=agent, action="erase", now=now)
    gone.versions, gone.raws, gone.cases = gone.versions + versions, gone.raws + raws, gone.cases + len(ids)
    point("erase_papers")
    return int(ids[-1])


async def _everywhere(db: Database, person: Person, gone: Erased, *, now: datetime, tell: Tell) -> None:
    async def remembered(connection: AsyncConnection) -> int:
        return await unmatched.erase(connection, person.network, person.handle, now=now, limit=ROWS_A_STEP)

    while count := await step(db, remembered):
        gone.unmatched += count
    gone.mutes += await step(db, partial(_unmute, person=person))
    for table in metadata.sorted_tables:
        if not any(table.name in roles for roles in (*traces.ROLES, traces.RAW)) and table.name != "journal":
            continue
        tell(f"looking through {table.name}")
        last = await db.read(partial(_last_row, table=table))
        for after in range(0, last, ROWS_A_STEP):
            look = partial(traces.holds, table=table, person=person, after=after, upto=after + ROWS_A_STEP)
            if await db.read(look):
                blank = partial(
                    traces.blank, table=table, person=person, after=after, upto=after + ROWS_A_STEP, now=now
                )
                gone.elsewhere += await step(db, blank)


async def _last_row(connection: AsyncConnection, *, table: Table) -> int:
    return int((await connection.execute(traces.last_row(table))).scalar_one() or 0)


async def _unmute(connection: AsyncConnection, *, person: Person) -> int:
    theirs = (mute.c.kind == "author", mute.c.network == person.network)
    same = func.lower(mute.c.value) == person.handle.lower()
    return (await connection.execute(delete(mute).where(*theirs, same))).rowcount


async def _rename(connection: AsyncConnection, *, person: Person, author_id: int, now: datetime) -> bool:
    """The row stays as a number that counts. False where they wrote again since."""
    left = select(mention.c.id).where(
        mention.c.author_id == author_id, mention.c.external_id.not_like(f"{erased.MARK}%")
    )
    if (await connection.execute(left.limit(1))).first():
        return False
    await anonymise(connection, author_id)
    await erased.keep(connection, [erased.of_person(person.network, person.handle)], now=now)
    theirs = select(cases.c.id).where(cases.c.author_id == author_id)
    await changes.note(connection, "case", (await connection.execute(theirs)).scalars(), at=now)
    return True


async def anonymise(connection: AsyncConnection, author_id: int) -> None:
    """Nobody can guess the new handle, so that nobody can take it."""
    nobody = {"handle": f"{NOBODY}{uuid.uuid4().hex[:8]}", "name": "", "url": "", "followers": None}
    await connection.execute(update(author).where(author.c.id == author_id).values(nobody))


async def _known(
    connection: AsyncConnection, as_author: ColumnElement[bool], as_unmatched: ColumnElement[bool]
) -> list[tuple[str, str]]:
    table = unmatched_posts
    landed = select(author.c.network, author.c.handle).where(as_author, author.c.handle.not_like(f"{NOBODY}%"))
    seen = select(table.c.network, table.c.handle).where(as_unmatched).distinct()
    rows = [*(await connection.execute(landed)), *(await connection.execute(seen))]
    return sorted({(row.network, row.handle) for row in rows})


async def _found(connection: AsyncConnection, network: str, handle: str) -> Found:
    same = (author.c.network == network, author.c.handle == handle)
    row = (await connection.execute(select(author).where(*same))).one_or_none()
    table = unmatched_posts

    async def count(query: ColumnElement[bool], of: Any) -> int:
        return int((await connection.execute(select(func.count()).select_from(of).where(query))).scalar_one())

    return Found(
        Person(network, handle, row.name if row else ""),
        row.id if row else None,
        await count(mention.c.author_id == row.id, mention) if row else 0,
        await count(cases.c.author_id == row.id, cases) if row else 0,
        await count((table.c.network == network) & (table.c.handle == handle), table),
    )
