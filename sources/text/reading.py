"""The whole reading of one text: once at intake, stored with its version, again by `earful reread`."""

from __future__ import annotations

import html
import re
from dataclasses import replace

from sources.text.intent import DENIED_BY_PRAISE, intent
from sources.text.language import by_langdetect, detect
from sources.text.lexicon import Spoken, lexicon
from sources.text.local import Layer
from sources.text.names import without
from sources.text.sentiment import Sentiment, weigh
from sources.text.urgency import urgency
from store.domain.desk import ReadingChoice
from store.domain.mention import Mention, Reading, SentimentLabel

VERSION = 4
USUAL = ReadingChoice()
_WRITTEN_OUT = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,6}|#x[\da-fA-F]{1,5});")


def whole_of(title: str, text: str) -> str:
    """What is read. Signs that an export left written out (`&amp;`) are signs, not words."""
    whole = text if not title or text.startswith(title) else f"{title}\n{text}"
    return _WRITTEN_OUT.sub(lambda found: html.unescape(found[0]), whole)


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


def of_mention(mention: Mention) -> Reading:
    """As it is stored."""
    return Reading(
        mention.language,
        mention.sentiment,
        mention.score,
        mention.intent,
        mention.urgency,
        mention.reasons,
        VERSION,
    )


def follow(
    title: str, text: str, read: Reading, *, told: bool, followers: int | None = None, choice: ReadingChoice = USUAL
) -> Reading:
    """`read` with the intent and the urgency that follow from its mood, which is a person's word where `told`: what
    somebody calls positive is no complaint, whatever its words are."""
    spoken = Spoken.of(without(whole_of(title, text), choice.names))
    hits = lexicon(read.language).find(spoken)
    if told and read.sentiment is SentimentLabel.POSITIVE:
        hits = [hit for hit in hits if hit.section not in DENIED_BY_PRAISE]
    purpose = intent(spoken, read.language, hits, Sentiment(read.sentiment, read.score))
    points, reasons = urgency(hits, read.sentiment, read.score, purpose, followers)
    return replace(read, intent=purpose, urgency=points, reasons=reasons)
