"""A watch in the query language of X (https://docs.x.com/x-api/posts/search/integrate/build-a-query)."""

from __future__ import annotations

from collections.abc import Sequence

from sources.asks import Ask, Term, asks

LENGTH = 512
NO_RETWEETS = " -is:retweet"


def queries(text: str) -> list[str]:
    """As few questions as the questions of a watch fit into: each costs a request, and a post that two of them find is
    read twice. X matches whole words only; a misspelling or a word's beginning is asked for as it is written."""
    packed: list[list[str]] = []
    for ask in asks(text):
        words = _words(ask)
        if words and packed and len(_query([*packed[-1], words])) <= LENGTH:
            packed[-1].append(words)
        elif words:
            packed.append([words])
    return [_query(group) for group in packed]


def _query(group: Sequence[str]) -> str:
    return f"({' OR '.join(group)}){NO_RETWEETS}"


def _words(ask: Ask) -> str:
    """Its terms, as many as fit: the fewer, the more is found."""
    kept: list[str] = []
    for term in sorted(ask.terms, key=lambda term: len(term.words), reverse=True):
        if len(_query([_all([*kept, _quoted(term)])])) <= LENGTH:
            kept.append(_quoted(term))
    return _all(kept) if kept else ""


def _all(terms: Sequence[str]) -> str:
    return terms[0] if len(terms) == 1 else f"({' '.join(terms)})"


def _quoted(term: Term) -> str:
    return '"' + " ".join(term.words.replace('"', " ").replace("\\", " ").split()) + '"'
