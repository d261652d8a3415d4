"""One lot of mentions on its way into issues: what a thread works out, and asks nobody."""

from __future__ import annotations

import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sources.text import grouping
from sources.text.copies import Copies
from sources.text.deep.engines import Engine
from sources.text.deep.gathering import Centre, Meant, gather
from sources.text.features import features, said
from sources.text.groups import Groups
from sources.text.intent import COMPLAINT, QUESTION, REQUEST, SPAM, THREAT
from sources.text.labels import TEXTS, label, typical
from sources.text.language import detect
from sources.text.phrases import topics
from sources.text.pins import Pins
from sources.text.topics import Topics
from store.domain.mention import SentimentLabel
from store.issues import EVERYWHERE, Known, Lot, Memory, Waiting
from store.outcomes import Founded, Outcome

ALONE = 500  # read deeply and in no issue, that are remembered
TROUBLE = frozenset({COMPLAINT, QUESTION, REQUEST, THREAT})


@dataclass(frozen=True, slots=True)
class Meanings:
    """What deep reading knows: the centred vectors of mentions, what issues are about. None of both without one."""

    engine: Engine | None = None
    mentions: Mapping[int, Any] = field(default_factory=dict)
    issues: Mapping[int, Centre] = field(default_factory=dict)


@dataclass(slots=True)
class _Language:
    groups: Groups = field(default_factory=Groups)
    copies: Copies = field(default_factory=Copies)
    version: int = 0
    founded: dict[str, list[int]] = field(default_factory=dict)


