"""Answers on X (POST /2/tweets, https://docs.x.com/x-api/posts/manage-tweets/integrate). X has no key that keeps an
answer from being posted twice, so an uncertain end is settled by reading our own timeline."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from urllib.parse import quote

from sources.adapters import fields
from sources.adapters.x_post import FIELDS, SITE, from_post
from sources.adapters.x_server import Server, check, reason, reset_time
from sources.errors import BadAnswer, NotSent, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.text.x_length import x_length
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention

LONGEST = 280
CLOCKS_DIFFER = timedelta(minutes=10)
READ_PAGES = 10
MAYBE = 0.5  # so alike, a text may be ours in the network's words


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
        body = {"text": delivery.text, "reply": {"in_reply_to_tweet_id": parent.native_id}}
        try:
            answer = await self._server.post("/2/tweets", body)
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        if answer.status == 401:
            self._server.refused()
        return _receipt(answer, utcnow(), again=delivery.attempts > 1)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among our own posts since the delivery. Left open by an answer to the same post in words like these."""
        now = utcnow()
        own = await self._server.account_id(now=now)
        if not own:
            raise Unauthorised("X does not say whose the token is, so our own posts cannot be found")
        since = (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER
        start = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        params, further, doubt = (("max_results", "100"), ("start_time", start), *FIELDS), "", False
        for _ in range(READ_PAGES):
            token = (("pagination_token", further),) if further else ()
            got = await self._server.get(f"/2/users/{quote(own, safe='')}/tweets", params + token, now=now)
            posts = got.data.get("data", [])
            if not isinstance(posts, list):
                raise BadAnswer(f"{self._server.url} answered without posts")
            for item in posts:
                try:
                    post = from_post(item, {}, own=own)
                except (ValueError, KeyError, TypeError, AttributeError):
                    doubt = True
                    continue
                if post.parent != parent.native_id:
                    continue
                likeness = _likeness(_bare(post.text), _bare(delivery.text))
                if likeness == 1.0:
                    return ReadBack(_named(post.native_id), complete=True)
                doubt |= likeness >= MAYBE
            meta = got.data.get("meta")
            further = fields.text(meta.get("next_token")) if isinstance(meta, dict) else ""
            if not further:
                return ReadBack(None, complete=isinstance(meta, dict) and not doubt)
        return ReadBack(None, complete=False)


def _receipt(answer: Answer, now: datetime, *, again: bool) -> Receipt:
    """Raises what the status calls for. Only what certainly was not posted is Refused. `again`: it was tried before."""
    status, words = answer.status, reason(answer) if answer.status >= 400 else ""
    if 200 <= status < 300:
        try:
            told = answer.json()
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        data = told.get("data") if isinstance(told, dict) else None
        name = fields.identifier(data.get("id")) if isinstance(data, dict) else ""
        if not name:
            raise Uncertain(f"answered {status} without a post; it may have been posted")
        return _named(name)
    if status == 403 and "duplicate" in words.lower():
        if again:
            raise Uncertain("X says that these words are already posted: perhaps by the try before")
        raise Refused("X takes the same words only once: change them")
    if status == 403:
        why = "X lets a program answer only who named or quoted you: answer on its own page"
        raise Refused(f"{why} ({words})")
    if status == 402:
        raise Refused("the credits are used up: buy more on console.x.com, then send it again")
    if status in (401, 429):
        check(answer, now, reset_time(answer.headers, now))
    if 400 <= status < 500 and status not in (408, 409, 425):
        raise Refused(f"refused with {status}: {words}")
    raise Uncertain(f"answered {status}; it may have been posted")


def _named(name: str) -> Receipt:
    return Receipt(name, name, f"{SITE}/i/web/status/{name}")


def _bare(text: str) -> str:
    """Only for comparing: X puts the names of who is answered before it, and http:// before a bare address."""
    text = re.sub(r"^(?:\s*@\w{1,50}\b)+", "", unicodedata.normalize("NFC", text))
    return "".join(re.sub(r"https?://|/(?=\s|$)", "", text).split())


def _likeness(one: str, other: str) -> float:
    return 1.0 if one == other else SequenceMatcher(None, one, other, autojunk=False).quick_ratio() * 0.99
