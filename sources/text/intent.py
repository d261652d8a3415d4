"""What a text is for: question, complaint, praise, request, threat or spam; None where nothing says so.

By plain signals that can be named, each with a weight set by hand after what was found on labelled complaints: what
makes a complaint is a bad mood, words for what went wrong, negations and open questions, hardly ever exclamation marks.
"""

from __future__ import annotations

import math
import re
from collections import Counter

from sources.text.grams import ADDRESS
from sources.text.lexicon import Hit, Spoken
from sources.text.sentiment import Sentiment
from store.domain.mention import SentimentLabel

QUESTION, COMPLAINT, PRAISE, REQUEST = "question", "complaint", "praise", "request"
THREAT, SPAM = "threat", "spam"
THREATS = frozenset({"legal", "safety", "fraud", "data leak"})
LEAST_COMPLAINT = 0.5
LEAST_THREAT = 1.0
LEAST_SPAM = 3.0
GLAD = 0.5
_PHONE = re.compile(r"(?<![\w.])\+?\d(?:[\s().-]?\d){8,13}(?!\w)")


def intent(spoken: Spoken, hits: list[Hit], felt: Sentiment) -> str | None:
    """A complaint that asks something is a complaint; a question needs its mark or a question's words at its front."""
    count = Counter(hit.section for hit in hits)
    negative = felt.label is SentimentLabel.NEGATIVE
    if not negative and _spam(spoken, count) >= LEAST_SPAM:
        return SPAM
    complaint = complains(spoken, count, felt)
    if complaint >= LEAST_THREAT and negative and any(count[section] for section in THREATS):
        return THREAT
    if complaint >= LEAST_COMPLAINT:
        return COMPLAINT
    if count[REQUEST]:
        return REQUEST
    if _asks(spoken, hits):
        return QUESTION
    if felt.label is SentimentLabel.POSITIVE and (count[PRAISE] or felt.score >= GLAD):
        return PRAISE
    return None


def complains(spoken: Spoken, count: Counter[str], felt: Sentiment) -> float:
    """How much speaks for a complaint; `count` is the number of entries by section."""
    weight = -1.5 * felt.score
    weight += 0.6 * min(2, count[COMPLAINT]) + 0.3 * min(2, count["negative"]) + 0.25 * min(2, count["negation"])
    if not (count[COMPLAINT] or count["negative"] or count["negation"]):
        weight -= 0.7 if "?" in spoken.text or count[QUESTION] else 0.2  # a mood alone
    weight += 0.2 * ("?" in spoken.text) + 0.25 * math.log1p(len(spoken.words) / 10)
    return weight - 0.6 * min(2, count[PRAISE]) - 0.5 * bool(count[REQUEST])


def _spam(spoken: Spoken, count: Counter[str]) -> float:
    """Words of advertising weigh most; links, telephone numbers, rows of hashtags and of handles make it sure."""
    text = spoken.text
    addresses = ADDRESS.findall(text)
    handles = sum(address[0] in "@＠" for address in addresses)
    weight = 1.5 * min(3, count[SPAM])
    weight += 1.0 * (len(addresses) > handles) + 1.0 * bool(_PHONE.search(text))
    return weight + 1.0 * (text.count("#") >= 5) + 1.0 * (handles >= 5)


def _asks(spoken: Spoken, hits: list[Hit]) -> bool:
    openings = [hit for hit in hits if hit.section == QUESTION]
    if "?" in spoken.text or "？" in spoken.text:
        return True
    return any(hit.index <= 2 and (hit.length > 1 or hit.index == 0) for hit in openings) and len(spoken.words) > 2
