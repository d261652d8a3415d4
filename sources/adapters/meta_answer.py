"""Answers under a comment on a Facebook page or an Instagram post. Meta has no key that keeps an answer from being
posted twice, so an uncertain end is settled by reading what is under the parent.

https://developers.facebook.com/docs/graph-api/reference/object/comments#publishing and
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment/replies
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher

from sources.adapters import fields
from sources.adapters.meta_graph import Blocked, Graph, Missing
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention, MentionType, NewMention

CLOCKS_DIFFER = timedelta(minutes=10)
READ_PAGES = 20
MAYBE = 0.5  # so alike, a text may be ours in the network's words


@dataclass(frozen=True, slots=True)
class Under:
    """One page of what stands under a comment."""

    mentions: Sequence[NewMention]
    unread: bool
    after: str


class MetaAnswers:
    """The channel of "facebook" and "instagram". `edge` is where answers go."""

    edge = "comments"
    limit = 0
    handle_first = False

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def under(self, name: str, parent: Mention, after: str, now: datetime) -> Under:
        """What stands under a comment, with `ours` on what is ours."""
        raise NotImplementedError

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), self.limit

    def compose(self, mention: Mention) -> str:
        return f"@{mention.author.handle} " if self.handle_first else ""

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._graph.can_answer:
            raise Refused("this source has no token to answer with; answer on its own page, or give it one")
        self.allowed(parent)
        try:
            answer = await self._graph.post(f"{parent.native_id}/{self.edge}", (("message", delivery.text),))
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        return self._receipt(answer, parent, utcnow())

    def allowed(self, parent: Mention) -> None:
        """Raises Refused where nobody may answer this by program."""

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent and, because an answer to an answer stands beside it, under the comment above. Left open by
        what may be ours in other words, by what says the same without saying whose it is, and by the same words of ours
        from before the delivery."""
        if not self._graph.can_answer:
            raise Unauthorised("there is no token to look with")
        now, since = utcnow(), (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER
        sent, doubt, whole_read = _bare(delivery.text), False, True
        places = [parent.native_id]
        if parent.type is MentionType.COMMENT and parent.parent and parent.parent != parent.thread:
            places.append(parent.parent)
        for place in places:
            after = ""
            for _ in range(READ_PAGES):
                try:
                    under = await self.under(place, parent, after, now)
                except Missing:  # it is gone, and what stood under it
                    break
                doubt |= under.unread
                for one in under.mentions:
                    likeness = _likeness(_bare(one.text), sent)
                    if likeness == 1.0 and one.ours and one.created_at >= since:
                        return ReadBack(Receipt(one.native_id, one.external_id, one.url), complete=True)
                    doubt |= likeness == 1.0 or (one.ours and one.created_at >= since and likeness >= MAYBE)
                after = under.after
                if not after:
                    break
            else:
                whole_read = False
        return ReadBack(None, complete=whole_read and not doubt)

    def _receipt(self, answer: Answer, parent: Mention, now: datetime) -> Receipt:
        """Raises what the answer calls for. Only what certainly was not posted is Refused."""
        error = self._graph.error(answer, now)
        if isinstance(error, RateLimited | Unauthorised) and not isinstance(error, Blocked):
            raise error
        if isinstance(error, Unreachable):
            raise Uncertain(f"{error}; it may have been posted")
        if error is not None:
            raise Refused(str(error))
        status = answer.status
        if status in (401, 403, 429):
            whole(answer, now=now)
        if 400 <= status < 500 and status not in (408, 409, 425):
            raise Refused(f"refused with {status}")
        try:
            told = answer.json() if status < 300 else None
        except BadAnswer as bad:
            raise Uncertain(str(bad)) from None
        name = fields.identifier(told.get("id")) if isinstance(told, dict) else ""
        if not name:
            raise Uncertain(f"answered {status} without a comment; it may have been posted")
        return Receipt(name, name, self.address(name, parent))

    def address(self, name: str, parent: Mention) -> str:
        """Where our answer is to be seen."""
        return parent.url


def _bare(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _likeness(one: str, other: str) -> float:
    return 1.0 if one == other else SequenceMatcher(None, one, other, autojunk=False).quick_ratio() * 0.99
