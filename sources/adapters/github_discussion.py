"""Discussions of GitHub, which only GraphQL has
(https://docs.github.com/en/graphql/guides/using-the-graphql-api-for-discussions)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Any

from sources.adapters import fields
from sources.adapters.github_item import from_discussion, from_discussion_comment
from sources.adapters.github_search import Turn
from sources.adapters.github_server import Server, left_of, reset_of
from sources.adapters.github_walk import Read, opened, time, walked
from sources.errors import BadAnswer
from sources.protocol import Page
from sources.text.clean import clean
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Rejected

PER_PAGE, COMMENTS, REPLIES = 25, 50, 20
_WORDS = "id body url createdAt updatedAt lastEditedAt author { login url }"
SEARCH = f"""query($q: String!, $after: String) {{
  search(type: DISCUSSION, query: $q, first: {PER_PAGE}, after: $after) {{
    discussionCount
    pageInfo {{ endCursor hasNextPage }}
    nodes {{ ... on Discussion {{ {_WORDS} title
      comments(last: {COMMENTS}) {{ totalCount nodes {{ {_WORDS}
        replies(last: {REPLIES}) {{ nodes {{ {_WORDS} }} }} }} }} }} }}
  }}
}}"""
NODES = f"""query($ids: [ID!]!) {{ nodes(ids: $ids) {{
  ... on Discussion {{ {_WORDS} title }}
  ... on DiscussionComment {{ {_WORDS} }} }} }}"""


async def discussed(turn: Turn, questions: Sequence[str], mark: JsonObject) -> AsyncIterator[Page]:
    """Moves `mark`: {"places" by question}. The comments of what was found come with it; the watches pick."""
    places: JsonObject = mark.setdefault("places", {})
    for text in places.keys() - set(questions):
        del places[text]
    for text in questions:
        places.setdefault(text, opened(None, turn.backfill, turn.now))
    for text in sorted(questions, key=lambda one: str(places[one].get("asked", ""))):
        place, after = places[text], {"cursor": ""}

        async def read(
            at: datetime | None, number: int, text: str = text, place: JsonObject = place, after: dict[str, str] = after
        ) -> Read:
            return await _search(turn, text, at, number, place, after)

        async for page in walked(place, read, turn.now):
            place["asked"] = turn.now.isoformat()
            yield page


async def again(server: Server, mentions: Sequence[Mention], now: datetime) -> tuple[list[NewMention], list[str]]:
    """(the edited ones, the external ids of those that are gone)."""
    data, _ = await server.graphql(NODES, {"ids": [mention.native_id for mention in mentions]}, now=now)
    nodes = data.get("nodes")
    if not isinstance(nodes, list) or len(nodes) != len(mentions):
        raise BadAnswer("GitHub's GraphQL did not answer for every discussion")
    changed: list[NewMention] = []
    deleted: list[str] = []
    for mention, node in zip(mentions, nodes, strict=True):
        if node is None:
            deleted.append(mention.external_id)
            continue
        try:
            begins = mention.native_id == mention.thread
            new = (
                from_discussion(node)
                if begins
                else from_discussion_comment(node, thread=mention.thread, parent=mention.parent)
            )
        except ValueError:
            continue  # what cannot be read is neither changed nor gone
        if new.edited_at is not None and clean(new) != (mention.title, mention.text):
            changed.append(new)
    return changed, deleted


async def _search(
    turn: Turn, text: str, at: datetime | None, number: int, place: JsonObject, after: dict[str, str]
) -> Read:
    query = " ".join([text, *([f"updated:>={at:%Y-%m-%dT%H:%M:%SZ}"] if at else []), "sort:updated-asc"])
    cursor = (after["cursor"] or None) if number > 1 else None
    data, answer = await turn.server.graphql(SEARCH, {"q": query, "after": cursor}, now=turn.now)
    found: Any = data.get("search")
    nodes = found.get("nodes") if isinstance(found, dict) else None
    if not isinstance(nodes, list):
        raise BadAnswer("GitHub's GraphQL answered a search without nodes")
    info = found.get("pageInfo") if isinstance(found.get("pageInfo"), dict) else {}
    after["cursor"] = fields.place(info.get("endCursor"))
    begin = time(place["floor"])
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    updated: dict[str, datetime] = {}
    gap = 0.0
    for node in nodes:
        try:
            began = from_discussion(node, own=turn.own)
            updated[began.external_id] = fields.moment(node.get("updatedAt"))
        except ValueError as error:
            rejected.append(Rejected("a discussion", str(error), fields.raw(node)))
            continue
        said = [began]
        for comment, parent in _comments(node, began.native_id):
            try:
                said.append(from_discussion_comment(comment, thread=began.native_id, parent=parent, own=turn.own))
            except ValueError as error:
                rejected.append(Rejected("a comment", str(error), fields.raw(comment)))
        mentions += [one for one in said if begin is None or one.created_at >= begin]
        gap = max(gap, _missed(node, said[1:], at))
    left = left_of(answer)
    page = Page(
        query,
        mentions,
        rejected,
        gap_seconds=gap,
        quota_left=left,
        next_poll_at=reset_of(answer) if left == 0 else None,
    )
    return Read(page, updated, info.get("hasNextPage") is True)


def _comments(node: JsonObject, name: str) -> Iterator[tuple[Any, str]]:
    """(a comment or an answer to one, the native id of what it answers)."""
    for comment in _nodes(node.get("comments")):
        yield comment, name
        if isinstance(comment, dict):
            for reply in _nodes(comment.get("replies")):
                yield reply, fields.identifier(comment.get("id"))


def _nodes(connection: Any) -> list[Any]:
    nodes = connection.get("nodes") if isinstance(connection, dict) else None
    return nodes if isinstance(nodes, list) else []


def _missed(node: JsonObject, comments: Sequence[NewMention], at: datetime | None) -> float:
    """Seconds for which a discussion has more comments than one answer gives."""
    connection = node.get("comments")
    total = fields.count(connection.get("totalCount")) if isinstance(connection, dict) else None
    oldest = min((one.created_at for one in comments if one.parent == one.thread), default=None)
    if total is None or total <= COMMENTS or oldest is None or at is None:
        return 0.0
    return max((oldest - at).total_seconds(), 0.0)
