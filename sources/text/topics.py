"""Topics: what the word lists know by name in every language, for issues that people of several languages have.

A topic becomes an issue when enough authors have trouble with it and a good part of them does not speak the language of
the others. In one language the words themselves tell more apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

AUTHORS = 3
ELSEWHERE = 0.2  # of them beyond the language that most speak
REMEMBERED = 200  # mentions of a topic that is no issue yet

Seen = tuple[int, int, str]


class Topics:
    """The mentions of each topic that is no issue yet: (mention, author, language)."""

    def __init__(self, kept: Mapping[str, list[Seen]] | None = None) -> None:
        self._seen = {topic: [(m, a, lang) for m, a, lang in seen] for topic, seen in (kept or {}).items()}

    def hear(self, topic: str, mention: int, author: int, language: str) -> None:
        seen = self._seen.setdefault(topic, [])
        seen.append((mention, author, language))
        del seen[:-REMEMBERED]

    def founded(self) -> dict[str, list[int]]:
        """The topics that have become an issue, with their mentions; they are not remembered any more."""
        ripe = [topic for topic, seen in self._seen.items() if _ripe(seen)]
        return {topic: [mention for mention, _, _ in self._seen.pop(topic)] for topic in sorted(ripe)}

    def kept(self) -> dict[str, list[Seen]]:
        return self._seen


def _ripe(seen: list[Seen]) -> bool:
    speakers = Counter(language for _, language in {(author, language) for _, author, language in seen})
    everyone = speakers.total()
    return everyone >= AUTHORS and everyone - max(speakers.values()) >= ELSEWHERE * everyone
