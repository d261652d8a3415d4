"""Answers on Mastodon (POST /api/v1/statuses, https://docs.joinmastodon.org/methods/statuses/#create).

The Idempotency-Key is the delivery's identity. A server forgets it after an hour and some ignore it, so an uncertain
end is settled by reading back and not by sending again.
"""

from __future__ import annotations

import html
import re
import unicodedata
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from sources.adapters import fields
from sources.adapters.mastodon_server import Server, reset_time
from sources.adapters.mastodon_status import VISIBILITIES
from sources.errors import BadAnswer, NotSent, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.status import whole
from sources.text.length import mastodon_length
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention
from store.domain.safetext import safe_line

CLOCKS_DIFFER = timedelta(minutes=10)
OWN_LATEST = 40
# How much of the letters and digits of two texts is the same: from SURELY on it is one text, rewritten by the server;
# below MAYBE it is another. So few as SHORT tell nothing.
SURELY, MAYBE, SHORT = 0.9, 0.5, 8
# The context of a thread ends here (CONTEXT_LIMIT in app/controllers/api/v1/statuses_controller.rb).
CONTEXT_LIMIT = 4096
_MENTION = re.compile(r"(?<![\w/@])@(\w+(?:[\w.-]*\w)?)(?:@((?:[\w-]+\.)*[\w-]+(?::\d+)?))?", re.IGNORECASE)


