"""Pages: one fetch into the store, whole or not at all. Nothing is lost here and nothing doubled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import (
    authors,
    changes,
    corrections,
    cursors,
    edits,
    erased,
    issues,
    ledger,
    mutes,
    raws,
    search,
    unmatched,
    watches,
)
from store.casefiles import CaseFile, CaseFiles
from store.chunks import chunks
from store.database import Database
from store.dialects import dialect_of
from store.domain.mention import ReadMention
from store.domain.poll import PageToStore, PollLine, Rejected
from store.killpoints import point
from store.tables import mention, mention_watch
from store.threads import Place, for_case, places
from store.types import to_micros

Key = tuple[str, str]  # (network, external id)
Then = Callable[[AsyncConnection, PollLine], Awaitable[None]]


async def save_page(
    db: Database, page: PageToStore, *, now: datetime, reply_within: timedelta, then: Then | None = None
) -> PollLine:
    """One fetch in one transaction: mentions, cases, edits, deletions, search index, cursor, ledger line, changes.

    - An item whose (network, external_id) is stored is a duplicate. It brings the watches that it matches by now. A
      later form of it (see `edits.is_edit`) keeps the old words as a version and replaces text, reading and watches;
      where they turned negative by that, a `done` case is open again.
    - Otherwise it is new if it `lands`, else unmatched, which `store.unmatched` remembers. Twice in one page counts
      once as new, once as duplicate, and the later form is what is stored.
    - What no database takes (a lone surrogate, a score that is no number) is kept aside as rejected.
    - What was erased (see `store.erased`) counts as a duplicate and stays away, an edit of it too.
    - `ours`: a delivery of ours that comes back joins its case and is a duplicate. An answer that our account wrote
      past earful joins the case of what it answers and is new, though not one of `new_mentions`; if it came after their
      newest word, a new or open case is `waiting`. An own post that is neither is unmatched.
    - Thread: see `threads.places`.
    - Case: by (author, network, thread). Opened as `new` with due_at = created_at (now, where that lies ahead) +
      reply_within; or their new word makes it `open` again, with a new due_at where it was answered or finished, and
      with the team it was escalated to. `new` stays `new`. Whatever touches a stored case bumps its version and is
      journaled by agent "earful" as "mention", "edit", "delete" or "answer": one entry a case and page, one batch each.
    - A muted author, thread or word (table mute) lands in a case that is opened `dismissed` with reason "muted ...",
      and opens no case again.
    - `deleted`: text, title, raw and versions go, deleted_at stays, the search index forgets it.
    - Issue: it is noted that one is to be looked for (see `store.issues`).
    - Cursor: see `cursors.move`.

    `then` (the rules) runs in the same transaction, with the line that is about to be committed.

    Never called with a network wait inside. Raises StoreError. Kill points: "after_insert", "before_commit",
    "after_commit".
    """

    async def work(connection: AsyncConnection) -> PollLine:
        line = await _save(connection, page, now=now, reply_within=reply_within)
        if then is not None:
            await then(connection, line)
        return line

    return await db.write(work)


@dataclass(slots=True)
class _Sorted:
    """The items of a page by what is to be done with them; `fresh` are seen for the first time."""

    fresh: list[ReadMention] = field(default_factory=list)
    edited: dict[int, tuple[edits.Stored, ReadMention]] = field(default_factory=dict)
    again: list[tuple[int, ReadMention]] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    unmatched: list[ReadMention] = field(default_factory=list)
    duplicate: int = 0


@dataclass(frozen=True, slots=True)
class _Joined:
    """A fresh item that has found its case. `returned`: it is a delivery of ours."""

    item: ReadMention
    thread: str
    author_id: int
    file: CaseFile
    returned: bool = False


async def _save(connection: AsyncConnection, page: PageToStore, *, now: datetime, reply_within: timedelta) -> PollLine:
    files = CaseFiles(connection)
    found = await _sort(connection, page)
    joined = await _join(connection, files, page.source, found.fresh, now=now, reply_within=reply_within)
    new_cases = await files.open(now=now)
    ids = await _insert(connection, page.source, joined, now=now)
    await _watch(connection, joined, ids, found)
    point("after_insert")
    await _edit(connection, files, found, now=now, reply_within=reply_within)
    await _delete(connection, files, page, now=now)
    await files.put_back(now=now)
    await changes.note(connection, "case", [each.file.id for each in joined if each.returned], at=now)
    found.unmatched += [item for item in found.fresh if _key(item) not in ids]  # own posts outside of any case
    await unmatched.remember(connection, page.source, page.stream, found.unmatched, now=now)
    await unmatched.forget(connection, [*ids, *((page.network, gone) for gone in page.deleted)])
    await cursors.move(connection, page, now=now)
    returned = sum(each.returned for each in joined)
    line = await ledger.write(
        connection,
        page,
        [*page.rejected, *found.rejected],
        new=len(joined) - returned,
        duplicate=found.duplicate + returned,
        unmatched=len(found.unmatched),
        new_mentions=tuple(ids[_key(each.item)] for each in joined if not each.item.new.ours),
        new_cases=tuple(new_cases),
    )
    await changes.note(connection, "source", [None], at=now)
    return line


async def _sort(connection: AsyncConnection, page: PageToStore) -> _Sorted:
    found = _Sorted()
    fit: list[ReadMention] = []
    for item in page.items:
        if reason := _unfit(item):
            found.rejected.append(Rejected(ascii(item.new.external_id)[1:-1], reason, item.new.raw))
        else:
            fit.append(item)
    stored = await _stored(connection, fit)
    gone = await erased.posts(connection, (_key(item) for item in fit if _key(item) not in stored))
    places: dict[Key, int] = {}
    for item in fit:
        key = _key(item)
        before = stored.get(key)
        if key in gone:
            found.duplicate += 1
            continue
        if before is None and key not in places:
            if item.lands or item.new.ours:
                places[key] = len(found.fresh)
                found.fresh.append(item)
            else:
                found.unmatched.append(item)
            continue
        found.duplicate += 1
        if before is None and _is_later(item, found.fresh[places[key]]):
            found.fresh[places[key]] = replace(item, watches=item.watches or found.fresh[places[key]].watches)
        if before is not None and edits.is_edit(before, item, page.source):
            found.edited[before.id] = (before, item)
        if before is not None and item.watches and not before.ours:
            found.again.append((before.id, item))
    return found


def _is_later(item: ReadMention, first: ReadMention) -> bool:
    """Whether it is an edit of one that came with the same page."""
    at, before = item.new.edited_at, first.new.edited_at
    return at is not None and (before is None or at > before)


async def _stored(connection: AsyncConnection, items: Iterable[ReadMention]) -> dict[Key, edits.Stored]:
    by_network: dict[str, list[str]] = {}
    for item in items:
        by_network.setdefault(item.new.network, []).append(item.new.external_id)
    stored: dict[Key, edits.Stored] = {}
    for network, external_ids in by_network.items():
        for some in chunks(external_ids):
            query = select(*edits.COLUMNS).where(mention.c.network == network, mention.c.external_id.in_(some))
            stored |= {(row.network, row.external_id): row for row in await connection.execute(query)}
    return stored


async def _join(
    connection: AsyncConnection,
    files: CaseFiles,
    source: str,
    fresh: Sequence[ReadMention],
    *,
    now: datetime,
    reply_within: timedelta,
) -> list[_Joined]:
    """Each fresh item with its case, oldest first; own posts that belong to no case are left out."""
    placed = await places(connection, source, fresh)
    order = sorted(range(len(fresh)), key=lambda i: fresh[i].new.created_at)
    theirs, ours = [i for i in order if not fresh[i].new.ours], [i for i in order if fresh[i].new.ours]
    author_ids = await authors.known(connection, [fresh[i] for i in theirs])
    keys = {
        i: (author_ids[authors.key(fresh[i])], fresh[i].new.network, for_case(fresh[i], placed[i].thread))
        for i in theirs
    }
    await files.take_keys(keys.values())
    muted = await mutes.load(connection)
    at: dict[int, CaseFile] = {}
    for i in theirs:
        item, (_, network, _), thread = fresh[i], keys[i], placed[i].thread
        at[i] = files.at(keys[i], source, item)
        why = muted.reason(network, item.author_handle, thread, item.title, item.text)
        at[i].hear(item, muted=why, now=now, reply_within=reply_within)
    await files.take_ids(case_id for i in ours for case_id in (placed[i].delivery, placed[i].case_id) if case_id)
    for i in ours:
        file = _case_of_ours(i, placed, at, files)
        if file is not None:
            at[i] = file
            if placed[i].delivery is None:
                file.answered(fresh[i])
    author_ids |= await authors.known(connection, [fresh[i] for i in ours if i in at])
    return [
        _Joined(fresh[i], placed[i].thread, author_ids[authors.key(fresh[i])], at[i], placed[i].delivery is not None)
        for i in order
        if i in at
    ]


def _case_of_ours(i: int, placed: Sequence[Place], at: Mapping[int, CaseFile], files: CaseFiles) -> CaseFile | None:
    """Up from an own post, over other own posts of this page, to a case."""
    up: int | None = i
    for _ in placed:  # a bound for posts that answer each other in a circle
        if up is None or up in at:
            break
        file = files.of(placed[up].delivery) or files.of(placed[up].case_id)
        if file is not None:
            return file
        up = placed[up].parent
    return at.get(up) if up is not None else None


async def _insert(
    connection: AsyncConnection, source: str, joined: Sequence[_Joined], *, now: datetime
) -> dict[Key, int]:
    """Store the mentions with raw bytes and search index: their ids by key."""
    if not joined:
        return {}
    theirs = [each.item for each in joined if not each.item.new.ours]
    rows = [_row(each, source, now) for each in joined]
    query = insert(mention).returning(mention.c.id, mention.c.network, mention.c.external_id)
    ids = {(row.network, row.external_id): row.id for row in await connection.execute(query, rows)}
    told = {ids[_key(item)]: item.taught for item in theirs if item.taught is not None}
    await corrections.taught(connection, told, now=now)
    await issues.expect(connection, [ids[_key(item)] for item in theirs])
    await raws.keep(connection, {ids[_key(each.item)]: each.item.new.raw for each in joined})
    await search.add(connection, [(ids[_key(each.item)], each.item.title, each.item.text) for each in joined])
    return ids


async def _watch(
    connection: AsyncConnection, joined: Sequence[_Joined], ids: Mapping[Key, int], found: _Sorted
) -> None:
    heard = [(ids[_key(each.item)], each.item) for each in joined if not each.item.new.ours] + found.again
    watch_ids = await watches.ids(connection, (name for _, item in heard for name in item.watches))
    rows = [{"mention_id": row_id, "watch_id": watch_ids[name]} for row_id, item in heard for name in item.watches]
    if rows:
        await connection.execute(dialect_of(connection).insert(mention_watch).on_conflict_do_nothing(), rows)


async def _edit(
    connection: AsyncConnection, files: CaseFiles, found: _Sorted, *, now: datetime, reply_within: timedelta
) -> None:
    edited = list(found.edited.values())
    watch_ids = await watches.ids(connection, (name for _, item in edited for name in item.watches))
    await edits.apply(connection, edited, watch_ids, now=now)
    rewritten = [(stored, item) for stored, item in edited if edits.rewrites(stored, item)]
    await files.take_ids(stored.case_id for stored, _ in rewritten if stored.case_id)
    for stored, item in rewritten:
        if file := files.of(stored.case_id):
            file.edited(stored.sentiment, item.reading.sentiment, now=now, reply_within=reply_within)


async def _delete(connection: AsyncConnection, files: CaseFiles, page: PageToStore, *, now: datetime) -> None:
    case_ids = await edits.remove(connection, page.network, page.deleted, now=now)
    await files.take_ids(case_ids)
    for case_id in case_ids:
        if file := files.of(case_id):
            file.deleted()


def _key(item: ReadMention) -> Key:
    return item.new.network, item.new.external_id


def _row(each: _Joined, source: str, now: datetime) -> dict[str, Any]:
    item, new = each.item, each.item.new
    return {
        "network": new.network,
        "external_id": new.external_id,
        "source": source,
        "native_id": new.native_id,
        "parent": new.parent,
        "thread": each.thread,
        "case_id": each.file.id,
        "author_id": each.author_id,
        "type": new.type,
        "title": item.title,
        "text": item.text,
        "url": new.url,
        "visibility": new.visibility,
        "ours": new.ours,
        "created_at": new.created_at,
        "edited_at": new.edited_at,
        "seen_at": now,
        **edits.reading(item),
    }


def _unfit(item: ReadMention) -> str:
    """Why no database would take this item, which would hold up the whole page; "" where one would."""
    new, reading = item.new, item.reading
    texts = (
        new.network, new.external_id, new.native_id, new.parent, new.thread, new.url, new.visibility, new.author.url,
        item.title, item.text, item.author_name, item.author_handle, reading.language, reading.intent or "",
        *reading.reasons, *item.watches,
    )  # fmt: skip
    try:
        "".join(texts).encode()
        for at in (new.created_at, *filter(None, [new.edited_at])):
            to_micros(at)
    except UnicodeEncodeError:
        return "it holds half of a character (a lone surrogate)"
    except ValueError as error:
        return str(error)
    if not new.external_id:
        return "it has no id"
    if not isfinite(reading.score) or not 0 <= (new.author.followers or 0) < 2**63:
        return "a number of it is out of range"
    return ""
