"""Stories and comments of Lobsters as mentions (app/models/story.rb and comment.rb, as_json; comments/index.rss)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

from sources.adapters import fields
from sources.errors import BadAnswer
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "lobsters"
A_MOMENT = timedelta(minutes=1)


def from_story(story: Any, base: str) -> NewMention:
    """Raises ValueError. `native_id` is s/ID, that of a comment c/ID: as the site's short addresses have it."""
    name = fields.identifier(story.get("short_id")) if isinstance(story, dict) else ""
    title = fields.text(story.get("title")) if name else ""
    if not title:
        raise ValueError("not a story")
    link = fields.web_url(story.get("url"))
    pointer = f'<p><a href="{escape(link)}">{escape(link)}</a></p>' if link else ""
    return _mention(
        base,
        f"s/{name}",
        _login(story.get("submitter_user")),
        created_at=fields.moment(story.get("created_at")),
        html=pointer + fields.text(story.get("description")),
        title=title,
        url=fields.web_url(story.get("short_id_url")),
        thread=f"s/{name}",
        raw=story,
    )


def from_comment(comment: Any, base: str) -> NewMention:
    """Raises ValueError."""
    name = fields.identifier(comment.get("short_id")) if isinstance(comment, dict) else ""
    if not name:
        raise ValueError("not a comment")
    story = re.search(r"/s/([0-9A-Za-z]+)", fields.text(comment.get("url")))
    thread = f"s/{story[1]}" if story else ""
    above = fields.identifier(comment.get("parent_comment"))
    created_at, edited_at = fields.moment(comment.get("created_at")), comment.get("last_edited_at")
    edited = fields.moment(edited_at) if edited_at else created_at
    return _mention(
        base,
        f"c/{name}",
        _login(comment.get("commenting_user")),
        created_at=created_at,
        # At its birth a comment has a time of editing too, set a moment before or after.
        edited_at=edited if edited - created_at > A_MOMENT else None,
        html=fields.text(comment.get("comment")),
        url=fields.web_url(comment.get("short_id_url")),
        parent=f"c/{above}" if above else thread,
        thread=thread,
        raw=comment,
    )


def from_feed(item: JsonObject, base: str) -> NewMention:
    """An item of comments.rss as `items_of` gives it. Its author is "login@host (login)", its time that of the last
    edit. Raises ValueError."""
    name = re.search(r"/c/([0-9A-Za-z]+)$", item.get("guid", ""))
    if name is None or not item.get("description"):
        raise ValueError("not a comment")
    return _mention(
        base,
        f"c/{name[1]}",
        item.get("author", "").partition("@")[0],
        created_at=fields.moment(item.get("pubDate")),
        html=item["description"],
        url=fields.web_url(item["guid"]),
        raw=item,
    )


def items_of(body: bytes, shown: str) -> list[JsonObject]:
    """The items of an RSS document by element, newest first. Raises BadAnswer."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None or root.tag != "rss" or root.getroottree().docinfo.internalDTD is not None:
        raise BadAnswer(f"{shown} is no feed")
    return [
        {str(child.tag): child.text or "" for child in item.iterchildren(tag=etree.Element)}
        for item in root.iterfind("channel/item")
    ]


def _login(user: Any) -> str:
    """Older versions give the whole user."""
    return fields.identifier(user.get("username") if isinstance(user, dict) else user)


def _mention(
    base: str,
    native: str,
    login: str,
    *,
    created_at: datetime,
    html: str,
    url: str,
    raw: JsonObject,
    title: str = "",
    parent: str = "",
    thread: str = "",
    edited_at: datetime | None = None,
) -> NewMention:
    return NewMention(
        network=NETWORK,
        external_id=f"{urlsplit(base).netloc}/{native}",
        author=NewAuthor(login, url=f"{base}/~{quote(login)}") if login else NewAuthor(UNKNOWN_AUTHOR),
        created_at=created_at,
        html=html or None,
        title=title,
        url=url or f"{base}/{native}",
        type=MentionType.COMMENT if native.startswith("c/") else MentionType.POST,
        native_id=native,
        parent=parent,
        thread=thread,
        edited_at=edited_at,
        raw=fields.raw(raw),
    )
