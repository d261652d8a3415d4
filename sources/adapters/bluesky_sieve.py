"""Which posts of a whole network may be what a watch looks for. A cheap test that lets through too much and never too
little; the watch decides at intake.

It knows words and links. What a post does not say of itself (its author's name, its language, ...) lets it through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sources.adapters.bluesky_post import words
from store.domain import query
from store.domain.mention import JsonObject
from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Or, Phrase, Title
from store.domain.words import fold, folded_words

Probe = Callable[[str, str], bool]  # (text folded, text) -> whether it may match


class Sieve:
    """Made of the queries of all watches. Empty where none of them looks for words or links."""

    def __init__(self, queries: Iterable[str]) -> None:
        nodes = [node for node in map(query.parse, queries) if node is not None]
        self._probes = [probe for probe in map(_probe, nodes) if probe is not None]

    def __bool__(self) -> bool:
        return bool(self._probes)

    def lets_through(self, record: JsonObject) -> bool:
        text = words(record)
        folded = fold(text)
        return any(probe(folded, text) for probe in self._probes)


def _probe(node: Node) -> Probe | None:
    """None: it says nothing about words or links."""
    match node:
        case Phrase(parts):
            return _all_of(parts)
        case Exact(text):
            return _all_of(fold(text).split())
        case Field("link", _, value):
            return _all_of([fold(value)])
        case Fuzzy(word, distance):
            return _misspelt(word, distance)
        case Title(inner):
            return _probe(inner)
        case Near(left, right):
            return _probe(And((left, right)))
        case And(nodes):
            every = [probe for probe in map(_probe, nodes) if probe is not None]
            return (lambda folded, text: all(probe(folded, text) for probe in every)) if every else None
        case Or(nodes):
            some = [probe for probe in map(_probe, nodes) if probe is not None]
            return (lambda folded, text: any(probe(folded, text) for probe in some)) if some else None
        case _:
            return None


def _all_of(parts: Iterable[str]) -> Probe:
    wanted = tuple(parts)
    return lambda folded, text: all(part in folded for part in wanted)


def _misspelt(word: str, distance: int) -> Probe:
    from rapidfuzz.distance import OSA

    edits: Any = OSA.distance

    def near(folded: str, text: str) -> bool:
        return any(
            abs(len(one) - len(word)) <= distance and edits(word, one, score_cutoff=distance) <= distance
            for one in set(folded_words(text))
        )

    return near
