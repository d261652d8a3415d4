"""A secret that cannot print itself, and the last door before words of others are shown: a server may say back what it
was sent."""

from __future__ import annotations

from urllib.parse import quote

REMEMBERED = 256
SHORTEST = 8  # a shorter one stands in many a word by chance
MASK = "..."

_used: dict[str, None] = {}  # by its newest use


def masked(text: str) -> str:
    """A text without any secret that this process used lately."""
    for value in list(_used):
        for shape in (value, quote(value, safe="")):
            text = text.replace(shape, MASK)
    return text


class Secret:
    """Holds a secret value. `repr`, `str`, `format` and pickling never show it; only `reveal()` does."""

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: str = "") -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
        secret = self._value.rpartition(" ")[2]  # "Bearer ...": the scheme is none
        if len(secret) >= SHORTEST:
            _used.pop(secret, None)
            _used[secret] = None
            if len(_used) > REMEMBERED:
                _used.pop(next(iter(_used)), None)
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
