"""What the fields of a query mean, said once for watches (Python) and search (SQL).

    author:     the handle, with or without @ and host, or words that stand together in the display name; folded
    site:       the host of the mention's URL or a host above it, and a path it starts with (`reddit.com/r/saas`)
    link:       a part of the mention's URL or of a URL in its text, in any case
    title:      words, phrases, ... in the title
    source:     the name of the configured source, or its network
    network: type: lang: sentiment: intent:     what the mention has
    followers:  the author's audience, with >, <, >=, <= or equal (`10k`, `1.5m`); an unknown audience never matches
    urgency:    what its words and its author's audience come to, 0..100, with >, <, >=, <= or equal; not the waiting
    since:      not written before this time
    until:      written before this time
    watch:      a watch that the mention matched
    id: status: priority: assignee: team: tag:  what the mention's case has (`assignee:me`, `assignee:none`)
    issue:      the issue's number, or words that stand together in its label

A time is a date (its midnight in the zone of `now`), a date-time, or a duration before now (`7d`, `12h`, `30m`, `2w`).
Names (source, network, type, lang, sentiment, intent, watch, tag, team) are compared without regard to the case of A-Z,
an assignee letter by letter.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from store.domain.case import CaseStatus, Priority
from store.domain.mention import MentionType, SentimentLabel
from store.domain.query import Field
from store.domain.words import fold, folded_words

# What stands before the number of followers: and urgency:, for numbers here and for columns in SQL.
COMPARE: dict[str, Callable[[Any, int], Any]] = {
    "": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}

_CHOICES: dict[str, list[str]] = {
    "status": [*CaseStatus],
    "priority": [*Priority],
    "sentiment": [*SentimentLabel],
    "type": [*MentionType],
}
_DURATION = re.compile(r"(\d{1,5})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_AUDIENCE = re.compile(r"(>=|<=|>|<|)(\d{1,12}(?:\.\d{1,6})?)([kKmM]?)", re.ASCII)
_POINTS = re.compile(r"(>=|<=|>|<|)(\d{1,3})", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{1,8})*", re.ASCII)
_LONGEST = timedelta(days=36_500)


def field(name: str, value: str) -> Field:
    """The field with its value checked and in its one form. Raises ValueError with the line for a person."""
    op = ""
    if not value:
        raise ValueError(f"{name}: needs a value")
    if name in _CHOICES:
        value = value.lower()
        if value not in _CHOICES[name]:
            raise ValueError(f'{name}: cannot be "{value}"; it is one of {", ".join(_CHOICES[name])}')
    elif name == "lang":
        value = value.lower()
        if not _LANGUAGE.fullmatch(value):
            raise ValueError(f'"{value}" is not a language code; write for example lang:en')
    elif name == "id":
        if not re.fullmatch("[0-9]{1,18}", value):
            raise ValueError("id: needs the number of a case")
        value = str(int(value))
    elif name == "followers":
        op, value = _audience(value)
    elif name == "urgency":
        if not (found := _POINTS.fullmatch(value)):
            raise ValueError("urgency: needs a number from 0 to 100, for example urgency:>60")
        op, value = found[1], str(int(found[2]))
    elif name in ("since", "until"):
        _moment(value)
    elif name == "author" and not _handle(value):
        raise ValueError(f'author: needs a name, there is none in "{value}"')
    elif name == "issue" and not folded_words(value):
        raise ValueError(f'issue: needs a name, there is no word in "{value}"')
    elif name in ("site", "link") and re.search(r"\s", value):
        raise ValueError(f"{name}: takes an address without spaces")
    elif name == "site" and not site(value)[0]:
        raise ValueError("site: needs a host, for example site:reddit.com/r/saas")
    return Field(name, op, value)


def moment(value: str, now: datetime) -> datetime:
    """The time that a checked since: or until: means."""
    found = _moment(value)
    if isinstance(found, timedelta):
        return now - found
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def lower(name: str) -> str:
    """A-Z made small and nothing else: what NOCASE of SQLite does."""
    return name.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


def wrote(value: str, handle: str, name: str) -> bool:
    """Whether author:`value` means the author with this handle and display name."""
    asked, known = _handle(value), _handle(handle)
    return asked in (known, known.partition("@")[0]) or contains(folded_words(name), folded_words(value))


def _handle(text: str) -> str:
    return fold(text).strip().lstrip("@")


def contains(words: list[str], part: list[str]) -> bool:
    """Whether the words of `part` stand one after the other in `words`."""
    return any(words[at : at + len(part)] == part for at in range(len(words) - len(part) + 1)) if part else False


def site(value: str) -> tuple[str, str]:
    """Host and path of what was asked for: scheme, www. and a last slash do not count."""
    host, slash, path = re.sub(r"^[a-z]+://", "", lower(value)).removeprefix("www.").partition("/")
    return host.strip("."), (slash + path).rstrip("/")


def site_pattern(value: str) -> str:
    """For `re`, on a mention's URL; SQLite's REGEXP runs it too."""
    host, path = site(value)
    return rf"(?ai)^[a-z][a-z0-9+.\-]*://(?:[^/?#@]*@)?(?:[^/?#@:]+\.)?{re.escape(host)}(?::\d*)?" + (
        rf"{re.escape(path)}(?![^/?#])" if path else r"(?![^/?#])"
    )


def link_pattern(value: str) -> str:
    """For `re`, on a text: a URL with `value` in it."""
    return rf"(?ai)(?=https?://)[^\s\u00a0\u2000-\u200b\u3000<>\"]*?{re.escape(value)}"


def _audience(value: str) -> tuple[str, str]:
    found = _AUDIENCE.fullmatch(value)
    if not found:
        raise ValueError("followers: needs a number, for example followers:>10000")
    op, number, unit = found.groups()
    return op, str(int(float(number) * {"": 1, "k": 1_000, "m": 1_000_000}[unit.lower()]))


def duration(value: str) -> timedelta | None:
    """A number and its unit (30m, 4h, 7d, 2w); None where it is none, or one of more than a hundred years."""
    found = _DURATION.fullmatch(value.lower())
    length = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    return length if length is not None and length <= _LONGEST else None


def _moment(value: str) -> datetime | timedelta:
    ago = duration(value)
    if ago is not None:
        return ago
    try:
        if re.match(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            time = datetime.fromisoformat(value)
            if 1900 <= time.year <= 9000:
                return time
    except ValueError:
        pass
    raise ValueError(f'"{value}" is not a time; write a date (2026-11-01) or how long ago (7d, 12h, 30m)')
