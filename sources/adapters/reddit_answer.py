"""Answers on Reddit (POST /api/comment, https://www.reddit.com/dev/api#POST_api_comment).

There is no key by which Reddit would know a second try, so an uncertain end is settled by reading back. What it refuses
comes with status 200 and the reason in `json.errors`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources.adapters import fields, posting
from sources.adapters.posting import EXACTLY, Said
from sources.adapters.reddit_server import SITE, Server, children, reset_time
from sources.errors import BadAnswer, RateLimited, Refused, Unauthorised, quoted
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import JsonObject, Mention

MAX_CHARACTERS = 10_000  # POST_comment in r2/controllers/api.py
OWN_LATEST, UNDER = 100, 500
_WAIT = re.compile(r"([0-9]{1,4}) (millisecond|second|minute|hour)", re.IGNORECASE)
_SECONDS = {"millisecond": 0.001, "second": 1.0, "minute": 60.0, "hour": 3600.0}


class RedditAnswers:
    """The channel of the source type "reddit"."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), MAX_CHARACTERS

    def compose(self, mention: Mention) -> str:
        return ""  # Reddit tells the author of what is answered

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._server.signed_in:
            raise Refused("this source has no account to answer with; answer on its own page, or give it one")
        form = (("api_type", "json"), ("text", delivery.text), ("thing_id", posting.place(parent, r"t[134]_\w+")))
        answer = await posting.logged_in(
            self._server.authorization,
            lambda authorization: self._server.post("/api/comment/", form, authorization),
            self._server.refused,
        )
        return _receipt(answer, utcnow())

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent, then among our own latest posts. Raises SourceError where either cannot be read."""
        if not self._server.signed_in:
            raise Unauthorised("there is no account to look with")
        now, since = utcnow(), posting.since(delivery)
        own = await self._server.account(now=now)
        if parent.native_id.startswith("t4_"):
            under: list[Any] = []
            under_whole = True
            latest, far_enough = await self._latest("/message/sent/", since, now)
        else:
            under, under_whole = await self._under(parent, now)
            path = f"/user/{quote(own, safe='')}/comments"
            latest, far_enough = await self._latest(path, since, now, ("sort", "new"))
        ours = [_said(one) for one in _ours([*under, *latest], own, parent.native_id)]
        whole_read = under_whole and far_enough
        return posting.found(delivery.text, ours, since, whole=whole_read, surely=EXACTLY, maybe=EXACTLY)

    async def _under(self, parent: Mention, now: datetime) -> tuple[list[Any], bool]:
        """(the answers right under the parent, whether these are all)."""
        post = parent.native_id.startswith("t3_")
        article = parent.native_id if post else parent.thread
        params = [("limit", str(UNDER)), ("sort", "new"), ("depth", "1" if post else "2")]
        if not post:
            params.append(("comment", parent.native_id.removeprefix("t1_")))
        page = (await self._server.get(f"/comments/{article.removeprefix('t3_')}", tuple(params), now=now)).data
        if not isinstance(page, list) or len(page) != 2:
            raise BadAnswer("Reddit answered with something that is no thread")
        under = children(page[1])
        if not post:
            above = next((one for one in under if _data(one).get("name") == parent.native_id), None)
            if above is None:
                return [], False
            replies = _data(above).get("replies")
            under = children(replies) if replies else []
        return under, not any(isinstance(one, dict) and one.get("kind") == "more" for one in under)

    async def _latest(
        self, path: str, since: datetime, now: datetime, *more: tuple[str, str]
    ) -> tuple[list[Any], bool]:
        """(the newest of a listing, whether these are all since then): a listing may be shorter than it was asked for
        and go on all the same."""
        data = (await self._server.get(path, (("limit", str(OWN_LATEST)), *more), now=now)).data
        found = children(data)
        at_its_end = not data["data"].get("after") and len(found) < OWN_LATEST
        return found, at_its_end or any(_written(one) < since for one in found)


def _data(thing: Any) -> JsonObject:
    data = thing.get("data") if isinstance(thing, dict) else None
    return data if isinstance(data, dict) else {}


def _ours(things: list[Any], own: str, parent: str) -> Iterator[Any]:
    for thing in things:
        data = _data(thing)
        author = fields.identifier(data.get("author"))
        if author.lower() == own.lower() and data.get("parent_id") == parent and fields.identifier(data.get("name")):
            yield thing


def _said(thing: Any) -> Said:
    """Reddit keeps the words, but for spaces at the ends."""
    return Said(html.unescape(fields.text(_data(thing).get("body"))), _written(thing), _named(thing))


def _written(thing: Any) -> datetime:
    try:
        return fields.moment(_data(thing).get("created_utc"))
    except ValueError:
        return fields.LATEST


def _named(thing: Any) -> Receipt:
    data = _data(thing)
    name, link = fields.identifier(data.get("name")), fields.text(data.get("permalink"))
    return Receipt(name, name, fields.web_url(f"{SITE}{link}") if link.startswith("/") else "")


def _receipt(answer: Answer, now: datetime) -> Receipt:
    """Raises what the answer calls for. Only what certainly was not posted is Refused."""
    posting.taken(answer, lambda one: whole(one, now=now, reset=reset_time(one.headers, now)), _words)
    told = posting.document(answer)
    body = told.get("json") if isinstance(told, dict) else None
    body = body if isinstance(body, dict) else {}
    if errors := body.get("errors"):
        raise _refusal(errors, body.get("ratelimit"), now)
    data = body.get("data")
    things = data.get("things") if isinstance(data, dict) else None
    receipt = _named(things[0]) if isinstance(things, list) and things else Receipt("")
    if not receipt.native_id:
        raise posting.no_post(answer)
    return receipt


def _refusal(errors: Any, seconds: Any, now: datetime) -> RateLimited | Refused:
    """`errors` is a list of [name, words, field]."""
    listed = errors if isinstance(errors, list) else []
    told = [[fields.text(part) for part in one] for one in listed if isinstance(one, list)]
    words = quoted("; ".join(": ".join(part for part in one[:2] if part) for one in told)) or "no reason given"
    if not any("RATELIMIT" in one[0] for one in told if one):
        return Refused(f"refused: {words}")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        wait = _WAIT.search(words)
        seconds = float(wait[1]) * _SECONDS[wait[2].lower()] if wait else None
    retry_at = None if seconds is None else now + timedelta(seconds=min(max(seconds, 0.0), 86_400.0) + 1)
    return RateLimited(f"not yet: {words}", retry_at)


def _words(answer: Answer) -> str:
    """What Reddit says of it, on one line."""
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    told = told if isinstance(told, dict) else {}
    return quoted(next(filter(None, map(fields.text, map(told.get, ("explanation", "message", "reason")))), "")) or (
        "no reason given"
    )
