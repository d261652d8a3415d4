"""A secret that cannot print itself."""

from __future__ import annotations


class Secret:
    """Holds a secret value. `repr`, `str`, `format` and pickling never show it; only `reveal()` does."""

    __slots__ = ("_value", "reference")

    def __init__(self, value: str, reference: str = "") -> None:
        self._value = value
        self.reference = reference

    def reveal(self) -> str:
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
