"""Sentiment: positive, neutral or negative, and how much.

English is read by VADER (Hutto and Gilbert, 2014) together with what it misses in talk about products ("is down").
VADER knows no other language, so others are read by small hand-written word lists alone: valences of -3..3 a word,
turned round by a negation up to three words before it in the sentence, on VADER's own scale: s / sqrt(s^2 + 15). A
language without a word list is read by its emoji only; that is mostly neutral, and honest.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import sqrt
from typing import Any

from sources.text.lexicon import Hit, Spoken, faces, lexicon
from store.domain.mention import SentimentLabel

THRESHOLD = 0.05
NORMAL = 15.0  # VADER's alpha
TURNED = -0.74  # VADER's factor for a negated word
BOOST = 1.25
REACH = 3
_ADDRESSES = re.compile(r"https?://\S+|@[\w.]+(?:@[\w.-]+)?")


def sentiment(text: str, language: str) -> tuple[SentimentLabel, float]:
    """Label and score, -1..1. Label by VADER's thresholds: >= 0.05 positive, <= -0.05 negative."""
    spoken = Spoken.of(text)
    return weigh(spoken, language, lexicon(language).find(spoken))


def weigh(spoken: Spoken, language: str, hits: list[Hit]) -> tuple[SentimentLabel, float]:
    """The same for a text whose entries are already found."""
    total = _feeling(spoken, hits)
    if language == "en":
        compound = _vader().polarity_scores(_ADDRESSES.sub(" ", spoken.text))["compound"]
        total += compound * sqrt(NORMAL / (1 - min(compound * compound, 0.999)))
    else:
        total += _faces(spoken.text)
    score = round(total / sqrt(total * total + NORMAL), 4)
    if score >= THRESHOLD:
        return SentimentLabel.POSITIVE, score
    return (SentimentLabel.NEGATIVE if score <= -THRESHOLD else SentimentLabel.NEUTRAL), score


def _feeling(spoken: Spoken, hits: list[Hit]) -> float:
    negations = {hit.index for hit in hits if hit.section == "negation"}
    boosts = {hit.index for hit in hits if hit.section == "boost"}
    # A negation inside a phrase ("not working") belongs to the phrase.
    negations -= {n for hit in hits if hit.length > 1 and _sign(hit) for n in range(hit.index, hit.index + hit.length)}
    total = 0.0
    for hit in hits:
        valence = _sign(hit) * hit.weight
        if valence:
            if hit.index - 1 in boosts:
                valence *= BOOST
            before = negations.intersection(range(hit.index - REACH, hit.index))
            if any(spoken.sentences[index] == spoken.sentences[hit.index] for index in before):
                valence *= TURNED
            total += valence
    return total


def _sign(hit: Hit) -> int:
    return (hit.section == "positive") - (hit.section == "negative")


def _faces(text: str) -> float:
    """Every face once: ten of them are not ten times as glad."""
    signs = faces()
    typed = sum(signs.get(part, 0.0) for part in set(text.split()) if not part.isalnum())
    drawn = 0.0 if text.isascii() else sum(signs.get(char, 0.0) for char in set(text))
    return typed + drawn


@lru_cache(maxsize=1)
def _vader() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
