"""Answers on GitHub: a comment on the issue or pull request (POST /repos/{owner}/{repo}/issues/{number}/comments,
https://docs.github.com/en/rest/issues/comments), or on the discussion (GraphQL, addDiscussionComment).

GitHub has no key to know a comment by: an uncertain end is settled by reading the thread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sources.adapters import fields
from sources.adapters.github_server import Server, checked, data_of, words
from sources.errors import BadAnswer, NotSent, RateLimited, Refused, SourceError, Unauthorised, Uncertain, Unreachable
from sources.http import Answer
from sources.protocol import ReadBack, Receipt
from store.domain.clock import utcnow
from store.domain.delivery import Delivery
from store.domain.mention import Mention

LONGEST = 65_536
CLOCKS_DIFFER = timedelta(minutes=10)
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
        try:
            if place is not None:
                path = f"/repos/{place.repo}/issues/{place.number}/comments"
                answer = await self._server.post(path, {"body": delivery.text})
            else:
                answer = await self._server.mutate(ADD, {"input": _input(delivery.text, parent)})
        except Unreachable as error:
            raise NotSent(str(error)) from None
        except BadAnswer as error:
            raise Uncertain(str(error)) from None
        _judge(answer)
        return _receipt(answer, place) if place is not None else _discussion_receipt(answer)

    async def read_back(self, delivery: Delivery, parent: Mention) -> ReadBack:
        """Among what was said in the thread since. Raises SourceError where it cannot be read."""
        if not self._server.secrets:
            raise Unauthorised("there is no token to look with")
        now = utcnow()
        since = (delivery.tried_at or delivery.created_at) - CLOCKS_DIFFER
        own = (await self._server.login(now=now)).lower()
        place = place_of(parent.native_id)
        if place is None:
            return await self._in_discussion(delivery.text, _under(parent) or parent.thread, own, since, now)
        path = f"/repos/{place.repo}/issues/{place.number}/comments"
        for number in range(1, PAGES + 1):
            params = (("since", f"{since:%Y-%m-%dT%H:%M:%SZ}"), ("per_page", str(PER_PAGE)), ("page", str(number)))
            answer = await self._server.ask(path, params)
            comments = checked(answer, now).json()
            if not isinstance(comments, list):
                raise BadAnswer("a thread without its comments")
            for comment in comments:
                user = comment.get("user") if isinstance(comment, dict) else None
                login = fields.text(user.get("login")) if isinstance(user, dict) else ""
                if _is_ours(comment, login, own, delivery.text, "created_at", since):
                    return ReadBack(_named(comment, place), complete=True)
            if len(comments) < PER_PAGE:
                return ReadBack(None, complete=True)
        return ReadBack(None, complete=False)

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
        for comment in comments:
            author = comment.get("author")
            login = fields.text(author.get("login")) if isinstance(author, dict) else ""
            if _is_ours(comment, login, own, text, "createdAt", since):
                return ReadBack(_node_named(comment), complete=True)
        all_of_them = (fields.count(said.get("totalCount")) or 0) <= len(nodes)
        far_enough = any(_written(comment, "createdAt") < since for comment in comments)
        return ReadBack(None, complete=all_of_them or far_enough)


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


def _judge(answer: Answer) -> None:
    """Raises what the status calls for. Only what certainly was not posted is Refused."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status in (401, 403, 429):
        try:
            checked(answer, utcnow())
        except RateLimited:
            raise
        except SourceError:
            if status == 401:
                raise
    if 400 <= status < 500 and status not in (408, 409, 425):
        raise Refused(f"refused with {status}: {words(answer)}")
    raise Uncertain(f"answered {status}; it may have been posted")


def _receipt(answer: Answer, place: Place) -> Receipt:
    try:
        comment = answer.json()
    except BadAnswer as error:
        raise Uncertain(str(error)) from None
    if not isinstance(comment, dict) or not fields.identifier(comment.get("id")):
        raise Uncertain(f"answered {answer.status} without a comment")
    return _named(comment, place)


def _discussion_receipt(answer: Answer) -> Receipt:
    """Errors come with status 200, and then nothing was posted."""
    try:
        told = answer.json()
    except BadAnswer as error:
        raise Uncertain(str(error)) from None
    if isinstance(told, dict) and told.get("errors"):
        try:
            data_of(answer, utcnow())
        except BadAnswer as error:
            raise Refused(str(error)) from None
        raise Refused(f"refused: {words(answer)}")
    try:
        comment = told["data"]["addDiscussionComment"]["comment"]
        if not fields.identifier(comment["id"]):
            raise KeyError("id")
    except (KeyError, TypeError):
        raise Uncertain("answered without a comment") from None
    return _node_named(comment)


def _named(comment: dict[str, Any], place: Place) -> Receipt:
    native = f"{place.repo}#{place.number}/{fields.identifier(comment.get('id'))}"
    return Receipt(native, fields.identifier(comment.get("node_id")), fields.web_url(comment.get("html_url")))


def _node_named(comment: dict[str, Any]) -> Receipt:
    name = fields.identifier(comment.get("id"))
    return Receipt(name, name, fields.web_url(comment.get("url")))


def _is_ours(comment: Any, login: str, own: str, text: str, key: str, since: datetime) -> bool:
    return (
        isinstance(comment, dict)
        and (not own or login.lower() == own)
        and _written(comment, key) >= since
        and _bare(fields.text(comment.get("body"))) == _bare(text)
    )


def _written(comment: dict[str, Any], key: str) -> datetime:
    try:
        return fields.moment(comment.get(key))
    except ValueError:
        return fields.LATEST


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)