class Work:
    """One lot on its way through: everything here runs in a thread and asks nobody."""

    def __init__(
        self,
        lot: Lot,
        stale: tuple[Known, ...],
        seeds: Mapping[int, list[tuple[int, str, str]]],
        memories: Mapping[str, Memory],
        names: frozenset[str],
    ) -> None:
        self._lot, self._names, self._outcome = lot, names, Outcome()
        self._texts: dict[int, str] = {}
        self._words: dict[int, list[str]] = {}
        self._spoken: dict[int, str] = {}
        for each in lot.waiting:
            self._hear(each)
        self._meant: dict[str, list[int]] = {}
        self._joined: dict[int, list[int]] = defaultdict(list)
        self._topics_founded: dict[str, list[int]] = {}
        self._version = memories[EVERYWHERE].version if EVERYWHERE in memories else 0
        kept = _unpacked(memories[EVERYWHERE].body) if EVERYWHERE in memories else {}
        self._topics, self._alone = Topics(kept.get("topics")), alone_of(memories.get(EVERYWHERE))
        self._touched = {each.language for each in lot.waiting}
        self.outdated = False  # whether what was remembered is of another version, so that issues are to be learnt anew
        self._languages: dict[str, _Language] = defaultdict(_Language)
        for language, memory in memories.items():
            if language != EVERYWHERE:
                self._languages[language] = self._remembered(memory)
        for one in stale:
            self._learn(one, seeds.get(one.id, []))

    def place(self, read: Meanings, alone: Sequence[Waiting] = ()) -> None:
        """Who goes where. `alone` were read deeply in earlier lots, and are in no issue."""
        pins = Pins((one.id, phrase) for one in self._lot.issues.values() for phrase in one.phrases)
        by_example = frozenset(one.key for one in self._lot.issues.values() if one.examples)
        rest: dict[str, list[Waiting]] = defaultdict(list)
        deep = [each for each in alone if each.id in read.mentions]
        for each in deep:
            self._hear(each)
        for each in self._lot.waiting:
            told = self._words[each.id]
            original = None if each.pins_only else self._languages[each.language].copies.original(each.id, told)
            if each.placed:
                continue
            if original is not None:
                self._outcome.copies[each.id] = original
            if (held := pins.of(told)) is not None:
                self._joined[held].append(each.id)
            elif (like := self._like_an_example(each, by_example)) is not None:
                self._joined[like].append(each.id)
            elif original is not None or each.pins_only or each.intent == SPAM:
                continue
            elif each.id in read.mentions:
                deep.append(each)
            elif not self._on_topic(each):
                rest[each.language].append(each)
        self._topics_founded = self._topics.founded()
        apart = {number for ids in self._topics_founded.values() for number in ids}
        pinned = {one.key for one in self._lot.issues.values() if one.pinned}
        for language in sorted(self._touched):
            state = self._languages[language]
            items = [self._item(each) for each in rest[language] if each.id not in apart]
            placed = grouping.place(state.groups, items, pinned)
            state.founded = placed.founded
            for number, key in placed.joined.items():
                self._joined[self._lot.leads[key]].append(number)
        if read.engine is not None:
            self._gather(read.engine, read, deep, fresh={each.id for each in self._lot.waiting})

    def _hear(self, each: Waiting) -> None:
        self._texts[each.id], self._spoken[each.id] = each.whole, each.language
        self._words[each.id] = said(each.whole)

    def untold(self) -> set[int]:
        """Mentions of earlier lots whose words are needed to name what they founded."""
        founded = (ids for state in self._languages.values() for ids in state.founded.values())
        return {number for ids in founded for number in ids[:TEXTS]} - self._texts.keys()

    def outcome(self, older: Mapping[int, str]) -> Outcome:
        """Everything that is to be written; `older` are the words that were asked for."""
        taken = {one.label for one in self._lot.issues.values()}
        out, told = self._outcome, {**older, **self._texts}
        for topic, ids in self._topics_founded.items():
            out.founded.append(Founded(topic, topic if topic not in taken else f"{topic} (topic)", ids))
            taken.add(out.founded[-1].label)
        for language, state in self._languages.items():
            for key, ids in state.founded.items():
                self._name(key, ids, language, {number: told[number] for number in ids if number in told}, taken)
        for key, ids in self._meant.items():
            language = Counter(self._spoken[number] for number in ids).most_common(1)[0][0]
            named_by = {number: told[number] for number in ids if self._spoken[number] == language}
            self._name(key, ids, language, named_by, taken)
        for language in sorted(self._touched):
            state = self._languages[language]
            kept = {"groups": state.groups.kept(), "copies": state.copies.kept()}
            out.memories[language] = Memory(state.version, _packed(kept))
        everywhere = {"topics": self._topics.kept(), "alone": self._alone}
        out.memories[EVERYWHERE] = Memory(self._version, _packed(everywhere))
        out.joined = dict(self._joined)
        return out

    def _name(self, key: str, ids: list[int], language: str, told: Mapping[int, str], taken: set[str]) -> None:
        """A new issue, called by what its mentions of one language say; none where nobody says anything any more."""
        told = dict(islice(told.items(), TEXTS))
        if not told:
            return
        state = self._languages[language]
        name = label(list(told.values()), language, state.groups, self._names, taken)
        taken.add(name)
        vectors = {number: self._vector(state, language, text) for number, text in told.items()}
        self._outcome.founded.append(Founded(key, name, ids, typical(vectors, state.groups, key)))

    def _gather(self, engine: Engine, read: Meanings, them: Sequence[Waiting], fresh: Set[int]) -> None:
        """By meaning: what is joined or founded is known by its words too from now on, in every language of it."""
        items = [self._item(each) for each in them]
        happy = {each.id for each in them if each.sentiment == SentimentLabel.POSITIVE}
        groups = {each.language: self._languages[each.language].groups for each in them}
        for language, state in groups.items():
            state.learn(item.features for item in items if item.id in fresh and self._spoken[item.id] == language)
        meant, keys = list[Meant](), dict[int, str]()
        for item in items:
            language = self._spoken[item.id]
            vector = groups[language].vector(item.features)
            near = self._near(groups[language], vector)
            best = max(near, key=lambda number: near[number], default=0)
            if best and best not in read.issues and near[best] >= grouping.NEAR:  # of which only the words are known
                self._join(item.id, best, keys)
            glad = item.id in happy
            meant.append(
                Meant(item.id, item.author, language, read.mentions[item.id], vector, near, item.trouble, glad)
            )
        found = gather(engine, [each for each in meant if each.id not in keys], read.issues)
        self._meant, self._alone = found.founded, found.left[-ALONE:]
        for number, issue_id in found.joined.items():
            self._join(number, issue_id, keys)
        keys |= {number: key for key, ids in found.founded.items() for number in ids}
        for each in meant:
            if each.id in keys:
                groups[each.language].put(keys[each.id], each.words).issue = True
                self._touched.add(each.language)

    def _join(self, number: int, issue_id: int, keys: dict[int, str]) -> None:
        self._joined[issue_id].append(number)
        keys[number] = self._lot.issues[issue_id].key

    def _near(self, groups: Groups, vector: Mapping[int, float]) -> dict[int, float]:
        """The cosine of a text to the issues of its language, by its words."""
        near: dict[int, float] = {}
        for key, score in groups.scores(vector).items():
            if key in self._lot.leads:
                led = self._lot.leads[key]
                near[led] = max(near.get(led, 0.0), score / groups.live[key].length)
        return near

    def _remembered(self, memory: Memory) -> _Language:
        """Without the groups of issues that were merged or never came to be."""
        kept = _unpacked(memory.body)
        known = Groups.of(kept["groups"])
        self.outdated = self.outdated or known is None
        groups = known or Groups()
        for key in [key for key, group in groups.live.items() if group.issue]:
            led = self._lot.issues.get(self._lot.leads.get(key, 0))
            if led is None or led.key != key:
                groups.drop(key)
        return _Language(groups, Copies(kept["copies"]), memory.version)

    def _learn(self, one: Known, seeds: list[tuple[int, str, str]]) -> None:
        """What an issue is about, by language: its newest mentions and the examples that a person gave."""
        texts: dict[str, list[dict[int, float]]] = defaultdict(list)
        for _, language, text in seeds:
            texts[language].append(features(said(text), language, self._names))
        for text in one.examples:
            language = detect(text)
            texts[language].append(features(said(text), language, self._names))
        for state in self._languages.values():
            state.groups.drop(one.key)
        self._touched |= texts.keys()
        for language, told in texts.items():
            self._languages[language].groups.seed(one.key, told)
        best = None
        if seeds:
            language = seeds[0][1]
            state = self._languages[language]
            vectors = {n: self._vector(state, language, text) for n, other, text in seeds if other == language}
            best = typical(vectors, state.groups, one.key)
        self._outcome.learnt[one.id] = best

    def _vector(self, state: _Language, language: str, text: str) -> Mapping[int, float]:
        return state.groups.vector(features(said(text), language, self._names))

    def _item(self, each: Waiting) -> grouping.Item:
        told = features(self._words[each.id], each.language, self._names)
        return grouping.Item(each.id, each.author_id, told, _trouble(each))

    def _like_an_example(self, each: Waiting, keys: frozenset[str]) -> int | None:
        if not keys:
            return None
        told = features(self._words[each.id], each.language, self._names)
        key = grouping.nearest_issue(self._languages[each.language].groups, told, keys)
        return None if key is None else self._lot.leads[key]

    def _on_topic(self, each: Waiting) -> bool:
        """Whether a topic that is an issue took it; else its topics are remembered."""
        if not _trouble(each):
            return False
        named = topics(each.whole, each.language)
        known = next((self._lot.leads[topic] for topic in named if topic in self._lot.leads), None)
        if known is not None:
            self._joined[known].append(each.id)
            return True
        for topic in named:
            self._topics.hear(topic, each.id, each.author_id, each.language)
        return False


def _trouble(each: Waiting) -> bool:
    return each.intent in TROUBLE or each.sentiment == SentimentLabel.NEGATIVE


def alone_of(memory: Memory | None) -> list[int]:
    """The mentions that were read deeply and are in no issue, as far as they are remembered."""
    return list(_unpacked(memory.body).get("alone", ())) if memory else []


def _packed(kept: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)


def _unpacked(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(body)) if body else {}
    return found
