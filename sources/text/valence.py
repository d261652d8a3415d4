"""Feeling by word lists: valences of -3..3 a word, turned round by a negation up to three words before it in the
sentence; faces; and VADER (Hutto and Gilbert, 2014) for English, the only language that it knows."""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

from sources.text.grams import ADDRESS
from sources.text.lexicon import Hit, Spoken, faces

NORMAL = 15.0  # VADER's alpha
TURNED = -0.74  # VADER's factor for a negated word
BOOST = 1.25
REACH = 3


def bounded(total: float) -> float:
    """A sum of valences on VADER's scale of -1..1: s / sqrt(s^2 + 15)."""
    return total / sqrt(total * total + NORMAL)


def felt(spoken: Spoken, hits: list[Hit]) -> list[tuple[Hit, float]]:
    """The entries with a feeling, and how much of it each brings where it stands."""
    negations = {hit.index for hit in hits if hit.section == "negation"}
    boosts = {hit.index for hit in hits if hit.section == "boost"}
    # A negation inside a phrase ("not working") belongs to the phrase.
    negations -= {n for hit in hits if hit.length > 1 and sign(hit) for n in range(hit.index, hit.index + hit.length)}
    found = []
    for hit in hits:
        valence = sign(hit) * hit.weight
        if valence:
            if hit.index - 1 in boosts:
                valence *= BOOST
            before = negations.intersection(range(hit.index - REACH, hit.index))
            if any(spoken.sentences[index] == spoken.sentences[hit.index] for index in before):
                valence *= TURNED
            found.append((hit, valence))
    return found


def sign(hit: Hit) -> int:
    return (hit.section == "positive") - (hit.section == "negative")


def shown(text: str) -> list[tuple[str, float]]:
    """Every face once, with its valence: ten of them are not ten times as glad."""
    signs = faces()
    typed = [(part, signs[part]) for part in set(text.split()) if not part.isalnum() and part in signs]
    drawn = [] if text.isascii() else [(char, signs[char]) for char in set(text) if char in signs]
    return sorted({*typed, *drawn})


def vader(text: str) -> dict[str, float]:
    """VADER's `compound`, `pos`, `neg` and `neu` of an English text without its addresses."""
    scores: dict[str, float] = _vader().polarity_scores(ADDRESS.sub(" ", text))
    return scores


def vader_knows(word: str) -> bool:
    """Whether an English word in small letters has a feeling for VADER."""
    return word in _vader().lexicon


@lru_cache(maxsize=1)
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
