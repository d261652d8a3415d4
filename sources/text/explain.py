"""Why a query matches a text, or does not: the parts of it that decide, each with its words or its nearest miss.

What is true is asked of `sources.text.match` alone; here is only said why.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from sources.text import match
from sources.text.match import Document, Span, Tokens
from store.domain import fields
from store.domain.query import And, Exact, Field, Fuzzy, Near, Node, Not, Or, Phrase, Title
from store.domain.query_text import written
from store.domain.words import folded_words, words

Leaf = Phrase | Fuzzy | Exact | Near | Field | Title
AROUND = 40  # characters shown on either side of a word
FAR = 9.0  # of a miss that is nowhere near


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of a query that decides. `term` is how it is written, `holds` whether it is true of the text, `negated`
    whether the query asks for the contrary. `words` are what was found, `context` what stands around the first of them
    (in the title where `in_title`), `why` says it in one line. `distance` orders misses: 0 is right, 9 is far."""

    term: str
    holds: bool
    negated: bool
    why: str
    words: tuple[str, ...] = ()
    context: str = ""
    in_title: bool = False
    distance: float = 0.0

    @property
    def helps(self) -> bool:
        """Whether it is as the query wants it."""
        return self.holds != self.negated


def reasons(node: Node | None, document: Document) -> list[Reason]:
    """The parts that make the query true or false of this document: as long as they stay as they are, nothing else
    changes the answer; if each of them turned into its contrary, so would the answer. An empty query has none.

    Of several ways in which it could have matched each is named: the nearest miss first."""
    if node is None:
        return []
    found = [_reason(leaf, document, negated) for leaf, negated in _deciding(node, document, negated=False)]
    # Nearest first; "sorted" keeps the order of the query among equals.
    return sorted(dict.fromkeys(found), key=lambda reason: reason.distance)


def of_language(languages: Sequence[str], document: Document) -> Reason | None:
    """What a watch's `languages` say; None where it has none."""
    if not languages:
        return None
    wanted, holds = ", ".join(languages), document.language in languages
    why = f"language is {document.language}" + ("" if holds else f", the watch wants {wanted}")
    return Reason(f"languages {wanted}", holds, False, why, distance=0.0 if holds else 1.0)


def context(text: str, span: Span) -> str:
    """The words of a span with what stands around them, in one line."""
    start, end = max(0, span[0] - AROUND), min(len(text), span[1] + AROUND)
    before, behind = text[start : span[0]], text[span[1] : end]
    if start and " " in before:
        before = before.partition(" ")[2]
    if end < len(text) and " " in behind:
        behind = behind.rpartition(" ")[0]
    cut, more = "… " if start else "", " …" if end < len(text) else ""
    return " ".join(f"{cut}{before}{text[span[0] : span[1]]}{behind}{more}".split())


def _deciding(node: Node, document: Document, *, negated: bool) -> Iterator[tuple[Leaf, bool]]:
    """The leaves on which the truth of a node hangs, each with whether it stands under an odd number of NOT."""
    match_ = match.compile(node)(document)
    match node:
        case Not(inner):
            yield from _deciding(inner, document, negated=not negated)
        case And(nodes) | Or(nodes):
            # What is true of an AND hangs on all its parts, what is false on the false ones; of an OR the other way.
            every = match_ == isinstance(node, And)
            for part in nodes:
                if every or match.compile(part)(document) == match_:
                    yield from _deciding(part, document, negated=negated)
        case _:
            yield node, negated


def _reason(leaf: Leaf, document: Document, negated: bool) -> Reason:
    holds = match.compile(leaf)(document)
    told = _hit(leaf, document) if holds else _miss(leaf, document)
    if negated:
        kept_out = f"`NOT {written(leaf)}` kept it out: {told.why}" if holds else f"{told.term} is not in it"
        told = replace(told, negated=True, why=kept_out, distance=0.25 if holds else 0.0)
    return told


def _hit(leaf: Leaf, document: Document) -> Reason:
    term = written(leaf)
    if isinstance(leaf, Field):
        return Reason(term, True, False, _fact(leaf, document))
    in_title, text, spans = False, document.text, match.hits(leaf, document.text)
    if not spans:
        in_title, text, spans = True, document.title, match.hits(leaf, document.title, title=True)
    shown = tuple(dict.fromkeys(text[start:end] for start, end in spans))
    # A pair is told by both its words, anything else by the first place where it stands.
    told = spans[: 2 if isinstance(leaf, Near) else 1]
    ends = [word.end for word in words(text)]
    places = [f"`{text[start:end]}` at word {bisect_right(ends, start) + 1}" for start, end in told]
    why = f"{', '.join(places)}{' of the title' if in_title else ''}"
    return Reason(term, True, False, why, shown, context(text, spans[0]), in_title)


def _miss(leaf: Leaf, document: Document) -> Reason:
    term = written(leaf)
    if isinstance(leaf, Field):
        return Reason(term, False, False, _fact(leaf, document), distance=1.0)
    if isinstance(leaf, Title):
        if not document.title:
            return Reason(term, False, False, "it has no title", distance=2.0)
        if match.compile(leaf.node)(document):
            return Reason(term, False, False, "it is in the text, not in the title", distance=1.0)
        distance, why = _nearest(leaf.node, [document.tokens[0]], [document.title])
        return Reason(term, False, False, why, distance=distance)
    # A short title is often the beginning of the text: the text is looked at first.
    tokens = [document.tokens[1], document.tokens[0]]
    distance, why = _nearest(leaf, tokens, [document.text, document.title])
    return Reason(term, False, False, why, distance=distance)


