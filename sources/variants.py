"""How people really write a watched name: misspellings and other forms of it, in what is stored and in what no watch
matched. Common words that only look alike come last: a form counts by how often it stands in a post that the watch
matches otherwise, or beside its other words."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import NamedTuple

from sources.hindsight import document_of
from sources.text import match
from sources.text.explain import context
from store import seen, unmatched
from store.database import Database
from store.domain.desk import Watch
from store.domain.query import And, Exact, Fuzzy, Near, Node, Or, Phrase, Title, parse
from store.domain.query_text import written
from store.domain.safetext import safe, safe_line
from store.domain.seen import Seen
from store.domain.words import Word, folded_words, words

SHORTEST = 4  # letters: a shorter name is one edit away from everything
TWO_EDITS_FROM = 8
LONGEST_FORM = 3  # words
SAMPLE = 2_000  # posts from which the words that go with a watch are learned
BACKGROUND = 50  # posts that no watch matched, at least, to tell such words from common ones
TYPICAL = 60
LIFT = 4.0
FORMS = 4
REMEMBERED = 200_000  # words already judged

Form = tuple[str, ...]  # folded words
Close = tuple[str, int] | None  # the watched name and how many edits away


@dataclass(slots=True)
class Variant:
    """A form that the watch does not ask for. `term` is how a query does; `name` the watched name, `edits` letters away
    from it (0: its very letters in other words, as "acme cloud" for acmecloud). It stands in `posts` posts, `near` of
    them about the same, `adds` of them not found by the watch today. `written` are the ways it is spelt, the commonest
    first; `example` is the newest post, `context` the words in it."""

    term: Form
    name: str
    edits: int
    posts: int = 0
    near: int = 0
    adds: int = 0
    spelt: Counter[str] = field(default_factory=Counter)
    example: Seen | None = None
    context: str = ""

    @property
    def query(self) -> str:
        return written(Phrase(self.term))

    @property
    def written(self) -> list[str]:
        return [form for form, _ in self.spelt.most_common(FORMS)]

    @property
    def likely(self) -> bool:
        """Whether it means the watched name more often than not; few words look like a long name by chance."""
        slip = self.edits == 1 and len(self.name) >= TWO_EDITS_FROM
        return self.edits == 0 or slip or self.near * 2 >= self.posts


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Likely ones first. `query` is the watch's with the likely ones added to it, "" where there are none."""

    posts: int
    variants: list[Variant]
    query: str


async def suggest(db: Database, watch: Watch, *, now: datetime, since: datetime | None = None) -> Suggestions:
    """Raises BadInput for a query that a watch cannot have. Reads only, in bounded memory."""
    node = parse(watch.query)
    search = _Search(watch, node, await _typical(db, watch, since))
    posts = 0
    async for found in seen.newest_first(db, watch.name, since=since):
        await asyncio.to_thread(search.look, found, now)
        posts += len(found)
    async for memories in unmatched.newest_first(db, since=since):
        await asyncio.to_thread(search.look, [memory.seen for memory in memories], now)
        posts += len(memories)
    ranked = sorted(search.found.values(), key=lambda each: (not each.likely, -each.near, -each.posts, each.term))
    added: dict[str, list[Form]] = {}
    for variant in ranked:
        if variant.likely:
            added.setdefault(variant.name, []).append(variant.term)
    return Suggestions(posts, ranked, written(_widened(node, added)) if node is not None and added else "")


class _Stands(NamedTuple):
    """Words [first, last) of a text that are so many edits away from a name."""

    edits: int
    first: int
    last: int
    name: str


