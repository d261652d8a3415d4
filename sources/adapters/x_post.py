"""A post of X as a mention (https://docs.x.com/x-api/fundamentals/data-dictionary)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

SITE = "https://x.com"
FIELDS = (
    (
        "tweet.fields",
        "created_at,author_id,conversation_id,referenced_tweets,edit_history_tweet_ids,entities,lang,note_tweet",
    ),
    ("expansions", "author_id"),
    ("user.fields", "username,name,public_metrics"),
)  # fmt: skip
EPOCH = datetime(2010, 11, 4, 1, 42, 54, 657_000, tzinfo=UTC)  # an id holds the milliseconds since then


def from_post(item: JsonObject, users: Mapping[str, JsonObject], *, own: str, direct: bool = False) -> NewMention:
    """An edit is a new post of X: all versions are one mention under the id of the first. Raises ValueError, KeyError
    or TypeError where it is no post."""
    name = fields.identifier(item["id"])
    if not name.isdecimal():
        raise ValueError("it has no id")
    history = item.get("edit_history_tweet_ids")
    versions = [one for one in map(fields.identifier, history if isinstance(history, list) else ()) if one.isdecimal()]
    first = min([*versions, name], key=int)
    author = fields.identifier(item.get("author_id"))
    handle, writer = _author(author, users.get(author, {}))
    parent = _replied_to(item)
    language = fields.text(item.get("lang"))
    return NewMention(
        network="x",
        external_id=first,
        author=writer,
        created_at=fields.moment(item["created_at"]) if first == name and "created_at" in item else written_at(first),
        text=words(item),
        url=f"{SITE}/{handle or 'i/web'}/status/{name}",
        type=MentionType.COMMENT if parent else MentionType.POST,
        native_id=name,
        parent=parent,
        thread=fields.identifier(item.get("conversation_id")),
        language_hint=language if re.fullmatch(r"[a-z]{2}", language) else "",
        edited_at=None if first == name else written_at(name),
        direct=direct,
        ours=bool(own) and author == own,
        raw=fields.raw(item),
    )


def users_of(answer: JsonObject) -> dict[str, JsonObject]:
    """The authors that came with an answer, by id."""
    includes = answer.get("includes")
    found = includes.get("users") if isinstance(includes, dict) else None
    listed = found if isinstance(found, list) else []
    return {fields.identifier(one.get("id")): one for one in listed if isinstance(one, dict)}


def words(item: JsonObject) -> str:
    """The whole text, with the addresses that its short links (t.co) stand for. `text` has &, < and > escaped."""
    note = item.get("note_tweet")
    told: JsonObject = note if isinstance(note, dict) and fields.text(note.get("text")) else item
    text = html.unescape(fields.text(told.get("text")))
    entities = told.get("entities")
    urls = entities.get("urls") if isinstance(entities, dict) else None
    for url in urls if isinstance(urls, list) else ():
        if isinstance(url, dict) and fields.text(url.get("url")) and fields.web_url(url.get("expanded_url")):
            text = text.replace(url["url"], url["expanded_url"])
    return text


def written_at(name: str) -> datetime:
    """When a post was made, by its id. Raises ValueError."""
    try:
        return EPOCH + timedelta(milliseconds=int(name) >> 22)
    except OverflowError:
        raise ValueError("not an id of X") from None


def _author(name: str, user: JsonObject) -> tuple[str, NewAuthor]:
    """(the handle, "" where X does not say it; the author, then known by the id alone)."""
    handle = fields.identifier(user.get("username"))
    metrics: Any = user.get("public_metrics")
    followers = fields.count(metrics.get("followers_count")) if isinstance(metrics, dict) else None
    url = f"{SITE}/{handle}" if handle else f"{SITE}/i/user/{name}" if name else ""
    return handle, NewAuthor(handle or name or UNKNOWN_AUTHOR, fields.text(user.get("name")), url, followers)


def _replied_to(item: JsonObject) -> str:
    referenced = item.get("referenced_tweets")
    for one in referenced if isinstance(referenced, list) else ():
        if isinstance(one, dict) and one.get("type") == "replied_to":
            return fields.identifier(one.get("id"))
    return ""
