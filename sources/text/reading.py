"""The whole reading of one text: once at intake, stored with its version, again by `earful reread`."""

from __future__ import annotations

from sources.text.intent import intent
from sources.text.language import by_langdetect, detect
from sources.text.lexicon import Spoken, lexicon
from sources.text.sentiment import weigh
from sources.text.urgency import urgency
from store.domain.desk import ReadingChoice
from store.domain.mention import Reading

VERSION = 2
USUAL = ReadingChoice()


def read(
    title: str, text: str, *, hint: str = "", followers: int | None = None, choice: ReadingChoice = USUAL
) -> Reading:
    """Language, sentiment, intent and urgency of clean text. `hint` is the network's language tag."""
    said = whole(title, text)
    if choice.engine == "langdetect":
        language = by_langdetect(said, choice.languages)
    else:
        language = detect(said, hint, choice.languages)
    spoken = Spoken.of(said)
    hits = lexicon(language).find(spoken)
    felt = weigh(spoken, language, hits, choice.sentiment)
    purpose = intent(spoken, hits, felt)
    points, reasons = urgency(hits, felt.label, felt.score, purpose, followers)
    return Reading(language, felt.label, felt.score, purpose, points, reasons, VERSION)


def whole(title: str, text: str) -> str:
    return text if not title or text.startswith(title) else f"{title}\n{text}"
