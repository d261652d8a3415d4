"""Answers on Mastodon (POST /api/v1/statuses, https://docs.joinmastodon.org/methods/statuses/#create).

The Idempotency-Key is the delivery's identity. A server forgets it after an hour and some ignore it, so an uncertain
end is settled by reading back and not by sending again.
"""

from __future__ import annotations

import html
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from sources.adapters import fields, posting
from sources.adapters.mastodon_server import Server, reset_time
from sources.adapters.mastodon_status import VISIBILITIES
from sources.adapters.posting import Said
from sources.errors import BadAnswer, Refused, Unauthorised, quoted
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from sources.status import whole
from sources.text.length import mastodon_length
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention

OWN_LATEST, PAGES = 40, 10
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
            ("in_reply_to_id", posting.place(parent)),
            ("visibility", self._kept_as_private(delivery.visibility, parent.visibility)),
        )
        with posting.as_it_leaves():
            answer = await self._server.post("/api/v1/statuses", form, {"Idempotency-Key": delivery.identity})
        return _receipt(answer, utcnow())

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Under the parent, then among our own latest posts. Raises SourceError where either cannot be read."""
        if not self._server.secrets:
            raise Unauthorised("there is no token to look with")
        now, since = utcnow(), posting.since(delivery)
        sent = _unnamed(self._addressed(delivery.text, parent.author.handle))
        own = await self._server.account_id(now=now)
        if not own:
            raise BadAnswer(f"{self._server.url} does not say whose token it is, so no answer can be told for ours")
        parents = await self._names(parent.native_id, now)
        under, under_whole = await self._under(parent.native_id, now)
        back = posting.found(sent, _answers(under, own, parents), since, whole=under_whole)
        if back.found is not None:
            return back
        latest, latest_whole = await self._latest(own, since, now)
        both = _answers([*under, *latest], own, parents)
        return posting.found(sent, both, since, whole=under_whole and latest_whole)

    async def _latest(self, own: str, since: datetime, now: datetime) -> tuple[list[Any], bool]:
        """(our own posts, whether these are all since then): some servers give fewer a page than they are asked for."""
        found: dict[str, Any] = {}
        below: tuple[tuple[str, str], ...] = ()
        for _ in range(PAGES):
            params = (("limit", str(OWN_LATEST)), ("exclude_reblogs", "true"), *below)
            page = (await self._server.list(f"/api/v1/accounts/{quote(own, safe='')}/statuses", params, now=now)).data
            fresh = {name: post for post in page if (name := _name(post)) and name not in found}
            found |= fresh
            if not fresh:
                return list(found.values()), not page or len(page) < OWN_LATEST
            if any(_written(post) < since for post in page):
                return list(found.values()), True
            below = (("max_id", next(reversed(fresh))),)
        return list(found.values()), False

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


def _answers(posts: list[Any], own: str, parents: set[str]) -> list[Said]:
    """Our posts under this parent."""
    return [
        Said(
            _unnamed(_plain(fields.text(post.get("content")))),
            _written(post),
            Receipt(_name(post), fields.identifier(post.get("uri")), fields.web_url(post.get("url"))),
        )
        for post in posts
        if _name(post)
        and isinstance(post.get("account"), dict)
        and fields.identifier(post["account"].get("id")) == own
        and fields.identifier(post.get("in_reply_to_id")) in parents
    ]


def _name(post: Any) -> str:
    return fields.identifier(post.get("id")) if isinstance(post, dict) else ""


def _written(post: Any) -> datetime:
    try:
        return fields.moment(post["created_at"])
    except (ValueError, KeyError, TypeError):
        return fields.LATEST


def _plain(content: str) -> str:
    """Only for comparing: a server writes line breaks, links and mentions as it likes, the words stay."""
    return html.unescape(re.sub(r"<[^<>]*>", "", re.sub(r"<br\b[^<>]*>|</p>", " ", content)))


def _unnamed(text: str) -> str:
    """Whom it names says nothing about who wrote what, and every server writes it another way."""
    return _MENTION.sub("", text)


def _words(answer: Answer) -> str:
    """What the network says of it, on one line; in whatever language the account has."""
    try:
        told = answer.json()
    except BadAnswer:
        told = None
    words = fields.text(told.get("error")) if isinstance(told, dict) else ""
    return quoted(words) or "no reason given"


def _receipt(answer: Answer, now: datetime) -> Receipt:
    """Raises what the status calls for. Only what certainly was not posted is Refused."""
    posting.taken(answer, lambda one: whole(one, now=now, reset=reset_time(one.headers, now)), _words)
    post = posting.document(answer)
    if not _name(post):
        raise posting.no_post(answer)
    return Receipt(_name(post), fields.identifier(post.get("uri")), fields.web_url(post.get("url")))
