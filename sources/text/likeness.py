"""Whether two texts say the same: the same words but for links, handles and numbers, or nearly so.

Nearly: of the words and the pairs of neighbours that either has, both have 85 % (Jaccard), and the words of mood and
negation are the very same, because "not" is one word of many. A match is found exactly and without comparing all with
all: two such sets, each in the order of its numbers, share one of their first few (prefix filtering, Chaudhuri et al.,
"A primitive operator for similarity joins in data cleaning", 2006).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from typing import Generic, TypeVar
from zlib import crc32

from sources.text.grams import ADDRESS
from sources.text.lexicon import Spoken, lexicon
from sources.text.valence import shown, vader_knows
from store.domain.words import folded_words

T = TypeVar("T")
NEARLY = 0.85
LEAST_WORDS = 6  # shorter texts are the same or they are not
_SECTIONS = frozenset({"positive", "negative", "negation"})


@dataclass(frozen=True, slots=True)
class Essence:
    """What of a text is compared. `digest` is the same for the same words and moods of faces; `grams` is empty where a
    text is too short to be nearly another."""

    digest: str
    grams: frozenset[int]
    mood: int


def essence(text: str, language: str) -> Essence | None:
    """None for a text without any word."""
    said = [word for word in folded_words(ADDRESS.sub(" ", text)) if not word[0].isdigit()]
    if not said:
        return None
    faces = "".join(sorted({"+" if valence > 0 else "-" for _, valence in shown(text)}))
    digest = hashlib.sha256(f"{' '.join(said)}\n{faces}".encode("utf-8", "replace")).hexdigest()
    if len(said) < LEAST_WORDS:
        return Essence(digest, frozenset(), 0)
    grams = {*said, *map(" ".join, pairwise(said))}
    mood = crc32("\n".join([*_mood(text, language), faces]).encode("utf-8", "replace"))
    return Essence(digest, frozenset(crc32(gram.encode("utf-8", "replace")) for gram in grams), mood)


def _mood(text: str, language: str) -> list[str]:
    spoken = Spoken.of(text)
    found = [f"{hit.section} {hit.words}" for hit in lexicon(language).find(spoken) if hit.section in _SECTIONS]
    if language == "en":
        found += [word for word in spoken.written if vader_knows(word)]
    return sorted(found)


@dataclass(slots=True)
class Alike(Generic[T]):
    """Values by the text that they stand for; what was added later comes first."""

    _exact: dict[str, T] = field(default_factory=dict)
    _nearly: dict[int, list[tuple[Essence, T]]] = field(default_factory=dict)

    def add(self, known: Essence, value: T) -> None:
        self._exact[known.digest] = value
        for gram in _first(known):
            self._nearly.setdefault(gram, []).append((known, value))

    def find(self, asked: Essence) -> T | None:
        """The value of the same text, else of the one that is nearest of those that nearly are."""
        if asked.digest in self._exact:
            return self._exact[asked.digest]
        best, found = NEARLY, None
        for gram in _first(asked):
            for known, value in self._nearly.get(gram, ()):
                if known.mood == asked.mood and (share := shared(known, asked)) >= best:
                    best, found = share, value
        return found


def same(one: Essence, other: Essence) -> bool:
    if one.digest == other.digest:
        return True
    return bool(one.grams) and one.mood == other.mood and shared(one, other) >= NEARLY


def shared(one: Essence, other: Essence) -> float:
    both = len(one.grams & other.grams)
    return both / (len(one.grams) + len(other.grams) - both) if both else 0.0


def _first(known: Essence) -> list[int]:
    """As many as it takes for two sets of that share to have one in common."""
    number = len(known.grams) - ceil(NEARLY * len(known.grams)) + 1 if known.grams else 0
    return sorted(known.grams)[:number]
