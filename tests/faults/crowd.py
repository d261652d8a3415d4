"""Many processes on one store: each claims, acts, answers, takes back, reads pages in and sends, at random, and writes
down what the store acknowledged. `python crowd.py PLACE FOLDER PROCESSES SECONDS SEED CASES [HAND]`; HAND names one of
PLANTED, who is wrong on purpose."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import update

from store import cases, database, drafts, outbox, tables
from store.database import Database
from store.domain.action import AddNote, Done, Prioritise, Reopen, Reply, Tag
from store.domain.case import Priority
from store.domain.delivery import DeliveryState
from store.domain.errors import BadInput, Conflict, NotFound
from store.engines import sqlite
from tests import factories

ENOUGH = 15  # deeds each, however long that takes on a slow machine
EXPECTED = (Conflict, NotFound, BadInput)  # somebody was quicker; a person is told and looks again


class Member:
    """One process of the crowd. `log` has what was acknowledged, one JSON array a line."""

    def __init__(self, db: Database, number: int, random: Random, known: list[int], log: Path) -> None:
        self.db, self.name, self.random, self.known = db, f"agent{number}", random, known
        self.log = log.open("a", buffering=1)
        self.slowest = 0.0

    async def run(self, until: float) -> Counter[str]:
        told: Counter[str] = Counter()
        deeds = (
            self.claim,
            self.act,
            self.act,
            self.answer,
            self.take_back,
            self.write,
            self.land,
            self.send,
            self.send,
        )
        while time.monotonic() < until or told.total() < ENOUGH:
            deed = self.random.choice(deeds)
            begun = time.monotonic()
            try:
                await deed()
                told[deed.__name__] += 1
            except EXPECTED as error:
                told[type(error).__name__] += 1
            self.slowest = max(self.slowest, time.monotonic() - begun)
        return told

    def acknowledge(self, *what: object) -> None:
        self.log.write(json.dumps(what) + "\n")

    async def claim(self) -> None:
        found = await cases.next_urgent(self.db, agent=self.name, now=now())
        if found:
            self.acknowledge("claim", found[0])

    async def act(self) -> None:
        case_id = self.random.choice(self.known)
        (row,) = await cases.rows(self.db, [case_id])
        action = self.random.choice(
            (Tag((f"t{self.random.randrange(6)}",)), Prioritise(self.random.choice(list(Priority))), AddNote("a word"))
            + ((Done(),) if row.status != "done" else (Reopen(),))
        )
        done = await cases.act(self.db, [(case_id, row.version)], action, agent=self.name, now=now())
        for one, version in done.cases.items():
            self.acknowledge("version", one, version)

    async def answer(self) -> None:
        """Everybody presses send on the same few drafts."""
        case_id = self.random.choice(self.known)
        reply = Reply(f"answer {case_id}", f"answer-{case_id}", undo_window=0.0)
        done = await cases.act(self.db, [(case_id, None)], reply, agent=self.name, now=now())
        self.acknowledge("answer", case_id)
        for one, version in done.cases.items():
            self.acknowledge("version", one, version)

    async def take_back(self) -> None:
        undone = await cases.undo(self.db, agent=self.name, now=now())
        for one, version in undone.cases.items():
            self.acknowledge("version", one, version)
        if undone.text:
            self.acknowledge("recalled", undone.text)

    async def write(self) -> None:
        await drafts.save(self.db, self.random.choice(self.known), "shared", self.name, now=now())

    async def land(self) -> None:
        """The same posts come to several readers; each counts once."""
        number = self.random.randrange(400)
        items = [
            factories.read_mention(f"acme number{n}", id=f"p{n}", author=f"w{n % 9}") for n in (number, number + 1)
        ]
        line = await factories.land(self.db, *items, now=now())
        self.acknowledge("new", line.new)

    async def send(self) -> None:
        await outbox.release_held(self.db, now=now())
        for one in (await outbox.due(self.db, now=now(), limit=3))[:1]:
            sending = await outbox.move(self.db, one, DeliveryState.SENDING, now=now(), tried=True)
            self.acknowledge("posted", one.id)
            await outbox.move(self.db, sending, DeliveryState.SENT, now=now(), remote_id=f"r{one.id}")


class LosesUpdates(Member):
    """Reads, thinks, and writes what it read, one more."""

    async def act(self) -> None:
        case_id = self.random.choice(self.known)
        (row,) = await cases.rows(self.db, [case_id])
        written = update(tables.cases).where(tables.cases.c.id == case_id)
        await factories.change(self.db, written.values(version=row.version + 1))
        self.acknowledge("version", case_id, row.version + 1)


class AnswersTwice(Member):
    """Sends first and looks afterwards whether it was its to send."""

    async def send(self) -> None:
        await outbox.release_held(self.db, now=now())
        for one in (await outbox.due(self.db, now=now(), limit=3))[:1]:
            self.acknowledge("posted", one.id)
            sending = await outbox.move(self.db, one, DeliveryState.SENDING, now=now(), tried=True)
            await outbox.move(self.db, sending, DeliveryState.SENT, now=now(), remote_id=f"r{one.id}")


class GivesUp(Member):
    """Tells a person that the store is locked as soon as somebody else writes."""

    def __init__(self, db: Database, *given: Any) -> None:
        super().__init__(db, *given)
        database.AGAIN_SECONDS = 0.0


PLANTED = {one.__name__: one for one in (LosesUpdates, AnswersTwice, GivesUp)}


def now() -> datetime:
    return datetime.now(UTC)


async def member(
    place: str, folder: Path, number: int, seconds: float, seed: int, known: list[int], kind: type[Member]
) -> None:
    if kind is GivesUp:
        sqlite.TURN_MILLISECONDS = 1
    db = Database(place)
    await db.open()
    try:
        one = kind(db, number, Random(f"{seed} {number}"), known, folder / f"{number}.log")
        told = await one.run(time.monotonic() + seconds)
        (folder / f"{number}.told").write_text(json.dumps([told, one.slowest]))
    finally:
        await db.close()


def main(
    place: str, folder: str, processes: str, seconds: str, seed: str, number_of_cases: str, hand: str = ""
) -> None:
    """Everything is imported once, before the fork."""
    known = list(range(1, int(number_of_cases) + 1))
    children = []
    for number in range(int(processes)):
        child = os.fork()
        if not child:
            try:
                kind = PLANTED.get(hand, Member)
                asyncio.run(member(place, Path(folder), number, float(seconds), int(seed), known, kind))
            except BaseException as error:
                sys.stderr.write(f"{number}: {type(error).__name__}: {error}\n")
                os._exit(1)
            os._exit(0)
        children.append(child)
    sys.exit(any(os.waitpid(child, 0)[1] for child in children))


if __name__ == "__main__":
    from sqlalchemy.dialects.sqlite import aiosqlite  # noqa: F401  heavy, and the children need it

    main(*sys.argv[1:])
