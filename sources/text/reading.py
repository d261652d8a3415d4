"""The whole reading of one text: once at intake, stored with its version, again by `earful reread`."""

from __future__ import annotations

from sources.text.intent import intent
from sources.text.language import detect
from sources.text.lexicon import Spoken, lexicon
from sources.text.sentiment import weigh
from sources.text.urgency import urgency
from store.domain.mention import Reading

VERSION = 1


def read(title: str, text: str, *, hint: str = "", followers: int | None = None) -> Reading:
    """Language, sentiment, intent and urgency of clean text. `hint` is the network's language tag."""
    whole = text if not title or text.startswith(title) else f"{title}\n{text}"
    language = detect(whole, hint)
    spoken = Spoken.of(whole)
    hits = lexicon(language).find(spoken)
    label, score = weigh(spoken, language, hits)
    purpose = intent(spoken, hits, label, score)
    points, reasons = urgency(hits, label, score, purpose, followers)
    return Reading(language, label, score, purpose, points, reasons, VERSION)
