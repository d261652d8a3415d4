"""What GitHub tells a webhook (docs.github.com/webhooks/webhook-events-and-payloads): issues, discussions and comments
on them and on pull requests. A mention has the id that a poll of GitHub gives it, so that both may run.

Whoever belongs to the repository speaks for us; what others write there is addressed to us, robots aside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sources.adapters import fields, github_item
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

OURS = frozenset({"OWNER", "MEMBER", "COLLABORATOR"})
SAID = frozenset({"opened", "created", "edited"})


def page(event: str, payload: JsonObject) -> Page | None:
    """None for an event that says nothing (ping, labels, reactions)."""
    if event not in _READERS:
        return None
    key, read = _READERS[event]
    action = fields.text(payload.get("action"))
    item: Any = payload.get(key)
    asked = f"{event} {fields.identifier(action)}"
    name = fields.identifier(item.get("node_id")) if isinstance(item, dict) else ""
    if action == "deleted" and name:
        return Page(asked, deleted=[name], network=github_item.NETWORK)
    if action not in SAID:
        return None
    try:
        mention = _addressed(read(item, payload), item)
        if action == "edited":
            mention = replace(mention, edited_at=fields.moment(item.get("updated_at")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Page(asked, rejected=[Rejected(name or event, fields.why(error), fields.raw(item))])
    return Page(asked, [mention], network=github_item.NETWORK)


def _addressed(mention: NewMention, item: Any) -> NewMention:
    ours = fields.text(item.get("author_association")) in OURS
    robot = isinstance(item.get("user"), dict) and item["user"].get("type") == "Bot"
    return replace(mention, ours=ours, direct=not (ours or robot))


def _issue(item: Any, payload: JsonObject) -> NewMention:
    return github_item.from_issue(item)


def _comment(item: Any, payload: JsonObject) -> NewMention:
    return github_item.from_comment(item)


def _review_comment(item: Any, payload: JsonObject) -> NewMention:
    return github_item.from_comment({**item, "issue_url": item["pull_request_url"]})


def _discussion(item: Any, payload: JsonObject) -> NewMention:
    return github_item.from_discussion(_node(item))


def _discussion_comment(item: Any, payload: JsonObject) -> NewMention:
    thread = fields.identifier(payload["discussion"]["node_id"])
    return github_item.from_discussion_comment(_node(item), thread=thread, parent=thread)


def _node(item: Any) -> JsonObject:
    """As GraphQL says it, which is how discussions are polled."""
    user = item.get("user") or {}
    return {
        "id": item.get("node_id"),
        "title": item.get("title"),
        "body": item.get("body"),
        "url": item.get("html_url"),
        "createdAt": item.get("created_at"),
        "author": {"login": user.get("login"), "url": user.get("html_url")},
    }


_READERS: dict[str, tuple[str, Callable[[Any, JsonObject], NewMention]]] = {
    "issues": ("issue", _issue),
    "issue_comment": ("comment", _comment),
    "pull_request_review_comment": ("comment", _review_comment),
    "discussion": ("discussion", _discussion),
    "discussion_comment": ("comment", _discussion_comment),
}
