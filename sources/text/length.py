"""How long a text is to a network that counts what people see.

Mastodon counts grapheme clusters of the text and the content warning; a URL counts as a fixed number and a remote
mention without its host (app/validators/status_length_validator.rb). What is a URL follows twitter-text as Mastodon
uses it: http(s), a domain name with a dot and a top level in letters, no credentials, no IP address; Cyrillic may stand
in a path but not in a query.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

URL_LENGTH = 23

_URL = re.compile(
    r"""
    (?<![\w@＠$#＃/])
    https?://
    (?:[^\W_](?:[\w-]*[^\W_])?\.)+ (?:xn--[a-z0-9-]+|[^\W\d_]{2,}) (?![\w@-])
    (?: :\d+ (?!\d) )? (?!:[^\s@]*@)
    (?: / (?: [\w!*';:=+,.$/%\#\[\]\-~&|@]* [\w=\#/+\-~] )? (?: \( [\w/,.;:=+%~-]* \) [\w=\#/+\-~]* )* )?
    (?: \? [a-z0-9!?*'();:&=+$/%\#\[\]\-_.,~|@]* [a-z0-9\-_&=\#/] )?
    """,
    re.IGNORECASE | re.VERBOSE,
)
_MENTION = re.compile(r"(?<![=/\w])@([a-z0-9_]+(?:[a-z0-9_.-]*[a-z0-9_])?)(?:@[\w.-]*\w)?", re.IGNORECASE)


def mastodon_length(text: str, *, warning: str = "", url_length: int = URL_LENGTH) -> int:
    """The length of a post as Mastodon counts it. `url_length` is the instance's `characters_reserved_per_url`."""
    seen = _MENTION.sub(r"@\1", _URL.sub("x" * url_length, text))
    return graphemes(warning + seen)


def graphemes(text: str) -> int:
    """Grapheme clusters (UAX #29): what a reader calls a character. Bluesky allows 300 of them."""
    return len(text) - text.count("\r\n") if text.isascii() else sum(1 for _ in _cluster().finditer(text))


@lru_cache(maxsize=1)
def _cluster() -> Any:
    import regex

    return regex.compile(r"\X")
