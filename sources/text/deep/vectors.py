"""Vectors on their way into the store and back: a byte a number, and only the direction counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from sources.text.grams import ADDRESS
from sources.text.reading import whole_of

LONGEST = 2_000  # signs


def plain(title: str, text: str) -> str:
    """What is encoded: without handles and addresses, which say nothing of what somebody means."""
    return " ".join(ADDRESS.sub(" ", whole_of(title, text)).split())[:LONGEST]


def digest(said: str) -> int:
    """The same for the same text: a signed 64-bit number."""
    return int.from_bytes(blake2b(said.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)


def packed(vectors: Any) -> list[bytes]:
    """One signed byte a number, the largest is 127."""
    import numpy as np

    largest = np.abs(vectors).max(1, keepdims=True)
    return [row.tobytes() for row in np.rint(vectors * (127 / np.maximum(largest, 1e-9))).astype(np.int8)]


def unpacked(bodies: Sequence[bytes], dimension: int) -> Any:
    """Unit vectors again, float32; what is not of this dimension is zero."""
    import numpy as np

    joined = b"".join(body if len(body) == dimension else bytes(dimension) for body in bodies)
    return unit(np.frombuffer(joined, np.int8).reshape(len(bodies), dimension).astype(np.float32))


def unit(vectors: Any) -> Any:
    import numpy as np

    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def sums(vectors: Iterable[tuple[str, Any]]) -> dict[str, tuple[int, Any]]:
    """By language: how many, and their sum."""
    found: dict[str, tuple[int, Any]] = {}
    for language, vector in vectors:
        count, total = found.get(language, (0, 0.0))
        found[language] = (count + 1, total + vector)
    return found
