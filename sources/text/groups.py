"""The live groups of texts of one language: what is counted, what is near, what is kept between two lots.

A text is a vector of TF-IDF weights of length 1, a group the sum of its texts' vectors. Cost and size are bounded: at
most `LIVE` groups live, of each the heaviest features count, and those that nothing joined for longest go first. Issues
leave room for candidates: else nothing new would be found once there are as many old ones.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from sources.text.features import VERSION

LIVE = 2_000
ISSUES = 1_400  # of them at most
HEAVIEST = 48  # features of a group that are kept
KNOWN_TERMS = 30_000  # of which it is known in how many texts they are
YOUNG = 500  # texts before which it cannot be told which words are common
COMMON = 0.2  # a feature of more texts finds no group by itself; in those found otherwise it counts

Vector = dict[int, float]
Member = tuple[int, int, bool]


@dataclass(slots=True)
class Group:
    """`members` of a candidate are (mention, author, whether it is trouble); an issue's are in the store. `touched` is
    the lot that it was last joined in."""

    total: Vector = field(default_factory=dict)
    texts: int = 0
    touched: int = 0
    issue: bool = False
    members: list[Member] = field(default_factory=list)
    length: float = 0.0

    def add(self, vector: Mapping[int, float], texts: int = 1) -> None:
        total = self.total
        for feature, weight in vector.items():
            total[feature] = total.get(feature, 0.0) + weight
        self.texts += texts
        self.length = math.sqrt(sum(weight * weight for weight in total.values())) or 1.0


class Groups:
    """The live groups of one language by their keys, which an issue keeps for ever."""

    def __init__(self) -> None:
        self.texts = 0
        self.terms: dict[int, int] = {}
        self.live: dict[str, Group] = {}
        self.lot = 0
        self._places: dict[int, dict[str, float]] = defaultdict(dict)

    def learn(self, texts: Iterable[Mapping[int, float]]) -> None:
        """Count in how many texts each feature is; of the rarest it is forgotten when there are too many."""
        fresh: Counter[int] = Counter()
        for features in texts:
            fresh.update(features.keys())
            self.texts += 1
        for feature, count in fresh.items():
            self.terms[feature] = self.terms.get(feature, 0) + count
        if len(self.terms) > 2 * KNOWN_TERMS:
            self.terms = dict(sorted(self.terms.items(), key=lambda term: -term[1])[:KNOWN_TERMS])

    def vector(self, features: Mapping[int, float]) -> Vector:
        """Weight times inverse frequency, of length 1. A feature that nobody used before counts as in half a text."""
        terms, texts = self.terms, max(self.texts, YOUNG) + 1
        found = {
            feature: weight * math.log(texts / (terms.get(feature, 0) + 0.5)) for feature, weight in features.items()
        }
        found = {feature: weight for feature, weight in found.items() if weight > 0}
        length = math.sqrt(sum(weight * weight for weight in found.values()))
        return {feature: weight / length for feature, weight in found.items()} if length else {}

    def put(self, key: str, vector: Mapping[int, float], texts: int = 1) -> Group:
        """Add texts to a group, which begins with them where there is none; fewer than no texts take them out."""
        group = self.live.setdefault(key, Group())
        group.add(vector, texts)
        group.touched = self.lot
        for feature in vector:
            self._places[feature][key] = group.total[feature]
        if group.texts <= 0:
            self.drop(key)
        return group

    def drop(self, key: str) -> Group | None:
        group = self.live.pop(key, None)
        for feature in group.total if group else ():
            self._places[feature].pop(key, None)
        return group

    def seed(self, key: str, texts: Sequence[Mapping[int, float]]) -> None:
        """Make an issue's group anew of some of its texts."""
        self.drop(key)
        for features in texts:
            self.put(key, self.vector(features)).issue = True

    def scores(self, vector: Mapping[int, float]) -> dict[str, float]:
        """Key -> the dot product with each group that shares a feature which is not in very many texts."""
        found: dict[str, float] = defaultdict(float)
        common, most = [], COMMON * max(self.texts, YOUNG)
        for feature, weight in vector.items():
            places = self._places.get(feature)
            if not places:
                continue
            if self.terms.get(feature, 0) > most and len(places) > LIVE // 20:
                common.append((places, weight))
                continue
            for key, there in places.items():
                found[key] += weight * there
        for places, weight in common:
            for key in found.keys() & places.keys():
                found[key] += weight * places[key]
        return found

    def nearest(self, vector: Mapping[int, float]) -> tuple[str | None, float]:
        """The group whose centroid has the highest cosine, and that."""
        live = self.live
        best, most = None, 0.0
        for key, score in self.scores(vector).items():
            if (cosine := score / live[key].length) > most:
                best, most = key, cosine
        return best, most

    def expire(self, keep: Set[str] = frozenset()) -> None:
        """Back to the bounds, but for issues to `keep`."""
        order = sorted(self.live, key=lambda key: (self.live[key].touched, self.live[key].texts))
        issues = [key for key in order if self.live[key].issue]
        candidates = [key for key in order if not self.live[key].issue]
        stale = [key for key in issues if key not in keep][: max(len(issues) - ISSUES, 0)]
        surplus = max(len(order) - len(stale) - LIVE, 0)
        for key in (*stale, *candidates[:surplus]):
            self.drop(key)

    # Between two lots

    def kept(self) -> dict[str, Any]:
        """For JSON: numbers of features and of mentions, no words."""
        return {
            "version": VERSION,
            "texts": self.texts,
            "lot": self.lot,
            "terms": sorted(self.terms.items(), key=lambda term: -term[1])[:KNOWN_TERMS],
            "groups": {
                key: [_heaviest(each.total), each.texts, each.touched, each.issue, each.members, round(each.length, 3)]
                for key, each in self.live.items()
            },
        }

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Groups | None:
        """None for what another version of the features left."""
        if kept["version"] != VERSION:
            return None
        groups = cls()
        groups.texts, groups.lot, groups.terms = kept["texts"], kept["lot"], dict(kept["terms"])
        for key, (total, texts, touched, issue, members, length) in kept["groups"].items():
            told = [(mention, author, trouble) for mention, author, trouble in members]
            groups.live[key] = Group(dict(total), texts, touched, issue, told, length)
            for feature, weight in total:
                groups._places[feature][key] = weight
        return groups


def _heaviest(total: Mapping[int, float]) -> list[tuple[int, float]]:
    heaviest = sorted(total.items(), key=lambda weight: -weight[1])[:HEAVIEST]
    return [(feature, round(weight, 3)) for feature, weight in heaviest if weight > 0.001]