class MastodonAnswers:
    """The channel of the source type "mastodon"."""

    def __init__(self, server: Server, visibility: str) -> None:
        self._server = server
        self._visibility = visibility

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        facts = await self._server.facts()
        return mastodon_length(self._addressed(text, handle), url_length=facts.per_url), facts.characters

    def compose(self, mention: Mention) -> str:
        return f"{self._mention(mention.author.handle)} "

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._server.secrets:
            raise Refused("this source has no token to answer with; answer on its own page, or give it one")
        form = (
            ("status", self._addressed(delivery.text, parent.author.handle)),
            ("in_reply_to_id", parent.native_id),
            ("visibility", self._kept_as_private(delivery.visibility, parent.visibility)),
        )
        try:
            answer = await self._server.post("/api/v1/statuses", form, {"Idempotency-Key": delivery.identity})
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        return _receipt(answer, utcnow())

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent, then among our own latest posts. Raises SourceError where either cannot be read. Left open
        by an answer that may be this one in the server's words, and by the same words from before the delivery: an
        earlier answer, or this one and two clocks that differ."""
        if not self._server.secrets:
            raise Unauthorised("there is no token to look with")
        now = utcnow()
        since = (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER
        sent = self._addressed(delivery.text, parent.author.handle)
        own = await self._server.account_id(now=now)
        if not own:
            raise BadAnswer(f"{self._server.url} does not say whose token it is, so no answer can be told for ours")
        parents = await self._names(parent.native_id, now)
        under, under_whole = await self._under(parent.native_id, now)
        likeness, found = _most_alike(under, own, parents, sent, since)
        if likeness >= SURELY:
            return ReadBack(found, complete=True)
        latest = (await self._server.list(f"/api/v1/accounts/{own}/statuses", _LATEST, now=now)).data
        far_enough = len(latest) < OWN_LATEST or any(_written(one) < since for one in latest)
        likeness, found = _most_alike([*under, *latest], own, parents, sent, since)
        if likeness >= SURELY:
            return ReadBack(found, complete=True)
        before, _ = _most_alike([*under, *latest], own, parents, sent, fields.EARLIEST)
        return ReadBack(None, complete=under_whole and far_enough and likeness < MAYBE and before < SURELY)

    async def _names(self, name: str, now: datetime) -> set[str]:
        """The ids that an answer may name as its parent: on snac a post that is edited gets another one, and is still
        found by the old one."""
        answer = await self._server.ask(f"/api/v1/statuses/{quote(name, safe='')}")
        if answer.status in (404, 410):
            return {name}
        status = whole(answer, now=now).json()
        return {name, (fields.identifier(status.get("id")) if isinstance(status, dict) else "") or name}

    async def _under(self, name: str, now: datetime) -> tuple[list[Any], bool]:
        """(the posts of the thread below, whether these are all). A parent that is gone has none."""
        answer = await self._server.ask(f"/api/v1/statuses/{quote(name, safe='')}/context")
        if answer.status in (404, 410):
            return [], True
        context = whole(answer, now=now).json()
        below = context.get("descendants") if isinstance(context, dict) else None
        if not isinstance(below, list):
            raise BadAnswer("a thread without its answers")
        return below, len(below) < CONTEXT_LIMIT

    def _mention(self, handle: str) -> str:
        user, _, host = handle.partition("@")
        return f"@{user}" if host.lower() in ("", self._server.host) else f"@{handle}"

    def _addressed(self, text: str, handle: str) -> str:
        """The text with its addressee: an answer that does not name the author reaches nobody."""
        user, _, host = handle.lower().partition("@")
        home = self._server.host
        named = {(who.lower(), (where or home).lower()) for who, where in _MENTION.findall(text)}
        return text if (user, host or home) in named else f"{self._mention(handle)} {text}"

    def _kept_as_private(self, wished: str, parents: str) -> str:
        """The least public of what is wished, what is configured and what the parent is."""
        known = [one for one in (wished, self._visibility, parents) if one in VISIBILITIES]
        return max(known, key=VISIBILITIES.index, default="direct")


_LATEST = (("limit", str(OWN_LATEST)), ("exclude_reblogs", "true"))


def _most_alike(
    posts: list[Any], own: str, parents: set[str], sent: str, since: datetime
) -> tuple[float, Receipt | None]:
    """(how alike, which): of our posts under this parent, none older than the delivery, the one most like it."""
    best: tuple[float, Receipt | None] = 0.0, None
    for post in posts:
        if (
            isinstance(post, dict)
            and isinstance(post.get("account"), dict)
            and fields.identifier(post["account"].get("id")) == own
            and fields.identifier(post.get("in_reply_to_id")) in parents
            and (name := fields.identifier(post.get("id")))
            and _written(post) >= since
            and (likeness := _likeness(_plain(fields.text(post.get("content"))), sent)) > best[0]
        ):
            best = likeness, Receipt(name, fields.identifier(post.get("uri")), fields.web_url(post.get("url")))
    return best


def _written(post: Any) -> datetime:
    try:
        return fields.moment(post["created_at"])
    except (ValueError, KeyError, TypeError):
        return fields.LATEST


def _plain(content: str) -> str:
    """Only for comparing: a server writes line breaks, links and mentions as it likes, the words stay."""
    return html.unescape(re.sub(r"<[^<>]*>", "", re.sub(r"<br\b[^<>]*>|</p>", " ", content)))


def _likeness(one: str, other: str) -> float:
    """From 0 to 1. Not every server keeps the words to the letter: snac reads Markdown and makes `<3` an emoji."""
    from rapidfuzz.distance import Indel

    if _bare(one) == _bare(other):
        return 1.0
    mine, theirs = _letters(one), _letters(other)
    return MAYBE if min(len(mine), len(theirs)) < SHORT else Indel.normalized_similarity(mine, theirs)


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", _MENTION.sub(r"@\1", unicodedata.normalize("NFC", text)))


def _letters(text: str) -> str:
    """What is left of it wherever it is read; whom it names says nothing about who wrote what."""
    return re.sub(r"[\W_]+", "", _MENTION.sub("", unicodedata.normalize("NFKC", text))).casefold()


def _words(answer: Answer) -> str:
    """What the network says of it, on one line; in whatever language the account has."""
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    words = fields.text(told.get("error")) if isinstance(told, dict) else ""
    return safe_line(words) or "no reason given"


def _receipt(answer: Answer, now: datetime) -> Receipt:
    """Raises what the status calls for. Only what certainly was not posted is Refused."""
    status = answer.status
    if 200 <= status < 300:
        try:
            post = answer.json()
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        name = fields.identifier(post.get("id")) if isinstance(post, dict) else ""
        if not name:
            raise Uncertain(f"answered {status} without a post")
        return Receipt(name, fields.identifier(post.get("uri")), fields.web_url(post.get("url")))
    if status in (401, 429):
        whole(answer, now=now, reset=reset_time(answer.headers, now))
    if 400 <= status < 500 and status not in (408, 409, 425):
        raise Refused(f"refused with {status}: {_words(answer)}")
    raise Uncertain(f"answered {status}; it may have been posted")
