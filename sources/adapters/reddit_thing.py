"""A thing of Reddit as a mention (https://www.reddit.com/dev/api#fullnames): t1 a comment, t3 a post, t4 a message; of
the API or of a feed. Its identity is its fullname, the same however it was read."""

from __future__ import annotations

import re
from html import escape
from typing import Any

from sources.adapters import fields
from sources.adapters.reddit_server import SITE
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "reddit"
GONE = ("[deleted]", "[removed]")
_FULLNAME = re.compile(r"t[0-9]_[0-9a-zA-Z]{1,30}")
_ARTICLE = re.compile(r"/comments/([0-9a-z]{1,13})(?:/|$)")
# What a person wrote stands between these in a feed; round it are a thumbnail, "submitted by" and links.
_WRITTEN = re.compile(r"<!-- SC_OFF -->(.*?)<!-- SC_ON -->", re.DOTALL)
_LINK = re.compile(r'<a href="([^"]*)">\[link\]</a>')


def fullname(thing: Any) -> str:
    """Of {kind, data}; "" where it has none."""
    data = thing.get("data") if isinstance(thing, dict) else None
    return a_fullname(data.get("name")) if isinstance(data, dict) else ""


def a_fullname(value: Any) -> str:
    """It is kept and asked for again, and what is none would be refused each time; "" then."""
    return value if isinstance(value, str) and _FULLNAME.fullmatch(value) else ""


def is_gone(thing: Any) -> bool:
    """Whether the API says that its author or a moderator took it away."""
    if not isinstance(thing, dict) or not isinstance(thing.get("data"), dict):
        return False
    data: JsonObject = thing["data"]
    return data.get("selftext" if thing.get("kind") == "t3" else "body") in GONE or bool(
        data.get("removed_by_category")
    )


def from_thing(thing: Any, *, own: str, direct: bool = False) -> NewMention:
    """`own` is the name of our account. Raises ValueError."""
    if not isinstance(thing, dict) or not isinstance(thing.get("data"), dict):
        raise ValueError("not a thing")
    data: JsonObject = thing["data"]
    kind, name = thing.get("kind"), fullname(thing)
    if kind not in ("t1", "t3", "t4") or not name:
        raise ValueError("neither a post nor a comment nor a message")
    place = fields.text(data.get("permalink")) or fields.text(data.get("context")).partition("?")[0] or _place(data)
    shown = place or (f"/message/messages/{fields.identifier(data.get('id'))}" if kind == "t4" else "")
    edited = data.get("edited")
    author = fields.identifier(data.get("author"))
    post = kind == "t3"
    # Of a comment the title is that of what it answers; of a message it is its own.
    title = {"t3": "title", "t4": "subject"}.get(kind, "")
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=_author(author, fields.identifier(data.get("subreddit"))),
        created_at=fields.moment(data.get("created_utc")),
        text=fields.text(data.get("selftext" if post else "body")),
        html=_words(data, post),
        title=fields.text(data.get(title)) if title else "",
        url=fields.web_url(f"{SITE}{shown}") if shown.startswith("/") else "",
        type=MentionType.COMMENT if kind == "t1" else MentionType.POST,
        native_id=name,
        parent="" if post else fields.identifier(data.get("parent_id")),
        thread=_thread(kind, name, data, place),
        edited_at=fields.moment(edited) if edited and not isinstance(edited, bool) else None,
        visibility="direct" if kind == "t4" else "public",
        direct=direct,
        ours=bool(own) and author.lower() == own.lower(),
        raw=fields.raw(thing),
    )


def from_entry(entry: JsonObject, *, own: str) -> NewMention:
    """An entry of a feed (its id is the fullname). Raises ValueError."""
    name, link = fields.identifier(entry.get("id")), fields.web_url(entry.get("link"))
    if not re.fullmatch(r"t[13]_[0-9a-z]{1,13}", name):
        raise ValueError("neither a post nor a comment")
    comment = name.startswith("t1_")
    content = fields.text(entry.get("html"))
    written, target = _WRITTEN.search(content), None if comment else _LINK.search(content)
    body = written[1] if written else content if comment else ""
    author = fields.identifier(entry.get("author")).removeprefix("/u/")
    article = _ARTICLE.search(link)
    leads_away = target is not None and _ARTICLE.search(target[1]) is None
    return NewMention(
        network=NETWORK,
        external_id=name,
        author=_author(author, ""),
        created_at=fields.moment(entry.get("published") or entry.get("updated")),
        html=(_pointer(target[1], escaped=True) if target is not None and leads_away else "") + body or None,
        title="" if comment else fields.text(entry.get("title")),
        url=link,
        type=MentionType.COMMENT if comment else MentionType.POST,
        native_id=name,
        thread=f"t3_{article[1]}" if article else "" if comment else name,
        ours=bool(own) and author.lower() == own.lower(),
        raw=fields.raw(entry),
    )


def _author(name: str, subreddit: str) -> NewAuthor:
    if name in ("", *GONE):  # a message without an author is one of the subreddit's moderators
        return NewAuthor(f"r/{subreddit}" if subreddit and not name else UNKNOWN_AUTHOR)
    return NewAuthor(name, url=f"{SITE}/user/{name}")


def _words(data: JsonObject, post: bool) -> str | None:
    html = fields.text(data.get("selftext_html" if post else "body_html"))
    link = fields.web_url(data.get("url")) if post and not data.get("is_self") else ""
    if not link or _ARTICLE.search(link):
        return html or None
    return _pointer(link) + (html or escape(fields.text(data.get("selftext"))))


def _pointer(link: str, *, escaped: bool = False) -> str:
    safe = link if escaped else escape(link)
    return f'<p><a href="{safe}">{safe}</a></p>'


def _place(data: JsonObject) -> str:
    """Of a comment whose listing does not say it."""
    post, name = fields.identifier(data.get("link_id")), fields.identifier(data.get("id"))
    subreddit = fields.identifier(data.get("subreddit"))
    found = post.startswith("t3_") and name and subreddit
    return f"/r/{subreddit}/comments/{post.removeprefix('t3_')}/_/{name}/" if found else ""


def _thread(kind: str, name: str, data: JsonObject, place: str) -> str:
    if kind == "t3":
        return name
    if kind == "t4":
        return fields.identifier(data.get("first_message_name")) or name
    article = _ARTICLE.search(place)  # the inbox names the post by its address only
    return fields.identifier(data.get("link_id")) or (f"t3_{article[1]}" if article else "")
