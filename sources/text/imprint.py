"""What learning needs of a text: as numbers, so that another desk's corrections come without their words."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass

from sources.text.lexicon import Spoken, lexicon
from sources.text.likeness import Essence, essence
from sources.text.local import Pair, features
from sources.text.local_fit import Example
from sources.text.names import without
from sources.text.sentiment import LEXICON, MODEL, leaning


@dataclass(frozen=True, slots=True)
class Imprint:
    """`leanings` by engine."""

    essence: Essence
    leanings: dict[str, Pair]
    features: tuple[int, ...]

    def example(self, engine: str) -> Example:
        return Example(self.essence.digest, self.leanings[engine], self.features)

    def packed(self) -> bytes:
        known = self.essence
        whole = [known.digest, sorted(known.grams), known.mood, self.leanings, self.features]
        return zlib.compress(json.dumps(whole, separators=(",", ":")).encode(), 9)

    @classmethod
    def unpacked(cls, packed: bytes) -> Imprint:
        digest, grams, mood, leanings, numbers = json.loads(zlib.decompress(packed))
        pairs = {engine: (less, more) for engine, (less, more) in leanings.items()}
        return cls(Essence(digest, frozenset(grams), mood), pairs, tuple(numbers))


def imprint(text: str, language: str, names: tuple[str, ...]) -> Imprint | None:
    """None for a text without any word."""
    known = essence(text, language)
    if known is None:
        return None
    spoken = Spoken.of(without(text, names))
    hits = lexicon(language).find(spoken)
    leanings = {engine: leaning(spoken, language, hits, engine) for engine in (MODEL, LEXICON)}
    return Imprint(known, leanings, features(spoken.text))
