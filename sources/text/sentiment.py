"""Sentiment: positive, neutral or negative, and how much.

Two ways. "model", as usual: a linear model of n-grams, word lists, faces and, in English, VADER, learnt from labelled
posts of nine languages (docs/reading.md has its card). "lexicon": the word lists alone, on VADER's scale; so are read
all other languages, and those without a word list by their emoji only: that is mostly neutral, and honest.
On top of either a layer that was fitted to the desk's own corrections may say more (`sources.text.local`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import atanh, sqrt

from sources.text.lexicon import Hit, Spoken, lexicon
from sources.text.local import Layer, Pair, chances
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
STEEP = 4.0  # what a valence of 1 is worth as a leaning


@dataclass(frozen=True, slots=True)
class Sentiment:
    """`score` is -1..1: the probability of positive less that of negative, or the valence on VADER's scale."""

    label: SentimentLabel
    score: float


def sentiment(text: str, language: str, engine: str = MODEL, layer: Layer | None = None) -> Sentiment:
    spoken = Spoken.of(text)
    return weigh(spoken, language, lexicon(language).find(spoken), engine, layer)


def weigh(spoken: Spoken, language: str, hits: list[Hit], engine: str = MODEL, layer: Layer | None = None) -> Sentiment:
    """The same for a text whose entries are already found."""
    if layer is not None and layer.knows(language, engine):
        less, more = leaning(spoken, language, hits, engine)
        moved = layer.of_text(spoken.text, language)
        return _felt((less + moved[0], more + moved[1]))
    if _by_lists_only(spoken, language, engine):
        return _by_lists(spoken, language, hits)
    return labelled(spoken, language, hits, probabilities(spoken, language, hits))


def leaning(spoken: Spoken, language: str, hits: list[Hit], engine: str = MODEL) -> Pair:
    """How much speaks for negative and for positive over neutral, on one scale for every language and engine: above
    zero, and above the other, is what `weigh` says without a layer."""
    if _by_lists_only(spoken, language, engine):
        score = _by_lists(spoken, language, hits).score
        return -STEEP * (score + THRESHOLD), STEEP * (score - THRESHOLD)
    negative, positive, least = _by_weights(spoken, language, hits)
    if language != "vi":
        return negative, positive
    lead, line = positive - negative, 2 * atanh(least)
    return -lead - line, lead - line


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


def probabilities(
    spoken: Spoken, language: str, hits: list[Hit], layer: Layer | None = None
) -> tuple[float, float, float]:
    """Of negative, neutral and positive, by the model and what was taught it; of a language in LEARNT and a text with
    words. Vietnamese was learnt without neutral texts, and gives them nothing."""
    if layer is not None and layer.knows(language, MODEL):
        less, more = leaning(spoken, language, hits)
        moved = layer.of_text(spoken.text, language)
        return chances((less + moved[0], more + moved[1]))
    negative, positive, _ = _by_weights(spoken, language, hits)
    less, none, more = chances((negative, positive))
    if language == "vi":
        return less / (less + more), 0.0, more / (less + more)
    return less, none, more


def labelled(spoken: Spoken, language: str, hits: list[Hit], three: tuple[float, float, float]) -> Sentiment:
    """What these probabilities come to."""
    less, none, more = three
    score = round(more - less, 4)
    if language == "vi":  # a line, in place of what it was never shown
        none = _least(signals(spoken, language, hits)) + min(less, more)
    if none >= max(less, more):
        return Sentiment(SentimentLabel.NEUTRAL, score)
    return Sentiment(SentimentLabel.POSITIVE if more > less else SentimentLabel.NEGATIVE, score)


def _by_weights(spoken: Spoken, language: str, hits: list[Hit]) -> tuple[float, float, float]:
    """Negative and positive over neutral; in Vietnamese, which has no weight for neutral, the least score of a mood."""
    model = weights()
    values = signals(spoken, language, hits)
    negative, positive = model.of_signals(values, language)
    listed = LISTS.get(language, 0.0) * values[NAMES.index("valence and faces")]
    less, more = model.of_text(spoken.text, language)
    return negative - listed + less, positive + listed + more, _least(values)


def _least(values: list[float]) -> float:
    return UNSURE if any(values[:3]) else UNSAID


def _felt(leaning: Pair) -> Sentiment:
    less, _, more = chances(leaning)
    score = round(more - less, 4)
    if max(leaning) <= 0:
        return Sentiment(SentimentLabel.NEUTRAL, score)
    return Sentiment(SentimentLabel.POSITIVE if leaning[1] > leaning[0] else SentimentLabel.NEGATIVE, score)


def _by_lists_only(spoken: Spoken, language: str, engine: str) -> bool:
    return engine == LEXICON or language not in LEARNT or not spoken.words


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
