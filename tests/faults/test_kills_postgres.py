"""Kill -9 on a store on a server: a worker that dies leaves its locks at once, and nothing is lost or doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from store import cases
from store.database import Database
from store.domain.action import Reply
from store.domain.clock import utcnow
from tests.factories import land, read_mention
from tests.faults.harness import Harness, Process, intake_faults, sending_faults
from tests.faults.server import POSTS
from tests.faults.test_kills import KILLS, LONG, network
from tests.postgres import Server

pytestmark = pytest.mark.timeout(60 + 2 * LONG)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Process]:
    with Process("tests.faults.nursery") as process:
        yield process


@pytest.fixture
def store(postgres: Server) -> Iterator[str]:
    url = postgres.fresh()
    yield url
    postgres.drop(url)


async def test_answers_survive_kills_at_random_moments(tmp_path: Path, nursery: Process, store: str) -> None:
    db = Database(store)
    await db.open()
    posts = [read_mention("down", id=str(9_000 + n), author=f"a{n}") for n in range(2 * KILLS)]
    line = await land(db, *posts, source="social")
    for number, case in enumerate(line.new_cases):
        reply = Reply(f"sorry, {number}", f"identity-{number}", 0.0)
        await cases.act(db, [(case, None)], reply, agent="ana", now=utcnow())
    await db.close()
    with network(tmp_path, 21, "ignores") as social:
        harness = Harness(tmp_path, nursery, social, what="send", store=store)
        lives = harness.random_lives(KILLS, 21, 0.5)
        harness.live(seconds=LONG)
    assert sum(life.killed for life in lives) >= KILLS / 2
    assert sending_faults(harness) == []


async def test_mentions_survive_kills_at_random_moments(tmp_path: Path, nursery: Process, store: str) -> None:
    with network(tmp_path, 22, "honours") as social:
        harness = Harness(tmp_path, nursery, social, what="poll", store=store)
        lives = harness.random_lives(KILLS, 22, 0.3)
        harness.live(seconds=LONG)
    assert sum(life.killed for life in lives) >= KILLS / 2
    assert intake_faults(harness, POSTS) == []
