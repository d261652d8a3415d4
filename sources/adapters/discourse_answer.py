"""Answers on Discourse (POST /posts.json, https://docs.discourse.org/#tag/Posts/operation/createTopicPostPM).

A forum remembers what an API key posted for two minutes, and refuses the same words of one user for five; after that
it would take them twice, so that an uncertain end is settled by reading the topic.
"""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.discourse_server import Server, checked
from sources.adapters.posting import IN_LETTERS, Said
from sources.errors import BadAnswer, Refused, Unauthorised, Uncertain, quoted
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention

LONGEST = 32_000  # the default of the forum's setting max_post_length
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
        with posting.as_it_leaves():
            answer = await self._server.post("/posts.json", body)
        if answer.status == 422 and delivery.absences:  # perhaps "too similar": the try before may have arrived late
            raise Uncertain(f"refused with 422 after a try that was lost: {_words(answer)}")
        return self._receipt(answer)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among what waits for approval and the newest posts of the topic. Raises SourceError where they cannot be
        read."""
        if not self._server.secrets:
            raise Unauthorised("there is no token to look with")
        now, since = utcnow(), posting.since(delivery)
        own = (await self._server.account(now=now)).lower()
        topic, _, number = parent.native_id.partition("/")
        told = await self._server.get(f"/t/{topic}.json", now=now)
        stream = told.get("post_stream") if isinstance(told, dict) else None
        names = stream.get("stream") if isinstance(stream, dict) else None
        if not isinstance(names, list):
            raise BadAnswer("a topic without its posts")
        posts, whole = await self._newest(topic, [fields.identifier(name) for name in names], since, now)
        pending = told.get("pending_posts")
        said = [_waiting(post) for post in (pending if isinstance(pending, list) else []) if isinstance(post, dict)]
        for post in posts:
            if _answers(post, number, since):
                ours = fields.text(post.get("username")).lower() == own if own else None
                said.append(Said(_text(post), _written(post), self._named(post), ours))
        return posting.found(delivery.text, said, since, whole=whole, surely=IN_LETTERS, maybe=IN_LETTERS)

    async def _newest(
        self, topic: str, names: list[str], since: datetime, now: datetime
    ) -> tuple[list[dict[str, Any]], bool]:
        """(the newest posts of a topic, whether these are all since then)."""
        found: list[dict[str, Any]] = []
        newest = names[-LOOKED_AT:][::-1]
        for start in range(0, len(newest), AT_ONCE):
            some = newest[start : start + AT_ONCE]
            params = (*(("post_ids[]", name) for name in some), ("include_raw", "true"))
            told = await self._server.get(f"/t/{topic}/posts.json", params, now=now)
            listed = told.get("post_stream") if isinstance(told, dict) else None
            posts = listed.get("posts") if isinstance(listed, dict) else None
            if not isinstance(posts, list):
                raise BadAnswer("a topic without its posts")
            found += [post for post in posts if isinstance(post, dict)]
            if any(_written(post) < since for post in found):
                return found, True
        return found, len(names) <= LOOKED_AT

    def _receipt(self, answer: Answer) -> Receipt:
        """Raises what the status calls for. Only what certainly was not posted is Refused."""
        posting.taken(answer, lambda one: checked(one, utcnow()), _words)
        post = posting.document(answer)
        if isinstance(post, dict) and post.get("action") == "enqueued":
            pending = post.get("pending_post")
            return _waiting(pending if isinstance(pending, dict) else {}).receipt
        if isinstance(post, dict) and isinstance(post.get("post"), dict):
            post = post["post"]
        if not isinstance(post, dict) or not fields.identifier(post.get("id")):
            raise posting.no_post(answer)
        return self._named(post)

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


def _waiting(post: dict[str, Any]) -> Said:
    """A post of ours that waits for approval."""
    receipt = Receipt(f"pending/{fields.identifier(post.get('id'))}")
    return Said(fields.text(post.get("raw")), _written(post), receipt)


def _answers(post: dict[str, Any], number: str, since: datetime) -> bool:
    """Whether a post may be an answer to this one of its topic. One to the topic names none; nor may a new one, where
    the forum does not say it."""
    named = fields.identifier(post.get("reply_to_post_number"))
    return named == number or (not named and (number == "1" or _written(post) >= since))


def _text(post: dict[str, Any]) -> str:
    """As it was sent, or as the forum shows it."""
    shown = html.unescape(re.sub(r"<[^<>]*>", "", fields.text(post.get("cooked"))))
    return fields.text(post.get("raw")) or shown


def _words(answer: Answer) -> str:
    """What the forum says of it, on one line."""
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    errors = told.get("errors") if isinstance(told, dict) else None
    words = " ".join(one for one in errors if isinstance(one, str)) if isinstance(errors, list) else ""
    return quoted(words) or "no reason given"
