"""The whole reading of one text: once at intake, stored with its version, again by `earful reread`."""

from __future__ import annotations

from sources.text.intent import intent
from sources.text.language import by_langdetect, detect
from sources.text.lexicon import Spoken, lexicon
from sources.text.local import Layer
from sources.text.names import without
from sources.text.sentiment import weigh
from sources.text.urgency import urgency
from store.domain.desk import ReadingChoice
from store.domain.mention import Reading

VERSION = 3
USUAL = ReadingChoice()


def whole_of(title: str, text: str) -> str:
    return text if not title or text.startswith(title) else f"{title}\n{text}"


def read(
    title: str,
    text: str,
    *,
    hint: str = "",
    followers: int | None = None,
    choice: ReadingChoice = USUAL,
    layer: Layer | None = None,
) -> Reading:
    """Language, sentiment, intent and urgency of clean text. `hint` is the network's language tag, `layer` what the
    desk's corrections taught."""
    whole = whole_of(title, text)
    if choice.engine == "langdetect":
        language = by_langdetect(whole, choice.languages)
    else:
        language = detect(whole, hint, choice.languages)
    spoken = Spoken.of(without(whole, choice.names))
    hits = lexicon(language).find(spoken)
    felt = weigh(spoken, language, hits, choice.sentiment, layer)
    purpose = intent(spoken, language, hits, felt)
    points, reasons = urgency(hits, felt.label, felt.score, purpose, followers)
    return Reading(language, felt.label, felt.score, purpose, points, reasons, VERSION)
