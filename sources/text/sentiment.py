"""Sentiment: positive, neutral or negative, and how much.

Two ways. "model", as usual: a linear model of n-grams, word lists, faces and, in English, VADER, learnt from labelled
posts of nine languages (docs/reading.md has its card). "lexicon": the word lists alone, on VADER's scale; so are read
all other languages, and those without a word list by their emoji only: that is mostly neutral, and honest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, sqrt

from sources.text.lexicon import Hit, Spoken, lexicon
from sources.text.signals import NAMES, signals
from sources.text.valence import NORMAL, bounded, felt, shown, vader
from sources.text.weights import weights
from store.domain.mention import SentimentLabel

MODEL, LEXICON = "model", "lexicon"
THRESHOLD = 0.05
LEARNT = ("en", "de", "it", "fr", "es", "pt", "ro", "hu", "vi")
# How much more the word lists say where the labelled posts were of one kind only: emotions, films, goods of one shop.
LISTS = {"ro": 1.0, "hu": 1.0, "vi": 0.5}
# Vietnamese was learnt without neutral texts: neutral is where no side leads by this, with words of feeling or not.
UNSURE, UNSAID = 0.05, 0.4


@dataclass(frozen=True, slots=True)
class Sentiment:
    """`score` is -1..1: the probability of positive less that of negative, or the valence on VADER's scale."""

    label: SentimentLabel
    score: float


def sentiment(text: str, language: str, engine: str = MODEL) -> Sentiment:
    spoken = Spoken.of(text)
    return weigh(spoken, language, lexicon(language).find(spoken), engine)


def weigh(spoken: Spoken, language: str, hits: list[Hit], engine: str = MODEL) -> Sentiment:
    """The same for a text whose entries are already found."""
    if engine == LEXICON or language not in LEARNT or not spoken.words:
        return _by_lists(spoken, language, hits)
    return labelled(spoken, language, hits, probabilities(spoken, language, hits))


def why(text: str, language: str, engine: str = MODEL) -> list[tuple[str, float]]:
    """The words that moved the score and how far, weightiest first; below zero is towards negative."""
    spoken = Spoken.of(text)
    hits = lexicon(language).find(spoken)
    moved: dict[str, float] = {}
    if engine == LEXICON or language not in LEARNT:
        reasons = _valences(spoken, hits)
    else:
        reasons = _shares(spoken, language, hits)
    for words, weight in reasons:
        moved[words] = moved.get(words, 0.0) + weight
    found = [(words, round(weight, 3)) for words, weight in moved.items() if abs(weight) >= 0.05]
    return sorted(found, key=lambda reason: (-abs(reason[1]), reason[0]))


def _by_lists(spoken: Spoken, language: str, hits: list[Hit]) -> Sentiment:
    """Label by VADER's thresholds: >= 0.05 positive, <= -0.05 negative."""
    total = sum(value for _, value in felt(spoken, hits))
    if language == "en":
        compound = vader(spoken.text)["compound"]
        total += compound * sqrt(NORMAL / (1 - min(compound * compound, 0.999)))
    else:
        total += sum(value for _, value in shown(spoken.text))
    score = round(bounded(total), 4)
    if score >= THRESHOLD:
        return Sentiment(SentimentLabel.POSITIVE, score)
    return Sentiment(SentimentLabel.NEGATIVE if score <= -THRESHOLD else SentimentLabel.NEUTRAL, score)


def probabilities(spoken: Spoken, language: str, hits: list[Hit]) -> tuple[float, float, float]:
    """Of negative, neutral and positive, by the model; of a language in LEARNT and a text with words."""
    model = weights()
    values = signals(spoken, language, hits)
    negative, positive = model.of_signals(values, language)
    listed = LISTS.get(language, 0.0) * values[NAMES.index("valence and faces")]
    less, more = model.of_text(spoken.text, language)
    negative, positive = negative - listed + less, positive + listed + more
    # Neutral has the weight exp(0); Vietnamese has none of it, the line is drawn on the score instead.
    top = max(negative, positive, 0.0)
    less, none, more = exp(negative - top), 0.0 if language == "vi" else exp(-top), exp(positive - top)
    whole = less + none + more
    return less / whole, none / whole, more / whole


def labelled(spoken: Spoken, language: str, hits: list[Hit], three: tuple[float, float, float]) -> Sentiment:
    """What these probabilities come to."""
    less, none, more = three
    score = round(more - less, 4)
    if language == "vi":
        least = UNSURE if any(signals(spoken, language, hits)[:3]) else UNSAID
        sure = abs(more - less) >= least
    else:
        sure = max(less, more) > none
    if not sure:
        return Sentiment(SentimentLabel.NEUTRAL, score)
    return Sentiment(SentimentLabel.POSITIVE if more > less else SentimentLabel.NEGATIVE, score)


def _valences(spoken: Spoken, hits: list[Hit]) -> Iterator[tuple[str, float]]:
    for hit, value in felt(spoken, hits):
        yield hit.words, value
    yield from shown(spoken.text)


def _shares(spoken: Spoken, language: str, hits: list[Hit]) -> Iterator[tuple[str, float]]:
    """Each word's share by its n-grams, and for those of the word lists their part of what the lists say."""
    model = weights()
    for token, less, more in model.of_words(spoken.text, language):
        yield token, more - less
    values = signals(spoken, language, hits)
    listed = {"valence", "valence and faces", "positive words", "negative words"}
    pairs = zip(NAMES, values, model.signals[language], strict=True)
    total = sum(value * (more - less) for name, value, (less, more) in pairs if name in listed)
    valences = list(_valences(spoken, hits))
    whole = sum(abs(value) for _, value in valences)
    for words, value in valences:
        yield words, abs(total) * value / whole
