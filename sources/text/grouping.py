"""Which texts say the same: an online leader over lots of texts.

Each text joins the group whose centroid is nearest, if it is near enough, else it begins one. What a lot began is
looked at twice, then groups are joined whose texts are alike on average, so that the order within a lot hardly matters.
A group is a candidate until enough different authors said it in different words. From then on it is an issue: it takes
texts and candidates in, lets nothing go, and is never joined with another issue.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from sources.text.groups import Groups

# Tuned on one half of the intents of banking77's training part and confirmed on the other.
NEAR = 0.22  # cosine to the centroid from which on a text joins
NEAR_CALM = 0.27  # the same for one that is no trouble
ALIKE = 0.10  # mean cosine between the texts of two groups from which on they are one
AUTHORS = 3  # who have to say it
CALM = 4  # times as many where less than a third of it is trouble
MEMBERS = 60  # of a candidate that are remembered


@dataclass(frozen=True, slots=True)
class Item:
    """A text to be placed: its mention, who wrote it, its features, and whether it is trouble (a complaint, a question,
    a bad mood)."""

    id: int
    author: int
    features: Mapping[int, float]
    trouble: bool


@dataclass(slots=True)
class Placed:
    """What became of a lot: mention -> key of the issue that took it; key of each new issue -> its mentions."""

    joined: dict[int, str] = field(default_factory=dict)
    founded: dict[str, list[int]] = field(default_factory=dict)


def place(groups: Groups, items: Sequence[Item], keep: Set[str] = frozenset()) -> Placed:
    """Put a lot of texts where they belong. The same lot in another order gives nearly the same. The issues to `keep`
    are not forgotten."""
    groups.lot += 1
    groups.learn(item.features for item in items)
    vectors = {item.id: groups.vector(item.features) for item in items}
    at: dict[int, str] = {}
    for again in (False, True):
        for item in items:
            vector, before = vectors[item.id], at.get(item.id)
            if not vector or (before and groups.live[before].issue):
                continue
            if again and before:
                _leave(groups, before, item, vector)
            at[item.id] = _join(groups, item, vector)
    begun = [key for key in dict.fromkeys(at.values()) if not groups.live[key].issue]
    placed = Placed()
    into = _unite(groups, begun, placed)
    for number, key in at.items():
        at[number] = into.get(key, key)
    ripe = {
        key
        for key in at.values()
        if not groups.live[key].issue and enough(member[1:] for member in groups.live[key].members)
    }
    for key in sorted(ripe):
        group = groups.live[key]
        told = [mention for mention, _, _ in group.members] + [number for number in at if at[number] == key]
        placed.founded[key] = list(dict.fromkeys(told))
        group.issue, group.members = True, []
    placed.joined |= {number: key for number, key in at.items() if groups.live[key].issue and key not in ripe}
    groups.expire(keep)
    return placed


def nearest_issue(groups: Groups, features: Mapping[int, float], among: frozenset[str]) -> str | None:
    """The one of these issues that a text is near enough to, whatever else there is."""
    vector = groups.vector(features)
    scores = {key: score / groups.live[key].length for key, score in groups.scores(vector).items() if key in among}
    best = max(scores, key=lambda key: scores[key], default=None)
    return best if best is not None and scores[best] >= NEAR else None


def _join(groups: Groups, item: Item, vector: Mapping[int, float]) -> str:
    key, cosine = groups.nearest(vector)
    if key is None or cosine < (NEAR if item.trouble else NEAR_CALM):
        key = f"mention {item.id}"
    group = groups.put(key, vector)
    if not group.issue and len(group.members) < MEMBERS:
        group.members.append((item.id, item.author, item.trouble))
    return key


def _leave(groups: Groups, key: str, item: Item, vector: Mapping[int, float]) -> None:
    group = groups.put(key, {feature: -weight for feature, weight in vector.items()}, -1)
    group.members = [member for member in group.members if member[0] != item.id]


def _unite(groups: Groups, keys: Sequence[str], placed: Placed) -> dict[str, str]:
    """Join candidates that are alike on average, the most alike first. Returns where each that is gone went to."""
    live = groups.live
    into: dict[str, str] = {}
    changed: dict[str, int] = defaultdict(int)  # how often a group took another in: older pairs tell nothing
    queue: list[tuple[float, str, str, int, int]] = []

    def look(key: str) -> None:
        for other, alike in _like(groups, key):
            heapq.heappush(queue, (-alike, key, other, changed[key], changed[other]))

    for key in keys:
        look(key)
    while queue:
        _, key, other, then, others_then = heapq.heappop(queue)
        if key not in live or other not in live or (changed[key], changed[other]) != (then, others_then):
            continue
        if live[other].issue or (not live[key].issue and live[other].texts > live[key].texts):
            key, other = other, key
        _take_in(groups, key, other, placed)
        into = {gone: key if to == other else to for gone, to in into.items()} | {other: key}
        changed[key] += 1
        if not live[key].issue:
            look(key)
    return into


def _like(groups: Groups, key: str) -> Iterator[tuple[str, float]]:
    group = groups.live[key]
    for other, score in groups.scores(group.total).items():
        if other != key and (alike := score / (group.texts * groups.live[other].texts)) > ALIKE:
            yield other, alike


def _take_in(groups: Groups, key: str, other: str, placed: Placed) -> None:
    gone = groups.drop(other)
    assert gone is not None
    group = groups.put(key, gone.total, gone.texts)
    if group.issue:
        placed.joined |= {mention: key for mention, _, _ in gone.members}
    else:
        group.members = [*group.members, *gone.members][:MEMBERS]


def enough(said: Iterable[tuple[int, bool]]) -> bool:
    """Whether (author, whether it is trouble) of each text make an issue."""
    told = list(said)
    calm = 3 * sum(trouble for _, trouble in told) < len(told)
    return len({author for author, _ in told}) >= AUTHORS * (CALM if calm else 1)
