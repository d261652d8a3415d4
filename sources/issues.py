"""Finding recurring issues: mentions that came in are put into issues, or remembered until enough people say the same.

In this order: the pins of people; what has been read deeply goes by its meaning, together with its words; of the rest
the topics of the word lists that people of several languages have, then the groups of the mention's own language. No
mention ever changes its issue here.
"""

from __future__ import annotations

import asyncio
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
from store.issues import EVERYWHERE, Lot, Unread, Waiting

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
        seeds = await issues.examples(db, [one.id for one in stale])
        alone = await issues.free(db, alone_of(kept.get(EVERYWHERE))) if engine else []
        languages = {each.language for each in (*lot.waiting, *alone)}
        languages |= {language for told in seeds.values() for _, language, _ in told}
        languages |= {detect(text) for one in stale for text in one.examples}
        kept |= await issues.memories(db, languages)
        read = await _meanings(db, engine, lot, alone) if engine else Meanings()
        work = await asyncio.to_thread(Work, lot, stale, seeds, kept, names)
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
        await asyncio.sleep(0)


async def _meanings(db: Database, engine: Engine, lot: Lot, alone: list[Waiting]) -> Meanings:
    """Of what the engine tells near from far in."""
    spoken = {each.id: each.language for each in (*lot.waiting, *alone) if each.language in engine.good_at}
    newest = nlargest(ISSUES, lot.issues.values(), key=lambda one: (one.last_seen, one.id))
    vectors, centres = await likeness.meanings(db, engine, spoken, [one.id for one in newest])
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
