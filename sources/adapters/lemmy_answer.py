"""Answers on Lemmy (POST /api/v3/comment and /api/v4/comment, https://join-lemmy.org/api/).

Lemmy 1.0 refuses for two minutes what has an Idempotency-Key that it has seen, and 0.19 knows none, so an uncertain end
is settled by reading back.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.lemmy_server import CLOSED, CROWDED, V3, V4, Server, checked, reason
from sources.adapters.lemmy_view import from_view, native_id
from sources.adapters.posting import Said
from sources.errors import BadAnswer, Refused, Unauthorised, Uncertain, quoted
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention, NewMention

MAX_CHARACTERS = 10_000  # BODY_MAX_LENGTH in crates/utils/src/utils/validation.rs
KEY_LENGTH = 32  # a longer Idempotency-Key is not looked at
LIMIT, PAGES = 50, 20
# What goes wrong after the comment is written: it is there all the same.
AFTERWARDS = {"unknown", "couldnt_like_comment", "couldnt_update_replies", "couldnt_update_person_mentions"}


class LemmyAnswers:
    """The channel of the source type "lemmy"."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), MAX_CHARACTERS

    def compose(self, mention: Mention) -> str:
        return ""  # Lemmy tells the author of what is answered

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._server.secrets:
            raise Refused("this source has no token to answer with; answer on its own page, or give it one")
        if not re.fullmatch(r"[0-9]{1,18}(/[0-9]{1,18})?", parent.native_id):
            raise Refused("this is not a post or a comment that can be answered from here")
        post, _, comment = parent.native_id.partition("/")
        body = {"content": delivery.text, "post_id": int(post)} | ({"parent_id": int(comment)} if comment else {})
        now = utcnow()
        with posting.before_it_leaves():
            api = await self._server.api(now=now)
        key = {"Idempotency-Key": fields.digest(delivery.identity)[:KEY_LENGTH]}
        with posting.as_it_leaves():
            answer = await self._server.post(f"/api/{api}/comment", body, key)
        return _receipt(answer, now)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent, newest first, until what is older than the delivery. Raises SourceError where it cannot be
        read."""
        now, since = utcnow(), posting.since(delivery)
        own = await self._server.account_id(now=now)
        if not own:
            raise Unauthorised("there is no token to look with")
        under, whole = await self._under(parent.native_id, since, own, now)
        ours = [
            Said(one.text, one.created_at, Receipt(one.native_id, one.external_id, one.url))
            for one in under
            if one.ours and one.parent == parent.native_id
        ]
        return posting.found(delivery.text, ours, since, whole=whole)

    async def _under(self, name: str, since: datetime, own: str, now: datetime) -> tuple[list[NewMention], bool]:
        """(the comments below, whether these are all since then)."""
        post, _, comment = name.partition("/")
        api = await self._server.api(now=now)
        plain = [("post_id", post), *([("parent_id", comment)] if comment else []), ("limit", str(LIMIT))]
        plain += [("type_", "All"), ("sort", "New")] if api == V3 else [("type_", "all"), ("sort", "new")]
        found: dict[str, NewMention] = {}
        at, unreadable = "", 0
        for number in range(1, PAGES + 1):
            place = ("page_cursor", at) if api == V4 else ("page", str(number))
            params = (*plain, *([place] if number > 1 else []))
            data = (await self._server.get(f"/api/{api}/comment/list", params, now=now, signed=True)).data
            views = data.get("items" if api == V4 else "comments")
            if not isinstance(views, list):
                raise BadAnswer("a thread without its comments")
            read = _readable(views, own)
            fresh = [one for one in read if one.external_id not in found]
            found |= {one.external_id: one for one in fresh}
            unreadable += len(views) - len(read)
            at = fields.place(data.get("next_page"))
            if not fresh or read[-1].created_at < since or (api == V4 and not at):
                # Lemmy 1.0 forgets on its v3 what page it was asked for: the same again, and full, is no end.
                again = not fresh and len(views) >= LIMIT
                return list(found.values()), not (unreadable or again)
        return list(found.values()), False


def _readable(views: list[Any], own: str) -> list[NewMention]:
    found = []
    for view in views:
        try:
            found.append(from_view(view, own=own))
        except ValueError:
            continue
    return found


def _receipt(answer: Answer, now: datetime) -> Receipt:
    """Raises what the answer calls for. Only what certainly was not posted is Refused."""
    why = reason(answer) if answer.status >= 400 else ""
    if why in CROWDED | CLOSED:
        checked(answer, now)
    if why in AFTERWARDS:
        raise Uncertain(f"answered {answer.status} ({why}); it may have been posted")
    undecided = posting.UNDECIDED | {422}  # said of an Idempotency-Key that was seen before
    posting.taken(answer, lambda one: checked(one, now), lambda one: quoted(why) or "no reason given",
                  undecided=undecided)  # fmt: skip
    told = posting.document(answer)
    view = told.get("comment_view") if isinstance(told, dict) else None
    try:
        name = native_id(view)
        address = fields.identifier(told["comment_view"]["comment"]["ap_id"])
    except (ValueError, KeyError, TypeError):
        raise posting.no_post(answer) from None
    if not address:
        raise posting.no_post(answer)
    return Receipt(name, address, fields.web_url(address))
