"""What is written on and about a Facebook page, as the Graph API gives it
(https://developers.facebook.com/docs/graph-api/reference/comment and .../page-post)."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "facebook"
SITE = "https://www.facebook.com"
COMMENT = "id,message,from,created_time,parent{id},permalink_url,comment_count,attachment{type,title,url}"
POST = "id,message,from,created_time,updated_time,permalink_url"


def from_comment(item: JsonObject, *, post: str, page: str) -> NewMention:
    """`post` is what it was written under, `page` our own id ("" where it is not known). Raises ValueError, KeyError or
    TypeError where it is no comment."""
    url = fields.web_url(item.get("permalink_url"))
    name, above = _names(item, url)
    parent = item.get("parent")
    parent = fields.identifier(parent.get("id")) if isinstance(parent, dict) else ""
    words = fields.text(item.get("message")) or _attached(item.get("attachment"))
    return mention(
        item, name=name, words=words, page=page, url=url, parent=parent or above or post, thread=post,
        type=MentionType.COMMENT,
    )  # fmt: skip


def from_post(item: JsonObject, *, page: str) -> NewMention:
    """A post on the page, or one that names it. Raises as from_comment."""
    name = fields.identifier(item["id"])
    words, url = fields.text(item.get("message")), fields.web_url(item.get("permalink_url"))
    return mention(item, name=name, words=words, page=page, url=url, thread=name)


def mention(
    item: JsonObject,
    *,
    name: str,
    words: str,
    page: str,
    url: str = "",
    parent: str = "",
    thread: str = "",
    type: MentionType = MentionType.POST,  # noqa: A002  the field's name
) -> NewMention:
    """`from` is missing where its author did not agree to be shown to us."""
    if not name:
        raise ValueError("it has no id")
    sender = item.get("from")
    sender = sender if isinstance(sender, dict) else {}
    who, called = fields.identifier(sender.get("id")), fields.text(sender.get("name"))
    author = NewAuthor(who, called, f"{SITE}/{who}") if who else NewAuthor(UNKNOWN_AUTHOR, called)
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=author,
        created_at=fields.moment(item["created_time"]),
        text=words,
        url=url or f"{SITE}/{name}",
        type=type,
        native_id=name,
        parent=parent,
        thread=thread,
        direct=True,
        ours=bool(page) and who == page,
        raw=fields.raw(item),
    )


def _names(item: JsonObject, url: str) -> tuple[str, str]:
    """(its id, that of the comment above it). The id is POST_COMMENT; where a token may not see it, its address tells:
    .../posts/POST/?comment_id=ABOVE&reply_comment_id=COMMENT."""
    name = fields.identifier(item.get("id"))
    if name:
        return name, ""
    parts = urlsplit(url)
    asked = parse_qs(parts.query)
    post = parts.path.rstrip("/").rpartition("/")[2] or asked.get("story_fbid", [""])[0]
    comment, reply = asked.get("comment_id", [""])[0], asked.get("reply_comment_id", [""])[0]
    if not (post and comment):
        return "", ""
    return (f"{post}_{reply}", f"{post}_{comment}") if reply else (f"{post}_{comment}", "")


def _attached(attachment: Any) -> str:
    """What a comment without words shows: a picture, a sticker."""
    if not isinstance(attachment, dict):
        return ""
    said = [fields.text(attachment.get(name)).strip() for name in ("title", "url")]
    kind = fields.text(attachment.get("type")).strip()
    return " ".join([*([f"[{kind}]"] if kind else []), *(one for one in said if one)])
