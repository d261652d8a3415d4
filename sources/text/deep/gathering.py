"""Issues by what texts mean, in whatever language: what is known takes its own, the rest founds new ones.

Pure, and incremental: an issue keeps all it has. How alike two texts are is the cosine of their vectors, each
language's mean taken off, and to a part that of their words, which tell near things apart in one language. What no
issue takes is put together by average linkage (Sokal and Michener 1958), by chains of nearest neighbours (Murtagh
1983), and is an issue where enough people say it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

from sources.text.deep.engines import Engine
from sources.text.grouping import enough

WORDS = 0.3  # what the words weigh beside the meaning
HASHED = 1_024  # numbers that stand for the words of a text
LANGUAGES = 3  # what people of so many say is no turn of phrase: it makes an issue, if it is not praise
CALM = 0.05  # so much nearer has to be what is no trouble


@dataclass(frozen=True, slots=True)
class Meant:
    """A mention without an issue: who wrote it, its language, its centred vector, its words (a vector of length 1) and
    their cosine to the issues of its language; whether it is trouble, whether it is glad."""

    id: int
    author: int
    language: str
    vector: Any
    words: Mapping[int, float] = field(default_factory=dict)
    near: Mapping[int, float] = field(default_factory=dict)
    trouble: bool = True
    glad: bool = False


@dataclass(frozen=True, slots=True)
class Centre:
    """What an issue is about: the sum of centred vectors of what is in it, and their languages."""

    total: Any
    languages: frozenset[str]


@dataclass(slots=True)
class Gathered:
    """`joined`: mention -> issue. `founded`: key of each new issue ("meaning N" by its first mention) -> its mentions.
    `left` are neither, in the order in which they came."""

    joined: dict[int, int] = field(default_factory=dict)
    founded: dict[str, list[int]] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)


def gather(engine: Engine, items: Sequence[Meant], issues: Mapping[int, Centre]) -> Gathered:
    """At most some thousands at once: it takes the square of their number."""
    done = Gathered()
    alone = []
    for item, number in zip(items, _nearest(engine, items, issues), strict=True):
        if number is None:
            alone.append(item)
        else:
            done.joined[item.id] = number
    for circle in _linked(_alike(alone), engine.alike) if alone else ():
        them = [alone[place] for place in circle]
        if _enough(them):
            done.founded[f"meaning {min(item.id for item in them)}"] = [item.id for item in them]
    founded = {number for ids in done.founded.values() for number in ids}
    done.left = [item.id for item in alone if item.id not in founded]
    return done


def _enough(them: Sequence[Meant]) -> bool:
    widely = len({item.language for item in them if not item.glad}) >= LANGUAGES
    return enough((item.author, item.trouble or (widely and not item.glad)) for item in them)


def _nearest(engine: Engine, items: Sequence[Meant], issues: Mapping[int, Centre]) -> list[int | None]:
    """The issue that each joins. Of two that are as near, the older one."""
    import numpy as np

    from sources.text.deep.vectors import unit

    if not items or not issues:
        return [None] * len(items)
    ids = sorted(issues)
    places = {number: place for place, number in enumerate(ids)}
    near = np.stack([item.vector for item in items]) @ unit(np.stack([issues[number].total for number in ids])).T
    near *= 1 - WORDS
    found: list[int | None] = []
    for item, row in zip(items, near, strict=True):
        for number, cosine in item.near.items():
            if number in places:
                row[places[number]] += WORDS * cosine
        best = int(row.argmax())
        abroad = item.language not in issues[ids[best]].languages
        least = (engine.abroad if abroad else engine.joins) + (0.0 if item.trouble else CALM)
        found.append(ids[best] if row[best] >= least and item.vector.any() else None)
    return found


def _alike(items: Sequence[Meant]) -> Any:
    """How alike each two are. The words of each are hashed into a vector (Weinberger et al. 2009)."""
    import numpy as np

    hashed: Any = np.zeros((len(items), HASHED), np.float32)
    for row, item in zip(hashed, items, strict=True):
        for feature, weight in item.words.items():
            row[feature % HASHED] += weight if feature // HASHED % 2 else -weight
    meant = np.stack([item.vector for item in items]).astype(np.float32)
    both = np.hstack([meant * sqrt(1 - WORDS), hashed * sqrt(WORDS)])
    return both @ both.T


def _linked(alike: Any, least: float) -> list[list[int]]:
    """The circles of those that are alike on average, as far as `least`; `alike` is used up."""
    import numpy as np

    nobody = -np.inf
    np.fill_diagonal(alike, nobody)
    circles = {place: [place] for place in range(len(alike))}
    chain: list[int] = []
    waiting = list(reversed(circles))
    while chain or waiting:
        if not chain:
            first = waiting.pop()
            if first in circles:
                chain.append(first)
            continue
        one = chain[-1]
        other = int(alike[one].argmax())
        if alike[one, other] < least:
            chain.pop()  # nothing that others do brings it nearer
        elif len(chain) > 1 and alike[one, chain[-2]] >= alike[one, other]:
            other = chain[-2]
            del chain[-2:]
            mine, theirs = len(circles[one]), len(circles[other])
            mean = (mine * alike[one] + theirs * alike[other]) / (mine + theirs)
            mean[[one, other]] = nobody
            alike[one], alike[:, one] = mean, mean
            alike[other], alike[:, other] = nobody, nobody
            circles[one] += circles.pop(other)
            waiting.append(one)
        else:
            chain.append(other)
    return [sorted(circle) for circle in circles.values()]
