"""Whatever comes in what lots, whoever looks, whatever persons do in between: a mention keeps the issue that it got,
unless a person's act moved it."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest

from sources import issues
from sources.reread import reread
from store import issue_acts
from store.database import Database
from store.domain.desk import Desk, Watch
from store.domain.errors import BadInput, NotFound
from store.domain.place import Place
from store.issues import expect
from store.tables import issue, issue_move, issue_pending, mention
from tests.factories import NOW, land, read_mention, rows

DESK = Desk(name="Acme", watches=(Watch("acme", "acme"),))
ABOUT = ("rotor blade snapped", "invoice total doubled", "parcel tracking stuck", "camera lens scratched")
OTHERS = ("kabak", "lodem", "mifil", "nugor", "pehun", "ribak", "sodem", "tufil", "kagor", "lohun", "midem", "nufil")
STEPS = 12


class World:
    """A store that is closed and opened again, and what is known of its mentions."""

    def __init__(self, place: Place, random: Random) -> None:
        self.place, self.random = place, random
        self.db = Database(place)
        self.count = 0

    async def come(self) -> None:
        some = []
        for _ in range(self.random.choice((1, 3, 12))):
            self.count += 1
            words = f"my {self.random.choice(ABOUT)} {' '.join(self.random.sample(OTHERS, 2))} {self.count}"
            some.append(read_mention(words, id=f"m{self.count}", author=f"by {self.count}", sentiment="negative"))
        await land(self.db, *some)
        if self.random.random() < 0.8:
            await issues.refresh(self.db, DESK, now=NOW)

    async def act(self) -> None:
        """One of a person's acts: it moves what it remembers, and nothing else."""
        live = [row.id for row in await rows(self.db, issue) if row.merged_into is None]
        found = {row.id: row for row in await rows(self.db, mention)}
        who = {"agent": "ana", "now": NOW}
        acts = {
            "pin": lambda: issue_acts.pin(
                self.db, f"pin {self.count}", phrases=[self.random.choice(OTHERS)], mentions=self._some(found), **who
            ),
            "rename": lambda: issue_acts.rename(self.db, self.random.choice(live), f"name {self.count}", **who),
            "merge": lambda: issue_acts.merge(self.db, *self.random.sample(live, 2), **who),
            "split": lambda: issue_acts.split(
                self.db, self.random.choice(live), "part", phrase=self.random.choice(OTHERS), **who
            ),
            "set": lambda: issue_acts.assign(
                self.db, self.random.choice(list(found.values())).case_id, self.random.choice([None, *live]), **who
            ),
            "undo": lambda: issue_acts.undo(self.db, **who),
        }
        before = await self.issues()
        moves = {(row.act_id, row.mention_id) for row in await rows(self.db, issue_move)}
        name = self.random.choice([*acts, "undo"])
        if len(live) < 2 or not found:
            return
        try:
            done = await acts[name]()
        except (BadInput, NotFound):
            assert await self.issues() == before, f"{name} was refused, and moved something"
            return
        after = {(row.act_id, row.mention_id) for row in await rows(self.db, issue_move)}
        known = {number for _, number in moves ^ after}
        pinned = {number for number, its in before.items() if its == done.issue} if name == "undo" else set()
        now = await self.issues()
        other = {number for number in before if now[number] != before[number]}
        assert other <= known | pinned, f"{name} moved what it did not remember"

    async def issues(self) -> dict[int, int | None]:
        return {row.id: row.issue_id for row in await rows(self.db, mention)}

    def _some(self, found: dict[int, object]) -> list[int]:
        return self.random.sample(sorted(found), min(2, len(found)))


async def looked_at_by_nobody(world: World, what: str) -> None:
    """What is no act of a person: nothing that has an issue gets another one, and no issue goes."""
    before, known = await world.issues(), {row.id: row.phrase for row in await rows(world.db, issue)}
    match what:
        case "come":
            await world.come()
        case "restart":
            await world.db.close()
            world.db = Database(world.place)
            await world.db.open()
        case "reread":
            await reread(world.db, DESK, now=NOW + timedelta(hours=1), asked=str(world.count))
        case "again":  # as a lot leaves them that was broken off before its end
            await world.db.write(lambda connection: expect(connection, list(before)))
            await issues.refresh(world.db, DESK, now=NOW)
        case "refresh":
            await issues.refresh(world.db, DESK, now=NOW)
    after = await world.issues()
    assert [n for n, its in before.items() if its is not None and after[n] != its] == [], what
    assert known.items() <= {row.id: row.phrase for row in await rows(world.db, issue)}.items(), what


@pytest.mark.both
@pytest.mark.parametrize("seed", range(2))
async def test_a_mention_keeps_its_issue(place: Place, seed: int) -> None:
    random = Random(seed)
    world = World(place, random)
    await world.db.open()
    try:
        for _ in range(4):
            await looked_at_by_nobody(world, "come")
        for _ in range(STEPS):
            if random.random() < 0.5:
                await world.act()
            else:
                await looked_at_by_nobody(world, random.choice(("come", "come", "restart", "reread", "again")))
        for what in ("again", "refresh", "refresh"):
            await looked_at_by_nobody(world, what)
        assert await rows(world.db, issue_pending) == []
        gone = {row.id for row in await rows(world.db, issue) if row.merged_into is not None}
        issues_now = set((await world.issues()).values()) - {None}
        assert not gone & issues_now, "something is in an issue that was merged"
        assert issues_now
    finally:
        await world.db.close()
