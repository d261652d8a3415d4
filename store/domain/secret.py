"""A secret that cannot print itself, and the last door before words of others are shown: a server may say back what it
was sent."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

REMEMBERED = 256
SHORTEST = 8  # a shorter one stands in many a word by chance
TELLING = 12  # characters of a secret's beginning that are masked too: words of others are cut short anywhere
MASK = "..."

_used: dict[str, tuple[str, ...]] = {}  # by its newest use: what it looks like on the way


def masked(text: str) -> str:
    """A text without any secret that this process used lately, also quoted for an address or in base64, nor the
    beginning of one that was cut off."""
    shapes = sorted({shape for known in list(_used.values()) for shape in known}, key=len, reverse=True)
    for shape in shapes:
        text = text.replace(shape, MASK)
    for telling in {shape[:TELLING] for shape in shapes}:
        while (at := text.find(telling)) >= 0:
            told = max(_alike(text[at : at + len(shape)], shape) for shape in shapes)
            text = text[:at] + MASK + text[at + told :]
    return text


def _alike(one: str, other: str) -> int:
    """How many characters they begin with in common."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _shapes(secret: str) -> tuple[str, ...]:
    """Of base64 what it is wherever the secret stands in what was encoded: behind a user's name, between NULs."""
    whole = secret.encode("utf-8", "surrogatepass")
    coded = [b64encode(whole).rstrip(b"=")]
    coded += [b64encode(b"x" * before + whole)[4 if before else 0 : -4] for before in range(3)]
    texts = {one.decode() for one in coded if len(one) >= SHORTEST}
    texts |= {text.replace("+", "-").replace("/", "_") for text in texts}
    return (secret, quote(secret, safe=""), *sorted(texts))


def never_say(secret: str) -> None:
    """Remember it for `masked`; one too short to be told from any word is not."""
    if len(secret) >= SHORTEST:
        _used.pop(secret, None)
        _used[secret] = _shapes(secret)
        if len(_used) > REMEMBERED:
            _used.pop(next(iter(_used)), None)


class Secret:
    """Holds a secret value. `repr`, `str`, `format` and pickling never show it; only `reveal()` does."""

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: str = "") -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        never_say(self._value.rpartition(" ")[2])  # "Bearer ...": the scheme is none
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
