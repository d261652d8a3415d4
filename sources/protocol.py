"""What an adapter is. One file a network under `sources/adapters/`, named in `sources/registry.py`; others come by the
entry point group `earful.sources`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sources.http import Http
from sources.keep import Keep
from store.domain.delivery import Delivery
from store.domain.desk import SourceConfig, Watch
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, PollLine, Rejected
from store.domain.secret import Secret


@dataclass(frozen=True, slots=True)
class Option:
    """One key of [[source]] that a type takes besides the common ones. `example` is a piece of TOML, the value alone;
    what is configured must be of its kind. `secret`: the value is a reference and reaches the adapter resolved, in
    `Setup.secrets`. `path`: a file, seen from the configuration that names it. `address`: a whole http(s) address; its
    host may be a private one. `choices`: nothing else is taken."""

    name: str
    help: str
    required: bool = False
    example: str = ""
    secret: bool = False
    path: bool = False
    address: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceType:
    """What `earful sources` says of a type. `network` is what its mentions are of, `posts_at` the host of their pages
    where that is not the one of `default_url`. `login` says what the common key
    `token` is here ("" where none is taken). `length` is how answers are counted ("300 graphemes and 3,000 bytes"),
    `quota` what the network allows and what a poll costs ("10,000 units a day; a poll costs 1 a video"), `guide` how to
    come by what it needs, a line a step. `schemes` are what `url` may begin with."""

    name: str
    network: str
    summary: str
    default_url: str = ""
    posts_at: str = ""
    login: str = ""
    without_account: str = ""
    with_account: str = ""
    can_answer: bool = False
    length: str = ""
    quota: str = ""
    guide: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    schemes: tuple[str, ...] = ("https", "http")


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of a source. `bookmark` is where the stream stands once exactly this page and those before are stored:
    a process that dies after storing it goes on from there and loses nothing.

    `returned` = len(mentions) + len(rejected). `next_poll_at` None: as configured, with jitter. `gap_seconds`: a time
    span that the source did not cover (too old for its replay, more results than it gives). `asked` holds no secret;
    `note` stands beside it in the ledger ("not modified"). `network` is what `deleted` are of, where a
    source brings more than its own.
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
    network: str = ""


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
    """What an adapter is made with. `secrets` are its secret options by name; `keep` is where it puts what it must
    remember and nobody may read: sessions, refreshed tokens."""

    config: SourceConfig
    http: Http
    token: Secret | None
    watches: Sequence[Watch] = field(default=())
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    keep: Keep = field(default_factory=Keep)


class Adapter(Protocol):
    """A source. Every method may raise SourceError (sources/errors.py). A module of an adapter costs nothing to import:
    what is heavy is imported when it is needed.

    A class may also have `problems(config: SourceConfig) -> list[str]` (static): what is wrong with its options beyond
    what an Option can say, one line each with the key in backticks; and `obstacle(config: SourceConfig) -> str`
    (static): why it cannot answer as it is configured, "" where it can. Without `obstacle` a type that `can_answer`
    needs a `token` for it.
    """

    kind: SourceType

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
    """The part of a source that can answer. An Adapter class that has these methods is one. It may also have `replaces`
    = True: what it answers has one answer, and the next takes its place under the same id."""

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


class Ear(Protocol):
    """What a listening adapter speaks into."""

    async def hear(self, stream: str, page: Page) -> PollLine:
        """Store a page that was pushed to us. It is committed when this returns: only then may its sender be told so.
        Raises StoreError."""
        ...

    async def poll(self) -> None:
        """Ask for a poll of this source now: something is there to fetch."""
        ...


class Listener(Protocol):
    """The part of a source that is told instead of asking: a webhook, IMAP IDLE. An Adapter class that has this method
    is one."""

    async def listen(self, ear: Ear, stop: asyncio.Event) -> None:
        """Until `stop`. The worker runs it beside the polls; where it ends or raises SourceError it is begun again,
        later each time."""
        ...
