"""A secret that cannot print itself, and the last door before words of others are shown: a server may say back what it
was sent, also what another process sent it."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

REMEMBERED = 256  # of those that are in no configuration: access tokens come and go
SHORTEST = 8  # a shorter one stands in many a word by chance
TELLING = 12  # characters of a secret's beginning that are masked too: words of others are cut short anywhere
MASK = "..."

_SCHEME = re.compile(r"(?:Basic|Bearer) (?=\S+$)")
_KEY_FILE = re.compile(r"-----BEGIN .*|\{.*\}", re.DOTALL)
_KEY = re.compile(r"[A-Za-z0-9+/=_-]{32,}")
_CODED = re.compile(r"[A-Za-z0-9+/=_-]*")
_EDGE = 8  # signs of base64 before and behind a secret that are made of some of it, too; padding with them
# How words are written on their way, a character a match. White space is passed over: lines are folded anywhere. One
# way at a time, as what one of them escapes may stand for itself in another.
_WAYS = tuple(
    (sign, re.compile(rf"{fold}|{way}(?P<char>\S)", re.IGNORECASE))
    for sign, fold, way in (
        ("", r"\s+", ""),
        ("%", r"\s+", r"%(?P<hex>[0-9a-f]{2})|"),
        ("\\", r"(?:\s|\\[nrt])+", r"\\u(?P<hex>[0-9a-f]{4})|\\(?P<plain>\S)|"),  # JSON, a quoted string of IMAP
        ("&", r"\s+", r"(?P<entity>&(?:[a-z]{2,6}|#\d{1,7}|#x[0-9a-f]{1,6});)|"),
        ("=", r"=?\s+", r"=(?P<hex>[0-9a-f]{2})|"),
    )
)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a secret looks like on the way. `coded`: in base64, where it has no edges of its own."""

    text: str
    coded: bool = False


_named: dict[str, tuple[_Shape, ...]] = {}
_used: dict[str, tuple[_Shape, ...]] = {}  # by its newest use


def masked(text: str) -> str:
    """A text without any secret that the configuration names or that this process used lately, nor the beginning of
    one that was cut off: as it is, quoted for wherever it travelled, folded, or in base64."""
    known = [*_named.values(), *_used.values()]
    shapes = sorted({shape for some in known for shape in some}, key=lambda shape: len(shape.text), reverse=True)
    if not shapes:
        return text
    spans = [span for sign, way in _WAYS if sign in text for span in _found(text, way, shapes)]
    told, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            told += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*told, text[end:]])


def _found(text: str, way: re.Pattern[str], shapes: list[_Shape]) -> Iterator[tuple[int, int]]:
    """Where in a text, read this way, one of them stands."""
    pairs = [(_read(unit), unit) for unit in way.finditer(text) if unit.lastgroup]
    pairs = [(char, unit) for char, unit in pairs if char.strip()]
    units, read = [unit for _, unit in pairs], "".join(char for char, _ in pairs)
    for shape in shapes:
        at = read.find(shape.text[:TELLING])
        while at >= 0:
            behind = at + _alike(read[at : at + len(shape.text)], shape.text)
            start, end = units[at].start(), units[behind - 1].end()
            yield _widened(text, start, end) if shape.coded else (start, end)
            at = read.find(shape.text[:TELLING], behind)


def _widened(text: str, start: int, end: int) -> tuple[int, int]:
    """With the signs of base64 beside it."""
    before = _CODED.match(text[max(0, start - _EDGE) : start][::-1])
    after = _CODED.match(text, end, end + _EDGE)
    assert before is not None
    assert after is not None
    return start - before.end(), after.end()


def _read(unit: re.Match[str]) -> str:
    """The character that stands there; "" where it is none that can be."""
    kind, words = str(unit.lastgroup), unit[str(unit.lastgroup)]
    if kind == "hex":
        return chr(int(words, 16))
    return html.unescape(words)[:1] if kind == "entity" else words


def _alike(one: str, other: str) -> int:
    """How many characters they begin with in common."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shapes(secret: str) -> tuple[_Shape, ...]:
    """Of base64 what it is wherever the secret stands in what was encoded: behind a user's name, between NULs."""
    whole = secret.encode("utf-8", "surrogatepass")
    coded = [b64encode(whole).rstrip(b"=")]
    coded += [b64encode(b"x" * before + whole)[4 if before else 0 : -4] for before in range(3)]
    texts = {one.decode() for one in coded if len(one) >= SHORTEST}
    texts |= {text.replace("+", "-").replace("/", "_") for text in texts}
    plain = {re.sub(r"\s+", "", secret), secret.replace(" ", "+")}  # as in a form
    plain = {text for text in plain if len(text) >= SHORTEST}
    return (*map(_Shape, sorted(plain)), *(_Shape(text, coded=True) for text in sorted(texts)))


def never_say(secret: str, *, named: bool = False) -> None:
    """Remember it for `masked`; one too short to be told from any word is not. `named` in the configuration: for good,
    as any process of this configuration may meet it in words of others, whether it uses it or not."""
    for part in _parts(secret):
        if len(part) < SHORTEST or part in _named:
            continue
        remembered = _named if named else _used
        shapes = _used.pop(part, None) or _shapes(part)
        remembered[part] = shapes
        if len(_used) > REMEMBERED:
            _used.pop(next(iter(_used)), None)


def _parts(secret: str) -> list[str]:
    """What of it nobody may see: all but the scheme of a header; of a key file the keys."""
    if _KEY_FILE.fullmatch(secret) and (keys := _KEY.findall(secret.replace("\\n", "\n"))):
        return list(keys)
    return [_SCHEME.sub("", secret, count=1)]


class Secret:
    """Holds a secret value. `repr`, `str`, `format` and pickling never show it; only `reveal()` does."""

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: str = "") -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        never_say(self._value)
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.reference or '...'})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not to be copied out of this process")

    def __bool__(self) -> bool:
        return bool(self._value)
