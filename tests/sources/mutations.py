"""Answers made wrong on purpose: well-formed ones with hostile values at places drawn by chance, and bytes cut or
changed. The same `random.Random` makes the same answers again."""

from __future__ import annotations

import json
import os
import random
import re
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from tests.hostile import PAYLOADS
from tests.servers import Reply

SEED = int(os.environ.get("EARFUL_FUZZ_SEED", "0"))
SECONDS = float(os.environ.get("EARFUL_FUZZ_SECONDS", "0"))
LARGEST = 4 * 1024 * 1024  # of an answer; what is larger yet is for the tests of `fetch`
SHARES = 50  # tests that share the seconds


def seeds(least: int = 1) -> Iterator[int]:
    """`least` seeds, then one after the other for a test's share of the time."""
    end = time.monotonic() + SECONDS / SHARES
    seed = SEED
    while seed < SEED + least or time.monotonic() < end:
        yield seed
        seed += 1


# What json.dumps cannot write stands in its output as a sign, and is put in its place afterwards.
RAW = {
    "@raw:digits@": "1" + "0" * 10_000,
    "@raw:infinite@": "1e999",
    "@raw:nan@": "NaN",
    "@raw:minus@": "-Infinity",
    "@raw:deep@": "[" * 900 + "]" * 900,
    "@raw:objects@": '{"a":' * 400 + "1" + "}" * 400,
    "@raw:deeper@": "[" * 50_000 + "]" * 50_000,
    "@raw:surrogate@": r'"\ud800"',
}
TWICE = "@twice@"
NUMBERS: list[Any] = [0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 2**64, 10**30, 1e308, -1e308, 0.5, 1e-320, True, False]
TIMES = [
    "0000-00-00T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31",
    "2026-02-30T25:61:61Z",
    "2026-11-21T10:00:00+99:99",
    "2026-11-21T10:00:00.123456789123Z",
    "2026-W47-6",
    "20261121T100000Z",
    "Sat, 21 Nov 2026 10:00:00 -9999",
    "Sat, 21 Nov 0000 10:00:00 GMT",
    "Sat, 21 Nov 99999999999999999999 10:00:00 GMT",
    "yesterday",
    "253402300800",
    "99999999999999999999",
    "-62135596800",
    "1e18",
]
URLS = [
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "file:///etc/passwd",
    "http://user:password@evil.test/",
    "https://evil.test/\r\nSet-Cookie: a=b",
    "https://evil.test/\x1b]52;c;AAAA\x07",
    "https://[::1",
    "https://[evil.test]:99999/",
    "http://evil.test:port/",
    "//evil.test/x",
    "https://" + "a" * 5_000 + ".test/",
    "https://evil.test/" + "a/" * 5_000,
    "https://exam\u202eple.test/",
    "\u2028https://evil.test/ x",
    "http://169.254.169.254/latest/meta-data/",
    "HTTPS://EVIL.TEST/%00%1b",
]
HTML = [
    "<div>" * 10_000 + "acme",
    "<b><i><u>" * 3_000,
    "<a href='javascript:alert(1)'>acme</a><a href=https://evil.test/" + "x" * 3_000 + ">acme",
    "<!-- acme",
    "<p>acme &#27;[31m &#x202e; &#0; &#xd800; &#1114112; &bogus; &#99999999999;",
    "<![CDATA[acme]]><?php acme ?><!DOCTYPE a [<!ENTITY b 'acme'>]>&b;",
    "<p style='display:none'>acme</p><svg><title>acme</svg><template>acme",
    "<table><tr><td>" * 500 + "acme</p></div></a></pre>",
    "acme <" + "a " * 20_000,
]
NAMES = ["²", "٣٤", "१२३", "+5", "-5", "1_000", " 7 ", "0x10", "nan", "inf", "1e5", "9" * 400, "9" * 5_000, "00"]
WORDS = [
    "",
    " ",
    "\n",
    "\0",
    "null",
    "../../etc/passwd",
    "%s%n",
    "a" * 2_000,
    "acme " * 20_000,
    "é" * 3_000,
    "\u0301" * 5_000,
]
TEXTS = [*PAYLOADS.values(), *TIMES, *URLS, *HTML, *NAMES, *WORDS]
SHAPES: list[Any] = [None, [], {}, [[]], [None], {"": None}, [{}], {"id": {}}, [1, "a", None, {}], "acme", [[[[]]]]]
KINDS = [
    "",
    "text/html",
    "application/json",
    "application/xml; charset=utf-16",
    "image/png",
    "text/plain; charset=\xff",
    "x" * 3_000,
]
STATUSES = [200, 201, 202, 204, 206, 300, 304, 400, 401, 403, 404, 409, 410, 418, 422, 429, 451, 500, 502, 503, 599]
HEADERS = [
    "",
    "0",
    "-1",
    "1e999",
    "9" * 30,
    "²",
    "nan",
    "inf",
    "a",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "2026-13-45T99:99:99Z",
    "1,2;3",
]


def hostile(chance: random.Random) -> Any:
    """One value that nobody promised."""
    kind = chance.randrange(10)
    if kind < 5:
        return chance.choice(TEXTS)
    if kind < 7:
        return chance.choice(NUMBERS)
    return deepcopy(chance.choice(SHAPES)) if kind < 9 else chance.choice(list(RAW))


