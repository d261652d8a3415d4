"""The hashed n-grams that the linear models know: of the letters of a word, of words, of two words side by side.

An n-gram is a number by CRC-32, the same on every machine and day. Training and reading both count by this module.
"""

from __future__ import annotations

import re
from functools import lru_cache
from zlib import crc32

from store.domain.words import fold

ADDRESS = re.compile(r"https?(?:://\S+|\b)|www\.\S+|[@＠][\w.@-]+")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]+")
LENGTHENED = re.compile(r"(.)\1{2,}")
SIZES = (2, 3, 4, 5)
LONGEST_WORD = 30  # what is longer is no word; its first letters are looked at


def tokens(text: str) -> list[str]:
    """Words and runs of signs in small letters; addresses and handles are "/" and "@", "sooooo" is "soo"."""
    plain = ADDRESS.sub(lambda found: " @ " if found[0][0] in "@＠" else " / ", text)
    return _TOKEN.findall(LENGTHENED.sub(r"\1\1", plain).lower().replace("’", "'"))


def of_word(token: str) -> list[int]:
    """The hashes of one token alone: letters within its borders, the whole of it, and it without diacritics; of a run
    of signs each sign once."""
    token = token[:LONGEST_WORD]
    if token[0].isalnum():
        framed = f"<{token}>"
        parts = [f"c{framed[at : at + size]}" for size in SIZES for at in range(len(framed) - size + 1)]
    else:
        parts = [f"s{sign}" for sign in sorted(set(token))]
    bare = token if token.isascii() else fold(token)
    parts.append(f"w{token}")
    if bare != token:
        parts.append(f"w{bare}")
    return [_number(part) for part in parts]


def of_pair(first: str, second: str) -> int:
    """The hash of two tokens side by side, without diacritics."""
    return _number(f"b{_bare(first)} {_bare(second)}")


def _number(part: str) -> int:
    return crc32(part.encode("utf-8", "replace"))


@lru_cache(maxsize=50_000)
def _bare(token: str) -> str:
    return token if token.isascii() else fold(token[:LONGEST_WORD])
