"""A Discourse post as a mention (https://docs.discourse.org/#tag/Posts; app/serializers/post_serializer.rb)."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, MentionType, NewAuthor, NewMention
from store.domain.poll import Rejected

NETWORK = "discourse"


def from_post(
    post: Any, base: str, *, own: str = "", title: str = "", direct: bool = False, visibility: str = "public"
) -> NewMention:
    """A post of posts.json, posts/ID.json or search.json, which gives a blurb in place of the text. `title` is that of
    its topic where the post does not say it. Raises ValueError.

    `native_id` is TOPIC/NUMBER, because an answer names those two; the id that lasts is in `external_id`.
    """
    if not isinstance(post, dict):
        raise ValueError("not a post")
    name, topic = fields.identifier(post.get("id")), fields.identifier(post.get("topic_id"))
    number, login = fields.count(post.get("post_number")), fields.identifier(post.get("username"))
    if not (name.isdecimal() and topic and number):
        raise ValueError("a post without id, topic or number")
    body = fields.text(post.get("cooked")) or escape(fields.text(post.get("raw")) or fields.text(post.get("blurb")))
    begins = number == 1
    above = fields.count(post.get("reply_to_post_number")) or 1
    slug = fields.identifier(post.get("topic_slug")) or "-"
    # Likes and moves touch `updated_at` too: only a second version was edited.
    edited = (fields.count(post.get("version")) or 1) > 1 and post.get("updated_at")
    return NewMention(
        network=NETWORK,
        external_id=f"{urlsplit(base).netloc.lower()}-post-{name}",
        author=NewAuthor(
            login or UNKNOWN_AUTHOR,
            name=fields.text(post.get("name")),
            url=f"{base}/u/{quote(login, safe='')}" if login else "",
        ),
        created_at=fields.moment(post.get("created_at")),
        html=body or None,
        title=(fields.text(post.get("topic_title")) or title) if begins else "",
        url=f"{base}/t/{quote(slug, safe='-')}/{topic}/{number}",
        type=MentionType.POST if begins else MentionType.COMMENT,
        native_id=f"{topic}/{number}",
        parent="" if begins else f"{topic}/{above}",
        thread=topic,
        edited_at=fields.moment(edited) if edited else None,
        visibility=visibility,
        direct=direct,
        ours=bool(own) and login.lower() == own.lower(),
        raw=fields.raw(post),
    )


def rejected_post(item: Any, error: ValueError) -> Rejected:
    name = fields.identifier(item.get("id")) if isinstance(item, dict) else ""
    return Rejected(name or "a post", str(error), fields.raw(item))
