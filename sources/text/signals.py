"""What a text shows besides its words, as a few numbers between about -1 and 2 that a linear model can weigh."""

from __future__ import annotations

import math
from collections import Counter

from sources.text.grams import LENGTHENED
from sources.text.lexicon import Hit, Spoken
from sources.text.valence import bounded, felt, shown, vader

NAMES = (
    "valence", "faces", "valence and faces", "positive words", "negative words", "negation", "complaint", "praise",
    "question", "request", "!", "?", "!s", "capitals", "length", "link", "handle", "hashtags", "lengthened", "ellipsis",
    "quotation", "vader", "vader positive", "vader negative", "vader neutral",
)  # fmt: skip


def signals(spoken: Spoken, language: str, hits: list[Hit]) -> list[float]:
    """One number for each of NAMES."""
    text = spoken.text
    count = Counter(hit.section for hit in hits)
    valence = sum(value for _, value in felt(spoken, hits))
    glad = sum(value for _, value in shown(text))
    letters = sum(map(str.isalpha, text))
    said = vader(text) if language == "en" else None
    return [
        bounded(valence),
        bounded(glad),
        bounded(valence + glad),
        min(3, count["positive"]) / 2,
        min(3, count["negative"]) / 2,
        *(min(2, count[section]) / 2 for section in ("negation", "complaint", "praise", "question", "request")),
        float("!" in text),
        float("?" in text),
        min(3, text.count("!")) / 3,
        sum(map(str.isupper, text)) / letters if letters > 4 else 0.0,
        math.log1p(len(spoken.words)) / 3,
        float("http" in text),
        float("@" in text),
        min(3, text.count("#")) / 3,
        float(LENGTHENED.search(text) is not None),
        float("…" in text or "..." in text),
        float(any(mark in text for mark in '"“«„')),
        *((said["compound"], 2 * said["pos"], 2 * said["neg"], said["neu"]) if said else (0.0,) * 4),
    ]
