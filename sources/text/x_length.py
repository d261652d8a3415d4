"""How long a text is to X (https://docs.x.com/fundamentals/counting-characters, configuration v3 of twitter-text): of
its composed form (NFC) most signs of alphabets weigh 1 and all others 2, an emoji 2 however it is put together, an
address 23, also a bare one (example.com) whose end is a top-level domain that exists.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

URL_LENGTH = 23
LIGHT = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))  # code points that weigh 1
LONGEST_LABEL = 63  # of a host name, as it is asked for (RFC 1035)

_SEPARATORS = r"\s!'#%&()*+,/:;<=>?@\[\]\^{|}~$\\\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\ufeff\uffff"
_PLAIN = r"a-z0-9\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_START = re.compile(
    rf"(?<![a-z0-9@＠$#＃])(?P<scheme>https?://)(?P<host>[^{_SEPARATORS}]+)"
    rf"|(?<![a-z0-9@＠$#＃/._-])(?P<bare>[{_PLAIN}][{_PLAIN}._-]*\.[{_PLAIN}._-]+)",
    re.IGNORECASE,
)
_TLD = re.compile(r"xn--[a-z0-9-]+|[a-z]+|[^\W\d_a-z](?:[^\W_]|[\u0300-\u0fff])*", re.IGNORECASE)
_GOES_ON = re.compile(r"[0-9a-z@+-]", re.IGNORECASE)
_PORT = re.compile(r":\d+")
_PATH = re.compile(r"/[a-z0-9\u00c0-\u024f\u0400-\u052f!*';:=+,.$/%#\[\]\-\u2013_~@|&()]*", re.IGNORECASE)
_PATH_END = re.compile(r"[a-z0-9\u00c0-\u024f\u0400-\u052f+\-=_#/]", re.IGNORECASE)
_QUERY = re.compile(r"\?[a-z0-9!?*'@();:&=+$/%#\[\]\-_.,~|]*[a-z0-9\-_&=#/]", re.IGNORECASE)


def x_length(text: str) -> int:
    """The weighted length; a post of a plain account may have 280."""
    text = unicodedata.normalize("NFC", text)
    length = at = 0
    for start, end in _addresses(text):
        length += _weight(text[at:start]) + URL_LENGTH
        at = end
    return length + _weight(text[at:])


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if _is_emoji(cluster) else sum(map(_sign, cluster)) for cluster in _cluster().findall(text))


def _sign(sign: str) -> int:
    return 1 if any(first <= ord(sign) <= last for first, last in LIGHT) else 2


def _is_emoji(cluster: str) -> bool:
    """U+FE0E asks for a sign of text, U+FE0F for a picture; (c) and (r) are signs of text unless asked."""
    if len(cluster) == 1 or "\ufe0e" in cluster:
        return False
    first = cluster[0]
    return "\u20e3" in cluster or (bool(_pictures().match(cluster)) and (first > "\u1fff" or "\ufe0f" in cluster))


@lru_cache(maxsize=1)
def _cluster() -> Any:
    import regex

    return regex.compile(r"\X")


@lru_cache(maxsize=1)
def _pictures() -> Any:
    import regex

    return regex.compile(r"\p{Extended_Pictographic}|\p{Regional_Indicator}")


@lru_cache(maxsize=1)
def _tlds() -> frozenset[str]:
    lines = Path(__file__).with_name("tlds.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _addresses(text: str) -> Iterator[tuple[int, int]]:
    """(start, end) of every address."""
    if "." not in text:
        return
    at = 0
    while (found := _START.search(text, at)) is not None:
        group = "host" if found["scheme"] else "bare"
        end = _host_end(text, found.start(group), found.end(group))
        if end:
            end = _tail(text, end)
            yield found.start(), end
        elif group == "host":
            end = found.start(group)  # perhaps there is a bare one in it
        at = end or found.end()


def _host_end(text: str, start: int, end: int) -> int:
    """Where the longest host name of a run ends; 0 where it is none. In one pass from its beginning."""
    labels, at, last = text[start:end].split("."), start, 0
    for number, label in enumerate(labels[:-1]):
        if not _is_label(label):
            break
        at += len(label) + 1
        tld = _TLD.match(text, at, at + len(labels[number + 1]))
        if tld and "_" not in label and _is_tld(tld[0].lower()) and not _GOES_ON.match(text, tld.end()):
            last = tld.end()
    return last


def _is_tld(name: str) -> bool:
    return name in _tlds() or name.startswith("xn--")


def _is_label(label: str) -> bool:
    if not label or len(label) > LONGEST_LABEL or label[0] in "-_" or label[-1] in "-_":
        return False
    return label.isascii() or len(label.encode("punycode", "replace")) + len("xn--") <= LONGEST_LABEL


def _tail(text: str, at: int) -> int:
    """Where port, path and query after a host end."""
    if port := _PORT.match(text, at):
        at = port.end()
    if path := _PATH.match(text, at):
        end = path.end()
        open_ones, closed = path[0].count("("), path[0].count(")")
        while end > at + 1 and not _PATH_END.match(text, end - 1):
            if text[end - 1] == ")" and open_ones >= closed:
                break
            open_ones, closed = open_ones - (text[end - 1] == "("), closed - (text[end - 1] == ")")
            end -= 1
        at = end
    if query := _QUERY.match(text, at):
        at = query.end()
    return at
