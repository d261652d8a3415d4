"""Answers on Lemmy (POST /api/v3/comment and /api/v4/comment, https://join-lemmy.org/api/).

Lemmy 1.0 refuses for two minutes what has an Idempotency-Key that it has seen, and 0.19 knows none, so an uncertain end
is settled by reading back.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.adapters.lemmy_server import CROWDED, V3, V4, Server, checked, reason
from sources.adapters.lemmy_view import from_view
from sources.errors import BadAnswer, NotSent, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention, NewMention
from store.domain.safetext import safe_line

MAX_CHARACTERS = 10_000  # BODY_MAX_LENGTH in crates/utils/src/utils/validation.rs
KEY_LENGTH = 32  # a longer Idempotency-Key is not looked at
CLOCKS_DIFFER = timedelta(minutes=10)
LIMIT, PAGES = 50, 20
# What goes wrong after the comment is written: it is there all the same.
AFTERWARDS = {"unknown", "couldnt_like_comment", "couldnt_update_replies", "couldnt_update_person_mentions"}
# From SURELY on two texts are one (an instance takes tracking out of links and slurs out of words); below MAYBE others.
SURELY, MAYBE = 0.9, 0.5


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
        post, _, comment = parent.native_id.partition("/")
        if not (post + comment).isdecimal():
            raise Refused("this is not a post or a comment that can be answered from here")
        body = {"content": delivery.text, "post_id": int(post)} | ({"parent_id": int(comment)} if comment else {})
        now = utcnow()
        api = await self._server.api(now=now)
        key = {"Idempotency-Key": fields.digest(delivery.identity)[:KEY_LENGTH]}
        try:
            answer = await self._server.post(f"/api/{api}/comment", body, key)
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        return _receipt(answer, now)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent, newest first, until what is older than the delivery. Raises SourceError where it cannot be
        read. Left open by what may be this answer in the instance's words, and by the same words from before the
        delivery: an earlier answer, or this one and two clocks that differ."""
        now = utcnow()
        own = await self._server.account_id(now=now)
        if not own:
            raise Unauthorised("there is no token to look with")
        since = (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER
        under, complete = await self._under(parent.native_id, since, own, now)
        ours = [one for one in under if one.ours and one.parent == parent.native_id]
        alike = max(ours, key=lambda one: (one.created_at >= since, _likeness(one.text, delivery.text)), default=None)
        if alike is None:
            return ReadBack(None, complete)
        likeness, lately = _likeness(alike.text, delivery.text), alike.created_at >= since
        if likeness >= SURELY and lately:
            return ReadBack(Receipt(alike.native_id, alike.external_id, alike.url), complete=True)
        before = any(_likeness(one.text, delivery.text) >= SURELY for one in ours)
        return ReadBack(None, complete=complete and not before and not (lately and likeness >= MAYBE))

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
            at = fields.text(data.get("next_page"))
            if not fresh or read[-1].created_at < since or (api == V4 and not at):
                return list(found.values()), not unreadable
        return list(found.values()), False


def _readable(views: list[Any], own: str) -> list[NewMention]:
    found = []
    for view in views:
        try:
            found.append(from_view(view, own=own))
        except ValueError:
            continue
    return found


def _likeness(one: str, other: str) -> float:
    """From 0 to 1, by letters and digits alone."""
    from rapidfuzz.distance import Indel

    mine, theirs = _letters(one), _letters(other)
    if not mine or not theirs:
        return 1.0 if one.strip() == other.strip() else MAYBE
    return Indel.normalized_similarity(mine, theirs)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).casefold()


def _receipt(answer: Answer, now: datetime) -> Receipt:
    """Raises what the answer calls for. Only what certainly was not posted is Refused."""
    status, why = answer.status, reason(answer)
    if 200 <= status < 300:
        try:
            told = answer.json()
            posted = from_view(told.get("comment_view") if isinstance(told, dict) else None, own="")
        except (BadAnswer, ValueError) as error:
            raise Uncertain(f"answered {status}, but not with a comment ({error})") from None
        return Receipt(posted.native_id, posted.external_id, posted.url)
    if status in (401, 429) or why in CROWDED:
        checked(answer, now)
    if 400 <= status < 500 and status not in (408, 409, 422, 425) and why not in AFTERWARDS:
        raise Refused(f"refused with {status}: {safe_line(why) or 'no reason given'}")
    raise Uncertain(f"answered {status}; it may have been posted")
