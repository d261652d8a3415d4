"""A watch tried on the past: on what is stored and on what no watch matched, before it is saved and after.

It asks the same matcher of the same cleaned words as intake, some posts at a time. Trying only reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sources.intake import Intake
from sources.protocol import Page
from sources.text import explain, match
from sources.text.explain import Reason
from store import seen, unmatched, watches
from store.database import Database
from store.domain.desk import Desk, Watch
from store.domain.mention import NewMention
from store.domain.query import parse
from store.domain.safetext import safe, safe_line
from store.domain.seen import Seen, Unmatched

SHOWN = 20  # differences of each sign


class Sign(StrEnum):
    APPEARS = "+"
    VANISHES = "-"


@dataclass(frozen=True, slots=True)
class Difference:
    """One post that a watch would gain or lose, and the parts of its query that decide. A gained one with a `case_id`
    is in the inbox already, by another watch or a conversation; one without is remembered and would land."""

    sign: Sign
    post: Seen
    reasons: tuple[Reason, ...]


@dataclass(slots=True)
class Trial:
    """What a watch would find. `stored` and `remembered` are how many posts were looked at; of them `stays` have the
    watch's mark and keep it, `marks` are stored without it and would get it, `lands` are remembered and would land,
    `vanishes` have the mark and would lose it. `differences` holds the newest of each sign."""

    watch: Watch
    stored: int = 0
    remembered: int = 0
    stays: int = 0
    marks: int = 0
    lands: int = 0
    vanishes: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def appears(self) -> int:
        return self.marks + self.lands


@dataclass(frozen=True, slots=True)
class Landed:
    """What was done to the past so that it is as if the watch had always been there: posts that `landed` (new cases:
    `cases`), stored mentions `marked` and `unmarked`."""

    landed: int
    cases: int
    marked: int
    unmarked: int


async def trial(
    db: Database,
    watch: Watch,
    *,
    now: datetime,
    since: datetime | None = None,
    shown: int = SHOWN,
    tell: Callable[[Trial], None] = lambda so_far: None,
) -> Trial:
    """Try a watch, which need not be configured yet, on all that was written `since`. `tell` hears after every few
    thousand posts how it stands. Raises BadInput for a query that a watch cannot have."""
    found, matches = Trial(watch), match.of_watch(watch)
    async for chunk in _everything(db, watch.name, since):
        signs = await asyncio.to_thread(_signs, matches, chunk, now)
        room = {sign: shown - sum(each.sign is sign for each in found.differences) for sign in Sign}
        for post, sign in zip(chunk, signs, strict=True):
            _count(found, post, sign)
            if sign is not None and room[sign] > 0:
                room[sign] -= 1
                found.differences.append(_difference(sign, post, watch, now))
        tell(found)
    return found


async def land(db: Database, desk: Desk, watch: Watch, *, now: datetime, since: datetime | None = None) -> Landed:
    """Make the past as if the watch had always been as it is: what it finds among the unmatched lands through intake,
    with a line in the ledger for each source (stream "watch:NAME"); stored mentions get its mark or lose it. A mention
    that loses it stays in its case. `desk` is the one with this watch in it. Done twice, it does nothing more."""
    matches = match.of_watch(watch)
    marked = unmarked = landed = cases = 0
    async for posts in seen.newest_first(db, watch.name, since=since):
        signs = await asyncio.to_thread(_signs, matches, posts, now)
        gains = [post.id for post, sign in zip(posts, signs, strict=True) if sign is Sign.APPEARS]
        loses = [post.id for post, sign in zip(posts, signs, strict=True) if sign is Sign.VANISHES]
        await watches.mark(db, watch, gains, loses, now=now)
        marked, unmarked = marked + len(gains), unmarked + len(loses)
    intake = Intake(db, desk)
    async for memories in unmatched.newest_first(db, since=since):
        signs = await asyncio.to_thread(_signs, matches, [memory.seen for memory in memories], now)
        wanted = [memory for memory, sign in zip(memories, signs, strict=True) if sign is Sign.APPEARS]
        for (source, network), news in _by_source(wanted).items():
            page = Page(asked=f"what {watch.name} would have found", mentions=news)
            line = await intake.take(source, network, f"watch:{watch.name}", page, started_at=now, next_poll_at=None)
            landed, cases = landed + line.new, cases + len(line.new_cases)
    return Landed(landed, cases, marked, unmarked)


def why(watch: Watch, post: Seen, *, now: datetime) -> tuple[bool, tuple[Reason, ...]]:
    """Whether a watch matches a post, and the parts of it that decide, the nearest miss first."""
    document = document_of(post, now=now)
    reasons = explain.reasons(parse(watch.query), document)
    language = explain.of_language(watch.languages, document)
    matched = match.of_watch(watch)(document)
    if language is not None and (matched or not language.holds):
        reasons = [language, *reasons] if not matched else [*reasons, language]
    return matched, tuple(reason for reason in reasons if reason.helps == matched)


def document_of(post: Seen, *, now: datetime) -> match.Document:
    return match.Document(
        title=post.title,
        text=post.text,
        handle=post.handle,
        name=post.name,
        followers=post.followers,
        url=post.url,
        source=post.source,
        network=post.network,
        language=post.language,
        type=post.type,
        sentiment=post.sentiment,
        intent=post.intent,
        created_at=post.created_at,
        now=now,
    )


async def _everything(db: Database, watch_name: str, since: datetime | None) -> AsyncIterator[Sequence[Seen]]:
    async for posts in seen.newest_first(db, watch_name, since=since):
        yield posts
    async for memories in unmatched.newest_first(db, since=since):
        yield [memory.seen for memory in memories]


def _signs(matches: match.Matcher, posts: Sequence[Seen], now: datetime) -> list[Sign | None]:
    """What changes for each of these."""
    signs: list[Sign | None] = []
    for post in posts:
        matched = matches(document_of(post, now=now))
        changes = Sign.APPEARS if matched else Sign.VANISHES
        signs.append(changes if matched != post.marked else None)
    return signs


def _count(found: Trial, post: Seen, sign: Sign | None) -> None:
    if post.case_id is None:
        found.remembered += 1
        found.lands += sign is Sign.APPEARS
    else:
        found.stored += 1
        found.marks += sign is Sign.APPEARS
        found.vanishes += sign is Sign.VANISHES
        found.stays += sign is None and post.marked


def _difference(sign: Sign, post: Seen, watch: Watch, now: datetime) -> Difference:
    clean = replace(
        post,
        handle=safe_line(post.handle),
        name=safe_line(post.name),
        title=safe_line(post.title),
        text=safe(post.text),
    )
    return Difference(sign, clean, why(watch, clean, now=now)[1])


def _by_source(memories: Sequence[Unmatched]) -> dict[tuple[str, str], list[NewMention]]:
    """Oldest first, as sources give them."""
    found: dict[tuple[str, str], list[NewMention]] = {}
    for memory in sorted(memories, key=lambda memory: memory.seen.created_at):
        found.setdefault((memory.seen.source, memory.seen.network), []).append(memory.as_new())
    return found
