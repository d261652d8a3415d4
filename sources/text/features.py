"""What a text is about, as weighted numbers: the stems of its words and of those that stand side by side.

A word that everybody uses whatever they speak of (know, tell, help) says little of it, however rare it may be on this
desk. A feature is a CRC-32: grouping keeps numbers only, so that nothing of what a person wrote stays in it.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from sources.text.language import commonness
from sources.text.lexicon import lexicon
from store.domain.words import folded_words

VERSION = 2  # what was kept by another one is made anew
WORDS_LIMIT = 80
# Tuned on one half of the intents of banking77's training part and confirmed on the other.
PAIR = 0.75  # what two words side by side weigh against one alone
RARE, COMMON = 4.0, 9.0  # commonness up to which a word weighs all, and from which on it weighs
LITTLE = 0.3
LETTERS = 6  # the beginning of a word stands for all its forms, where its endings are not known
ADDRESSES = re.compile(r"https?://\S+|www\.\S+|[@＠][\w.@-]+|&(?:amp|lt|gt|quot|apos|nbsp);")  # and signs written out
_STOP_LANGUAGES = ("en", "de", "ro", "vi", "it", "hu", "es", "fr", "pt", "nl", "pl", "tr")
_ENGLISH = ("ingly", "edly", "ings", "ing", "ies", "ied", "es", "ed", "ly", "s")
_NO_ENDINGS = frozenset({"vi", "zh", "ja", "th", "ko"})


def said(text: str) -> list[str]:
    """The folded words of a text without addresses and handles."""
    return folded_words(ADDRESSES.sub(" ", text))[:WORDS_LIMIT]


def features(words: list[str], language: str, leave_out: frozenset[str] = frozenset()) -> dict[int, float]:
    """Feature -> weight. `leave_out` are folded words that tell no two texts apart, the brand's own above all."""
    stop = small_words(language)
    told = [(stem(word, language), weight(word, language)) for word in words if word not in stop | leave_out]
    found: dict[int, float] = {}
    for each, weighs in told:
        number = _number(each)
        found[number] = max(weighs, found.get(number, 0.0))
    for (first, one), (second, other) in pairwise(told):
        found[_pair(first, second)] = PAIR * math.sqrt(one * other)
    return found


@lru_cache(maxsize=50_000)
def weight(word: str, language: str) -> float:
    """What a folded word weighs by how common it is in its language: `LITTLE` to 1. A syllable is no word."""
    if language in _NO_ENDINGS:
        return 1.0
    rarity = (COMMON - commonness(word, language)) / (COMMON - RARE)
    return LITTLE + (1 - LITTLE) * min(max(rarity, 0.0), 1.0)


@lru_cache(maxsize=50_000)
def stem(word: str, language: str) -> str:
    """What the forms of a word share, roughly: English endings go, of other languages the beginning stays."""
    if language in _NO_ENDINGS or word.isdigit():
        return word
    if language != "en":
        return word[:LETTERS]
    ending = next((each for each in _ENGLISH if word.endswith(each) and len(word) - len(each) >= 3), "")
    word = word.removesuffix(ending)
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls":  # stopp(ed)
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] in "ey" else word  # charg(e), verif(y)


@lru_cache(maxsize=64)
def small_words(language: str) -> frozenset[str]:
    """Small words of the language and of English, which is mixed into all; of every language where it is unknown."""
    languages = (language, "en") if lexicon(language).stop else _STOP_LANGUAGES
    return frozenset().union(*(lexicon(each).stop for each in languages))


@lru_cache(maxsize=50_000)
def _number(stem: str) -> int:
    return crc32(stem.encode("utf-8", "replace"))


def _pair(first: str, second: str) -> int:
    return crc32(f"{first} {second}".encode("utf-8", "replace"))