class _Search:
    """One look at all posts, newest first."""

    def __init__(self, watch: Watch, node: Node | None, typical: set[str]) -> None:
        terms = list(_terms(node)) if node is not None else []
        self.found: dict[Form, Variant] = {}
        self._names = {name for term in terms if len(name := _name(term)) >= SHORTEST}
        self._matches = match.of_watch(watch)
        self._asked = [match.compile(term) for term in terms]
        self._beside = typical | {word for term in terms for word in folded_words(written(term)) if len(word) > 2}
        self._lengths = {length for name in self._names for length in range(len(name) - 2, len(name) + 3)}
        self._judged: dict[str, Close] = {}
        self._known: dict[str, bool] = {}

    def look(self, posts: Sequence[Seen], now: datetime) -> None:
        for post in posts if self._names else ():
            for text in (post.title, post.text) if post.title != post.text else (post.text,):
                folded = folded_words(text)
                if forms := self._forms(folded):
                    self._count(post, text, folded, forms, now)

    def _forms(self, folded: Sequence[str]) -> list[_Stands]:
        """All that is close to a name, the closest where several lie over each other."""
        close: list[_Stands] = []
        for size in range(1, LONGEST_FORM + 1):
            for first in range(len(folded) - size + 1):
                joined = folded[first] if size == 1 else "".join(folded[first : first + size])
                if len(joined) in self._lengths and (judged := self._judge(joined)) is not None:
                    close.append(_Stands(judged[1], first, first + size, judged[0]))
        best: list[_Stands] = []
        for form in sorted(close, key=lambda form: (form.edits, form.last - form.first)):
            if all(form.last <= other.first or other.last <= form.first for other in best):
                best.append(form)
        return best

    def _judge(self, joined: str) -> Close:
        from rapidfuzz.distance import OSA

        if joined not in self._judged:
            if len(self._judged) > REMEMBERED:
                self._judged.clear()
            near = [
                (edits, name)
                for name in self._names
                if (edits := OSA.distance(name, joined, score_cutoff=_allowed(name))) <= _allowed(name)
            ]
            self._judged[joined] = min(near)[::-1] if near else None
        return self._judged[joined]

    def _count(
        self,
        post: Seen,
        text: str,
        folded: Sequence[str],
        forms: Sequence[_Stands],
        now: datetime,
    ) -> None:
        places = words(text)
        found: dict[Form, list[_Stands]] = {}
        for form in forms:
            if not self._is_asked(text[slice(*_written(places[form.first : form.last], text))], now):
                found.setdefault(tuple(folded[form.first : form.last]), []).append(form)
        matched = bool(found) and self._matches(document_of(post, now=now))
        for term, same in found.items():
            variant = self.found.setdefault(term, Variant(term, same[0].name, same[0].edits))
            others = {*folded[: same[0].first], *folded[same[0].last :]} - set(term)
            variant.posts += 1
            variant.near += matched or not self._beside.isdisjoint(others)
            variant.adds += not matched
            spans = [_written(places[form.first : form.last], text) for form in same]
            variant.spelt.update({text[start:end] for start, end in spans})
            if variant.example is None or (not matched and variant.adds == 1):  # one that would be new tells more
                variant.example, variant.context = post, safe_line(context(safe(text), spans[0]))

    def _is_asked(self, form: str, now: datetime) -> bool:
        """Whether a term of the watch finds this by itself."""
        if form not in self._known:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            document = match.Document(title=form, text=form, created_at=now, now=now)
            self._known[form] = any(asked(document) for asked in self._asked)
        return self._known[form]


async def _typical(db: Database, watch: Watch, since: datetime | None) -> set[str]:
    """Words that posts of this watch hold far more often than posts that no watch matched."""
    ours, others = Counter[str](), Counter[str]()
    many = rest = 0
    async for posts in seen.newest_first(db, watch.name, since=since, marked_only=True):
        for post in posts[: SAMPLE - many]:
            ours.update(_long_words(post))
        many = min(many + len(posts), SAMPLE)
        if many == SAMPLE:
            break
    async for memories in unmatched.newest_first(db, since=since):
        for memory in memories:
            others.update(_long_words(memory.seen))
        rest += len(memories)
        if rest >= SAMPLE:
            break
    if rest < BACKGROUND:
        return set()
    lifts = {word: (count / many) / ((others[word] + 1) / rest) for word, count in ours.items() if count > 1}
    return {word for word, lift in Counter(lifts).most_common(TYPICAL) if lift >= LIFT}


def _long_words(post: Seen) -> set[str]:
    return {word for word in (*folded_words(post.title), *folded_words(post.text)) if len(word) > 3}


def _allowed(name: str) -> int:
    return 2 if len(name) >= TWO_EDITS_FROM else 1


def _written(places: Sequence[Word], text: str) -> tuple[int, int]:
    """Where a form stands, with the sign of a hashtag or handle before it."""
    start = places[0].start
    return (start - 1 if text[max(0, start - 1) : start] in ("#", "@") else start), places[-1].end


def _terms(node: Node) -> Iterator[Phrase | Fuzzy | Exact]:
    """What a query looks for, NOT left out."""
    match node:
        case And(nodes) | Or(nodes):
            for part in nodes:
                yield from _terms(part)
        case Near(left, right):
            yield from (left, right)
        case Title(inner):
            yield from _terms(inner)
        case Phrase() | Fuzzy() | Exact():
            yield node


def _name(term: Phrase | Fuzzy | Exact) -> str:
    match term:
        case Phrase(parts):
            return "".join(parts)
        case Fuzzy(word):
            return word
        case Exact(text):
            return "".join(folded_words(text))


def _widened(node: Node, added: dict[str, list[Form]]) -> Node:
    """The same tree, each name beside its variants."""
    match node:
        case Or(nodes):
            return _any(_widened(part, added) for part in nodes)
        case And(nodes):
            return And(tuple(_widened(part, added) for part in nodes))
        case Near(left, right, distance):
            return _any(Near(one, other, distance) for one, other in product(_ways(left, added), _ways(right, added)))
        case Title(inner):
            widened = _widened(inner, added)
            ways = widened.nodes if isinstance(widened, Or) else (widened,)
            return _any(Title(way) for way in ways if isinstance(way, Phrase | Fuzzy | Exact | Near))
        case Phrase() | Fuzzy() | Exact():
            return _any([node, *(Phrase(form) for form in added.get(_name(node), ()))])
    return node


def _ways(end: Phrase | Fuzzy, added: dict[str, list[Form]]) -> list[Phrase | Fuzzy]:
    return [end, *(Phrase(form) for form in added.get(_name(end), ()))]


def _any(nodes: Iterable[Node]) -> Node:
    flat = tuple(part for node in nodes for part in (node.nodes if isinstance(node, Or) else (node,)))
    flat = tuple(dict.fromkeys(flat))
    return flat[0] if len(flat) == 1 else Or(flat)
