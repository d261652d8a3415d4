"""What a text is for: question, complaint, praise or request; None where nothing says so. By plain signals."""

from __future__ import annotations

from sources.text.lexicon import Hit, Spoken
from store.domain.mention import SentimentLabel

QUESTION, COMPLAINT, PRAISE, REQUEST = "question", "complaint", "praise", "request"


def intent(spoken: Spoken, hits: list[Hit], label: SentimentLabel, score: float) -> str | None:
    """A complaint that asks something is a complaint; a question needs its mark or a question's words at its front."""
    count = {section: sum(hit.section == section for hit in hits) for section in (COMPLAINT, PRAISE, REQUEST)}
    if count[COMPLAINT] and score < 0.35 and (label is SentimentLabel.NEGATIVE or count[COMPLAINT] > count[PRAISE]):
        return COMPLAINT
    if count[REQUEST]:
        return REQUEST
    if _asks(spoken, hits):
        return QUESTION
    if label is SentimentLabel.POSITIVE and (count[PRAISE] or score >= 0.5):
        return PRAISE
    return COMPLAINT if score <= -0.4 else None


def _asks(spoken: Spoken, hits: list[Hit]) -> bool:
    openings = [hit for hit in hits if hit.section == QUESTION]
    if "?" in spoken.text or "？" in spoken.text:
        return True
    return any(hit.index <= 2 and (hit.length > 1 or hit.index == 0) for hit in openings) and len(spoken.words) > 2
