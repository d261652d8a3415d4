"""One query as a condition in SQL: text by the full-text index, fields by the tables.

What can be said in one MATCH is said in one (`_match`); the rest is AND, OR and NOT around it. No text of a query
reaches MATCH but as quoted folded words, and no value reaches SQL but as a bound parameter.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Select,
    Text,
    and_,
    case,
    column,
    false,
    func,
    literal_column,
    not_,
    or_,
    select,
    table,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from store.domain import fields
from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title
from store.domain.words import exact_pattern, folded_words
from store.tables import author, case_tag, cases, issue, mention, mention_watch, watch

Condition = ColumnElement[bool]

_index = table("mention_fts", column("rowid"), column("title", Text), column("text", Text))
_vocabulary = table("mention_words", column("term", Text))
_NOTHING = '"\ue000"'  # in MATCH: a word that no text has
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
    `cases` must be in the statement."""

    def __init__(self, connection: AsyncConnection, me: str, now: datetime, network: ColumnElement[str]) -> None:
        self._connection, self._me, self._now, self._network = connection, me, now, network
        self._near_words: dict[Fuzzy, list[str]] = {}
        self.asked_cases = False

    async def compile(self, node: Node) -> Condition:
        """True of the mentions that `node` matches, false or NULL of the others."""
        matched = await self._match(node)
        if matched is not None:
            return _found(matched)
        match node:
            case And(nodes):
                return and_(*[await self.compile(part) for part in await self._together(And, nodes)])
            case Or(nodes):
                return or_(*[await self.compile(part) for part in await self._together(Or, nodes)])
            case Not(inner):
                return not_(func.coalesce(await self.compile(inner), false()))
            case Title(Exact(text)):
                return _exact(text, in_title=True)
            case Exact(text):
                return _exact(text, in_title=False)
            case Title(Near() as near):
                return await self._near(near, [_index.c.title], "{title} : ")
            case Near():
                return await self._near(node, [_index.c.text, _index.c.title], "")
            case Field():
                return await self._field(node)
        raise TypeError(node)

    # Text.

    async def _match(self, node: Node) -> str | None:
        """The query of FTS5 that is the same as `node`; None where there is none."""
        match node:
            case Phrase(words, prefix):
                return _quoted(words, prefix)
            case Fuzzy():
                return " OR ".join(_quoted((word,)) for word in await self._misspelt(node)) or _NOTHING
            case Near(Phrase() as left, Phrase() as right, distance) if not _may_overlap(left, right):
                return f"NEAR({_quoted(left.words, left.prefix)} {_quoted(right.words, right.prefix)}, {distance})"
            case Title(inner):
                found = await self._match(inner)
                return None if found is None else f"{{title}} : ({found})"
            case Or(nodes):
                parts = [await self._match(part) for part in nodes]
                return None if None in parts else " OR ".join(f"({part})" for part in parts)
            case And(nodes):
                wanted = [await self._match(part) for part in nodes if not isinstance(part, Not)]
                unwanted = [await self._match(part.node) for part in nodes if isinstance(part, Not)]
                if not wanted or None in wanted or None in unwanted:
                    return None
                both = " AND ".join(f"({part})" for part in wanted)
                return f"({both}) NOT ({' OR '.join(f'({part})' for part in unwanted)})" if unwanted else both
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
        if asked not in self._near_words:
            from rapidfuzz.distance import OSA

            length = func.length(_vocabulary.c.term)
            near = length.between(len(asked.word) - asked.distance, len(asked.word) + asked.distance)
            known = (await self._connection.execute(select(_vocabulary.c.term).where(near))).scalars()
            self._near_words[asked] = [
                word for word in known if OSA.distance(asked.word, word, score_cutoff=asked.distance) <= asked.distance
            ]
        return self._near_words[asked]

    async def _near(self, node: Near, columns: list[ColumnElement[str]], within: str) -> Condition:
        """NEAR of FTS5 takes no alternatives, and lets one word be both ends: the index narrows, a pattern decides."""
        ends = [node.left, node.right]
        found = " AND ".join([f"({await self._match(end)})" for end in ends])
        one, other = [await self._pattern(end) for end in ends]
        gap = f"(?: [^ ]+){{0,{node.distance}}} "
        pattern = f"(?<![^ ])(?:{one}{gap}{other}|{other}{gap}{one})(?![^ ])"
        return _found(f"{within}({found})", or_(*[column.regexp_match(pattern) for column in columns]))

    async def _pattern(self, end: Phrase | Fuzzy) -> str:
        if isinstance(end, Fuzzy):
            return f"(?:{'|'.join(map(re.escape, await self._misspelt(end)))})"
        return " ".join(map(re.escape, end.words)) + ("[^ ]*" if end.prefix else "")

    # Fields.

    async def _field(self, asked: Field) -> Condition:
        name, value = asked.name, asked.value
        match name:
            case "author":
                return mention.c.author_id.in_(await self._authors(value))
            case "site":
                host, _ = fields.site(value)
                likely = _has(mention.c.url, host)  # much quicker than the pattern
                return case((likely, mention.c.url.regexp_match(fields.site_pattern(value))), else_=false())
            case "link":
                in_text = mention.c.text.regexp_match(fields.link_pattern(value))
                return case((_has(mention.c.url, value), true()), (_has(mention.c.text, value), in_text), else_=false())
            case "source":
                return or_(_same(mention.c.source, value), _same(mention.c.network, value))
            case "network":
                return _same(self._network, value)
            case "lang":
                return _same(mention.c.language, value)
            case "type":
                return mention.c.type == value
            case "sentiment":
                return mention.c.sentiment == value
            case "intent":
                return _same(mention.c.intent, value)
            case "followers":
                known = select(author.c.id).where(fields.COMPARE[asked.op](author.c.followers, int(value)))
                return mention.c.author_id.in_(known)
            case "since":
                return mention.c.created_at >= fields.moment(value, self._now)
            case "until":
                return mention.c.created_at < fields.moment(value, self._now)
            case "watch":
                named = mention_watch.c.watch_id.in_(select(watch.c.id).where(_same(watch.c.name, value)))
                return mention.c.id.in_(select(mention_watch.c.mention_id).where(named))
            case "issue":
                return mention.c.issue_id.in_(await self._issues(value))
        return self._case_field(name, value)

    def _case_field(self, name: str, value: str) -> Condition:
        self.asked_cases = True
        match name:
            case "id":
                return cases.c.id == int(value)
            case "status" | "priority":
                return cases.c[name] == value
            case "tag":
                return cases.c.id.in_(select(case_tag.c.case_id).where(_same(case_tag.c.tag, value)))
            case "assignee" if value == "none":
                return func.coalesce(cases.c.assignee, "") == ""  # the index by status and time serves better here
            case "assignee":
                return cases.c.assignee == (self._me if value == "me" else value)
            case "team" if value == "none":
                return cases.c.team.is_(None)
            case "team":
                return _same(cases.c.team, value)
        raise ValueError(f"no field {name}:")

    async def _authors(self, value: str) -> Select[Any]:
        """Names are not kept folded, so they are folded here: those that are not plain ASCII, and those that are and
        have the longest word of `value`."""
        longest = max(folded_words(value), key=len)
        named = author.c.name + " " + author.c.handle
        likely = or_(named.op("GLOB")("*[^ -~]*"), _has(named, longest))
        rows = await self._connection.execute(select(author.c.id, author.c.handle, author.c.name).where(likely))
        return _these(row.id for row in rows if fields.wrote(value, row.handle, row.name))

    async def _issues(self, value: str) -> Select[Any]:
        if re.fullmatch("[0-9]{1,18}", value):
            return _these([int(value)])
        words = folded_words(value)
        rows = await self._connection.execute(select(issue.c.id, issue.c.label))
        return _these(row.id for row in rows if fields.contains(folded_words(row.label), words))


