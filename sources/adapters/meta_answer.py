"""Answers under a comment on a Facebook page or an Instagram post. Meta has no key that keeps an answer from being
posted twice, so an uncertain end is settled by reading what is under the parent.

https://developers.facebook.com/docs/graph-api/reference/object/comments#publishing and
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-comment/replies
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sources.adapters import fields, posting
from sources.adapters.meta_graph import Blocked, Graph, Missing
from sources.adapters.posting import IN_LETTERS, Said
from sources.errors import RateLimited, Refused, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.status import whole
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import UNKNOWN_AUTHOR, Mention, MentionType, NewMention

READ_PAGES = 20


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
        with posting.as_it_leaves():
            path = f"{posting.place(parent, '[0-9_]+')}/{self.edge}"
            answer = await self._graph.post(path, (("message", delivery.text),))
        return self._receipt(answer, parent, utcnow())

    def allowed(self, parent: Mention) -> None:
        """Raises Refused where nobody may answer this by program."""

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent and, because an answer to an answer stands beside it, under the comment above."""
        if not self._graph.can_answer:
            raise Unauthorised("there is no token to look with")
        now, since = utcnow(), posting.since(delivery)
        said: list[Said] = []
        all_read = True
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
                all_read &= not under.unread
                for one in under.mentions:
                    nobodys = one.author.handle == UNKNOWN_AUTHOR
                    receipt = Receipt(one.native_id, one.external_id, one.url)
                    said.append(Said(one.text, one.created_at, receipt, None if nobodys and not one.ours else one.ours))
                after = under.after
                if not after:
                    break
            else:
                all_read = False
        return posting.found(delivery.text, said, since, whole=all_read, surely=IN_LETTERS)

    def _receipt(self, answer: Answer, parent: Mention, now: datetime) -> Receipt:
        """Raises what the answer calls for. Only what certainly was not posted is Refused."""
        error = self._graph.error(answer, now)
        if isinstance(error, RateLimited | Unauthorised) and not isinstance(error, Blocked):
            raise error
        if isinstance(error, Unreachable):
            raise Uncertain(f"{error}; it may have been posted")
        if error is not None:
            raise Refused(str(error))
        if answer.status == 403:
            whole(answer, now=now)
        posting.taken(answer, lambda one: whole(one, now=now), lambda one: "no reason given")
        told = posting.document(answer)
        name = fields.identifier(told.get("id")) if isinstance(told, dict) else ""
        if not name:
            raise posting.no_post(answer)
        return Receipt(name, name, self.address(name, parent))

    def address(self, name: str, parent: Mention) -> str:
        """Where our answer is to be seen."""
        return parent.url
