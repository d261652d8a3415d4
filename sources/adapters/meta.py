"""What Meta tells a webhook (https://developers.facebook.com/docs/graph-api/webhooks/reference/page and
.../reference/instagram): comments, posts and mentions of a Facebook page or an Instagram account. Pure: whoever listens
checks the signature and stores what comes out of here.

    told = changes(payload)          # the whole JSON object of one POST
    told.network                     # "facebook" or "instagram"; what its mentions are of
    told.mentions, told.rejected, told.deleted      # as in a Page

A mention has the id that a poll of the same account gives it, so that both may run. Reactions, hidden comments,
messages and what the page itself posts are not mentions and leave nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from sources.adapters import facebook_item, fields, instagram_item
from store.domain.mention import JsonObject, MentionType, NewMention
from store.domain.poll import Rejected

EDITED = frozenset({"edit", "edited"})  # Meta says either
SAID = frozenset({"comment", "post", "status", "photo", "video", "share", "link", "album", "event", "note"})
UNREAD = "mentioned us; Instagram does not tell a webhook the words"


class Changes(NamedTuple):
    """`deleted` are external ids."""

    mentions: tuple[NewMention, ...]
    rejected: tuple[Rejected, ...]
    deleted: tuple[str, ...]
    network: str


def changes(payload: JsonObject) -> Changes:
    """One POST of Meta, of any number of changes, oldest first. Raises ValueError where it is not one."""
    networks = {"page": facebook_item.NETWORK, "instagram": instagram_item.NETWORK}
    network = networks.get(fields.text(payload.get("object")), "")
    entries = payload.get("entry")
    if not isinstance(entries, list) or "object" not in payload:
        raise ValueError("not a webhook of Meta")
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    deleted: list[str] = []
    for entry, change in _each(entries):
        try:
            own, at = fields.identifier(entry["id"]), fields.moment(entry["time"])
            found = _facebook(change, own, at) if network == "facebook" else _instagram(change, own, at)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"not a change ({type(error).__name__})"
            rejected.append(Rejected(_name(change), why, fields.raw(change)))
            continue
        if isinstance(found, str):
            deleted.append(found)
        elif found is not None:
            mentions.append(found)
    mentions.sort(key=lambda one: one.created_at)
    return Changes(tuple(mentions), tuple(rejected), tuple(deleted), network or facebook_item.NETWORK)


def _each(entries: list[Any]) -> Iterator[tuple[Any, Any]]:
    """Every change with its entry. With Instagram's own login an entry is itself the change."""
    for entry in entries:
        if not isinstance(entry, dict):
            yield {}, entry
        elif isinstance(entry.get("changes"), list):
            yield from ((entry, change) for change in entry["changes"])
        elif "field" in entry:
            yield entry, entry


def _facebook(change: JsonObject, page: str, at: datetime) -> NewMention | str | None:
    value = change["value"]
    if change["field"] not in ("feed", "mention") or value.get("item", "post") not in SAID:
        return None
    verb, post = value.get("verb"), fields.identifier(value.get("post_id"))
    name = fields.identifier(value.get("comment_id")) or post
    if verb == "remove":
        return name or None
    if verb != "add" and verb not in EDITED:
        return None
    if "from" not in value and "sender_id" in value:
        value = value | {"from": {"id": value["sender_id"], "name": value.get("sender_name")}}
    told = value.get("post")
    url = fields.web_url(value.get("permalink_url") or (told.get("permalink_url") if isinstance(told, dict) else ""))
    item = value | {"created_time": value.get("created_time") or at.isoformat()}
    if "comment_id" in value:
        found = facebook_item.mention(
            item, name=name, words=_words(value), page=page, url=f"{facebook_item.SITE}/{name}",
            parent=fields.identifier(value.get("parent_id")) or post, thread=post, type=MentionType.COMMENT,
        )  # fmt: skip
    else:
        found = facebook_item.mention(item, name=name, words=_words(value), page=page, url=url, thread=name)
        if found.ours:
            return None
    found = replace(found, raw=fields.raw(change))
    return replace(found, edited_at=at) if verb in EDITED else found


def _words(value: JsonObject) -> str:
    return fields.text(value.get("message")) or " ".join(
        fields.text(value.get(name)) for name in ("photo", "video", "link") if fields.text(value.get(name))
    )


def _instagram(change: JsonObject, account: str, at: datetime) -> NewMention | None:
    value = change["value"]
    if change["field"] in ("comments", "live_comments"):
        media = value.get("media")
        media = fields.identifier(media.get("id")) if isinstance(media, dict) else ""
        found = instagram_item.from_comment(value, media=media, own=(account,), at=at)
        return replace(found, raw=fields.raw(change))
    if change["field"] != "mentions":
        return None
    media, comment = fields.identifier(value["media_id"]), fields.identifier(value.get("comment_id"))
    item = {"id": comment or media}
    found = instagram_item.from_comment(item, media=media, at=at)
    kind = MentionType.COMMENT if comment else MentionType.POST
    return replace(
        found,
        title=UNREAD,
        type=kind,
        parent=media if comment else "",
        raw=fields.raw(change),
    )


def _name(change: Any) -> str:
    value = change.get("value") if isinstance(change, dict) else None
    value = value if isinstance(value, dict) else {}
    names = (fields.identifier(value.get(name)) for name in ("comment_id", "post_id", "id", "media_id"))
    return next((name for name in names if name), "a change")