def structure(chance: random.Random, value: Any) -> Any:
    """A JSON value with one place of it changed; may change it in place."""
    if isinstance(value, dict) and value and chance.random() < 0.93:
        key = chance.choice(list(value))
        what = chance.randrange(14)
        if what == 0:
            del value[key]
        elif what == 1:
            value[f"{TWICE}{key}"] = hostile(chance)
        elif what == 2:
            value[chance.choice(TEXTS)[:500]] = value[key]
        else:
            value[key] = structure(chance, value[key])
        return value
    if isinstance(value, list) and value and chance.random() < 0.95:
        at = chance.randrange(len(value))
        what = chance.randrange(16)
        if what == 0:
            del value[at]
        elif what == 1:
            value.insert(at, hostile(chance))
        elif what == 2:
            value.append(deepcopy(value[at]))
        elif what == 3:
            chance.shuffle(value)
        else:
            value[at] = structure(chance, value[at])
        return value
    if isinstance(value, str) and value and chance.random() < 0.3:
        return textual(chance, value)
    if chance.random() < 0.1:
        return [value] if chance.random() < 0.5 else {"value": value}
    return str(value) if chance.random() < 0.1 else hostile(chance)


def textual(chance: random.Random, text: str) -> str:
    """A text cut, doubled, or with something put into it."""
    text = text[:20_000]
    at = chance.randrange(len(text) + 1)
    with_it = str(chance.choice(TEXTS))[:20_000]
    return chance.choice(
        [text[:at], text * 2, text[:at] + with_it + text[at:], with_it + text, text[:at] + "\x1b]0;" + text[at:]]
    )


def dumped(value: Any) -> bytes:
    written = json.dumps(value, ensure_ascii=True)
    for sign, raw in RAW.items():
        written = written.replace(f'"{sign}"', raw)
    return written.replace(TWICE, "").encode()


def scrambled(chance: random.Random, body: bytes) -> bytes:
    """Bytes cut off, changed, doubled or put in."""
    if not body:
        return chance.choice(TEXTS).encode("utf-8", "surrogatepass")
    at, to = sorted((chance.randrange(len(body)), chance.randrange(len(body))))
    noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 8)))
    wrong: list[Callable[[], bytes]] = [
        lambda: body[:at],
        lambda: body[at:],
        lambda: body[:at] + body[to:],
        lambda: body[:at] + noise + body[at + len(noise) :],
        lambda: body[:to] + body[at:to] * chance.choice([1, 2, 50]) + body[to:] if len(body) < 200_000 else body,
        lambda: body[:at] + str(chance.choice(TEXTS)).encode("utf-8", "surrogatepass") + body[at:],
        lambda: b"\xef\xbb\xbf" + body,
        lambda: body.decode("utf-8", "replace").encode("utf-16"),
        lambda: body + body,
    ]
    return chance.choice(wrong)()


def marked_up(chance: random.Random, body: bytes) -> bytes:
    """XML or HTML with the text of an element or the value of an attribute changed."""
    text = body.decode("utf-8", "replace")
    places = list(re.finditer(r">([^<>]+)<|=\s*[\"']([^\"']*)[\"']|<(/?\w+)", text))
    if not places:
        return scrambled(chance, body)
    place = chance.choice(places)
    group = place.lastindex or 0
    value = str(chance.choice(TEXTS))
    if chance.random() < 0.7:
        value = value.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;").replace("'", "&#39;")
    return (text[: place.start(group)] + value + text[place.end(group) :]).encode("utf-8", "replace")


def wrong(chance: random.Random, reply: Reply) -> Reply:
    """A good reply with something wrong in it: mostly in its values, at times in its bytes, headers or status."""
    status, headers, body = reply.status, dict(reply.headers), reply.body
    body = changed(chance, body, chance.choice([1, 1, 2, 4, 8, 30]))
    if chance.random() < 0.08:
        body = scrambled(chance, body)
    if chance.random() < 0.06:
        headers["content-type"] = chance.choice(KINDS)
    if chance.random() < 0.06:
        status = chance.choice(STATUSES)
    for name in [name for name in headers if name not in ("content-type", "content-encoding")]:
        if chance.random() < 0.15:
            headers[name] = re.sub(r"[^\x20-\x7e]", "", textual(chance, headers[name]))
    if chance.random() < 0.1:
        limit = chance.choice(
            ["retry-after", "x-ratelimit-remaining", "x-ratelimit-reset", "x-rate-limit-reset", "link", "location"]
        )
        headers[limit] = chance.choice(HEADERS).encode("latin-1", "replace").decode("latin-1")
    return Reply(status, body, headers)


def changed(chance: random.Random, body: bytes, places: int) -> bytes:
    """JSON, XML or HTML changed at so many places; anything else as it is."""
    try:
        value = json.loads(body)
    except ValueError:
        for _ in range(places if body.lstrip()[:1] == b"<" else 0):
            body = marked_up(chance, body)
        return body
    for _ in range(places):
        value = structure(chance, value)
    wrong = dumped(value)
    return wrong if len(wrong) < LARGEST else body
