"""The local layer: what a desk's own corrections move, on top of the shipped reading of moods.

For each language that was taught: how much more speaks for negative and for positive, whatever the text (`bias`), and
for each of its features: a word, the beginning of a longer word, two words side by side, all without diacritics and
hashed by CRC-32. Nothing of the shipped model changes; without a layer a text reads as ever.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import exp, sqrt
from zlib import crc32

from sources.text.grams import of_pair, tokens
from store.domain.mention import JsonObject
from store.domain.words import fold

Pair = tuple[float, float]  # how much speaks for negative and for positive, over neutral

STEM = 5  # letters that words of one family mostly share, in languages that inflect


@dataclass(frozen=True, slots=True)
class Offsets:
    """One language's. `words`: hash of a feature -> its pair."""

    bias: Pair
    words: Mapping[int, Pair]

    def of(self, features: tuple[int, ...]) -> Pair:
        negative = positive = 0.0
        for number in features:
            if found := self.words.get(number):
                negative += found[0]
                positive += found[1]
        scale = weight_of_one(features)
        return self.bias[0] + scale * negative, self.bias[1] + scale * positive


@dataclass(frozen=True)
class Layer:
    """`engine` is what it was fitted on top of: on another one it says nothing. `number` is the store's."""

    engine: str
    languages: Mapping[str, Offsets]
    number: int = 0

    def knows(self, language: str, engine: str) -> bool:
        return engine == self.engine and language in self.languages

    def of_text(self, text: str, language: str) -> Pair:
        return self.languages[language].of(features(text))

    def of_words(self, text: str, language: str) -> list[tuple[str, float]]:
        """The words of a text with what they move towards positive (below zero: negative)."""
        offsets = self.languages[language]
        named = dict(_named(text))
        scale = weight_of_one(tuple(named))
        found = ((words, offsets.words.get(number)) for number, words in named.items())
        return [(words, scale * (pair[1] - pair[0])) for words, pair in found if pair]

    @cached_property
    def packed(self) -> bytes:
        languages = {
            language: [*each.bias, {f"{number:x}": pair for number, pair in sorted(each.words.items())}]
            for language, each in sorted(self.languages.items())
        }
        whole = {"engine": self.engine, "languages": languages}
        return zlib.compress(json.dumps(whole, separators=(",", ":")).encode(), 9)

    @classmethod
    def unpacked(cls, packed: bytes, number: int) -> Layer:
        whole: JsonObject = json.loads(zlib.decompress(packed))
        languages = {
            language: Offsets((less, more), {int(key, 16): (pair[0], pair[1]) for key, pair in words.items()})
            for language, (less, more, words) in whole["languages"].items()
        }
        return cls(whole["engine"], languages, number)


def features(text: str) -> tuple[int, ...]:
    return tuple(sorted({number for number, _ in _named(text)}))


def weight_of_one(features: tuple[int, ...]) -> float:
    """So that a long text is moved no further than a short one."""
    return 1 / sqrt(len(features)) if features else 0.0


def chances(leaning: Pair) -> tuple[float, float, float]:
    """The probabilities of negative, neutral and positive; neutral is the zero that the others are measured from."""
    top = max(*leaning, 0.0)
    less, none, more = exp(leaning[0] - top), exp(-top), exp(leaning[1] - top)
    whole = less + none + more
    return less / whole, none / whole, more / whole


def _named(text: str) -> Iterator[tuple[int, str]]:
    """Each feature with the words that it is made of."""
    said = [fold(token) for token in tokens(text)]
    for word in said:
        if word not in ("@", "/"):
            yield _number(f"w{word}"), word
            if len(word) > STEM:
                yield _number(f"s{word[:STEM]}"), f"{word[:STEM]}..."
    for first, second in pairwise(said):
        yield of_pair(first, second), f"{first} {second}"


def _number(part: str) -> int:
    return crc32(part.encode("utf-8", "replace"))
