"""What a text is about, as weighted numbers: the stems of its words and of those that stand side by side.

A feature is a CRC-32: grouping keeps numbers only, so that nothing of what a person wrote stays in it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from sources.text.lexicon import lexicon
from store.domain.words import folded_words

VERSION = 1  # what was kept by another one is made anew
WORDS_LIMIT = 80
PAIR = 0.9  # what two words side by side weigh against one alone
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
    stems = [stem(word, language) for word in words if word not in stop and word not in leave_out]
    found = dict.fromkeys(map(_number, stems), 1.0)
    found |= dict.fromkeys((_pair(first, second) for first, second in pairwise(stems)), PAIR)
    return found


@lru_cache(maxsize=50_000)
def stem(word: str, language: str) -> str:
    """What the forms of a word share, roughly: English endings go, of other languages the beginning stays."""
    if language in _NO_ENDINGS or word.isdigit():
        return word
    if language != "en":
        return word[:LETTERS]
    for ending in _ENGLISH:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


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
