"""Issues, pull requests, discussions and their comments as mentions (https://docs.github.com/en/rest/issues,
https://docs.github.com/en/graphql/guides/using-the-graphql-api-for-discussions).

`native_id` is REPOSITORY#NUMBER for an issue or a pull request, REPOSITORY#NUMBER/ID for a comment on one, and the
node's id for discussions and what is said in them; `thread` is the native id of what was begun with.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sources.adapters import fields
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention

NETWORK = "github"
_ISSUE = re.compile(r"/repos/([^/?#]+/[^/?#]+)/(?:issues|pulls)/(\d+)$")


def from_issue(issue: Any, *, own: str = "", direct: bool = False) -> NewMention:
    """An issue or a pull request, as search and lists of issues give it. Raises ValueError. `updated_at` moves with
    every comment, so that it says nothing of an edit."""
    place = _place(issue, "url")
    title = fields.text(issue.get("title"))
    if not title:
        raise ValueError("an issue without title")
    return _mention(issue, own=own, native=place, thread=place, title=title, direct=direct)


def from_comment(comment: Any, *, own: str = "", direct: bool = False) -> NewMention:
    """A comment on either. Raises ValueError."""
    place = _place(comment, "issue_url")
    name = fields.identifier(comment.get("id"))
    if not name or not fields.text(comment.get("body")):
        raise ValueError("a comment without id or words")
    created_at, updated_at = fields.moment(comment.get("created_at")), fields.moment(comment.get("updated_at"))
    return _mention(
        comment,
        own=own,
        native=f"{place}/{name}",
        parent=place,
        thread=place,
        edited_at=updated_at if updated_at > created_at else None,
        direct=direct,
    )


def from_discussion(node: Any, *, own: str = "") -> NewMention:
    """A Discussion of GraphQL. Raises ValueError."""
    name = fields.identifier(node.get("id")) if isinstance(node, dict) else ""
    title = fields.text(node.get("title")) if name else ""
    if not title:
        raise ValueError("not a discussion")
    return _from_node(node, own=own, thread=name, title=title)


def from_discussion_comment(node: Any, *, thread: str, parent: str, own: str = "") -> NewMention:
    """A DiscussionComment. Raises ValueError."""
    if not isinstance(node, dict) or not fields.identifier(node.get("id")) or not fields.text(node.get("body")):
        raise ValueError("not a comment")
    return _from_node(node, own=own, thread=thread, parent=parent)


def _from_node(node: JsonObject, *, own: str, thread: str, parent: str = "", title: str = "") -> NewMention:
    author = node.get("author") if isinstance(node.get("author"), dict) else {}
    assert isinstance(author, dict)
    edited = node.get("lastEditedAt")
    known = {
        "node_id": node.get("id"),
        "user": {"login": author.get("login"), "html_url": author.get("url")},
        "created_at": node.get("createdAt"),
        "html_url": node.get("url"),
        "body": node.get("body"),
    }
    return _mention(
        known,
        own=own,
        native=fields.identifier(node["id"]),
        parent=parent,
        thread=thread,
        title=title,
        edited_at=fields.moment(edited) if edited else None,
    )


def _place(item: Any, key: str) -> str:
    """REPOSITORY#NUMBER."""
    found = _ISSUE.search(fields.text(item.get(key))) if isinstance(item, dict) else None
    if found is None:
        raise ValueError(f"an item without {key}")
    return fields.identifier(f"{found[1]}#{found[2]}")


def _mention(
    item: JsonObject,
    *,
    own: str,
    native: str,
    thread: str,
    parent: str = "",
    title: str = "",
    edited_at: datetime | None = None,
    direct: bool = False,
) -> NewMention:
    user = item.get("user") if isinstance(item.get("user"), dict) else {}
    assert isinstance(user, dict)
    login, body = fields.identifier(user.get("login")), fields.text(item.get("body"))
    url = fields.web_url(item.get("html_url"))
    told = own and re.search(rf"(?<![\w@/-])@{re.escape(own)}(?![\w-])", body, re.IGNORECASE)
    return NewMention(
        network=NETWORK,
        external_id=fields.identifier(item.get("node_id")) or url or native,
        # The account of somebody who left is "ghost" or nothing.
        author=NewAuthor(login or UNKNOWN_AUTHOR, url=fields.web_url(user.get("html_url"))),
        created_at=fields.moment(item.get("created_at")),
        text=body,
        title=title,
        url=url,
        type=MentionType.COMMENT if parent else MentionType.POST,
        native_id=native,
        parent=parent,
        thread=thread,
        edited_at=edited_at,
        direct=direct or bool(told),
        ours=bool(own) and login.lower() == own.lower(),
        raw=fields.raw(item),
    )
