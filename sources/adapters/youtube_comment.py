"""YouTube's comments and videos as mentions (https://developers.google.com/youtube/v3/docs/comments,
https://developers.google.com/youtube/v3/docs/commentThreads, https://developers.google.com/youtube/v3/docs/videos)."""

from __future__ import annotations

from collections.abc import Collection
from html import unescape
from typing import Any

from sources.adapters import fields
from sources.adapters.google_list import Item
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention
from store.domain.poll import Rejected

NETWORK = "youtube"
SITE = "https://www.youtube.com"


def thread_item(thread: Any, *, own: Collection[str], direct: bool) -> Item:
    """A thread: its first comment and those of its answers that came along."""
    try:
        return _thread(thread, own, direct)
    except ValueError as error:
        kept = fields.raw(thread)
        name = fields.identifier(thread.get("id")) if isinstance(thread, dict) else ""
        stamp = fields.digest(kept.decode())[:12]
        return Item(name or stamp, None, stamp, rejected=(Rejected(name or "a thread", str(error), kept),))


def _thread(thread: Any, own: Collection[str], direct: bool) -> Item:
    snippet = _snippet(thread)
    name, video = fields.identifier(thread.get("id")), fields.identifier(snippet.get("videoId"))
    direct = direct or fields.identifier(snippet.get("channelId")) in own
    top = comment(snippet.get("topLevelComment"), own=own, video=video, direct=direct)
    answers, rejected = [], []
    for one in embedded(thread):
        try:
            answers.append(comment(one, own=own, video=video, direct=direct))
        except ValueError as error:
            rejected.append(Rejected(f"an answer in {name}", str(error), fields.raw(one)))
    answers.sort(key=lambda one: (one.created_at, one.external_id))
    count = fields.count(snippet.get("totalReplyCount")) or 0
    marks = [f"{one.external_id} {one.edited_at}" for one in (top, *sorted(answers, key=lambda one: one.external_id))]
    return Item(
        name or top.native_id,
        top.created_at,
        fields.digest(str(count), *marks)[:12],
        (top, *answers),
        tuple(rejected),
        more=count > len(answers),
    )


def embedded(thread: JsonObject) -> list[Any]:
    replies = thread.get("replies")
    found = replies.get("comments") if isinstance(replies, dict) else None
    return found if isinstance(found, list) else []


def comment(resource: Any, *, own: Collection[str], video: str = "", thread: str = "", direct: bool) -> NewMention:
    """`video` and `thread` are where it stands, for the lists that do not say so. Raises ValueError."""
    snippet = _snippet(resource)
    name = fields.identifier(resource.get("id"))
    if not name:
        raise ValueError("a comment without an id")
    channel = _channel(snippet)
    shown = fields.identifier(snippet.get("authorDisplayName"))
    written = fields.moment(snippet.get("publishedAt"))
    changed = fields.moment(snippet["updatedAt"]) if snippet.get("updatedAt") else written
    parent = fields.identifier(snippet.get("parentId")) or thread
    video = fields.identifier(snippet.get("videoId")) or video
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=NewAuthor(
            handle=channel or shown or UNKNOWN_AUTHOR,
            name=shown,
            url=f"{SITE}/channel/{channel}" if channel else fields.web_url(snippet.get("authorChannelUrl")),
        ),
        created_at=written,
        text=fields.text(snippet.get("textOriginal")) or fields.text(snippet.get("textDisplay")),
        url=_address(name, video, fields.identifier(snippet.get("channelId"))),
        type=MentionType.COMMENT,
        native_id=name,
        parent=parent,
        thread=parent or name,
        edited_at=changed if changed > written else None,
        direct=direct,
        ours=channel in own,
        raw=fields.raw(resource),
    )


def video(resource: Any, *, own: Collection[str]) -> NewMention:
    """A video, or a hit of a search for one. Raises ValueError."""
    snippet = _snippet(resource)
    told = resource.get("id")
    hit = isinstance(told, dict)
    name = fields.identifier(told.get("videoId") if isinstance(told, dict) else told)
    channel = fields.identifier(snippet.get("channelId"))
    title, body = fields.text(snippet.get("title")), fields.text(snippet.get("description"))
    if not name or not (title or body):
        raise ValueError("a video without an id or without words")
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=NewAuthor(
            handle=channel or fields.identifier(snippet.get("channelTitle")) or UNKNOWN_AUTHOR,
            name=fields.identifier(snippet.get("channelTitle")),
            url=f"{SITE}/channel/{channel}" if channel else "",
        ),
        created_at=fields.moment(snippet.get("publishedAt")),
        title=unescape(title) if hit else title,  # a search escapes what it gives, a video does not
        text=unescape(body) if hit else body,
        url=f"{SITE}/watch?v={name}",
        type=MentionType.POST,
        native_id=name,
        thread=name,
        language_hint=fields.identifier(snippet.get("defaultAudioLanguage") or snippet.get("defaultLanguage"))[:35],
        ours=channel in own,
        raw=fields.raw(resource),
    )


def _address(name: str, video: str, channel: str) -> str:
    """Of a comment on a video, or on a channel itself (those are all old)."""
    if video:
        return f"{SITE}/watch?v={video}&lc={name}"
    return f"{SITE}/channel/{channel}/discussion?lc={name}" if channel else ""


def author_of(resource: Any) -> str:
    """The channel of who wrote a comment."""
    try:
        return _channel(_snippet(resource))
    except ValueError:
        return ""


def _channel(snippet: JsonObject) -> str:
    told = snippet.get("authorChannelId")
    return fields.identifier(told.get("value") if isinstance(told, dict) else told)


def _snippet(resource: Any) -> JsonObject:
    snippet = resource.get("snippet") if isinstance(resource, dict) else None
    if not isinstance(snippet, dict):
        raise ValueError("no snippet")
    return snippet
