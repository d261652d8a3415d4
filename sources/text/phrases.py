"""Recurring issues: what many people say, as phrases of one to three words.

Phrases of one language meet only that language; where people speak of the same thing in many, the word lists' topics
("[topic login]") are a phrase they share. Grouping is greedy: the phrase that most authors share beyond what is usual
takes its mentions, then the next one among the rest, so that a mention is in one group at most.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

from sources.text.intent import COMPLAINT, QUESTION, REQUEST
from sources.text.lexicon import Spoken, lexicon
from store.domain.mention import SentimentLabel

LONGEST = 3
WORDS_LIMIT = 60
COMMON_SHARE = 0.03  # a single word that more mentions share says little
SAME_GROUP = 0.6  # a phrase whose mentions mostly are in a group already is that group in other words
WEIGHTS = {0: 2.5, 1: 0.5, 2: 1.3, 3: 1.6}  # by number of words; 0 is a topic

_TOPIC = "topic "
_FEELINGS = frozenset({"positive", "negative", "complaint", "praise", "request", "question", "boost", "negation"})
_TROUBLE = frozenset({"negative", "complaint", "question", "request", "negation"})
_STOP_LANGUAGES = ("en", "de", "ro", "vi", "it", "hu", "es", "fr", "pt", "nl", "pl", "tr")
_BETWEEN = re.compile(r"[\n.,:;!?()\"|/]")  # a phrase does not go on behind these
_ADDRESSES = re.compile(r"https?://\S+|www\.\S+|[@＠][\w.@-]+")

Groups = dict[str, tuple[str, list[int]]]


class Item(Protocol):
    """What grouping needs of a mention (store.issues.Unassigned has it)."""

    @property
    def id(self) -> int: ...
    @property
    def author_id(self) -> int: ...
    @property
    def language(self) -> str: ...
    @property
    def sentiment(self) -> str: ...
    @property
    def intent(self) -> str | None: ...
    @property
    def title(self) -> str: ...
    @property
    def text(self) -> str: ...


class _Phrase(NamedTuple):
    key: str
    shown: str
    words: int


def phrases(text: str, language: str) -> tuple[str, ...]:
    """The folded phrases of a text that could name an issue: topics first, then the longer before the shorter."""
    return tuple(dict.fromkeys(phrase.key for phrase in _phrases(text, language)))


def group(items: Sequence[Item], *, leave_out: Iterable[str], minimum_authors: int = 3) -> Groups:
    """Phrase -> (label as people write it, mention ids). `leave_out` are folded words, the brand's own above all."""
    names = frozenset(leave_out)
    shown: dict[str, Counter[str]] = defaultdict(Counter)
    length: dict[str, int] = {}
    members: dict[str, list[int]] = defaultdict(list)
    for index, found in enumerate(_common(items, names, minimum_authors)):
        for phrase in found:
            members[phrase.key].append(index)
            shown[phrase.key][phrase.shown] += 1
            length[phrase.key] = phrase.words
    troubled = [item.intent in (COMPLAINT, QUESTION, REQUEST) or _negative(item) for item in items]
    usual = (sum(troubled) + 1) / (len(items) + 2)

    def worth(key: str, left: list[int]) -> float:
        """How many authors share it, times how much more it is said in trouble than otherwise."""
        authors = len({items[index].author_id for index in left})
        trouble = sum(troubled[index] for index in left)
        weak = length[key] == 1 or 3 * trouble < len(left)
        if authors < minimum_authors * (4 if weak else 1):
            return 0.0
        if length[key] == 1 and len(left) > max(30, COMMON_SHARE * len(items)):
            return 0.0
        share = (trouble + 1) / (len(left) + 2)
        return authors * WEIGHTS[length[key]] * math.exp(2 * (share - usual))

    queue = [(-value, key) for key, found in members.items() if (value := worth(key, found))]
    heapq.heapify(queue)
    taken: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    while queue:
        value, key = heapq.heappop(queue)
        left = [index for index in members[key] if index not in taken]
        now = worth(key, left)
        if not now:
            continue
        if now < -value:
            heapq.heappush(queue, (-now, key))
            continue
        owner = _owner(members[key], taken) if length[key] else None
        groups.setdefault(owner or key, []).extend(left)
        taken.update((index, owner or key) for index in left)
    return {key: (shown[key].most_common(1)[0][0], [items[index].id for index in sorted(found)])
            for key, found in groups.items()}  # fmt: skip


def _negative(item: Item) -> bool:
    return item.sentiment == SentimentLabel.NEGATIVE


def _owner(found: list[int], taken: dict[int, str]) -> str | None:
    """The group that most of these mentions are in already."""
    owners = Counter(taken[index] for index in found if index in taken)
    if owners and (most := owners.most_common(1)[0])[1] >= SAME_GROUP * len(found):
        return most[0]
    return None


def _common(items: Sequence[Item], names: frozenset[str], least: int) -> list[list[_Phrase]]:
    """Each item's phrases without the names, once each, and only those that enough items have."""
    found = []
    for item in items:
        unique = {phrase.key: phrase for phrase in _phrases(f"{item.title}\n{item.text}", item.language)}
        found.append([phrase for key, phrase in unique.items() if not phrase.words or names.isdisjoint(key.split())])
    count = Counter(phrase.key for each in found for phrase in each)
    return [[phrase for phrase in each if count[phrase.key] >= least] for each in found]


def _phrases(text: str, language: str) -> list[_Phrase]:
    spoken = Spoken.of(_ADDRESSES.sub(" ", text))
    hits = lexicon(language).find(spoken)
    found = []
    if "?" in text or any(hit.section in _TROUBLE for hit in hits):
        topics = [hit.section.removeprefix(_TOPIC) for hit in hits if hit.section.startswith(_TOPIC)]
        found = [_Phrase(topic, topic, 0) for topic in topics]
    feelings = {n for hit in hits if hit.section in _FEELINGS for n in range(hit.index, hit.index + hit.length)}
    stop, said, places = _stop(language), spoken.folded[:WORDS_LIMIT], spoken.words
    weak = [word in stop or len(word) < 2 or word.isdigit() for word in said]
    telling = [not weak[n] and n not in feelings for n in range(len(said))]
    least = 2 if language == "vi" else 1  # one syllable is rarely a word
    for length in range(LONGEST, least - 1, -1):
        for begin in range(len(said) - length + 1):
            end = begin + length
            if weak[begin] or weak[end - 1] or not any(telling[begin:end]):
                continue
            shown = spoken.text[places[begin].start : places[end - 1].end]
            if len(shown) <= 60 and not _BETWEEN.search(shown):
                found.append(_Phrase(" ".join(said[begin:end]), shown.lower(), length))
    return found


@lru_cache(maxsize=64)
def _stop(language: str) -> frozenset[str]:
    """Small words of the language and of English, which is mixed into all; of every language where it is unknown."""
    languages = (language, "en") if lexicon(language).stop else _STOP_LANGUAGES
    return frozenset().union(*(lexicon(each).stop for each in languages))
