"""Answers on X (POST /2/tweets, https://docs.x.com/x-api/posts/manage-tweets/integrate). X has no key that keeps an
answer from being posted twice, so an uncertain end is settled by reading our own timeline."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import quote

from sources.adapters import fields, posting
from sources.adapters.posting import IN_LETTERS, Said
from sources.adapters.x_post import FIELDS, SITE, from_post
from sources.adapters.x_server import Server, check, reason, reset_time
from sources.errors import BadAnswer, Refused, Unauthorised, Uncertain
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.text.x_length import x_length
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention, NewMention

LONGEST = 280
READ_PAGES = 10


class XAnswers:
    """The channel of the source type "x"."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return x_length(text), LONGEST

    def compose(self, mention: Mention) -> str:
        """Nothing: X names the author by itself, and does not count it."""
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._server.has_login:
            raise Refused("this source has no token to answer with; answer on its own page, or give it one")
        body = {"text": delivery.text, "reply": {"in_reply_to_tweet_id": posting.place(parent, "[0-9]+")}}
        answer = await self._server.post("/2/tweets", body)
        return _receipt(answer, utcnow(), again=delivery.attempts > 1)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among our own posts since the delivery."""
        now, since = utcnow(), posting.since(delivery)
        own = await self._server.account_id(now=now)
        if not own:
            raise Unauthorised("X does not say whose the token is, so our own posts cannot be found")
        posts, whole = await self._since(since, own, now)
        ours = [
            Said(_unnamed(post.text), post.created_at, _named(post.native_id))
            for post in posts
            if post.parent == parent.native_id
        ]
        return posting.found(_unnamed(delivery.text), ours, since, whole=whole, surely=IN_LETTERS)

    async def _since(self, since: datetime, own: str, now: datetime) -> tuple[list[NewMention], bool]:
        """(our own posts, whether these are all since then)."""
        start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        params, further, readable = (("max_results", "100"), ("start_time", start), *FIELDS), "", True
        found: list[NewMention] = []
        for _ in range(READ_PAGES):
            token = (("pagination_token", further),) if further else ()
            got = await self._server.get(f"/2/users/{quote(own, safe='')}/tweets", params + token, now=now)
            items = got.data.get("data", [])
            if not isinstance(items, list):
                raise BadAnswer(f"{self._server.url} answered without posts")
            for item in items:
                try:
                    found.append(from_post(item, {}, own=own))
                except (ValueError, KeyError, TypeError, AttributeError):
                    readable = False
            meta = got.data.get("meta")
            further = fields.place(meta.get("next_token")) if isinstance(meta, dict) else ""
            if not further:
                return found, readable and isinstance(meta, dict)
        return found, False


def _receipt(answer: Answer, now: datetime, *, again: bool) -> Receipt:
    """Raises what the status calls for. Only what certainly was not posted is Refused. `again`: it was tried before."""
    words = reason(answer) if answer.status >= 400 else ""
    if answer.status == 403 and "duplicate" in words.lower():
        if again:
            raise Uncertain("X says that these words are already posted: perhaps by the try before")
        raise Refused("X takes the same words only once: change them")
    if answer.status == 403:
        why = "X lets a program answer only who named or quoted you: answer on its own page"
        raise Refused(f"{why} ({words})")
    if answer.status == 402:
        raise Refused("the credits are used up: buy more on console.x.com, then send it again")
    posting.taken(answer, lambda one: check(one, now, reset_time(one.headers, now)), reason)
    told = posting.document(answer)
    data = told.get("data") if isinstance(told, dict) else None
    name = fields.identifier(data.get("id")) if isinstance(data, dict) else ""
    if not name:
        raise posting.no_post(answer)
    return _named(name)


def _named(name: str) -> Receipt:
    return Receipt(name, name, f"{SITE}/i/web/status/{name}")


def _unnamed(text: str) -> str:
    """X puts the names of who is answered before it."""
    return re.sub(r"^(?:\s*@\w{1,50}\b)+", "", text)