def _quoted(words: tuple[str, ...] | list[str], prefix: bool = False) -> str:
    """A phrase for MATCH. Folded words have no quote in them."""
    return f'"{" ".join(words)}"' + (" *" if prefix else "")


def _found(matched: str, also: Condition | None = None) -> Condition:
    """The mention is one of those that the index finds; `also` is about the index's own columns."""
    found = select(_index.c.rowid).where(_matches(matched))
    return mention.c.id.in_(found if also is None else found.where(also))


def _matches(matched: str) -> Condition:
    return literal_column("mention_fts", Text).op("MATCH", is_comparison=True, return_type=Boolean())(matched)


def _exact(text: str, in_title: bool) -> Condition:
    """The index narrows by the words; a text of signs alone is looked for everywhere."""
    each = mention.alias()
    columns = [each.c.title] if in_title else [each.c.text, each.c.title]
    found = select(each.c.id).where(or_(*[column.regexp_match(exact_pattern(text)) for column in columns]))
    if words := folded_words(text):
        matched = ("{title} : " if in_title else "") + _quoted(words)
        found = found.join(_index, _index.c.rowid == each.c.id).where(_matches(matched))
    else:
        forms = sorted({unicodedata.normalize(form, text) for form in ("NFC", "NFD")})
        found = found.where(or_(*[func.instr(column, form) > 0 for column in columns for form in forms]))
    return mention.c.id.in_(found)


def _may_overlap(left: Phrase, right: Phrase) -> bool:
    """Whether one word could be part of both."""

    def begins(phrase: Phrase, other: Phrase) -> bool:
        return phrase.prefix and any(word.startswith(phrase.words[-1]) for word in other.words)

    return bool(set(left.words) & set(right.words)) or begins(left, right) or begins(right, left)


def _same(name: ColumnElement[Any], value: str) -> Condition:
    return name.collate("NOCASE") == value


def _has(text: ColumnElement[str], value: str) -> Condition:
    """Without regard to the case of A-Z, as LIKE of SQLite is."""
    return text.contains(value, autoescape=True)


def _these(ids: Iterable[int]) -> Select[Any]:
    """Ids as one parameter, however many they are."""
    each = func.json_each(json.dumps(list(ids))).table_valued("value")
    return select(each.c.value)
