"""What is written on and about an Instagram account, as the Graph API gives it
(https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment and .../ig-media)."""

from __future__ import annotations

from datetime import datetime

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "instagram"
SITE = "https://www.instagram.com"
REPLY = "id,text,timestamp,username,from,parent_id"
COMMENT = f"{REPLY},replies.limit(50){{{REPLY}}}"
MEDIA = "id,caption,timestamp,username,permalink,comments_count"


def from_comment(
    item: JsonObject,
    *,
    media: str,
    url: str = "",
    above: str = "",
    own: tuple[str, ...] = (),
    at: datetime | None = None,
) -> NewMention:
    """`media` is what it was written under, `url` its address, `above` the comment it answers, `own` our account's id
    and user name, `at` when it was heard of (a webhook does not say when it was written). Raises ValueError, KeyError
    or TypeError where it is no comment."""
    parent = fields.identifier(item.get("parent_id")) or above or media
    created_at = fields.moment(item["timestamp"]) if at is None else at
    return _mention(item, fields.text(item.get("text")), created_at, url, own, MentionType.COMMENT, parent, media)


def from_media(item: JsonObject, *, own: tuple[str, ...] = ()) -> NewMention:
    """A post in which our account is tagged. Raises as from_comment."""
    name, url = fields.identifier(item["id"]), fields.web_url(item.get("permalink"))
    words = fields.text(item.get("caption"))
    return _mention(item, words, fields.moment(item["timestamp"]), url, own, MentionType.POST, "", name)


def _mention(
    item: JsonObject,
    words: str,
    created_at: datetime,
    url: str,
    own: tuple[str, ...],
    kind: MentionType,
    parent: str,
    thread: str,
) -> NewMention:
    name = fields.identifier(item["id"])
    if not name:
        raise ValueError("it has no id")
    sender = item.get("from")
    sender = sender if isinstance(sender, dict) else {}
    who = fields.identifier(sender.get("username")) or fields.identifier(item.get("username"))
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=NewAuthor(who, url=f"{SITE}/{who}/") if who else NewAuthor(UNKNOWN_AUTHOR),
        created_at=created_at,
        text=words,
        url=url,
        type=kind,
        native_id=name,
        parent=parent,
        thread=thread,
        direct=True,
        ours=bool({who, fields.identifier(sender.get("id"))} & {one for one in own if one}),
        raw=fields.raw(item),
    )
