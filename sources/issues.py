"""Finding recurring issues: mentions that came in are put into issues, or remembered until enough people say the same.

In this order: the pins of people, the topics of the word lists that people of several languages have, the groups of
the mention's own language. No mention ever changes its issue here.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sources.text import grouping
from sources.text.copies import Copies
from sources.text.features import features, said
from sources.text.groups import Groups
from sources.text.intent import COMPLAINT, QUESTION, REQUEST, SPAM, THREAT
from sources.text.labels import TEXTS, label, typical
from sources.text.language import detect
from sources.text.meaning import Meanings, nearest_meaning
from sources.text.phrases import topics
from sources.text.pins import Pins
from sources.text.topics import Topics
from store import issue_acts, issues
from store.database import Database
from store.domain.desk import Desk
from store.domain.errors import Conflict
from store.domain.mention import SentimentLabel
from store.domain.query import parse, words_of
from store.domain.words import words
from store.issues import Founded, Known, Lot, Memory, Outcome, Waiting

LOT = 4_000  # mentions at a time: the more, the less their order matters
LEARNT = 100  # issues at a time that are learnt anew
TRIES = 8
EVERYWHERE = ""  # the language of what is remembered of all languages
TROUBLE = frozenset({COMPLAINT, QUESTION, REQUEST, THREAT})

ReadMeanings = Callable[[Lot], Awaitable[Meanings]]


async def refresh(db: Database, desk: Desk, *, now: datetime, meanings: ReadMeanings | None = None) -> int:
    """Look at everything that waits for an issue. Returns how many mentions got one. `meanings` is asked for vectors
    of each lot, where there is a deeper reading. Raises StoreError; Conflict where other processes never let up."""
    names, count, tries = _names(desk), 0, 0
    while True:
        if not await issues.any_waiting(db):
            return count
        lot = await issues.lot(db, limit=LOT)
        stale = tuple(islice((one for one in lot.issues.values() if one.stale), LEARNT))
        if stale:
            await issue_acts.sweep(db, now=now)
        seeds = await issues.examples(db, [one.id for one in stale])
        languages = {EVERYWHERE, *(each.language for each in lot.waiting)}
        languages |= {language for told in seeds.values() for _, language, _ in told}
        languages |= {detect(text) for one in stale for text in one.examples}
        memories = await issues.memories(db, languages)
        read = await meanings(lot) if meanings else Meanings()
        work = await asyncio.to_thread(_Work, lot, stale, seeds, memories, names)
        await asyncio.to_thread(work.place, read)
        older = await issues.texts(db, work.untold())
        outcome = await asyncio.to_thread(work.outcome, older)
        try:
            count += await issues.settle(db, lot, outcome, now=now)
            tries = 0
        except Conflict:
            if (tries := tries + 1) >= TRIES:
                raise
        await asyncio.sleep(0)


@dataclass(slots=True)
class _Language:
    groups: Groups = field(default_factory=Groups)
    copies: Copies = field(default_factory=Copies)
    version: int = 0
    founded: dict[str, list[int]] = field(default_factory=dict)


class _Work:
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
        self._texts = {each.id: each.whole for each in lot.waiting}
        self._words = {number: said(text) for number, text in self._texts.items()}
        self._joined: dict[int, list[int]] = defaultdict(list)
        self._topics_founded: dict[str, list[int]] = {}
        self._version = memories[EVERYWHERE].version if EVERYWHERE in memories else 0
        kept = _unpacked(memories[EVERYWHERE].body) if EVERYWHERE in memories else {}
        self._topics = Topics(kept.get("topics"))
        self._languages: dict[str, _Language] = defaultdict(_Language)
        for language, memory in memories.items():
            if language != EVERYWHERE:
                self._languages[language] = self._remembered(memory)
        for one in stale:
            self._learn(one, seeds.get(one.id, []))

    def place(self, read: Meanings) -> None:
        """Who goes where."""
        pins = Pins((one.id, phrase) for one in self._lot.issues.values() for phrase in one.phrases)
        by_example = frozenset(one.key for one in self._lot.issues.values() if one.examples)
        rest: dict[str, list[Waiting]] = defaultdict(list)
        for each in self._lot.waiting:
            told = self._words[each.id]
            original = None if each.pins_only else self._languages[each.language].copies.original(each.id, told)
            if original is not None:
                self._outcome.copies[each.id] = original
            if (pinned := pins.of(told)) is not None:
                self._joined[pinned].append(each.id)
            elif (like := self._like_an_example(each, by_example)) is not None:
                self._joined[like].append(each.id)
            elif original is None and not each.pins_only and each.intent != SPAM and not self._on_topic(each):
                rest[each.language].append(each)
        self._topics_founded = self._topics.founded()
        apart = {number for ids in self._topics_founded.values() for number in ids}
        for language, them in rest.items():
            state = self._languages[language]
            items = [self._item(each) for each in them if each.id not in apart]
            placed = grouping.place(state.groups, items)
            state.founded = placed.founded
            for number, key in placed.joined.items():
                self._joined[self._lot.leads[key]].append(number)
            self._by_meaning(items, {*placed.joined, *(n for ids in placed.founded.values() for n in ids)}, read)

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
                whole = {number: told[number] for number in ids[:TEXTS] if number in told}
                if not whole:
                    continue
                name = label(list(whole.values()), language, state.groups, self._names, taken)
                taken.add(name)
                vectors = {number: self._vector(state, language, text) for number, text in whole.items()}
                out.founded.append(Founded(key, name, ids, typical(vectors, state.groups, key)))
            kept = {"groups": state.groups.kept(), "copies": state.copies.kept()}
            out.memories[language] = Memory(state.version, _packed(kept))
        out.memories[EVERYWHERE] = Memory(self._version, _packed({"topics": self._topics.kept()}))
        out.joined = dict(self._joined)
        return out

    def _remembered(self, memory: Memory) -> _Language:
        """Without the groups of issues that were merged or never came to be."""
        kept = _unpacked(memory.body)
        groups = Groups.of(kept["groups"]) or Groups()
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

    def _by_meaning(self, items: list[grouping.Item], placed: set[int], read: Meanings) -> None:
        for item in items:
            if item.id not in placed and item.trouble:
                number = nearest_meaning(read.mentions.get(item.id), read.issues)
                if number is not None:
                    self._joined[number].append(item.id)


def _trouble(each: Waiting) -> bool:
    return each.intent in TROUBLE or each.sentiment == SentimentLabel.NEGATIVE


def _packed(kept: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(kept, separators=(",", ":")).encode(), 1)


def _unpacked(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(zlib.decompress(body))
    return found


def _names(desk: Desk) -> frozenset[str]:
    """The words of the desk and its watches: every mention has them, so they tell no two apart."""
    names = {word.folded for word in words(desk.name)}
    for watch in desk.watches:
        node = parse(watch.query)
        for name in words_of(node) if node else ():
            names.update(word.folded for word in words(name))
    return frozenset(names)
