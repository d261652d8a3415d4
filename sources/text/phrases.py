"""Phrases of one to four words that name what people speak of, and the topics of the word lists.

Where people speak of the same thing in many languages, a topic ("[topic login]") is what their texts share.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sources.text.features import ADDRESSES, small_words
from sources.text.lexicon import Spoken, lexicon

LONGEST = 4
WORDS_LIMIT = 60
# Small words that may belong to the word behind or before them: "on hold", "top up".
SMALL = {"en": ("on out over", "up off out down back")}
_MARKS = frozenset({"rt", "http", "https"})

_TOPIC = "topic "
_FEELINGS = frozenset({"positive", "negative", "complaint", "praise", "request", "question", "boost", "negation"})
_TROUBLE = frozenset({"negative", "complaint", "question", "request", "negation"})
_BETWEEN = re.compile(r"[\n.,:;!?()\"|/]")  # a phrase does not go on behind these


class Phrase(NamedTuple):
    """`key` are its folded words, `shown` is how a person wrote it."""

    key: str
    shown: str
    words: int


def topics(text: str, language: str) -> list[str]:
    """The topics of a text in which something is wrong or asked."""
    hits = lexicon(language).find(Spoken.of(ADDRESSES.sub(" ", text)))
    if "?" not in text and not any(hit.section in _TROUBLE for hit in hits):
        return []
    return list(dict.fromkeys(hit.section.removeprefix(_TOPIC) for hit in hits if hit.section.startswith(_TOPIC)))


def phrases(text: str, language: str) -> list[Phrase]:
    """The phrases of a text that could name an issue, the longer before the shorter. They begin and end with a word of
    content, or with a small word that belongs to it, a "not" or an "up"."""
    spoken = Spoken.of(ADDRESSES.sub(" ", text))
    stop, said, places = small_words(language), spoken.folded[:WORDS_LIMIT], spoken.words
    hits = [hit for hit in lexicon(language).find(spoken) if hit.index < len(said)]
    feelings = {n for hit in hits if hit.section in _FEELINGS for n in range(hit.index, hit.index + hit.length)}
    denied = {hit.index - (said[hit.index] == "t") for hit in hits if hit.section == "negation" and hit.length == 1}
    weak = [word in stop or word in _MARKS or len(word) < 2 or word.isdigit() for word in said]
    leading, trailing = SMALL.get(language, ("", ""))
    begins = [not weak[n] or n in denied or word in leading.split() for n, word in enumerate(said)]
    ends = [not weak[n] or word in trailing.split() for n, word in enumerate(said)]
    least = 2 if language == "vi" else 1  # one syllable is rarely a word
    found = []
    for length in range(LONGEST, least - 1, -1):
        for begin in range(len(said) - length + 1):
            end = begin + length
            if not begins[begin] or not ends[end - 1] or all(weak[begin:end]) or (length == 1 and begin in feelings):
                continue
            shown = spoken.text[places[begin].start : places[end - 1].end]
            if len(shown) <= 60 and not _BETWEEN.search(shown):
                found.append(Phrase(" ".join(said[begin:end]), " ".join(shown.lower().split()), length))
    return found
