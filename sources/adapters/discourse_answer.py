"""Answers on Discourse (POST /posts.json, https://docs.discourse.org/#tag/Posts/operation/createTopicPostPM).

A forum remembers what an API key posted for two minutes, and refuses the same words of one user for five; after that
it would take them twice, so that an uncertain end is settled by reading the topic.
"""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.adapters.discourse_server import Server, checked
from sources.errors import BadAnswer, NotSent, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention
from store.domain.safetext import safe_line

LONGEST = 32_000  # the default of the forum's setting max_post_length
CLOCKS_DIFFER = timedelta(minutes=10)
LOOKED_AT, AT_ONCE = 100, 20  # of a topic's posts, the newest ones


class DiscourseAnswers:
    """The channel of the source type "discourse"."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), LONGEST

    def compose(self, mention: Mention) -> str:
        """Nothing: whom a post answers is told by the forum."""
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._server.secrets:
            raise Refused("this source has no token to answer with; answer on its own page, or give it one")
        topic, _, number = parent.native_id.partition("/")
        if not (topic.isdecimal() and number.isdecimal()):
            raise Refused("what it answers has no place in a topic; answer on its own page")
        body: dict[str, Any] = {"raw": delivery.text, "topic_id": int(topic)}
        if number != "1":  # an answer to the first post is one to the topic
            body["reply_to_post_number"] = int(number)
        try:
            answer = await self._server.post("/posts.json", body)
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        return self._receipt(answer)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among the newest posts of the topic. Raises SourceError where they cannot be read."""
        if not self._server.secrets:
            raise Unauthorised("there is no token to look with")
        now = utcnow()
        since = (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER
        own = (await self._server.account(now=now)).lower()
        topic = parent.native_id.partition("/")[0]
        whole_topic = await self._server.get(f"/t/{topic}.json", now=now)
        stream = whole_topic.get("post_stream") if isinstance(whole_topic, dict) else None
        names = stream.get("stream") if isinstance(stream, dict) else None
        if not isinstance(names, list):
            raise BadAnswer("a topic without its posts")
        far_enough = len(names) <= LOOKED_AT
        newest = [fields.identifier(name) for name in names[-LOOKED_AT:]][::-1]
        for start in range(0, len(newest), AT_ONCE):
            some = newest[start : start + AT_ONCE]
            params = (*(("post_ids[]", name) for name in some), ("include_raw", "true"))
            told = await self._server.get(f"/t/{topic}/posts.json", params, now=now)
            listed = told.get("post_stream") if isinstance(told, dict) else None
            posts = listed.get("posts") if isinstance(listed, dict) else None
            if not isinstance(posts, list):
                raise BadAnswer("a topic without its posts")
            for post in posts:
                if not isinstance(post, dict) or (own and fields.text(post.get("username")).lower() != own):
                    continue
                if _written(post) >= since and _says(post, delivery.text):
                    return ReadBack(self._named(post), complete=True)
            if any(_written(post) < since for post in posts if isinstance(post, dict)):
                far_enough = True
                break
        return ReadBack(None, complete=far_enough)

    def _receipt(self, answer: Answer) -> Receipt:
        """Raises what the status calls for. Only what certainly was not posted is Refused."""
        status = answer.status
        if 200 <= status < 300:
            try:
                post = answer.json()
            except BadAnswer as error:
                raise Uncertain(str(error)) from None
            if isinstance(post, dict) and post.get("action") == "enqueued":
                pending = post.get("pending_post")
                name = fields.identifier(pending.get("id")) if isinstance(pending, dict) else ""
                return Receipt(f"pending/{name}")
            if isinstance(post, dict) and isinstance(post.get("post"), dict):
                post = post["post"]
            if not isinstance(post, dict) or not fields.identifier(post.get("id")):
                raise Uncertain(f"answered {status} without a post")
            return self._named(post)
        if status in (401, 429):
            checked(answer, utcnow())
        if 400 <= status < 500 and status not in (408, 409, 425):
            raise Refused(f"refused with {status}: {_words(answer)}")
        raise Uncertain(f"answered {status}; it may have been posted")

    def _named(self, post: dict[str, Any]) -> Receipt:
        name, topic = fields.identifier(post.get("id")), fields.identifier(post.get("topic_id"))
        number = fields.identifier(post.get("post_number"))
        slug = fields.identifier(post.get("topic_slug")) or "-"
        url = f"{self._server.url}/t/{slug}/{topic}/{number}"
        return Receipt(f"{topic}/{number}", f"{self._server.host}-post-{name}", fields.web_url(url))


def _written(post: dict[str, Any]) -> datetime:
    try:
        return fields.moment(post.get("created_at"))
    except ValueError:
        return fields.LATEST


def _says(post: dict[str, Any], text: str) -> bool:
    """Whether a post holds these words: as they were sent, or as the forum shows them."""
    raw = fields.text(post.get("raw"))
    if raw:
        return _bare(raw) == _bare(text)
    shown = html.unescape(re.sub(r"<[^<>]*>", "", fields.text(post.get("cooked"))))
    return _letters(shown) == _letters(text) != ""


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _words(answer: Answer) -> str:
    """What the forum says of it, on one line."""
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    errors = told.get("errors") if isinstance(told, dict) else None
    words = " ".join(one for one in errors if isinstance(one, str)) if isinstance(errors, list) else ""
    return safe_line(words) or "no reason given"
