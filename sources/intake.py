"""Intake: page -> clean -> read -> match -> store, one transaction a page; then the rules on the cases it opened."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from sources import rules
from sources.addresses import kept_link
from sources.errors import quoted
from sources.learnt import Learnt
from sources.protocol import Page
from sources.stopping import to_the_end
from sources.text import clean, match, reading
from store import cases, health, journal, mentions
from store.database import Database
from store.domain.action import Action
from store.domain.case import CaseStatus
from store.domain.clock import utcnow
from store.domain.desk import Desk
from store.domain.errors import BadInput, Conflict, StoreError
from store.domain.mention import UNKNOWN_AUTHOR, Mention, NewMention, ReadMention
from store.domain.poll import PageToStore, PollLine, Rejected
from store.domain.safetext import safe_line

A_BITE = 20  # mentions read in a thread at a time, so that a stop need not wait for a long page
A_BURST = 1_000  # mentions that landed: the database shall learn of its tables now, and again at twice as many
IDENTITY_LIMIT = 2_048
COUNT_LIMIT = 2**62
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
A_DAY = timedelta(days=1)


class Unreadable(Exception):
    """A mention that cannot be stored as it is; the words say why."""


Ruled = dict[tuple[str, str], list[rules.ParsedRule]]


@dataclass(frozen=True, slots=True)
class _Read:
    """What a bite of a page became; `ruled` maps (network, external id) to the rules that its mention calls for."""

    items: list[ReadMention]
    rejected: list[Rejected]
    ruled: Ruled


class Intake:
    """Made once for a desk: compiles its watches and rules. Raises BadInput for one that does not parse."""

    def __init__(self, db: Database, desk: Desk) -> None:
        self._db, self._desk = db, desk
        self._watches = [(watch, match.of_watch(watch)) for watch in desk.watches]
        self._rules = [(rule, match.compile(rule.when)) for rule in (rules.parse(rule, desk) for rule in desk.rules)]
        self._known = False
        self._landed, self._settle_at = 0, A_BURST
        self._learnt = Learnt()

    def read(self, new: NewMention, *, source: str = "", lands: bool = False) -> ReadMention:
        """Clean, read and match one mention. Pure; runs in a thread. `lands`: also without a match (import)."""
        return self._read(_bounded(new), source, lands)[0]

    async def take(
        self,
        source: str,
        network: str,
        stream: str,
        page: Page,
        *,
        started_at: datetime,
        next_poll_at: datetime | None,
        lands: bool = False,
    ) -> PollLine:
        """Store one page. A mention whose reading fails is kept aside as rejected, the rest lands.

        Being cancelled leaves either nothing or the whole page with its rules. Raises StoreError.
        """
        await self._learnt.refresh(self._db)
        read = await self._read_all(page.mentions, source, utcnow(), lands)
        to_store = PageToStore(
            source=source,
            network=page.network or network,
            stream=stream,
            started_at=started_at,
            asked=safe_line(f"{page.asked} ({page.note})" if page.note else page.asked),
            items=read.items,
            rejected=[_shown(one) for one in (*page.rejected, *read.rejected)],
            deleted=page.deleted,
            bookmark=page.bookmark,
            next_poll_at=next_poll_at,
            gap_seconds=page.gap_seconds,
            quota_left=page.quota_left,
        )
        line = await to_the_end(self._store(to_store, read.ruled))
        self._landed += line.new
        if self._landed >= self._settle_at:
            self._settle_at = 2 * self._landed
            with suppress(StoreError):  # the page is stored; the next burst tries again
                await to_the_end(health.settle(self._db))
        return line

    async def failed(
        self,
        source: str,
        network: str,
        stream: str,
        error: str,
        *,
        started_at: datetime,
        next_poll_at: datetime | None,
        failures: int,
        state: str = "ok",
    ) -> PollLine:
        """The ledger line of a fetch that failed; `failures` in a row, this one counted."""
        to_store = PageToStore(
            source=source,
            network=network,
            stream=stream,
            started_at=started_at,
            asked=stream,
            next_poll_at=next_poll_at,
            error=safe_line(error),
            failures=failures,
            state=state,
        )
        return await to_the_end(self._store(to_store, {}))

    async def _read_all(self, new: Sequence[NewMention], source: str, now: datetime, lands: bool) -> _Read:
        whole = _Read([], [], {})
        for start in range(0, len(new), A_BITE):
            bite = await asyncio.to_thread(self._read_bite, new[start : start + A_BITE], source, now, lands)
            whole.items.extend(bite.items)
            whole.rejected.extend(bite.rejected)
            whole.ruled.update(bite.ruled)
        return whole

    def _read_bite(self, bite: Sequence[NewMention], source: str, now: datetime, lands: bool) -> _Read:
        read = _Read([], [], {})
        for new in bite:
            try:
                item, ruled = self._read(_bounded(_dated(new, now)), source, lands)
            except Exception as error:  # whatever it trips over: this one item is kept aside, the page goes on
                why = str(error) if isinstance(error, Unreadable) else f"reading it failed: {type(error).__name__}"
                where = safe_line(str(new.external_id)) or "?"
                read.rejected.append(Rejected(where, why, new.raw or repr(new).encode("utf-8", "replace")))
                continue
            read.items.append(item)
            if ruled:
                read.ruled[new.network, new.external_id] = ruled
        return read

    def _read(self, new: NewMention, source: str, lands: bool) -> tuple[ReadMention, list[rules.ParsedRule]]:
        title, text = clean.clean(new)
        read = reading.read(
            title,
            text,
            hint=new.language_hint,
            followers=new.author.followers,
            choice=self._desk.reading,
            layer=self._learnt.layer,
        )
        read, taught = self._learnt.told(title, text, read, new.author.followers, self._desk.reading)
        item = ReadMention(
            new=new,
            text=text,
            title=title,
            author_name=safe_line(new.author.name),
            author_handle=safe_line(new.author.handle),
            watches=(),
            lands=lands or new.direct,
            reading=read,
            taught=taught,
        )
        document = match.document(item, source=source)
        watches = tuple(watch.name for watch, matches in self._watches if matches(document))
        if not (watches or item.lands):
            return item, []
        item = replace(item, watches=watches, lands=True)
        if new.ours or not self._rules:
            return item, []
        document = replace(document, watches=watches)
        return item, [rule for rule, matches in self._rules if matches(document)]

    async def _store(self, page: PageToStore, ruled: Ruled) -> PollLine:
        if not self._known:
            await mentions.sync_watches(self._db, self._desk.watches)
            self._known = True
        now = utcnow()

        async def apply(connection: AsyncConnection, line: PollLine) -> None:
            """Every rule that the mention which opened a case calls for, in the transaction that opens it. What was
            muted stays as it is."""
            standings = await journal.standings(connection, line.new_cases)
            opened = {number for number, case in standings.items() if case.status is not CaseStatus.DISMISSED}
            for mention in await mentions.read(connection, line.new_mentions if opened else ()):
                if mention.case_id not in opened:
                    continue
                opened.discard(mention.case_id)  # what else this page brings to the case did not open it
                for rule in ruled.get((mention.network, mention.external_id), ()):
                    for decide in rule.do:
                        await _act(connection, mention, decide(now), now)

        then = apply if ruled else None
        return await mentions.save_page(self._db, page, now=now, reply_within=self._desk.reply_within, then=then)


async def _act(connection: AsyncConnection, mention: Mention, action: Action, now: datetime) -> None:
    assert mention.case_id is not None
    try:
        async with connection.begin_nested():
            await cases.act_in(connection, [(mention.case_id, None)], action, agent=rules.AGENT, now=now)
    except (BadInput, Conflict):
        pass  # what an earlier rule made senseless is left out; the mention lands all the same


def _shown(rejected: Rejected) -> Rejected:
    """Its place and its reason are read by people, and may hold what a stranger wrote."""
    where = safe_line(rejected.where, limit=IDENTITY_LIMIT) or "?"
    return replace(rejected, where=where, reason=quoted(rejected.reason))


def _dated(new: NewMention, now: datetime) -> NewMention:
    """A time that cannot be (before the web, after tomorrow) would stay on top or break a clock: it is now."""
    if new.created_at.tzinfo is None:
        raise Unreadable("its time has no zone")
    if OLDEST <= new.created_at <= now + A_DAY:
        return new
    return replace(new, created_at=now)


def _bounded(new: NewMention) -> NewMention:
    """Within what an inbox can use: ids of a sane length, links that a browser may be given, counts that can be."""
    if not safe_line(new.author.handle):
        new = replace(new, author=replace(new.author, handle=UNKNOWN_AUTHOR))
    ids = (new.network, new.external_id, new.native_id, new.parent, new.thread, new.author.handle)
    if any(len(one) > IDENTITY_LIMIT for one in ids):
        raise Unreadable(f"an id is longer than {IDENTITY_LIMIT} characters")
    followers = new.author.followers
    if followers is not None and not 0 <= followers < COUNT_LIMIT:
        followers = None
    author = replace(new.author, url=kept_link(new.author.url), followers=followers)
    return replace(new, author=author, url=kept_link(new.url))
