"""A Bluesky post as a mention (lexicons app.bsky.feed.post, app.bsky.richtext.facet, app.bsky.embed.external:
https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky).

Everything is read from the record alone, so that a post reads the same whichever way it came: search, notification,
Jetstream. Its identity, and what an answer names as parent, is its at:// address.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from typing import Any

from sources.adapters import fields
from store.domain.mention import JsonObject, NewAuthor, NewMention

NETWORK = "bluesky"
POSTS = "app.bsky.feed.post"
SITE = "https://bsky.app"
CLOCKS_DIFFER = timedelta(minutes=1)
NO_HANDLE = "handle.invalid"  # what the API says where a handle is not proven to be the account's
_ADDRESS = re.compile(r"at://([^/\s]+)/([^/\s]+)/([^/\s]+)")
_LINK, _MENTION = "app.bsky.richtext.facet#link", "app.bsky.richtext.facet#mention"


@dataclass(frozen=True, slots=True)
class Address:
    """at://repo/collection/key; `repo` is the author's DID (or handle)."""

    repo: str
    collection: str
    key: str

    def __str__(self) -> str:
        return f"at://{self.repo}/{self.collection}/{self.key}"

    @property
    def url(self) -> str:
        return f"{SITE}/profile/{self.repo}/post/{self.key}"


def address(uri: Any) -> Address:
    """Raises ValueError for what is no address of a record."""
    found = _ADDRESS.fullmatch(fields.identifier(uri))
    if found is None:
        raise ValueError("not the address of a record")
    return Address(*found.groups())


def author(view: Any, did: str) -> NewAuthor:
    """A profile, whole or in part; the DID stands for a handle that nobody told."""
    profile: JsonObject = view if isinstance(view, dict) else {}
    handle = fields.identifier(profile.get("handle"))
    handle = did if handle in ("", NO_HANDLE) else handle
    name, followers = fields.text(profile.get("displayName")), fields.count(profile.get("followersCount"))
    return NewAuthor(handle, name, f"{SITE}/profile/{handle}", followers)


def from_view(view: Any, *, own: str, direct: bool = False) -> NewMention:
    """A postView (app.bsky.feed.defs) or a notification. Raises ValueError."""
    if not isinstance(view, dict):
        raise ValueError("not a post")
    where = address(view.get("uri"))
    who: JsonObject = view["author"] if isinstance(view.get("author"), dict) else {}
    did = fields.identifier(who.get("did")) or where.repo
    return from_record(
        where,
        view.get("record"),
        author=author(who, did),
        own=own,
        seen_at=_moment(view.get("indexedAt")),
        direct=direct,
        raw=fields.raw(view),
    )


def from_record(
    where: Address,
    record: Any,
    *,
    author: NewAuthor,
    own: str,
    seen_at: datetime | None,
    edited_at: datetime | None = None,
    direct: bool = False,
    raw: bytes = b"",
) -> NewMention:
    """`own` is the DID of our account ("" where there is none), `seen_at` when the network saw it. Raises ValueError.

    It was written when its author says, but not after it was seen, as the network itself sorts posts; clocks differ.
    """
    if where.collection != POSTS or not isinstance(record, dict) or not isinstance(record.get("text"), str):
        raise ValueError("not a post")
    written = _moment(record.get("createdAt"))
    if written is None or (seen_at is not None and written > seen_at + CLOCKS_DIFFER):
        written = seen_at
    if written is None:
        raise ValueError("a post without a time")
    parent, root = answers(record)
    languages = record.get("langs")
    tongue = languages[0] if isinstance(languages, list) and languages else ""
    named = Address(author.handle, where.collection, where.key)
    return NewMention(
        network=NETWORK,
        external_id=str(where),
        author=author,
        created_at=written,
        html=html(record),
        url=fields.web_url(named.url),
        native_id=str(where),
        parent=parent,
        thread=root or str(where),
        language_hint=fields.identifier(tongue)[:35],
        edited_at=edited_at,
        direct=direct or (bool(own) and where.repo != own and _speaks_to(record, own)),
        ours=bool(own) and where.repo == own,
        raw=raw,
    )


def answers(record: JsonObject) -> tuple[str, str]:
    """(what it answers, the post its thread began with), both "" for a post that answers nothing."""
    reply = record.get("reply")
    parent, root = (_uri(reply.get(name)) if isinstance(reply, dict) else "" for name in ("parent", "root"))
    return parent, root or parent


def html(record: JsonObject) -> str:
    """The text with its links whole (the app shows them shortened), and the title of what it shows beside it."""
    text, links = fields.text(record.get("text")), []
    parts, end = [], 0
    data = text.encode("utf-8", "surrogatepass")
    for start, stop, uri in sorted(_links(record)):
        if end <= start < stop <= len(data):
            parts += [_escaped(data[end:start]), f'<a href="{escape(uri)}">{_escaped(data[start:stop])}</a>']
            links.append(uri)
            end = stop
    parts.append(_escaped(data[end:]))
    title, uri = card(record)
    if uri and uri not in links and uri not in text:
        parts.append(f'<p><a href="{escape(uri)}">{escape(title or uri)}</a></p>')
    elif title and title not in text:
        parts.append(f"<p>{escape(title)}</p>")
    return "".join(parts)


def card(record: JsonObject) -> tuple[str, str]:
    """(title, address) of the page that a post shows as a card."""
    embed = record.get("embed")
    inner = embed.get("media", embed) if isinstance(embed, dict) else None  # beside a quoted post it is its media
    page = inner.get("external") if isinstance(inner, dict) else None
    return (fields.text(page.get("title")), fields.web_url(page.get("uri"))) if isinstance(page, dict) else ("", "")


def words(record: JsonObject) -> str:
    """All that a watch could find in a post, without markup and unordered."""
    title, uri = card(record)
    return "\n".join([fields.text(record.get("text")), title, uri, *(link for _, _, link in _links(record))])


def _links(record: JsonObject) -> Iterator[tuple[int, int, str]]:
    """(first byte, byte after the last, target) of each."""
    for start, stop, feature in _features(record):
        uri = fields.web_url(feature.get("uri"))
        if feature.get("$type") == _LINK and uri:
            yield start, stop, uri


def _speaks_to(record: JsonObject, own: str) -> bool:
    """Whether it names our account, answers it or quotes it."""
    embed = record.get("embed")
    quoted = embed.get("record") if isinstance(embed, dict) else None
    quoted = quoted.get("record", quoted) if isinstance(quoted, dict) else None  # beside media it is one level down
    if any(uri.startswith(f"at://{own}/") for uri in (answers(record)[0], _uri(quoted))):
        return True
    return any(one.get("$type") == _MENTION and one.get("did") == own for _, _, one in _features(record))


def _uri(reference: Any) -> str:
    return fields.identifier(reference.get("uri")) if isinstance(reference, dict) else ""


def _features(record: JsonObject) -> Iterator[tuple[int, int, JsonObject]]:
    facets = record.get("facets")
    for facet in facets if isinstance(facets, list) else ():
        index = facet.get("index") if isinstance(facet, dict) else None
        features = facet.get("features") if isinstance(facet, dict) else None
        if not isinstance(index, dict) or not isinstance(features, list):
            continue
        start, stop = index.get("byteStart"), index.get("byteEnd")
        if isinstance(start, int) and isinstance(stop, int):
            yield from ((start, stop, one) for one in features if isinstance(one, dict))


def _escaped(data: bytes) -> str:
    return escape(data.decode("utf-8", "replace")).replace("\n", "<br>")


def _moment(value: Any) -> datetime | None:
    try:
        return fields.moment(value)
    except ValueError:
        return None
