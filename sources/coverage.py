"""Which sources would have brought a post, how often they were asked around its time, and when they did not listen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from urllib.parse import urlsplit

from sources import registry
from sources.protocol import SourceType
from store import why
from store.database import Database
from store.domain.address import address, is_fediverse
from store.domain.desk import Desk, SourceConfig
from store.domain.errors import BadInput
from store.why import Poll

BEFORE, BEHIND = timedelta(hours=6), timedelta(days=2)
LATELY = timedelta(days=7)
SILENCE = timedelta(minutes=30)  # at least
INTERVALS = 10


@dataclass(frozen=True, slots=True)
class Outage:
    """A span in which a source did not listen; `until` None: it still does not. `why` in a few words."""

    since: datetime
    until: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """One source that reads the place of a post, between `since` and `until`: how often it was `asked` and `failed`."""

    source: str
    since: datetime
    until: datetime
    asked: int
    failed: int
    outages: tuple[Outage, ...]


async def coverage(db: Database, desk: Desk, name: str, *, at: datetime | None, now: datetime) -> list[Coverage]:
    """Of the post with this address or id, written `at` (None: not known, then of the last week)."""
    configs = await _readers(db, desk, name)
    since, until = (at - BEFORE, min(at + BEHIND, now)) if at is not None else (now - LATELY, now)
    lines = await why.polls(db, [config.name for config in configs], since=since, until=until)
    found = []
    for config in configs:
        own = [line for line in lines if line.source == config.name]
        outages = sorted(_outages(own, config, since, until, now), key=lambda outage: outage.since)
        failed = sum(bool(line.error) for line in own)
        found.append(Coverage(config.name, since, until, len(own), failed, tuple(outages)))
    return found


def types_for(name: str) -> list[str]:
    """The source types that read the place of a post."""
    return [kind.name for kind in registry.types().values() if _is_of(name, kind, kind.default_url)]


async def _readers(db: Database, desk: Desk, name: str) -> list[SourceConfig]:
    where = address(name) if "." in name else None
    if where is None and not name.startswith("at://"):
        return list(desk.sources)  # an id alone names no place
    brought = await why.sources_of(db, where) if where is not None else set()
    return [config for config in desk.sources if config.name in brought or _reads(config, name)]


def _reads(config: SourceConfig, name: str) -> bool:
    places = [config.url, *(option for option in config.options.values() if isinstance(option, str))]
    where = address(name)
    if where is not None and any(_host(place) == where.host for place in places if "://" in place):
        return True
    try:
        kind = registry.source_type(config.type)
    except BadInput:
        return False
    return _is_of(name, kind, "" if config.url else kind.default_url)


def _is_of(name: str, kind: SourceType, default_url: str) -> bool:
    if name.startswith("at://"):
        return kind.network == "bluesky"
    where = address(name)
    if where is None:
        return False
    if kind.network == "mastodon" and is_fediverse(name):
        return True  # what one server shows may have been written on any other
    labels = where.host.split(".")
    owned = {kind.posts_at, _host(default_url)} - {""}
    return kind.network in labels[:-1] or any(where.host == host or where.host.endswith(f".{host}") for host in owned)


def _host(url: str) -> str:
    found = address(url) if urlsplit(url).netloc else None
    return found.host if found is not None else ""


def _outages(
    lines: Sequence[Poll], config: SourceConfig, since: datetime, until: datetime, now: datetime
) -> Iterator[Outage]:
    quiet = max(config.every * INTERVALS, SILENCE)
    moments = [since, *(line.started_at for line in lines), until]
    for before, behind in pairwise(moments):
        if behind - before > quiet:
            lasts = behind == until and until == now
            yield Outage(before, None if lasts else behind, "it was not asked: nothing polled")
    for line in lines:
        if line.gap_seconds > 0:
            yield Outage(
                line.started_at - timedelta(seconds=line.gap_seconds),
                line.started_at,
                f"it did not give everything of {line.stream}",
            )
    for stream in dict.fromkeys(line.stream for line in lines):
        yield from _failures([line for line in lines if line.stream == stream])


def _failures(lines: Iterable[Poll]) -> Iterator[Outage]:
    """Runs of failed polls of one stream, each until the poll that worked again."""
    first: Poll | None = None
    for line in lines:
        if line.error:
            first = first or line
        elif first is not None:
            yield Outage(first.started_at, line.started_at, f"{first.stream} failed: {first.error}")
            first = None
    if first is not None:
        yield Outage(first.started_at, None, f"{first.stream} failed: {first.error}")
