"""Answers on Bluesky (com.atproto.repo.putRecord, https://docs.bsky.app/docs/advanced-guides/posts).

The key of the record and its time are born with the delivery, and it is only put where nothing is yet: whatever is sent
again is the same post. So a lost answer is settled by looking under that key in our own repository.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from datetime import UTC

from sources.adapters import fields, posting
from sources.adapters.bluesky_post import POSTS, Address, address
from sources.adapters.bluesky_service import Service
from sources.adapters.bluesky_session import refused
from sources.adapters.bluesky_xrpc import UNKNOWN_METHOD, error_name, error_words, understood
from sources.errors import BadAnswer, Refused, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.text.language import UNKNOWN, detect
from sources.text.length import graphemes
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import JsonObject, Mention

GRAPHEMES, BYTES = 300, 3_000  # lexicon app.bsky.feed.post
PUT, CREATE = "com.atproto.repo.putRecord", "com.atproto.repo.createRecord"
_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_LINK = re.compile(r"(?<![\w@/.])https?://[^\s<>\"]+[^\s<>\"'.,;:!?)\]}…]", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@/.])@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61})\b", re.IGNORECASE)
_TAG = re.compile(r"(?<![\w#&/])[#＃](?!\d+\b)(\w{1,64})")


class BlueskyAnswers:
    """The channel of the source type "bluesky"."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        """Graphemes, unless it is the bytes that are too many (a family is one grapheme of 25 bytes)."""
        size = len(text.encode("utf-8", "replace"))
        return (size, BYTES) if size > BYTES else (graphemes(text), GRAPHEMES)

    def compose(self, mention: Mention) -> str:
        """The author is told of an answer without being named."""
        return ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        where, record = await self._prepared(delivery, parent)
        body: JsonObject = {"repo": where.repo, "collection": POSTS, "rkey": where.key, "record": record}
        with posting.as_it_leaves():
            answer = await self._service.ask(PUT, body=body | {"swapRecord": None})
            if answer.status in UNKNOWN_METHOD:
                answer = await self._service.ask(CREATE, body=body)
        if answer.status == 400 and error_name(answer) == "InvalidSwap":
            return await self._as_it_is(where)
        return _receipt(answer, where)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under its own key in our own repository: there, or proven absent."""
        where = await self._where(delivery)
        found = await self._service.record(where, now=utcnow())
        return ReadBack(None if found is None else Receipt(str(where), str(where), where.url), complete=True)

    async def _prepared(self, delivery: Delivery, parent: Mention) -> tuple[Address, JsonObject]:
        """Where it goes, and the post. Nothing has left the house when this fails."""
        with posting.before_it_leaves():
            where = await self._where(delivery)
            reply = await self._reply(parent)
            facets = [facet async for facet in self._facets(delivery.text)]
        language = detect(delivery.text, hint=parent.language)
        record: JsonObject = {
            "$type": POSTS,
            "text": delivery.text,
            "createdAt": delivery.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "reply": reply,
        }
        record |= {"langs": [language]} if language != UNKNOWN else {}
        return where, record | ({"facets": facets} if facets else {})

    async def _where(self, delivery: Delivery) -> Address:
        own = await self._service.did()
        if not own:
            raise Unreachable(f"{self._service.base} does not say whose token it is; give the account's `handle`")
        return Address(own, POSTS, record_key(delivery))

    async def _reply(self, parent: Mention) -> JsonObject:
        """The thread's first post and the one that is answered, as they are now: a reference to an older form leads
        nowhere."""
        now = utcnow()
        try:
            where = address(parent.native_id)
        except ValueError:
            raise Refused("this is no post of Bluesky; answer on its own page") from None
        try:
            found = await self._service.record(where, now=now)
            cid, record = (found.get("cid"), found["value"]) if found else ("", {})
        except (BadAnswer, Unreachable):  # a server that keeps no records of others
            view = (await self._service.posts([str(where)], now=now)).get(str(where), {})
            cid, record = view.get("cid"), view.get("record")
        if not cid or not isinstance(record, dict):
            raise Refused("the post is gone; there is nothing to answer")
        this = {"uri": str(where), "cid": cid}
        above = record.get("reply")
        root = above.get("root") if isinstance(above, dict) else None
        known = root if isinstance(root, dict) and root.get("uri") and root.get("cid") else this
        return {"root": {"uri": known["uri"], "cid": known["cid"]}, "parent": this}

    async def _facets(self, text: str) -> AsyncIterator[JsonObject]:
        for start, stop, kind, value in sorted(_marks(text)):
            feature: JsonObject = {"$type": f"app.bsky.richtext.facet#{kind}"}
            if kind == "mention":
                did = await self._service.resolved(value)
                if not did:
                    continue
                feature |= {"did": did}
            else:
                feature |= {"uri" if kind == "link" else "tag": value}
            first, last = (len(text[:place].encode("utf-8", "replace")) for place in (start, stop))
            yield {"index": {"byteStart": first, "byteEnd": last}, "features": [feature]}

    async def _as_it_is(self, where: Address) -> Receipt:
        """There is a post under our key that is not the same to the letter (its parent was edited, a handle moved): it
        is this answer, sent before."""
        try:
            found = await self._service.record(where, now=utcnow())
        except Exception as error:
            raise Uncertain(f"it is there already, and cannot be read now: {error}") from None
        if found is None:
            raise Uncertain("it is there already, and cannot be found")
        return Receipt(str(where), str(where), where.url)


def record_key(delivery: Delivery) -> str:
    """A timestamp identifier (https://atproto.com/specs/tid) that is always the same for a delivery: its second, and
    what its identity makes of the rest."""
    rest = int(fields.digest(delivery.identity), 16)
    micros = int(delivery.created_at.timestamp()) * 1_000_000 + rest % 1_000_000
    number = micros << 10 | (rest // 1_000_000) % 1024
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def _marks(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(first character, character after the last, kind, value) of links, handles and tags that stand alone."""
    links = [(found.start(), found.end(), "link", found[0]) for found in _LINK.finditer(text)]
    yield from links
    for pattern, kind in ((_HANDLE, "mention"), (_TAG, "tag")):
        for found in pattern.finditer(text):
            if not any(start <= found.start() < stop for start, stop, _, _ in links):
                yield found.start(), found.end(), kind, found[1]


def _receipt(answer: Answer, where: Address) -> Receipt:
    """Raises what the answer calls for. Only what certainly was not posted is Refused."""
    if refused(answer) or error_name(answer) == "RateLimitExceeded":
        understood(answer, now=utcnow())
    posting.taken(answer, lambda one: understood(one, now=utcnow()), error_words)
    told = posting.document(answer)
    uri = fields.identifier(told.get("uri")) if isinstance(told, dict) else ""
    if not uri:
        raise posting.no_post(answer)
    try:
        there = address(uri)
    except ValueError:
        there = where
    there = there if there.repo == where.repo else where
    return Receipt(str(there), str(there), there.url)
