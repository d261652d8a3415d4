"""What an adapter is. One file a network under `sources/adapters/`, named in `sources/registry.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sources.http import Http
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected
from store.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Option:
    """One key of [[source]] that a type takes besides the common ones."""

    name: str
    help: str
    required: bool = False
    example: str = ""


@dataclass(frozen=True, slots=True)
class SourceType:
    """What `earful sources` says of a type. `adapter` is "module:Class", imported when first used."""

    name: str
    network: str
    summary: str
    adapter: str
    default_url: str = ""
    without_account: str = ""
    with_account: str = ""
    can_answer: bool = False
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source. `bookmark` is where the stream stands once exactly this page and those before are stored:
    a process that dies after storing it goes on from there and loses nothing.

    `returned` = len(mentions) + len(rejected). `next_poll_at` None: as configured, with jitter. `gap_seconds`: a time
    span that the source did not cover (too old for its replay, more results than it gives). `asked` holds no secret.
    """

    asked: str
    mentions: Sequence[NewMention] = ()
    rejected: Sequence[Rejected] = ()
    deleted: Sequence[str] = ()
    bookmark: JsonObject | None = None
    next_poll_at: datetime | None = None
    gap_seconds: float = 0.0
    quota_left: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the network said of our post. `native_id` is what its replies name as parent; `key` its global id."""

    native_id: str
    key: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """Whether our post is there: found with its receipt; proven absent by a complete read; or could not tell."""

    found: Receipt | None
    complete: bool


@dataclass(frozen=True, slots=True)
class Setup:
    """What an adapter is made with."""

    config: SourceConfig
    http: Http
    token: Secret | None
    watches: Sequence[Watch] = field(default=())


class Adapter(Protocol):
    """A source. Every method may raise SourceError (sources/errors.py)."""

    def __init__(self, setup: Setup) -> None: ...

    def streams(self) -> Sequence[str]:
        """The streams to poll, each with a cursor of its own: "tag:acme", "search:acme", "feed", "notifications"."""
        ...

    def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        """Fetch what is new after the cursor, page by page. Stops when a page brings nothing new."""
        ...

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        """Look again at originals: edited ones as mentions, gone ones in `deleted`. None: the network cannot say."""
        ...


class Channel(Protocol):
    """The part of a source that can answer. An Adapter class that has these methods is one."""

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        """(length as the network counts it, its limit) of an answer to `handle` as it would go out."""
        ...

    def compose(self, mention: Mention) -> str:
        """What an answer begins with so that its author is told ("@ana@example.org ")."""
        ...

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        """Post it. Raises Refused (final), NotSent (nothing left the house), RateLimited, or Uncertain (no answer after
        the bytes left)."""
        ...

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Look for our own post under its parent, after an uncertain end."""
        ...
