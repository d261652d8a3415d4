"""Answers on GitHub: a comment on the issue or pull request (POST /repos/{owner}/{repo}/issues/{number}/comments,
https://docs.github.com/en/rest/issues/comments), or on the discussion (GraphQL, addDiscussionComment).

GitHub has no key to know a comment by: an uncertain end is settled by reading the thread.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sources.adapters import fields, posting
from sources.adapters.github_server import Server, checked, data_of, words
from sources.adapters.posting import EXACTLY, Said
from sources.errors import BadAnswer, Refused, Unauthorised
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention

LONGEST = 65_536
PAGES = 10
PER_PAGE = 100
_COMMENT = "id url body createdAt author { login }"
ADD = f"""mutation($input: AddDiscussionCommentInput!) {{
  addDiscussionComment(input: $input) {{ comment {{ {_COMMENT} }} }}
}}"""
READ = f"""query($id: ID!) {{ node(id: $id) {{
  ... on Discussion {{ said: comments(last: 100) {{ totalCount nodes {{ {_COMMENT} }} }} }}
  ... on DiscussionComment {{ said: replies(last: 100) {{ totalCount nodes {{ {_COMMENT} }} }} }}
}} }}"""
_PLACE = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)(?:/(\d+))?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where an issue, or a comment on it, is."""

    repo: str
    number: str
    comment: str

    @property
    def path(self) -> str:
        issues = f"/repos/{self.repo}/issues"
        return f"{issues}/comments/{self.comment}" if self.comment else f"{issues}/{self.number}"


def place_of(native: str) -> Place | None:
    """None for what is of a discussion."""
    found = _PLACE.fullmatch(native)
    return Place(found[1], found[2], found[3] or "") if found else None


class GitHubAnswers:
    """The channel of the source type "github"."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def length(self, text: str, *, handle: str) -> tuple[int, int]:
        return len(text), LONGEST

    def compose(self, mention: Mention) -> str:
        return f"@{mention.author.handle} "

    async def send(self, delivery: Delivery, parent: Mention) -> Receipt:
        if not self._server.secrets:
            raise Refused("this source has no token to answer with; answer on its own page, or give it one")
        place = place_of(parent.native_id)
        with posting.as_it_leaves():
            if place is not None:
                path = f"/repos/{place.repo}/issues/{place.number}/comments"
                answer = await self._server.post(path, {"body": delivery.text})
            else:
                answer = await self._server.mutate(ADD, {"input": _input(delivery.text, parent)})
        if answer.status == 403:  # which may be a limit
            with suppress(BadAnswer, Unauthorised):
                checked(answer, utcnow())
        posting.taken(answer, lambda one: checked(one, utcnow()), words)
        return _receipt(answer, place) if place is not None else _discussion_receipt(answer)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among what was said in the thread since. Raises SourceError where it cannot be read."""
        if not self._server.secrets:
            raise Unauthorised("there is no token to look with")
        now, since = utcnow(), posting.since(delivery)
        own = (await self._server.login(now=now)).lower()
        place = place_of(parent.native_id)
        if place is None:
            return await self._in_discussion(delivery.text, _under(parent) or parent.thread, own, since, now)
        path = f"/repos/{place.repo}/issues/{place.number}/comments"
        said: list[Said] = []
        whole = False
        for number in range(1, PAGES + 1):
            params = (("since", f"{since:%Y-%m-%dT%H:%M:%SZ}"), ("per_page", str(PER_PAGE)), ("page", str(number)))
            answer = await self._server.ask(path, params)
            if answer.status == 410:  # the issue was deleted, and all that was said there
                whole = True
                break
            comments = checked(answer, now).json()
            if not isinstance(comments, list):
                raise BadAnswer("a thread without its comments")
            told = [one for one in comments if isinstance(one, dict)]
            said += [_said(one, "user", "created_at", own, _named(one, place)) for one in told]
            if len(comments) < PER_PAGE:
                whole = True
                break
        return posting.found(delivery.text, said, since, whole=whole, surely=EXACTLY, maybe=EXACTLY)

    async def _in_discussion(self, text: str, under: str, own: str, since: datetime, now: datetime) -> ReadBack:
        data, _ = await self._server.graphql(READ, {"id": under}, now=now)
        node = data.get("node")
        if node is None:  # what is gone has no answers
            return ReadBack(None, complete=True)
        said = node.get("said") if isinstance(node, dict) else None
        nodes = said.get("nodes") if isinstance(said, dict) else None
        if not isinstance(said, dict) or not isinstance(nodes, list):
            raise BadAnswer("a discussion without its comments")
        comments = [one for one in nodes if isinstance(one, dict)]
        all_of_them = (fields.count(said.get("totalCount")) or 0) <= len(nodes)
        whole = all_of_them or any(_written(comment, "createdAt") < since for comment in comments)
        there = [_said(one, "author", "createdAt", own, _node_named(one)) for one in comments]
        return posting.found(text, there, since, whole=whole, surely=EXACTLY, maybe=EXACTLY)


def _under(parent: Mention) -> str:
    """The comment of a discussion that an answer goes under, "" for none: discussions are two deep, so that an answer
    to an answer stands beside it."""
    if parent.native_id == parent.thread:
        return ""
    return parent.native_id if parent.parent in ("", parent.thread) else parent.parent


def _input(text: str, parent: Mention) -> dict[str, str]:
    if not parent.thread:
        raise Refused("the discussion of what it answers is not known; answer on its own page")
    under = _under(parent)
    return {"discussionId": parent.thread, "body": text} | ({"replyToId": under} if under else {})


def _receipt(answer: Answer, place: Place) -> Receipt:
    comment = posting.document(answer)
    if not isinstance(comment, dict) or not fields.identifier(comment.get("id")):
        raise posting.no_post(answer)
    return _named(comment, place)


def _discussion_receipt(answer: Answer) -> Receipt:
    """Errors come with status 200: whatever else went wrong, a comment that is told is there; and only an error with a
    name says that nothing was posted (a query that took too long has none)."""
    told = posting.document(answer)
    try:
        comment = told["data"]["addDiscussionComment"]["comment"]
        if fields.identifier(comment["id"]):
            return _node_named(comment)
    except (KeyError, TypeError):
        pass
    errors = told.get("errors") if isinstance(told, dict) else None
    named = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    if not any(one.get("type") or one.get("extensions") for one in named):
        raise posting.no_post(answer)
    with suppress(BadAnswer):
        data_of(answer, utcnow())
    raise Refused(f"refused: {words(answer)}")


def _named(comment: dict[str, Any], place: Place) -> Receipt:
    native = f"{place.repo}#{place.number}/{fields.identifier(comment.get('id'))}"
    return Receipt(native, fields.identifier(comment.get("node_id")), fields.web_url(comment.get("html_url")))


def _node_named(comment: dict[str, Any]) -> Receipt:
    name = fields.identifier(comment.get("id"))
    return Receipt(name, name, fields.web_url(comment.get("url")))


def _said(comment: dict[str, Any], who: str, when: str, own: str, receipt: Receipt) -> Said:
    author = comment.get(who)
    login = fields.text(author.get("login")).lower() if isinstance(author, dict) else ""
    return Said(fields.text(comment.get("body")), _written(comment, when), receipt, login == own if own else None)


def _written(comment: dict[str, Any], key: str) -> datetime:
    try:
        return fields.moment(comment.get(key))
    except ValueError:
        return fields.LATEST
