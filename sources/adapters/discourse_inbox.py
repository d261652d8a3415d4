"""What a Discourse forum tells our account of: who named it, answered it, quoted it or wrote to it
(app/controllers/notifications_controller.rb). A notification only says where: each post is looked up."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields, gaps
from sources.adapters.discourse_post import from_post, rejected_post
from sources.adapters.discourse_server import Server, checked
from sources.errors import BadAnswer, Unreachable
from sources.protocol import Page
from store.domain.mention import JsonObject, NewMention
from store.domain.poll import Rejected

PER_PAGE = 10  # few, because a page costs as many requests more, and a user API key has 20 a minute
AN_HOUR = timedelta(hours=1)
# Notification.types: mentioned, replied, quoted, private_message, group_mentioned.
ADDRESSED, PRIVATE = {1, 2, 3, 6, 15}, 6


async def addressed(
    server: Server, bookmark: JsonObject, own: str, backfill: timedelta | None, now: datetime
) -> AsyncIterator[Page]:
    """A server that has never had the list is asked for it again later, without a fuss."""
    begin = bookmark.get("begin", gaps.floor(backfill, now))
    place = gaps.opened(bookmark.get("place"), 0, 0)

    async def notices(window: gaps.Window) -> gaps.Got:
        params = (("limit", str(PER_PAGE)), ("offset", str((window.page - 1) * PER_PAGE)))
        told = await server.get("/notifications.json", params, now=now)
        listed = told.get("notifications") if isinstance(told, dict) else None
        if not isinstance(listed, list):
            raise BadAnswer(f"{server.url} answered without notifications")
        mentions: list[NewMention] = []
        rejected: list[Rejected] = []
        orders: dict[str, int] = {}
        more = len(listed) >= PER_PAGE
        for notice in reversed(listed):
            try:
                number, at = _read(notice)
            except ValueError as error:
                rejected.append(rejected_post(notice, error))
                continue
            orders[str(number)] = number
            more = more and gaps.seconds(at) >= begin
            unread = window.since < number and (not window.until or number < window.until)
            if unread and gaps.seconds(at) >= begin and fields.count(notice.get("notification_type")) in ADDRESSED:
                mention = await _looked_up(server, notice, own, now)
                mentions += [mention] if mention is not None else []
        return gaps.Got(Page(f"/notifications.json page {window.page}", mentions, rejected), orders, more)

    try:
        for gap in list(place["gaps"]):
            async for page in gaps.closed(place, gap, notices, deepest=gaps.ENDLESS, overlap=0):
                yield replace(page, bookmark={"begin": begin, "place": deepcopy(place)})
    except (BadAnswer, Unreachable):
        if bookmark:
            raise
        yield Page("/notifications.json", next_poll_at=now + AN_HOUR, note="no notifications here")


def _read(notice: Any) -> tuple[int, datetime]:
    """(id, when). Raises ValueError."""
    number = fields.count(notice.get("id")) if isinstance(notice, dict) else None
    if number is None:
        raise ValueError("not a notification")
    return number, fields.moment(notice.get("created_at"))


async def _looked_up(server: Server, notice: JsonObject, own: str, now: datetime) -> NewMention | None:
    """The post; None where it is gone or not for us. Raises SourceError."""
    data = notice.get("data")
    name = fields.identifier(data.get("original_post_id")) if isinstance(data, dict) else ""
    place = f"{fields.identifier(notice.get('topic_id'))}/{fields.identifier(notice.get('post_number'))}"
    answer = await server.ask(f"/posts/{name}.json" if name else f"/posts/by_number/{place}.json")
    if answer.status in (403, 404, 410):
        return None
    visibility = "direct" if notice["notification_type"] == PRIVATE else "public"
    title = html.unescape(fields.text(notice.get("fancy_title")))
    try:
        post = checked(answer, now).json()
        return from_post(post, server.url, own=own, title=title, direct=True, visibility=visibility)
    except ValueError:
        return None
