"""Finding recurring issues: mentions that came in are put into issues, or remembered until enough people say the same.

In this order: the pins of people; what has been read deeply goes by its meaning, together with its words; of the rest
the topics of the word lists that people of several languages have, then the groups of the mention's own language. No
mention ever changes its issue here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Set
from datetime import datetime, timedelta
from heapq import nlargest
from itertools import islice

from sources import likeness
from sources.placing import Meanings, Work, alone_of
from sources.text.deep import engines
from sources.text.deep.engines import Engine
from sources.text.language import detect
from store import issue_moves, issues, outcomes
from store.database import Database
from store.domain.desk import Desk
from store.domain.errors import BadInput, Conflict
from store.domain.query import parse, words_of
from store.domain.words import words
from store.issues import EVERYWHERE, Known, Lot, Memory, Unread, Waiting

LOT = 4_000  # mentions at a time: the more, the less their order matters
DEEP_LOT = 2_500  # the same of what is compared each with each
ISSUES = 500  # those joined last, that texts are compared with by meaning
LEARNT = 100  # issues at a time that are learnt anew
TRIES, PAUSE = 8, 0.25  # how often a lot is taken again when others are quicker; seconds, longer each time


async def refresh(db: Database, desk: Desk, *, now: datetime, patience: timedelta = timedelta(0)) -> int:
    """Look at everything that waits for an issue. Returns how many mentions got one. Where there is an engine of deep
    reading, what came in within `patience` waits until it has been read deeply. Raises StoreError; Conflict where other
    processes never let up."""
    names, count, tries = _names(desk), 0, 0
    if not await issues.any_waiting(db):
        return count
    engine = await asyncio.to_thread(_engine, desk)
    unread = Unread(engine.identity, now - patience) if engine else None
    while True:
        kept = await issues.memories(db, {EVERYWHERE})  # first: what others do from now on is noticed
        lot = await issues.lot(db, limit=DEEP_LOT if engine else LOT, unread=unread)
        stale = tuple(islice((one for one in lot.issues.values() if one.stale), LEARNT))
        if not lot.taken and not stale:
            return count
        if stale:
            await issue_moves.sweep(db, now=now)
        alone = await issues.free(db, alone_of(kept.get(EVERYWHERE))) if engine else []
        read = await _meanings(db, engine, lot, alone) if engine else Meanings()
        languages = {each.language for each in (*lot.waiting, *alone)}
        work = await _remembered(db, lot, stale, languages, kept, names)
        if work.outdated:  # another version of earful left that
            stale = tuple({one.id: one for one in (*stale, *_newest(lot))}.values())
            work = await _remembered(db, lot, stale, languages, kept, names)
        await asyncio.to_thread(work.place, read, alone)
        older = await issues.texts(db, work.untold())
        outcome = await asyncio.to_thread(work.outcome, older)
        try:
            await outcomes.settle(db, lot, outcome, now=now)
            tries = 0
        except Conflict:
            if (tries := tries + 1) >= TRIES:
                raise
            await asyncio.sleep(tries * PAUSE)
        finally:
            count += outcome.given
        if not await issues.any_waiting(db):  # what is known of all issues takes longer to ask
            return count
        await asyncio.sleep(0)


async def _remembered(
    db: Database,
    lot: Lot,
    stale: tuple[Known, ...],
    languages: Set[str],
    kept: Mapping[str, Memory],
    names: frozenset[str],
) -> Work:
    """The work on a lot, with what is remembered of its languages and of those of the issues that are learnt anew."""
    seeds = await issues.examples(db, [one.id for one in stale])
    spoken = {language for told in seeds.values() for _, language, _ in told}
    spoken |= {detect(text) for one in stale for text in one.examples}
    memories = {**kept, **await issues.memories(db, languages | spoken)}
    return await asyncio.to_thread(Work, lot, stale, seeds, memories, names)


def _newest(lot: Lot) -> list[Known]:
    return nlargest(ISSUES, lot.issues.values(), key=lambda one: (one.last_seen, one.id))


async def _meanings(db: Database, engine: Engine, lot: Lot, alone: list[Waiting]) -> Meanings:
    """Of what the engine tells near from far in."""
    spoken = {each.id: each.language for each in (*lot.waiting, *alone) if each.language in engine.good_at}
    vectors, centres = await likeness.meanings(db, engine, spoken, [one.id for one in _newest(lot)])
    return Meanings(engine, vectors, centres)


def _engine(desk: Desk) -> Engine | None:
    """One that cannot be used is told of by who reads deeply."""
    try:
        return engines.chosen(desk.reading.deep)
    except BadInput:
        return None


def _names(desk: Desk) -> frozenset[str]:
    """The words of the desk and its watches: every mention has them, so they tell no two apart."""
    names = {word.folded for word in words(desk.name)}
    for watch in desk.watches:
        node = parse(watch.query)
        for name in words_of(node) if node else ():
            names.update(word.folded for word in words(name))
    return frozenset(names)