def _nearest(leaf: Phrase | Fuzzy | Exact | Near, tokens: Sequence[Tokens], texts: Sequence[str]) -> tuple[float, str]:
    """(how far off, in words) of a term that is in none of these."""
    match leaf:
        case Exact(text):
            plain = folded_words(text)
            if plain and any(match.places(Phrase(tuple(plain)))(part) for part in tokens):
                return 0.5, f"its words are there, but not written exactly `{text}`"
            return FAR, "it is nowhere in the text"
        case Phrase(parts, prefix) if len(parts) > 1:
            return _nearest_phrase(parts, prefix, tokens)
        case Phrase(parts):
            return _nearest_word(parts[0], tokens)
        case Fuzzy(word):
            return _nearest_word(word, tokens)
        case Near():
            return _nearest_pair(leaf, tokens)


def _nearest_word(word: str, tokens: Sequence[Tokens]) -> tuple[float, str]:
    from rapidfuzz.distance import OSA

    for part in tokens:
        for before, behind in zip(part.words, part.words[1:], strict=False):
            if before + behind == word:
                return 0.5, f"it is written in two words: `{before} {behind}`"
    found = [(OSA.distance(word, other), other) for part in tokens for other in part.places]
    edits, nearest = min(found, default=(0, ""))
    if not nearest:
        return FAR, "there is no word in the text"
    if edits > max(2, len(word) // 3):
        return FAR, "no word in it is like it"
    return float(edits), f"nearest word is `{nearest}`, {edits} {'edit' if edits == 1 else 'edits'} away"


def _nearest_phrase(parts: tuple[str, ...], prefix: bool, tokens: Sequence[Tokens]) -> tuple[float, str]:
    joined = "".join(parts)
    for part in tokens:
        if joined in part.places:
            return 0.5, f"it is written in one word: `{joined}`"
    misses = [[word for word in parts if not match.places(Phrase((word,)))(part)] for part in tokens]
    if prefix:
        misses = [
            [word for word in missing if word != parts[-1] or not match.places(Phrase((word,), True))(part)]
            for missing, part in zip(misses, tokens, strict=True)
        ]
    fewest = min(misses, key=len)
    if not fewest:
        return 1.0, "its words are there, but not side by side"
    if len(fewest) == len(parts):
        distance, why = min(_nearest_word(word, tokens) for word in parts)
        return distance + len(
            parts
        ), f"none of its words is there; {why}" if distance < FAR else "no word of it is there"
    _, why = _nearest_word(fewest[0], tokens)
    return float(len(fewest)), f"`{fewest[0]}` is missing; {why}"


def _nearest_pair(near: Near, tokens: Sequence[Tokens]) -> tuple[float, str]:
    ends: list[tuple[Phrase | Fuzzy, Callable[[Tokens], list[Span]]]] = [
        (end, match.places(end)) for end in (near.left, near.right)
    ]
    apart = [gap for part in tokens if (gap := _apart(*(stands(part) for _, stands in ends))) is not None]
    if apart and min(apart) > near.distance:
        between = min(apart)
        return 1.0, f"they are {between} words apart, NEAR/{near.distance} allows {near.distance}"
    missing = [end for end, stands in ends if not any(stands(part) for part in tokens)]
    if not missing:
        together = any(all(stands(part) for _, stands in ends) for part in tokens)
        return 1.5, "both are the same words" if together else "one is in the title and the other in the text"
    if len(missing) == 2:
        return FAR, "neither side of it is there"
    distance, why = _nearest(missing[0], tokens, ())
    return distance + 1, f"`{written(missing[0])}` is not there; {why}"


def _apart(lefts: list[Span], rights: list[Span]) -> int | None:
    """The fewest words between one and another that do not overlap."""
    gaps = [
        max(left[0], right[0]) - min(left[1], right[1])
        for left in lefts
        for right in rights
        if left[1] <= right[0] or right[1] <= left[0]
    ]
    return min(gaps, default=None)


def _fact(asked: Field, document: Document) -> str:
    """What a field of this document is."""
    match asked.name:
        case "author":
            return f"its author is {document.name or document.handle} ({document.handle})"
        case "site" | "link":
            return f"its address is {document.url}" if document.url else "it has no address"
        case "source" | "network":
            return f"it came by {document.source} ({document.network})"
        case "lang":
            return f"its language is {document.language}"
        case "type":
            return f"it is a {document.type}"
        case "sentiment":
            return f"it reads {document.sentiment}"
        case "intent":
            return f"its intent is {document.intent}" if document.intent else "no intent was read in it"
        case "followers":
            known = document.followers
            return "its author's audience is not known" if known is None else f"its author has {known:,} followers"
        case "urgency":
            return f"its own urgency is {document.urgency}"
        case "watch":
            return f"it matched {', '.join(document.watches) or 'no watch'}"
        case "since" | "until":
            return f"it was written {document.created_at:%Y-%m-%d %H:%M} UTC, the limit is {_limit(asked, document)}"
    return f"{asked.name} is {asked.value}"


def _limit(asked: Field, document: Document) -> str:
    return f"{fields.moment(asked.value, document.now):%Y-%m-%d %H:%M}"
