"""What a text is for: question, complaint, praise, request, threat or spam; None where nothing says so.

By plain signals that can be named, each with a weight set by hand after what was found on labelled complaints: what
makes a complaint is a bad mood, words for what went wrong, negations and open questions, hardly ever exclamation marks.
A crisis is found by words, and words are sometimes meant otherwise ("the app is fire"): a threat is a crisis in a text
that is unfriendly and speaks of "me" or to "you".
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable

from sources.text.grams import ADDRESS
from sources.text.lexicon import Hit, Spoken
from sources.text.sentiment import Sentiment
from store.domain.mention import SentimentLabel

QUESTION, COMPLAINT, PRAISE, REQUEST = "question", "complaint", "praise", "request"
THREAT, SPAM = "threat", "spam"
THREATS = frozenset({"legal", "safety", "fraud", "data leak"})
DENIED_BY_PRAISE = frozenset({COMPLAINT, "negative", "negation"})  # what speaks for a complaint
LEAST_COMPLAINT = 0.5
LEAST_THREAT = 4.0
LEAST_SPAM = 3.0
GLAD = 0.5
LONG = 60  # words: who complains takes some, but an article is long without complaining
MOST_OF_WORDS = 4.0  # a text full of crises is no more of a threat, one full of bargains no more of an advertisement
ALWAYS_FEELING = frozenset({"vi"})  # the model learnt no neutral text in these: a mood alone says little
_PHONE = re.compile(r"(?<![\w.])\+?\d(?:[\s().-]?\d){8,13}(?!\w)")
_QUOTED_QUESTION = re.compile(r"[\"“”„«»][^\"“”„«»]{1,200}[?？][\"“”„«»]")


def intent(spoken: Spoken, language: str, hits: list[Hit], felt: Sentiment) -> str | None:
    """A complaint that asks something is a complaint; a question needs its mark or a question's words at its front."""
    hits = _as_meant(spoken, hits)
    count = Counter(hit.section for hit in hits)
    spam = _spam(spoken, hits, count)
    if spam >= LEAST_SPAM and (spam > LEAST_SPAM or felt.label is not SentimentLabel.NEGATIVE):
        return SPAM
    complaint = complains(spoken, language, count, felt)
    if _threatens(hits, count, felt, complaint) >= LEAST_THREAT:
        return THREAT
    asks = _asks(spoken, hits)
    if count[REQUEST] and not count[COMPLAINT] and complaint < LEAST_COMPLAINT + 0.5 * asks:
        return REQUEST
    if complaint >= LEAST_COMPLAINT:
        return COMPLAINT
    if asks:
        return QUESTION
    glad = count[PRAISE] + (felt.score >= GLAD) - count["elsewhere"]
    if felt.label is not SentimentLabel.NEGATIVE and felt.score > 0 and glad > 0:
        return PRAISE
    return None


def complains(spoken: Spoken, language: str, count: Counter[str], felt: Sentiment) -> float:
    """How much speaks for a complaint; `count` is the number of entries by section."""
    weight = -1.5 * felt.score
    if not (count[COMPLAINT] or count["negative"] or count["negation"]):  # a mood alone
        weight = min(weight, 0.0) if language in ALWAYS_FEELING else weight
        weight -= 0.7 if "?" in spoken.text or count[QUESTION] else 0.2
    weight += 0.6 * min(2, count[COMPLAINT]) + 0.3 * min(2, count["negative"]) + 0.25 * min(2, count["negation"])
    weight += 0.2 * ("?" in spoken.text) + 0.25 * math.log1p(min(len(spoken.words), LONG) / 10)
    weight -= 0.6 * min(2, count[PRAISE]) + 0.5 * bool(count[REQUEST])
    return weight if count[COMPLAINT] else weight - 0.5 * min(2, count["elsewhere"])


def _threatens(hits: list[Hit], count: Counter[str], felt: Sentiment, complaint: float) -> float:
    """How grave the words of a crisis are, and how much speaks for their being meant so, to us."""
    unfriendly = felt.label is SentimentLabel.NEGATIVE or bool(count[COMPLAINT]) or complaint >= LEAST_COMPLAINT
    grave = _weight(hits, THREATS)
    if not grave or not (unfriendly or count["address"]):
        return 0.0
    weight = grave + (felt.label is SentimentLabel.NEGATIVE) + bool(count[COMPLAINT]) + bool(count["address"])
    friendly = (felt.label is SentimentLabel.POSITIVE) + min(2, count[PRAISE])
    return weight - friendly - 2 * min(2, count["elsewhere"])


def _spam(spoken: Spoken, hits: list[Hit], count: Counter[str]) -> float:
    """Words of advertising weigh most; links, telephone numbers, rows of hashtags and of handles make it sure."""
    text = spoken.text
    addresses = ADDRESS.findall(text)
    handles = sum(address[0] in "@＠" for address in addresses)
    weight = _weight(hits, (SPAM,))
    weight += 1.0 * (len(addresses) > handles) + 1.0 * bool(_PHONE.search(text))
    weight += 1.0 * (text.count("#") >= 5) + 1.0 * (handles >= 5)
    return weight - 0.5 * min(2, count[COMPLAINT])


def _weight(hits: list[Hit], sections: Iterable[str]) -> float:
    """Each entry once, however often it is said."""
    said = {hit.words: hit.weight for hit in hits if hit.section in sections}
    return min(MOST_OF_WORDS, sum(said.values()))


def _as_meant(spoken: Spoken, hits: list[Hit]) -> list[Hit]:
    """Where a sentence ends with a word that asks there (Vietnamese "không"), it denies nothing."""
    last = len(spoken.words) - 1
    ends = {
        n
        for hit in hits
        if hit.section == "ending" and _ends(spoken, hit.index + hit.length - 1, last)
        for n in range(hit.index, hit.index + hit.length)
    }
    return [hit for hit in hits if not (hit.section == "negation" and hit.index in ends)] if ends else hits


def _ends(spoken: Spoken, index: int, last: int) -> bool:
    return index == last or spoken.sentences[index + 1] > spoken.sentences[index]


def _asks(spoken: Spoken, hits: list[Hit]) -> bool:
    """A question that stands in quotation marks is somebody else's."""
    text = _QUOTED_QUESTION.sub(" ", spoken.text)
    if "?" in text or "？" in text:
        return True
    last = len(spoken.words) - 1
    if any(hit.section == "ending" and _ends(spoken, hit.index + hit.length - 1, last) for hit in hits):
        return True
    openings = [hit for hit in hits if hit.section == QUESTION]
    return any(hit.index <= 2 and (hit.length > 1 or hit.index == 0) for hit in openings) and len(spoken.words) > 2
