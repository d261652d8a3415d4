"""Sentiment by a vector: one small linear layer for each engine, averaged with what the model of words says.

The file is one line of JSON, then 16-bit floats: for negative and for positive, each over neutral, the weights that
all languages share and those of each language on top, and each language's mean vector as it was learnt.
"""

from __future__ import annotations

import json
import lzma
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from sources.text.deep.engines import Engine
from sources.text.intent import intent
from sources.text.lexicon import Spoken, lexicon
from sources.text.local import Layer
from sources.text.sentiment import labelled, probabilities
from sources.text.urgency import urgency
from store.domain.mention import Reading

FOLDER = Path(__file__).parents[1] / "models"
SHARE = 0.5  # what the vector has to say, beside the words

Three = tuple[float, float, float]  # the probabilities of negative, neutral and positive


@dataclass(frozen=True, slots=True)
class Head:
    """`weights`: language -> numbers x 2, `bias`: language -> 2, both over neutral; `means`: language -> its mean."""

    weights: dict[str, Any]
    bias: dict[str, Any]
    means: dict[str, Any]

    def probabilities(self, vector: Any, language: str) -> Three:
        import numpy as np

        negative, positive = vector @ self.weights[language] + self.bias[language]
        wide = np.array([negative, 0.0, positive])
        if language == "vi":  # learnt without neutral texts
            wide[1] = -np.inf
        wide = np.exp(wide - wide.max())
        less, none, more = wide / wide.sum()
        return float(less), float(none), float(more)


@lru_cache(maxsize=4)
def head(engine: Engine) -> Head | None:
    """None for an engine that came without one."""
    import numpy as np

    if not engine.head:
        return None
    about, _, body = lzma.decompress((FOLDER / engine.head).read_bytes()).partition(b"\n")
    languages = json.loads(about)["languages"]
    numbers = np.frombuffer(body, "<f2").astype(np.float32)
    size, count = engine.dimension, len(languages)
    weights = numbers[: 2 * size * count].reshape(count, size, 2)
    bias = numbers[2 * size * count : 2 * (size + 1) * count].reshape(count, 2)
    means = numbers[2 * (size + 1) * count :].reshape(count, size)
    by_language = [dict(zip(languages, each, strict=True)) for each in (weights, bias, means)]
    return Head(*by_language)


def refined(
    engine: Engine, vector: Any, read: Reading, said: str, followers: int | None, taught: Layer | None = None
) -> Reading | None:
    """The same text read again with its vector: sentiment, and what follows from it. `taught` is what the desk's
    corrections moved. None where this engine betters nothing: a language that it does not know."""
    layer = head(engine)
    if layer is None or read.language not in engine.feels or read.language not in layer.weights:
        return None
    spoken = Spoken.of(said)
    if not spoken.words:
        return None
    hits = lexicon(read.language).find(spoken)
    light = probabilities(spoken, read.language, hits, taught)
    deep = layer.probabilities(vector, read.language)
    less, none, more = ((1 - SHARE) * one + SHARE * other for one, other in zip(light, deep, strict=True))
    felt = labelled(spoken, read.language, hits, (less, none, more))
    purpose = intent(spoken, read.language, hits, felt)
    points, reasons = urgency(hits, felt.label, felt.score, purpose, followers)
    return replace(read, sentiment=felt.label, score=felt.score, intent=purpose, urgency=points, reasons=reasons)
