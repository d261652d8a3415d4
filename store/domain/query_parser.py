"""Query text -> tree, by recursive descent. Every error names the column and says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NoReturn

from store.domain import fields
from store.domain.errors import QueryError
from store.domain.query import FIELDS, And, Exact, Fuzzy, Near, Node, Not, Or, Phrase, Title
from store.domain.words import folded_words, words

LONGEST, DEEPEST, MOST_TERMS, FARTHEST = 4_096, 50, 300, 100

_QUOTES = '"“”„‟«»＂「」『』'
_TICKS = "`｀"
_OPEN, _CLOSE = "(（", ")）"
_DASHES = "-‐‑‒–—−－"  # what a phone makes of a dash leaves out too: to ask for it instead would be silent
_STAR, _TILDE = "*＊", "~～"
_BORDER = rf"\s{_QUOTES}{_TICKS}{_OPEN}{_CLOSE}"
_STRANGE = re.compile("[\\x00\\ud800-\\udfff]")  # no database takes these
_SPACE = re.compile(r"\s*")
_BARE = re.compile(f"[^{_BORDER}]+")
_VALUE = re.compile(f"[^,{_BORDER}]+")
_FIELD = re.compile(r"([^\W\d_]+)[:：](?!//)")
_NEAR = re.compile(f"NEAR(/[^{_BORDER}]*)?(?![^{_BORDER}])")
_FUZZY = re.compile(f"([^{_TILDE}]*)[{_TILDE}]([0-9].*)?")

Read = Callable[[], Node]


class Parser:
    """Reads one query, once. A rule begins where the next character is not space, and a term ends so."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._terms = 0
        self._atom: Read = self._anything  # inside field:( ) it reads values

    def parse(self) -> Node | None:
        """See `store.domain.query.parse`."""
        if len(self._text) > LONGEST:
            self._fail(f"a query has at most {LONGEST:,} characters", LONGEST)
        if strange := _STRANGE.search(self._text):
            self._fail("this character cannot be looked for", strange.start())
        self._skip()
        if self._ended():
            return None
        node = self._any()
        if not self._ended():
            self._fail("this bracket was never opened", self._at)
        return node

    def _any(self) -> Node:
        nodes = [self._all()]
        while (at := self._keyword("OR")) is not None:
            if self._stops():
                self._fail("OR needs something on its right", at)
            nodes.append(self._all())
        return _join(Or, nodes)

    def _all(self) -> Node:
        if self._stops():
            closes = self._next() in _CLOSE
            self._fail("this bracket was never opened" if closes else "OR needs something on its left", self._at)
        nodes: list[Node] = []
        while not self._stops():
            nodes.append(self._not())
            if (at := self._keyword("AND")) is not None and self._stops():
                self._fail("AND needs something on its right", at)
        return _join(And, nodes)

    def _not(self) -> Node:
        at = self._at
        if self._next() in _DASHES:
            self._at += 1
            if self._next().isspace() or self._stops():
                self._fail('put "-" right before what to leave out, or drop it', at)
        elif self._keyword("NOT") is None:
            return self._near()
        elif self._stops():
            self._fail("NOT needs something after it", at)
        self._deeper(at)
        node = self._not()
        self._depth -= 1
        return Not(node)

    def _near(self) -> Node:
        at, left = self._at, self._term()
        pairs: list[Node] = []
        while found := _NEAR.match(self._text, self._at):
            near, number = self._at, (found[1] or "")[1:]
            if not re.fullmatch("[0-9]{1,3}", number) or int(number) > FARTHEST:
                self._fail(f"say how many words may stand between, 0 to {FARTHEST}: NEAR/5", near)
            self._at = found.end()
            self._skip()
            if self._stops():
                self._fail("NEAR needs something on its right", near)
            begin, right = self._at, self._term()
            pairs.append(self._pair((left, at), (right, begin), int(number)))
            at, left = begin, right
        return _join(And, pairs) if pairs else left

    def _pair(self, left: tuple[Node, int], right: tuple[Node, int], distance: int) -> Near | Title:
        ends: list[Phrase | Fuzzy] = []
        titles = [isinstance(node, Title) for node, _ in (left, right)]
        for node, at in (left, right):
            inner = node.node if isinstance(node, Title) and all(titles) else node
            if not isinstance(inner, Phrase | Fuzzy):
                self._fail('NEAR joins words, "phrases", prefix* and word~1 only', at)
            ends.append(inner)
        near = Near(ends[0], ends[1], distance)
        return Title(near) if all(titles) else near

    def _term(self) -> Node:
        for operator, stands in (("AND", self._is("AND")), ("NEAR", _NEAR.match(self._text, self._at))):
            if stands:
                self._fail(f"{operator} needs something on its left", self._at)
        if self._next() in _DASHES:
            self._fail("there is nothing to leave out here", self._at)
        node = self._atom()
        self._skip()
        return node

    def _anything(self) -> Node:
        if self._next() in _OPEN:
            return self._brackets(self._anything)
        found = _FIELD.match(self._text, self._at)
        return self._field(found) if found else self._words(_BARE)

    def _brackets(self, atom: Read) -> Node:
        at, outer = self._at, self._atom
        self._deeper(at)
        self._at += 1
        self._skip()
        if self._next() in _CLOSE:
            self._fail("there is nothing in these brackets", at)
        self._atom = atom
        node = None if self._ended() else self._any()
        if node is None or self._ended():
            self._fail("this bracket is never closed", at)
        self._at += 1
        self._atom = outer
        self._depth -= 1
        return node

    def _field(self, found: re.Match[str]) -> Node:
        name = found[1].lower()
        if name not in FIELDS:
            self._fail(
                f'there is no field "{name}:"{_meant(name)}; to look for these words, put them in quotes', self._at
            )
        begin, self._at = self._at, found.end()
        if self._next().isspace() or self._next() in _CLOSE:
            self._fail(f"{name}: needs its value right after the colon", begin)
        return self._values(self._title if name == "title" else lambda: self._value(name))

    def _values(self, read: Read) -> Node:
        """A value, a list of values with commas, or a query of values in brackets."""
        if self._next() in _OPEN:
            return self._brackets(lambda: self._values(read))
        nodes = [read()]
        while self._next() == ",":
            at = self._at
            self._at += 1
            if self._next().isspace() or self._next() in ",)）":
                self._fail("a value is missing after this comma", at)
            nodes.append(read())
        return _join(Or, nodes)

    def _title(self) -> Node:
        if self._next() in _DASHES:
            self._fail("to leave it out, write -title: and the words", self._at)
        return Title(self._words(_VALUE))

    def _value(self, name: str) -> Node:
        at = self._count()
        if self._next() in _QUOTES:
            value = self._quoted(_QUOTES, "quote").strip()
        elif self._next() in _DASHES:
            self._fail(f"to leave it out, write -{name}: and the value", at)
        else:
            found = _VALUE.match(self._text, at)
            value, self._at = (found[0], found.end()) if found else ("", at)
            if not found or self._next() in _QUOTES + _TICKS + _OPEN:
                self._fail(f'put the value of {name}: in quotes ("")', at)
        try:
            return fields.field(name, value)
        except ValueError as error:
            self._fail(str(error), at)

    def _words(self, bare: re.Pattern[str]) -> Phrase | Fuzzy | Exact:
        at = self._count()
        if self._next() in _TICKS:
            exact = self._quoted(_TICKS, "backtick")
            return Exact(exact) if exact.strip() else self._fail("there is nothing between these backticks", at)
        if self._next() in _QUOTES:
            text = self._quoted(_QUOTES, "quote").rstrip()
            if self._next() in _TILDE:
                self._fail('"~" goes with one word; for words that may stand apart write a NEAR/3 b', self._at)
            if self._next() in _STAR:
                self._at += 1
                return self._phrase(text, True, at)
            return self._phrase(text.rstrip(_STAR), text.endswith(tuple(_STAR)), at)
        found = bare.match(self._text, at)
        if not found:
            self._fail("a word is missing here", at)
        self._at = found.end()
        text = found[0].rstrip(_STAR)
        star = next((place for place, sign in enumerate(text) if sign in _STAR), None)
        if star is not None:
            self._fail('"*" stands behind a word; to look for the sign, put it in quotes or backticks', at + star)
        if text.startswith(tuple(_TILDE)):
            self._fail('"~" goes behind a word', at)
        fuzzy = _FUZZY.fullmatch(text)
        if not fuzzy:
            return self._phrase(text, text != found[0], at)
        if text != found[0]:
            self._fail('"~" and "*" do not go together', at)
        return self._fuzzy(fuzzy[1], fuzzy[2] or "1", at)

    def _phrase(self, text: str, prefix: bool, at: int) -> Phrase:
        found = words(text)
        if not found:
            self._fail("there is no word in this; put signs in backticks to look for them", at)
        if prefix and found[-1].end != len(text):
            self._fail('"*" stands right behind a word', at)
        return Phrase(tuple(word.folded for word in found), prefix)

    def _fuzzy(self, text: str, number: str, at: int) -> Fuzzy:
        found = folded_words(text)
        if len(found) != 1:
            self._fail('"~" goes behind one word', at)
        if number not in ("1", "2"):
            self._fail("write word~1 or word~2", at)
        if len(found[0]) <= int(number):
            self._fail(f'"{found[0]}" is too short to be misspelt: every word would match', at)
        return Fuzzy(found[0], int(number))

    # The characters below the rules.

    def _quoted(self, quotes: str, name: str) -> str:
        begin = self._at
        end = next((at for at in range(begin + 1, len(self._text)) if self._text[at] in quotes), None)
        if end is None:
            self._fail(f"this {name} is never closed", begin)
        self._at = end + 1
        return self._text[begin + 1 : end]

    def _next(self) -> str:
        """The next character; at the end a space."""
        return self._text[self._at] if self._at < len(self._text) else " "

    def _ended(self) -> bool:
        return self._at >= len(self._text)

    def _stops(self) -> bool:
        """Whether what stands here ends a row of ANDed terms."""
        return self._ended() or self._next() in _CLOSE or self._is("OR")

    def _is(self, operator: str) -> bool:
        return self._text.startswith(operator, self._at) and not _BARE.match(self._text, self._at + len(operator))

    def _keyword(self, operator: str) -> int | None:
        """Goes past the operator if it stands here, and says where it stood."""
        at = self._at
        if not self._is(operator):
            return None
        self._at += len(operator)
        self._skip()
        return at

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        self._at = found.end() if found else self._at

    def _count(self) -> int:
        self._terms += 1
        if self._terms > MOST_TERMS:
            self._fail(f"a query has at most {MOST_TERMS} terms", self._at)
        return self._at

    def _deeper(self, at: int) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            self._fail(f"brackets and NOTs go at most {DEEPEST} deep", at)

    def _fail(self, message: str, at: int) -> NoReturn:
        raise QueryError(message, self._text, at + 1)


def _join(kind: type[And] | type[Or], nodes: Sequence[Node]) -> Node:
    """One node as it is; more as one `kind`, without the same kind directly inside."""
    if len(nodes) == 1:
        return nodes[0]
    return kind(tuple(part for node in nodes for part in (node.nodes if isinstance(node, kind) else (node,))))


def _meant(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(FIELDS), 1)
    return f', did you mean "{near[0]}:"?' if near else ""
