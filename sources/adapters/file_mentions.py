"""Records as mentions: the fields of `earful import` and their usual other names. A mail is read by mail_message."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, MentionType, NewAuthor, NewMention
from store.domain.safetext import safe_line

# The field first, then what other programs call it.
NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "external_id", "guid", "post_id", "review_id"),
    "source": ("source", "network", "platform", "channel"),
    "url": ("url", "link", "permalink"),
    "author": ("author", "handle", "username", "user", "screen_name", "author_handle", "from"),
    "author_name": ("author_name", "name", "display_name", "full_name"),
    "followers": ("followers", "followers_count", "author_followers", "audience", "reach"),
    "text": ("text", "content", "message", "body", "comment", "review", "post", "snippet"),
    "html": ("html", "content_html"),
    "title": ("title", "subject", "headline"),
    "created_at": ("created_at", "date", "created", "published_at", "published", "posted_at", "timestamp", "time"),
    "language": ("language", "lang"),
    "thread": ("thread", "thread_id", "conversation", "conversation_id"),
    "parent": ("parent", "parent_id", "in_reply_to", "in_reply_to_id"),
    "type": ("type", "kind"),
}
KNOWN = tuple(name for names in NAMES.values() for name in names)
TYPES = frozenset(kind.value for kind in MentionType)
NETWORK_LIMIT = 40


class Twins:
    """How often each content without an id has come in a file: two people may write "Thanks!", and reading the same
    file again still adds nothing. What stands before the place where reading goes on is counted by `earlier`, and only
    when the first record without an id asks, because it means reading the file up to there."""

    def __init__(self, earlier: Callable[[], Counter[str]] = Counter) -> None:
        self._earlier = earlier
        self._seen: Counter[str] | None = None

    def name(self, digest: str) -> str:
        if self._seen is None:
            self._seen = self._earlier()
        self._seen[digest] += 1
        return digest if self._seen[digest] == 1 else f"{digest}-{self._seen[digest]}"

    def counted(self) -> Counter[str]:
        return self._seen or Counter()


def from_fields(given: Mapping[str, Any], raw: bytes, *, network: str, undated: datetime, twins: Twins) -> NewMention:
    """A JSON object or a CSV row. `undated` is the time of a record that names none. Raises ValueError with the reason.

    `author` may be an object {handle, name, followers, url}, as earful's own output has it. Without an `id` the
    content itself is the identity (see Twins).
    """
    item = {field: _first(given, names) for field, names in NAMES.items()}
    text, html, title = (_words(item[name], name) for name in ("text", "html", "title"))
    if not (text.strip() or html.strip() or title.strip()):
        raise ValueError("no text")
    created_at = _created_at(given)
    url = fields.web_url(item["url"])
    author = _author(item)
    dated = "" if created_at is None else created_at.isoformat()
    content = fields.digest(url, author.handle, dated, title, text, html)
    name = fields.identifier(item["id"]) or twins.name(content)
    kind = fields.text(item["type"]).strip().lower()
    return NewMention(
        network=safe_line(fields.identifier(item["source"]).lower(), limit=NETWORK_LIMIT) or network,
        external_id=name,
        author=author,
        created_at=created_at or undated,
        text=text,
        html=html or None,
        title=title,
        url=url,
        type=MentionType(kind) if kind in TYPES else MentionType.POST,
        native_id=name,
        parent=fields.identifier(item["parent"]),
        thread=fields.identifier(item["thread"]),
        language_hint=fields.identifier(item["language"])[:NETWORK_LIMIT],
        raw=raw[: fields.RAW_LIMIT],
    )


def _created_at(given: Mapping[str, Any]) -> datetime | None:
    """The field itself must be a time; another program's column of a like name may hold anything."""
    for name in NAMES["created_at"]:
        if given.get(name) not in (None, ""):
            try:
                return fields.moment(given[name])
            except ValueError:
                if name == "created_at":
                    raise ValueError("created_at is not a time") from None
    return None


def _author(item: Mapping[str, Any]) -> NewAuthor:
    given = item["author"]
    if isinstance(given, dict):
        item = {**item, "author": given.get("handle"), "author_name": given.get("name")}
        item["followers"] = given.get("followers") if item["followers"] is None else item["followers"]
    name = fields.text(item["author_name"]).strip()
    handle = fields.identifier(item["author"]).removeprefix("@") or fields.identifier(name) or UNKNOWN_AUTHOR
    page = fields.web_url(given.get("url")) if isinstance(given, dict) else ""
    return NewAuthor(handle, name, page, fields.count(item["followers"]))


def _first(given: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((given[name] for name in names if given.get(name) not in (None, "")), None)


def _words(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"{name} is not text")
    return str(value)
