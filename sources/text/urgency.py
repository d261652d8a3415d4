"""How much a mention needs a person now, 0..100, and why, in words that stand on the row.

Rare crises (legal, safety, fraud, data leak, press) are found by words, and words are sometimes meant otherwise ("the
app is fire"): each is shown with the word that was found, and counts in full only in a text that is not friendly.
"""

from __future__ import annotations

from math import log10

from sources.text.intent import COMPLAINT, QUESTION, REQUEST
from sources.text.lexicon import Hit
from store.domain.mention import SentimentLabel

CRISES = {"safety": 45, "data leak": 45, "legal": 40, "fraud": 35, "press": 30}
LARGE_AUDIENCE = 10_000


def urgency(
    hits: list[Hit], label: SentimentLabel, score: float, intent: str | None, followers: int | None
) -> tuple[int, tuple[str, ...]]:
    """The sum of what speaks for haste, at most 100, and its reasons, weightiest first."""
    points: list[tuple[int, str]] = []
    friendly = label is SentimentLabel.POSITIVE
    if label is SentimentLabel.NEGATIVE:
        points.append((10 + round(-15 * score), "negative"))
    if intent == COMPLAINT:
        points.append((15, COMPLAINT))
    elif intent in (QUESTION, REQUEST):
        points.append((10, str(intent)))
    for crisis, weight in CRISES.items():
        if word := next((hit.words for hit in hits if hit.section == crisis), None):
            points.append((weight // 4 if friendly else weight, f"{crisis}: {word}"))
    if followers is not None and followers >= LARGE_AUDIENCE:
        reach = min(30, round(10 * (log10(followers) - 3)))
        points.append((reach // 3 if friendly else reach, f"{followers:,} followers"))
    points.sort(key=lambda point: -point[0])
    return min(100, sum(weight for weight, _ in points)), tuple(reason for _, reason in points)
