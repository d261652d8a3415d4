"""The seam for a deeper reading: where vectors say what texts mean, issues join across languages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NEAR = 0.6  # cosine from which on a text means what an issue is about

Meaning = Sequence[float]


@dataclass(frozen=True, slots=True)
class Meanings:
    """Vectors of mentions and of issues by their ids; whoever has no vector is in neither."""

    mentions: Mapping[int, Meaning] = field(default_factory=dict)
    issues: Mapping[int, Meaning] = field(default_factory=dict)


def nearest_meaning(meaning: Meaning | None, issues: Mapping[int, Meaning]) -> int | None:
    """The issue whose vector is nearest to that of a mention, where any is near enough."""
    if meaning is None or not issues:
        return None
    cosines = {number: _cosine(meaning, other) for number, other in issues.items()}
    best = max(sorted(cosines), key=lambda number: cosines[number])
    return best if cosines[best] >= NEAR else None


def _cosine(one: Meaning, other: Meaning) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other) or 1.0)
