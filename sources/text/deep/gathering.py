"""Issues across languages: what the words of one language each have grouped, brought together by what it means.

Pure, and after the grouping by words: it only places what has no issue yet. New groups of several languages that mean
the same become one; a new group that means what an issue is about goes there as a whole; single mentions join the
nearest of both; and what enough people say in different words, or languages, is an issue too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sources.text.deep.engines import Engine
from sources.text.deep.joining import joined

AUTHORS = 3  # who have to say it


@dataclass(frozen=True, slots=True)
class Meant:
    """A mention without an issue: who wrote it, its language, its centred vector."""

    id: int
    author: int
    language: str
    vector: Any


@dataclass(frozen=True, slots=True)
class Centre:
    """What an issue is about: the sum of centred vectors of what is in it, and their languages."""

    total: Any
    languages: frozenset[str]


@dataclass(slots=True)
class Gathered:
    """`joined`: mention -> issue. `founded`: key of each new issue -> its mentions; the keys are those of the groups
    that it was made of, the largest one's, or "meaning N" by its first mention."""

    joined: dict[int, int] = field(default_factory=dict)
    founded: dict[str, list[int]] = field(default_factory=dict)


def gather(
    engine: Engine, items: Sequence[Meant], groups: Mapping[str, Sequence[int]], issues: Mapping[int, Centre]
) -> Gathered:
    """`groups` are those that the words found in this lot, of ids in `items`; what is in none of them stands alone."""
    known, done = {item.id: item for item in items}, Gathered()
    centres = dict(issues)
    new: dict[int, str] = {}  # number in `centres` of a new issue, below zero -> its key
    for key, ids in sorted(groups.items(), key=lambda group: (-len(group[1]), group[0])):
        them = [known[number] for number in ids]
        languages = frozenset(item.language for item in them)
        total = sum((item.vector for item in them), start=0.0)
        # Of one language the words have said already what is another issue.
        strange = {number: centre for number, centre in centres.items() if not languages & centre.languages}
        number = _nearest(engine, total, languages, strange)
        if number is None:
            number = -len(new) - 1
            new[number] = key
        _put(done, new, centres, number, them)
    alone = [item for item in items if item.id not in done.joined and not any(item.id in g for g in groups.values())]
    left = []
    for item in alone:
        number = _nearest(engine, item.vector, {item.language}, centres)
        if number is None:
            left.append(item)
        else:
            _put(done, new, centres, number, [item])
    for them in _circles(engine, left):
        if len({item.author for item in them}) >= AUTHORS:
            done.founded[f"meaning {min(item.id for item in them)}"] = [item.id for item in them]
    return done


def _nearest(engine: Engine, vector: Any, languages: Iterable[str], centres: Mapping[int, Centre]) -> int | None:
    from sources.text.deep.vectors import unit

    abroad = {number for number, centre in centres.items() if not centre.languages.intersection(languages)}
    return joined(engine, unit(vector), {number: centre.total for number, centre in centres.items()}, abroad)


def _put(
    done: Gathered, new: Mapping[int, str], centres: dict[int, Centre], number: int, them: Sequence[Meant]
) -> None:
    before = centres.get(number, Centre(0.0, frozenset()))
    total = sum((item.vector for item in them), start=before.total)
    centres[number] = Centre(total, before.languages | {item.language for item in them})
    if number in new:
        done.founded.setdefault(new[number], []).extend(item.id for item in them)
    else:
        done.joined |= {item.id: number for item in them}


def _circles(engine: Engine, items: Sequence[Meant]) -> list[list[Meant]]:
    """Each with what came before it and is near, else a circle of its own."""
    centres: dict[int, Centre] = {}
    circles: list[list[Meant]] = []
    for item in items:
        number = _nearest(engine, item.vector, {item.language}, centres)
        if number is None:
            number = len(circles)
            circles.append([])
        circles[number].append(item)
        before = centres.get(number, Centre(0.0, frozenset()))
        centres[number] = Centre(before.total + item.vector, before.languages | {item.language})
    return circles
