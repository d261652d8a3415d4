"""How much the words of a mention and its author's audience ask for a person, 0..100, and why, in words on the row.

Rare crises (legal, safety, fraud, data leak, press) are found by words, and words are sometimes meant otherwise ("the
app is fire"): each is shown with the word that was found, and counts in full only in a text that is not friendly. What
time and other mentions add is added by the store when somebody looks.
"""

from __future__ import annotations

from math import log10

from sources.text.intent import COMPLAINT, SPAM, THREAT
from sources.text.lexicon import Hit
from store.domain import urgency as points
from store.domain.mention import SentimentLabel

SPOKEN_OF = {
    "safety": "danger",
    "data leak": "a data leak",
    "legal": "legal steps",
    "fraud": "fraud",
    "press": "the press",
}


def urgency(
    hits: list[Hit], label: SentimentLabel, score: float, intent: str | None, followers: int | None
) -> tuple[int, tuple[str, ...]]:
    """The sum of what speaks for haste, at most 100, and its reasons, weightiest first. Nobody needs to answer spam."""
    if intent == SPAM:
        return 0, ()
    found: list[tuple[int, str]] = []
    friendly = label is SentimentLabel.POSITIVE and intent not in (THREAT, COMPLAINT)
    bad = label is SentimentLabel.NEGATIVE or intent in (THREAT, COMPLAINT)
    if label is SentimentLabel.NEGATIVE:
        found.append((points.NEGATIVE + round(-points.NEGATIVE_SCORE * score), "negative"))
    if intent in points.INTENTS:
        found.append((points.INTENTS[intent], intent))
    mild = friendly or (intent != THREAT and any(hit.section == "elsewhere" for hit in hits))
    for crisis, weight in points.CRISES.items():
        if words := [hit for hit in hits if hit.section == crisis]:
            surest = max(words, key=lambda hit: hit.weight)
            weight = round(weight * points.SURENESS[min(3, max(1, round(surest.weight)))])
            found.append((weight // points.MILD if mild else weight, f"talk of {SPOKEN_OF[crisis]} (“{surest.words}”)"))
    if followers is not None and followers >= points.AUDIENCE_LEAST:
        reach = min(points.AUDIENCE_MOST, round(points.AUDIENCE * (log10(followers) - 3)))
        found.append((reach if bad else reach // (3 if friendly else 2), f"{followers:,} followers"))
    found.sort(key=lambda point: -point[0])
    return min(points.MOST, sum(weight for weight, _ in found)), tuple(reason for _, reason in found)
