"""One query as a condition in SQL: text by the full-text index, fields by the tables.

What can be asked of the index at once is asked at once (`_match`); the rest is AND, OR and NOT around it. No text of a
query reaches the index but as folded words, and no value reaches SQL but as a bound parameter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, false, func, not_, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialects import Condition, Match, T, dialect_of
from store.domain import fields
from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title
from store.domain.words import folded_words
from store.issues import led
from store.tables import author, case_tag, cases, issue, mention, mention_watch, watch

_OF_CASES = frozenset({"status", "priority", "assignee", "team", "tag", "id", "network"})


def asks_only_cases(node: Node) -> bool:
    """Whether the answer is the same for all mentions of a case."""
    match node:
        case And(nodes) | Or(nodes):
            return all(map(asks_only_cases, nodes))
        case Not(inner):
            return asks_only_cases(inner)
        case Field(name):
            return name in _OF_CASES
    return False


class Compiler:
    """Compiles for one statement. `network` is the column that network: asks; `asked_cases` says afterwards whether
    `cases` must be in the statement. `at_hand`: the statement finds the mentions itself, those of each case."""

    def __init__(
        self,
        connection: AsyncConnection,
        me: str,
        now: datetime,
        network: ColumnElement[str],
        *,
        at_hand: bool = False,
        near_words: dict[Fuzzy, list[str]] | None = None,
    ) -> None:
        self._connection, self._me, self._now, self._network = connection, me, now, network
        self._at_hand = at_hand
        self.near_words = {} if near_words is None else near_words  # reading the index's vocabulary takes its time
        self._dialect = dialect_of(connection)
        self._index = self._dialect.full_text
        self._which = self._of(mention.c.id)
        self.asked_cases = False

    async def compile(self, node: Node) -> Condition:
        """True of the mentions that `node` matches, false or NULL of the others."""
        matched = await self._match(node)
        if matched is not None:
            return self._index.found(matched, self._which)
        match node:
            case And(nodes):
                return and_(*[await self.compile(part) for part in await self._together(And, nodes)])
            case Or(nodes):
                return or_(*[await self.compile(part) for part in await self._together(Or, nodes)])
            case Not(inner):
                return not_(func.coalesce(await self.compile(inner), false()))
            case Title(Exact(text)):
                return await self._index.exact(self._connection, text, self._which, title_only=True)
            case Exact(text):
                return await self._index.exact(self._connection, text, self._which, title_only=False)
            case Title(Near() as near):
                return await self._near(near, title_only=True)
            case Near():
                return await self._near(node, title_only=False)
            case Field():
                return await self._field(node)
        raise TypeError(node)

    def _of(self, column: ColumnElement[T]) -> ColumnElement[T]:
        return self._dialect.at_hand(column) if self._at_hand else column

    # Text.

    async def _match(self, node: Node) -> Match | None:
        """What to ask of the index, the same as `node`; None where it cannot say it."""
        match node:
            case Phrase(words, prefix):
                return self._index.phrase(words, prefix)
            case Fuzzy():
                return self._index.one_of(await self._misspelt(node))
            case Near(Phrase() as left, Phrase() as right, distance) if not _may_overlap(left, right):
                return self._index.near(await self._match(left), await self._match(right), distance)
            case Title(inner):
                found = await self._match(inner)
                return None if found is None else self._index.in_title(found)
            case Or(nodes):
                parts = [await self._match(part) for part in nodes]
                return None if None in parts else self._index.either(parts)
            case And(nodes):
                wanted = [await self._match(part) for part in nodes if not isinstance(part, Not)]
                unwanted = [await self._match(part.node) for part in nodes if isinstance(part, Not)]
                if not wanted or None in wanted or None in unwanted:
                    return None
                return self._index.both(wanted, unwanted)
        return None

    async def _together(self, kind: type[And] | type[Or], nodes: Sequence[Node]) -> list[Node]:
        """The same nodes, those that one MATCH can say as one."""
        texts: list[Node] = []
        rest: list[Node] = []
        for node in nodes:
            inner = node.node if kind is And and isinstance(node, Not) else node
            (rest if await self._match(inner) is None else texts).append(node)
        if len(texts) < 2 or all(isinstance(node, Not) for node in texts):
            return list(nodes)
        return [kind(tuple(texts)), *rest]

    async def _misspelt(self, asked: Fuzzy) -> list[str]:
        """The words of the index that are near enough."""
        if asked not in self.near_words:
            from rapidfuzz.distance import OSA

            shortest, longest = len(asked.word) - asked.distance, len(asked.word) + asked.distance
            known = await self._index.vocabulary(self._connection, shortest, longest)
            self.near_words[asked] = [
                word for word in known if OSA.distance(asked.word, word, score_cutoff=asked.distance) <= asked.distance
            ]
        return self.near_words[asked]

    async def _near(self, node: Near, *, title_only: bool) -> Condition:
        """The index's own nearness takes no alternatives, and lets one word be both ends: the index narrows, a pattern
        decides."""
        ends = [await self._match(end) for end in (node.left, node.right)]
        one, other = [await self._pattern(end) for end in (node.left, node.right)]
        gap = f"(?: [^ ]+){{0,{node.distance}}} "
        pattern = f"(?<![^ ])(?:{one}{gap}{other}|{other}{gap}{one})(?![^ ])"
        return self._index.close(ends, pattern, self._which, title_only=title_only)

    async def _pattern(self, end: Phrase | Fuzzy) -> str:
        if isinstance(end, Fuzzy):
            return f"(?:{'|'.join(map(re.escape, await self._misspelt(end)))})"
        return " ".join(map(re.escape, end.words)) + ("[^ ]*" if end.prefix else "")

    # Fields.

    async def _field(self, asked: Field) -> Condition:
        name, value = asked.name, asked.value
        match name:
            case "author":
                return self._of(mention.c.author_id).in_(await self._authors(value))
            case "site":
                host, _ = fields.site(value)
                likely = self._dialect.has(mention.c.url, host)  # much quicker than the pattern
                return case((likely, self._dialect.matches(mention.c.url, fields.site_pattern(value))), else_=false())
            case "link":
                in_text = self._dialect.matches(mention.c.text, fields.link_pattern(value))
                return case(
                    (self._dialect.has(mention.c.url, value), true()),
                    (self._dialect.has(mention.c.text, value), in_text),
                    else_=false(),
                )
            case "source":
                return or_(self._dialect.same(mention.c.source, value), self._dialect.same(mention.c.network, value))
            case "network":
                return self._dialect.same(self._network, value)
            case "lang":
                return self._dialect.same(mention.c.language, value)
            case "type":
                return mention.c.type == value
            case "sentiment":
                return mention.c.sentiment == value
            case "intent":
                return self._dialect.same(mention.c.intent, value)
            case "followers":
                known = select(author.c.id).where(fields.COMPARE[asked.op](author.c.followers, int(value)))
                return self._of(mention.c.author_id).in_(known)
            case "urgency":
                asks: Condition = fields.COMPARE[asked.op](mention.c.urgency, int(value))
                return asks
            case "since":
                return self._of(mention.c.created_at) >= fields.moment(value, self._now)
            case "until":
                return self._of(mention.c.created_at) < fields.moment(value, self._now)
            case "watch":
                named = mention_watch.c.watch_id.in_(select(watch.c.id).where(self._dialect.same(watch.c.name, value)))
                if not self._at_hand:
                    return mention.c.id.in_(select(mention_watch.c.mention_id).where(named))
                return select(mention_watch.c.watch_id).where(named, mention_watch.c.mention_id == self._which).exists()
            case "issue":
                return self._of(mention.c.issue_id).in_(await self._issues(value))
        return self._case_field(name, value)

    def _case_field(self, name: str, value: str) -> Condition:
        self.asked_cases = True
        match name:
            case "id":
                return cases.c.id == int(value)
            case "status" | "priority":
                return cases.c[name] == value
            case "tag":
                return cases.c.id.in_(select(case_tag.c.case_id).where(case_tag.c.tag == value.lower()))
            case "assignee" if value == "none":
                return func.coalesce(cases.c.assignee, "") == ""  # the index by status and time serves better here
            case "assignee":
                return cases.c.assignee == (self._me if value == "me" else value)
            case "team" if value == "none":
                return cases.c.team.is_(None)
            case "team":
                return self._dialect.same(cases.c.team, value)
        raise ValueError(f"no field {name}:")

    async def _authors(self, value: str) -> Select[Any]:
        """Names are not kept folded, so they are folded here: those that are not plain ASCII, and those that are and
        have the longest word of `value`, or these very signs."""
        longest = max(folded_words(value), key=len, default=value.strip().lstrip("@"))
        named = author.c.name + " " + author.c.handle
        likely = or_(self._dialect.beyond_ascii(named), self._dialect.has(named, longest))
        rows = await self._connection.execute(select(author.c.id, author.c.handle, author.c.name).where(likely))
        return self._dialect.these(row.id for row in rows if fields.wrote(value, row.handle, row.name))

    async def _issues(self, value: str) -> Select[Any]:
        """One that was merged means the one that it went into."""
        rows = (await self._connection.execute(select(issue.c.id, issue.c.label, issue.c.merged_into))).all()
        into = {row.id: row.merged_into for row in rows if row.merged_into is not None}
        if re.fullmatch("[0-9]{1,18}", value):
            return self._dialect.these([led(int(value), into)])
        words = folded_words(value)
        found = (row.id for row in rows if fields.contains(folded_words(row.label), words))
        return self._dialect.these(dict.fromkeys(led(number, into) for number in found))


def _may_overlap(left: Phrase, right: Phrase) -> bool:
    """Whether one word could be part of both."""

    def begins(phrase: Phrase, other: Phrase) -> bool:
        return phrase.prefix and any(word.startswith(phrase.words[-1]) for word in other.words)

    return bool(set(left.words) & set(right.words)) or begins(left, right) or begins(right, left)
