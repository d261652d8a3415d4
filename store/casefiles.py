"""Case files: the cases that one page touches, as the page finds and leaves them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import changes
from store.chunks import chunks
from store.domain.case import CaseStatus, Priority
from store.domain.mention import ReadMention, SentimentLabel
from store.domain.standing import entering, to_json
from store.tables import cases, journal, mention

Key = tuple[int, str, str]  # (author id, network, thread)

AGENT = "earful"
JOURNALED = ("status", "reason", "snoozed_until", "due_at", "answered_at")
KEPT = (*JOURNALED, "waits_since", "created_at", "last_at", "mentions", "version")
STATUSES_WITH_A_NEW_CLOCK = frozenset({CaseStatus.WAITING, CaseStatus.DONE, CaseStatus.DISMISSED})
# What stands for a case: their newest word that is not gone, for only that can be answered; else their newest.
_NEWEST = (
    select(mention.c.id)
    .where(mention.c.case_id == cases.c.id, mention.c.ours.is_(False))
    .order_by(mention.c.deleted_at.is_not(None), mention.c.created_at.desc(), mention.c.id.desc())
    .limit(1)
    .scalar_subquery()
)


@dataclass(slots=True)
class CaseFile:
    """One case in the hands of a page. `id` is 0 until it is stored."""

    id: int
    key: Key
    source: str
    now: dict[str, Any]
    was: dict[str, Any]
    acts: list[str] = field(default_factory=list)

    @property
    def fresh(self) -> bool:
        """Opened by this page: nobody has seen it, so there is nothing to journal."""
        return not self.was

    def hear(self, item: ReadMention, *, muted: str, now: datetime, reply_within: timedelta) -> None:
        """A new word of theirs. It opens the case again, whatever came of it, unless it is muted."""
        case, at = self.now, item.new.created_at
        self.acts.append("mention")
        case["mentions"] += 1
        case["created_at"], case["last_at"] = min(case["created_at"], at), max(case["last_at"], at)
        if muted:
            if self.fresh and case["mentions"] == 1:
                case.update(entering(CaseStatus.DISMISSED, reason=muted))
            return
        if case["due_at"] is None or case["status"] in STATUSES_WITH_A_NEW_CLOCK:
            case["waits_since"] = min(at, now)
            case["due_at"] = case["waits_since"] + reply_within
        if self.fresh:
            case.update(entering(CaseStatus.NEW))
        elif case["status"] != CaseStatus.NEW:
            case.update(entering(CaseStatus.OPEN))

    def answered(self, item: ReadMention) -> None:
        """Our account answered on the network itself, past earful: nobody needs to answer the same word again."""
        case, at = self.now, item.new.created_at
        self.acts.append("answer")
        if at >= case["last_at"]:
            case["answered_at"] = case["answered_at"] or at
            if case["status"] in (CaseStatus.NEW, CaseStatus.OPEN):
                case.update(entering(CaseStatus.WAITING))

    def edited(self, before: str, after: SentimentLabel, *, now: datetime, reply_within: timedelta) -> None:
        """One of their words reads otherwise now. A case that was done comes back when it turned negative."""
        self.acts.append("edit")
        turned = after == SentimentLabel.NEGATIVE != before
        if turned and self.now["status"] == CaseStatus.DONE:
            self.now.update(entering(CaseStatus.OPEN), waits_since=now, due_at=now + reply_within)

    def deleted(self) -> None:
        self.acts.append("delete")


class CaseFiles:
    """The case files of one page: taken out by key or id, opened where new, put back with journal and changes."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._by_key: dict[Key, CaseFile] = {}
        self._by_id: dict[int, CaseFile] = {}
        self._fresh: list[CaseFile] = []

    async def take_keys(self, keys: Iterable[Key]) -> None:
        key = tuple_(cases.c.author_id, cases.c.network, cases.c.thread)
        for some in chunks(dict.fromkeys(keys)):
            self._keep(await self._connection.execute(select(cases).where(key.in_(some))))

    async def take_ids(self, ids: Iterable[int]) -> None:
        for some in chunks(set(ids) - self._by_id.keys()):
            self._keep(await self._connection.execute(select(cases).where(cases.c.id.in_(some))))

    def of(self, case_id: int | None) -> CaseFile | None:
        return self._by_id.get(case_id or 0)

    def at(self, key: Key, source: str, item: ReadMention) -> CaseFile:
        """The case of this author in this thread; a new one, to be stored by `open`, where there is none."""
        if key not in self._by_key:
            at = item.new.created_at
            state = dict.fromkeys(KEPT) | entering(CaseStatus.NEW)
            state |= {"created_at": at, "last_at": at, "mentions": 0, "version": 1}
            file = CaseFile(0, key, source, state, {})
            self._by_key[key] = file
            self._fresh.append(file)
        return self._by_key[key]

    async def open(self, *, now: datetime) -> list[int]:
        """Store the new cases; their ids."""
        rows = []
        for file in self._fresh:
            author_id, network, thread = file.key
            fixed = {"author_id": author_id, "network": network, "thread": thread, "source": file.source}
            rows.append({**file.now, **fixed, "priority": Priority.NORMAL, "seen_at": now})
        if not rows:
            return []
        query = insert(cases).returning(cases.c.id, cases.c.author_id, cases.c.network, cases.c.thread)
        for row in await self._connection.execute(query, rows):
            file = self._by_key[row.author_id, row.network, row.thread]
            file.id = row.id
            self._by_id[row.id] = file
        return [file.id for file in self._fresh]

    async def put_back(self, *, now: datetime) -> None:
        """Write what changed, when all mentions of the page are stored."""
        touched = [file for file in self._by_id.values() if file.acts]
        fresh = [file for file in touched if file.fresh]
        known = [file for file in touched if not file.fresh]
        for file in known:
            file.now["version"] += 1
        await self._write(fresh, ())
        await self._write(known, KEPT)
        if known:
            await self._connection.execute(insert(journal), [_entry(file, now) for file in known])
            await self._connection.execute(update(journal).where(journal.c.batch == 0).values(batch=journal.c.id))
        await changes.note(self._connection, "new", [file.id for file in fresh], at=now)
        await changes.note(self._connection, "case", [file.id for file in known], at=now)

    async def _write(self, files: Sequence[CaseFile], names: Sequence[str]) -> None:
        if files:
            change: dict[str, Any] = {name: bindparam(name) for name in names} | {"newest_mention_id": _NEWEST}
            rows = [{"case_id": file.id} | {name: file.now[name] for name in names} for file in files]
            await self._connection.execute(update(cases).where(cases.c.id == bindparam("case_id")).values(change), rows)

    def _keep(self, rows: Iterable[Row[Any]]) -> None:
        for row in rows:
            state = {name: getattr(row, name) for name in KEPT}
            file = CaseFile(row.id, (row.author_id, row.network, row.thread), row.source, state, dict(state))
            self._by_key.setdefault(file.key, file)
            self._by_id.setdefault(file.id, self._by_key[file.key])


def _entry(file: CaseFile, now: datetime) -> dict[str, Any]:
    """One journal line for all that a page did to a case: the weightiest act names it."""
    action = next(act for act in ("mention", "edit", "delete", "answer") if act in file.acts)
    changed = [name for name in JOURNALED if file.was[name] != file.now[name]]
    return {
        "batch": 0,
        "case_id": file.id,
        "action": action,
        "agent": AGENT,
        "at": now,
        "before": to_json({name: file.was[name] for name in changed}),
        "after": to_json({name: file.now[name] for name in changed}),
    }
