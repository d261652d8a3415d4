"""A mention on its way: as a source gave it, as it was read, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from store.domain.safetext import SafeText


class MentionType(StrEnum):
    POST = "post"
    COMMENT = "comment"
    REVIEW = "review"
    ARTICLE = "article"
    MAIL = "mail"


class SentimentLabel(StrEnum):
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


UNKNOWN_AUTHOR = "unknown"  # the handle where a source names nobody; each such mention is by somebody else


@dataclass(frozen=True, slots=True)
class NewAuthor:
    """Who wrote it, as the network says. `handle` is unique on its network (acct, user name, address)."""

    handle: str
    name: str = ""
    url: str = ""
    followers: int | None = None


@dataclass(frozen=True, slots=True)
class NewMention:
    """One item as a source gave it: nothing cleaned yet.

    `network` + `external_id` is its identity everywhere (Mastodon `uri`, HN `objectID`, feed `guid` scoped by feed).
    `native_id` is its id on the server it was read from: what a reply names as parent and what `parent` refers to.
    `thread` is the network's own conversation id where it has one. `direct`: addressed to our account, lands without a
    match. `ours`: written by our account. `raw` is the item as received, kept aside and never shown.
    """

    network: str
    external_id: str
    author: NewAuthor
    created_at: datetime
    text: str = ""
    html: str | None = None
    title: str = ""
    url: str = ""
    type: MentionType = MentionType.POST
    native_id: str = ""
    parent: str = ""
    thread: str = ""
    language_hint: str = ""
    edited_at: datetime | None = None
    visibility: str = "public"
    direct: bool = False
    ours: bool = False
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the analysis says of one text. `score` is -1..1; `urgency` is 0..100 with the reasons for it in words."""

    language: str
    sentiment: SentimentLabel
    score: float
    intent: str | None
    urgency: int
    reasons: tuple[str, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Taught:
    """That a person corrected the same words: by which correction, and what the reading said of these."""

    correction: int
    sentiment: SentimentLabel
    score: float


@dataclass(frozen=True, slots=True)
class ReadMention:
    """A new mention after cleaning, matching and reading: ready to be stored.

    `watches` are the names of the watches that matched; `lands` is false where none did and nothing else brings it in
    (it is then only looked up, and counted as unmatched). Where it is `taught`, sentiment and score of the reading are
    the person's.
    """

    new: NewMention
    text: SafeText
    title: SafeText
    author_name: SafeText
    author_handle: SafeText
    watches: tuple[str, ...]
    lands: bool
    reading: Reading
    taught: Taught | None = None


@dataclass(frozen=True, slots=True)
class Author:
    id: int
    network: str
    handle: SafeText
    name: SafeText
    url: str
    followers: int | None


@dataclass(frozen=True, slots=True)
class Mention:
    """One stored mention; sentiment and score are a person's where it is `corrected_by` one."""

    id: int
    case_id: int | None
    source: str
    network: str
    external_id: str
    native_id: str
    parent: str
    thread: str
    author: Author
    type: MentionType
    title: SafeText
    text: SafeText
    url: str
    language: str
    sentiment: SentimentLabel
    score: float
    intent: str | None
    urgency: int
    reasons: tuple[str, ...]
    issue: str | None
    visibility: str
    created_at: datetime
    seen_at: datetime
    edited_at: datetime | None
    deleted_at: datetime | None
    ours: bool
    watches: tuple[str, ...] = ()
    versions: tuple[tuple[datetime, SafeText], ...] = field(default=())
    corrected_by: str | None = None


JsonObject = dict[str, Any]
