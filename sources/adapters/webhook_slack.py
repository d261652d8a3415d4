"""What Slack's Events API tells a webhook (docs.slack.dev/apis/events-api, .../reference/events/message): messages of
the channels that our app is in, their edits and deletions. What is said to the app, or of it by name, is direct."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import datetime
from typing import Any

from sources.adapters import fields
from sources.protocol import Page
from store.domain.mention import UNKNOWN_AUTHOR, JsonObject, MentionType, NewAuthor, NewMention
from store.domain.poll import Rejected

NETWORK = "slack"
WORDS = frozenset(
    {"", "bot_message", "file_share", "me_message", "thread_broadcast"}
)  # other subtypes are news of Slack
VISIBILITY = {"im": "direct", "mpim": "private", "group": "private"}
_MARK = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")


def page(payload: JsonObject, *, network: str = NETWORK) -> Page | None:
    """None for an event that says nothing."""
    event = payload.get("event")
    if payload.get("type") != "event_callback" or not isinstance(event, dict):
        return None
    kind, subtype = event.get("type"), fields.text(event.get("subtype"))
    if kind not in ("message", "app_mention"):
        return None
    asked = f"{kind} {subtype}".strip()
    inner = event.get("message")
    try:
        team, channel = _id(payload, "team_id"), _id(event, "channel")
        if subtype == "message_deleted":
            return Page(asked, deleted=[f"{team}/{channel}/{_id(event, 'deleted_ts')}"], network=network)
        if subtype == "message_changed" and isinstance(inner, dict):
            if inner.get("subtype") == "tombstone":  # deleted, but its answers stay
                return Page(asked, deleted=[f"{team}/{channel}/{_id(inner, 'ts')}"], network=network)
            if not isinstance(inner.get("edited"), dict):
                return None  # a link was unfolded, or an answer counted
            event = {**inner, "type": kind, "channel": channel, "channel_type": event.get("channel_type")}
            subtype = fields.text(inner.get("subtype"))
        if subtype not in WORDS:
            return None
        mention = replace(_mention(event, payload, team, channel), network=network)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Page(
            asked,
            rejected=[Rejected(fields.identifier(event.get("ts")) or asked, fields.why(error), fields.raw(event))],
        )
    return Page(asked, [mention], network=network)


def _mention(event: JsonObject, payload: JsonObject, team: str, channel: str) -> NewMention:
    at = _id(event, "ts")
    root = fields.identifier(event.get("thread_ts")) or at
    user = fields.identifier(event.get("user")) or fields.identifier(event.get("bot_id"))
    channel_type = fields.text(event.get("channel_type"))
    words = [readable(fields.text(event.get("text"))), *_files(event.get("files"))]
    return NewMention(
        network=NETWORK,
        external_id=f"{team}/{channel}/{at}",
        author=NewAuthor(user or UNKNOWN_AUTHOR, _name(event)),
        created_at=fields.moment(at),
        text="\n".join(line for line in words if line),
        url=f"https://app.slack.com/client/{team}/{channel}",
        type=MentionType.POST if root == at else MentionType.COMMENT,
        native_id=f"{channel}/{at}",
        parent="" if root == at else f"{channel}/{root}",
        thread=f"{channel}/{root}",
        edited_at=_edited_at(event),
        visibility=VISIBILITY.get(channel_type, "public"),
        direct=channel_type == "im" or event.get("type") == "app_mention",
        ours=_is_ours(event, payload),
        raw=fields.raw(event),
    )


def readable(text: str) -> str:
    """Slack's own marks (docs.slack.dev/messaging/formatting-message-text) as a person sees them."""

    def shown(found: re.Match[str]) -> str:
        target, label = found[1], found[2] or ""
        if target[0] in "@#!":
            name = label or target[1:].partition("^")[0]
            return name if name.startswith(("@", "#")) else f"{'#' if target[0] == '#' else '@'}{name}"
        target = target.removeprefix("mailto:")
        return f"{label} ({target})" if label and label != target else target

    return html.unescape(_MARK.sub(shown, text))


def _is_ours(event: JsonObject, payload: JsonObject) -> bool:
    """Written by our own app."""
    app = fields.identifier(payload.get("api_app_id"))
    us = payload.get("authorizations")
    users = (
        {one.get("user_id") for one in us if isinstance(one, dict) and one.get("is_bot")}
        if isinstance(us, list)
        else ()
    )
    return bool(app and event.get("app_id") == app) or event.get("user") in users


def _name(event: JsonObject) -> str:
    profile: Any = event.get("user_profile") or event.get("bot_profile")
    told = [profile.get(key) for key in ("display_name", "real_name", "name")] if isinstance(profile, dict) else []
    return next((name for name in (*told, event.get("username")) if isinstance(name, str) and name), "")


def _files(files: Any) -> list[str]:
    named = (
        [fields.identifier(one.get("name")) for one in files if isinstance(one, dict)]
        if isinstance(files, list)
        else []
    )
    return [f"[attachment: {name or 'a file'}]" for name in named]


def _edited_at(event: JsonObject) -> datetime | None:
    edited = event.get("edited")
    return fields.moment(edited.get("ts")) if isinstance(edited, dict) else None


def _id(item: JsonObject, key: str) -> str:
    name = fields.identifier(item.get(key))
    if not name:
        raise ValueError(f"a message without {key}")
    return name
