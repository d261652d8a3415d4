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

from sources.adapters import fields
from sources.adapters.reddit_server import SITE, Server, children, reset_time
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import JsonObject, Mention
from store.domain.safetext import safe_line

MAX_CHARACTERS = 10_000  # POST_comment in r2/controllers/api.py
CLOCKS_DIFFER = timedelta(minutes=10)
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
        form = (("api_type", "json"), ("text", delivery.text), ("thing_id", parent.native_id))
        try:
            authorization = await self._server.authorization()
        except (Uncertain, Unreachable, BadAnswer) as error:
            raise NotSent(str(error)) from None
        try:
            answer = await self._server.post("/api/comment/", form, authorization)
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        if answer.status == 401 and self._server.refused():
            raise NotSent("the access token ran out; the next try has a new one")
        return _receipt(answer, utcnow())

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent, then among our own latest posts. Raises SourceError where either cannot be read. Left open
        by the same words from before the delivery: an earlier answer, or this one and two clocks that differ."""
        if not self._server.signed_in:
            raise Unauthorised("there is no account to look with")
        now = utcnow()
        own = await self._server.account(now=now)
        since = ((delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER).timestamp()
        if parent.native_id.startswith("t4_"):
            under: list[Any] = []
            under_whole = True
            latest = await self._list("/message/sent/", now)
        else:
            under, under_whole = await self._under(parent, now)
            latest = await self._list(f"/user/{own}/comments", now, ("sort", "new"))
        far_enough = len(latest) < OWN_LATEST or any(_written(one) < since for one in latest)
        ours = [one for one in _ours([*under, *latest], own, parent.native_id) if _same(one, delivery.text)]
        for one in ours:
            if _written(one) >= since:
                return ReadBack(_named(one), complete=True)
        return ReadBack(None, complete=under_whole and far_enough and not ours)

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

    async def _list(self, path: str, now: datetime, *more: tuple[str, str]) -> list[Any]:
        got = await self._server.get(path, (("limit", str(OWN_LATEST)), *more), now=now)
        return children(got.data)


def _data(thing: Any) -> JsonObject:
    data = thing.get("data") if isinstance(thing, dict) else None
    return data if isinstance(data, dict) else {}


def _ours(things: list[Any], own: str, parent: str) -> Iterator[Any]:
    for thing in things:
        data = _data(thing)
        author = fields.identifier(data.get("author"))
        if author.lower() == own.lower() and data.get("parent_id") == parent and fields.identifier(data.get("name")):
            yield thing


def _same(thing: Any, sent: str) -> bool:
    """Whether these are the words that were sent: Reddit keeps them, spaces at the ends aside."""
    told = fields.text(_data(thing).get("body"))
    return _bare(sent) in (_bare(told), _bare(html.unescape(told)))


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _written(thing: Any) -> float:
    try:
        return fields.moment(_data(thing).get("created_utc")).timestamp()
    except ValueError:
        return fields.LATEST.timestamp()


def _named(thing: Any) -> Receipt:
    data = _data(thing)
    name, link = fields.identifier(data.get("name")), fields.text(data.get("permalink"))
    return Receipt(name, name, fields.web_url(f"{SITE}{link}") if link.startswith("/") else "")


def _receipt(answer: Answer, now: datetime) -> Receipt:
    """Raises what the answer calls for. Only what certainly was not posted is Refused."""
    status = answer.status
    if 200 <= status < 300:
        try:
            told = answer.json()
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        body = told.get("json") if isinstance(told, dict) else None
        body = body if isinstance(body, dict) else {}
        if errors := body.get("errors"):
            raise _refusal(errors, body.get("ratelimit"), now)
        data = body.get("data")
        things = data.get("things") if isinstance(data, dict) else None
        receipt = _named(things[0]) if isinstance(things, list) and things else Receipt("")
        if not receipt.native_id:
            raise Uncertain(f"answered {status} without a post")
        return receipt
    if status in (401, 429):
        whole(answer, now=now, reset=reset_time(answer.headers, now))
    if 400 <= status < 500 and status not in (408, 409, 425):
        raise Refused(f"refused with {status}: {_words(answer)}")
    raise Uncertain(f"answered {status}; it may have been posted")


def _refusal(errors: Any, seconds: Any, now: datetime) -> RateLimited | Refused:
    """`errors` is a list of [name, words, field]."""
    listed = errors if isinstance(errors, list) else []
    told = [[fields.text(part) for part in one] for one in listed if isinstance(one, list)]
    words = safe_line("; ".join(": ".join(part for part in one[:2] if part) for one in told)) or "no reason given"
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
    return safe_line(next(filter(None, map(fields.text, map(told.get, ("explanation", "message", "reason")))), "")) or (
        "no reason given"
    )
