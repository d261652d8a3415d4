"""The learnt weights of the sentiment model: loaded when the first text is read, summed up without any library.

The file is one line of JSON (what is in it), then bytes: for each class but neutral one table that all languages
share and one that each language looks into at places of its own; a byte is the signed root of a weight. Neutral is the
zero that the others are measured from.
"""

from __future__ import annotations

import json
import lzma
from array import array
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import sqrt
from pathlib import Path
from zlib import crc32

from sources.text.grams import of_pair, of_word, tokens

WEIGHTS_FILE = Path(__file__).with_name("models") / "sentiment.bin"

Pair = tuple[float, float]  # how much speaks for negative and for positive, over neutral


@dataclass(frozen=True, slots=True)
class Weights:
    """`tables`: negative shared, negative own, positive shared, positive own. `signals`: by language, a pair for each
    signal; `bias`: by language. `step` is what a unit of a table is worth."""

    mask: int
    step: float
    tables: tuple[array[int], array[int], array[int], array[int]]
    signals: dict[str, list[Pair]]
    bias: dict[str, Pair]
    kept: dict[tuple[str, str], tuple[float, float, int]]

    def of_signals(self, values: list[float], language: str) -> Pair:
        negative, positive = self.bias[language]
        for value, (less, more) in zip(values, self.signals[language], strict=True):
            negative += value * less
            positive += value * more
        return negative, positive

    def of_text(self, text: str, language: str) -> Pair:
        """What all n-grams say together."""
        said = tokens(text)
        if not said:
            return 0.0, 0.0
        parts = [self._word(token, language) for token in said]
        negative, positive = self._sum(list(map(of_pair, said, said[1:])), crc32(language.encode()))
        scale = self.step / sqrt(sum(part[2] for part in parts) + len(said) - 1)
        return scale * (negative + sum(part[0] for part in parts)), scale * (positive + sum(part[1] for part in parts))

    def of_words(self, text: str, language: str) -> list[tuple[str, float, float]]:
        """Each token with its share for negative and positive. Half of what two say together is each one's."""
        said = tokens(text)
        if not said:
            return []
        parts = [self._word(token, language) for token in said]
        count = sum(part[2] for part in parts) + len(said) - 1
        scale = self.step / sqrt(count)
        seed = crc32(language.encode())
        pairs = [self._sum([of_pair(first, second)], seed) for first, second in pairwise(said)]
        before, behind = [(0.0, 0.0), *pairs], [*pairs, (0.0, 0.0)]
        return [
            (token, (own[0] + (left[0] + right[0]) / 2) * scale, (own[1] + (left[1] + right[1]) / 2) * scale)
            for token, own, left, right in zip(said, parts, before, behind, strict=True)
        ]

    def _word(self, token: str, language: str) -> tuple[float, float, int]:
        found = self.kept.get((language, token))
        if found is None:
            if len(self.kept) > 100_000:  # the common words are back at once
                self.kept.clear()
            hashes = of_word(token)
            found = (*self._sum(hashes, crc32(language.encode())), len(hashes))
            self.kept[language, token] = found
        return found

    def _sum(self, hashes: list[int], seed: int) -> Pair:
        mask, (less, less_own, more, more_own) = self.mask, self.tables
        negative = positive = 0
        for number in hashes:
            at, own = number & mask, (number ^ seed) & mask
            negative += less[at] + less_own[own]
            positive += more[at] + more_own[own]
        return negative, positive


@lru_cache(maxsize=1)
def weights() -> Weights:
    head, _, body = lzma.decompress(WEIGHTS_FILE.read_bytes()).partition(b"\n")
    about = json.loads(head)
    size = 1 << about["bits"]
    squares = [code * code if code < 128 else -((256 - code) ** 2) for code in range(256)]
    negative, own, positive, own_positive = (
        array("h", map(squares.__getitem__, body[at * size : (at + 1) * size])) for at in range(4)
    )
    return Weights(
        mask=size - 1,
        step=about["step"],
        tables=(negative, own, positive, own_positive),
        signals={language: [(less, more) for less, more in each] for language, each in about["signals"].items()},
        bias={language: (less, more) for language, (less, more) in about["bias"].items()},
        kept={},
    )
