"""Kill -9 at named points and at random moments, with a network that loses answers: nothing lost, nothing doubled.

EARFUL_KILLS=1000 makes the random runs longer; the seeds are in the names of the tests.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from store import cases
from store.database import Database
from store.domain.action import Escalate, Forward, Reply
from store.domain.clock import utcnow
from store.lock import FileLock
from tests.factories import land, read_mention
from tests.faults.harness import Harness, Process, forwarding_faults, intake_faults, sending_faults
from tests.faults.server import POSTS, SOURCE

KILLS = int(os.environ.get("EARFUL_KILLS", "12"))
LONG = 60 + 4 * KILLS  # seconds for the last life, which settles what the others left: it ends when it has
SENDING = ("send_before_claim", "send_claimed", "send_in_post", "send_after_post", "send_recorded")
COMMITTING = ("before_commit", "after_commit")
POLLING = ("poll_fetched", "after_insert")

pytestmark = pytest.mark.timeout(60 + 2 * LONG)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Process]:
    with Process("tests.faults.nursery") as process:
        yield process


def forwards(folder: Path, count: int) -> None:
    """Forwards by mail and by webhook, and escalations."""

    async def seed() -> None:
        db = Database(folder / "earful.db")
        await db.open()
        line = await land(db, *(read_mention("down", id=str(n), author=f"a{n}") for n in range(count)), source=SOURCE)
        actions = (
            Forward("billing", "look", undo_window=0.0),
            Forward("legal", "look", undo_window=0.0),
            Escalate("pr", "loud", notify=True, undo_window=0.0),
        )
        for number, case in enumerate(line.new_cases):
            await cases.act(db, [(case, None)], actions[number % 3], agent="ana", now=utcnow())
        await db.close()

    asyncio.run(seed())


async def replies(folder: Path, count: int) -> None:
    """Answers in the outbox, each to a post of somebody else; every third says the same words."""
    db = Database(folder / "earful.db")
    await db.open()
    line = await land(
        db, *(read_mention("down", id=str(9_000 + n), author=f"a{n}") for n in range(count)), source=SOURCE
    )
    for number, case in enumerate(line.new_cases):
        text = "Thanks!" if number % 3 == 0 else f"sorry, {number}"
        await cases.act(db, [(case, None)], Reply(text, f"identity-{number}", 0.0), agent="ana", now=utcnow())
    await db.close()


def network(folder: Path, seed: int, honours: str, *outcomes: str) -> Process:
    return Process("tests.faults.server", str(folder), str(seed), honours, *outcomes)


@pytest.mark.parametrize(("honours", "seed"), [("ignores", 11), ("honours", 12)])
async def test_answers_survive_kills_at_random_moments(tmp_path: Path, nursery: Process, honours: str, seed: int):
    await replies(tmp_path, 2 * KILLS)
    with network(tmp_path, seed, honours) as social:
        harness = Harness(tmp_path, nursery, social, what="send")
        lives, hit = harness.random_lives(KILLS, seed, 0.5), "before = 'sending' AND after = 'unknown'"
        for longest in (1.0, 2.0, 4.0):  # a slow machine has hardly begun after half a second
            if not harness.rows(f"SELECT 1 FROM attempt WHERE {hit} AND detail LIKE '%ended%'"):
                lives += harness.random_lives(KILLS // 3, seed, longest)
        harness.live(seconds=LONG)
    assert sum(life.killed for life in lives) >= KILLS / 2  # a quick life may end before its shot
    assert harness.rows(f"SELECT 1 FROM attempt WHERE {hit} AND detail LIKE '%ended%'")
    assert sending_faults(harness) == []


def test_forwards_survive_kills_at_random_moments(tmp_path: Path, nursery: Process):
    forwards(tmp_path, 3 * KILLS)
    with network(tmp_path, 31, "ignores") as social, Process("tests.faults.house", str(tmp_path), "31") as house:
        harness = Harness(tmp_path, nursery, social, what="send", house=house)
        lives = harness.random_lives(KILLS, 31, 0.4)
        harness.live(seconds=LONG)
    assert sum(life.killed for life in lives) >= KILLS / 2
    assert forwarding_faults(harness) == []
    assert Counter(harness.rows("SELECT 1 FROM delivery WHERE state = 'sent'")).total() > KILLS


@pytest.mark.parametrize("point", SENDING + COMMITTING)
async def test_answers_survive_a_kill_at_every_point(tmp_path: Path, nursery: Process, point: str):
    await replies(tmp_path, 5)
    with network(tmp_path, 5, "ignores", "ok") as social:
        harness = Harness(tmp_path, nursery, social, what="send")
        lives = [harness.live(kill=f"{point}:{n}") for n in (1, 2, 1)]
        harness.live()
    assert all(life.killed for life in lives)
    assert sending_faults(harness) == []
    assert len(harness.posts()) >= 4


@pytest.mark.parametrize(
    ("moment", "state", "posted"), [("kill_after_record", "sent", 4), ("kill_before_record", "needs a person", 0)]
)
async def test_answers_survive_a_server_that_kills_while_it_holds_them(
    tmp_path: Path, nursery: Process, moment: str, state: str, posted: int
):
    """What arrived is found by reading back; what never arrives is tried once more and then shown to a person."""
    await replies(tmp_path, 4)
    with network(tmp_path, 3, "ignores", moment) as social:
        harness, kills = Harness(tmp_path, nursery, social, what="send"), 0
        while harness.live().killed and kills < 20:
            kills += 1
    assert kills == (4 if posted else 8)
    assert sending_faults(harness) == []
    assert {now for (now,) in harness.rows("SELECT state FROM delivery")} == {state}
    assert len(harness.posts()) == posted


@pytest.mark.parametrize(
    ("outcomes", "state", "posted", "attempts"),
    [
        (["500_after", "504_after", "reset_after", "html_200", "cut_200"], "sent", 1, 1),
        (["500_after", "reset_after", "skew=-86400"], "needs a person", 1, 1),
        (["500_after", "reset_after", "skew=86400"], "sent", 1, 1),
        (["reset_before", "500_before", "503_before"], "needs a person", 0, 2),
        (["429"], "failed", 0, 8),
    ],
    ids=["arrived", "arrived by a slow clock", "arrived by a fast clock", "never arrives", "never wanted"],
)
async def test_a_network_that_always_does_the_same(
    tmp_path: Path, nursery: Process, outcomes: list[str], state: str, posted: int, attempts: int
):
    await replies(tmp_path, 3)
    with network(tmp_path, 9, "ignores", *outcomes) as social:
        harness = Harness(tmp_path, nursery, social, what="send")
        harness.live()
    assert sending_faults(harness) == []
    assert set(harness.rows("SELECT state, attempts FROM delivery")) == {(state, attempts)}
    assert len(harness.posts()) == 3 * posted


async def test_a_worker_that_was_asleep_is_not_overtaken(tmp_path: Path, nursery: Process):
    """Stopped in the middle of a post, as by a laptop's lid: the lock is the kernel's and does not run out."""
    await replies(tmp_path, 2)
    with network(tmp_path, 4, "ignores", "ok") as social:
        harness = Harness(tmp_path, nursery, social, what="send")
        pid = harness.begin(kill="send_in_post:1:STOP")
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            await asyncio.sleep(0.01)
        lock = FileLock(tmp_path / "earful.db")
        assert not await lock.acquire()
        assert await lock.holder() == f"process {pid}"
        os.kill(pid, signal.SIGCONT)
        assert not harness.end().killed
    assert sending_faults(harness) == []
    assert len(harness.posts()) == 2


@pytest.mark.parametrize("hand", ["send_then_mark", "mark_then_send"])
async def test_the_harness_catches_a_sender_that_is_wrong(tmp_path: Path, nursery: Process, hand: str):
    await replies(tmp_path, 5)
    point = "send_after_post" if hand == "send_then_mark" else "send_in_post"
    with network(tmp_path, 7, "ignores", "ok") as social:
        harness = Harness(tmp_path, nursery, social, what="send", hand=hand)
        assert harness.live(kill=f"{point}:2").killed
        harness.live()
    assert sending_faults(harness) != []


def test_posts_survive_kills_at_random_moments(tmp_path: Path, nursery: Process):
    with network(tmp_path, 21, "ignores") as social:
        harness = Harness(tmp_path, nursery, social, what="poll")
        lives = harness.random_lives(KILLS, 21, 0.3)
        harness.live(seconds=LONG)
    assert sum(life.killed for life in lives) >= KILLS / 2
    assert intake_faults(harness, POSTS) == []


@pytest.mark.parametrize("point", POLLING + COMMITTING)
def test_posts_survive_a_kill_at_every_point(tmp_path: Path, nursery: Process, point: str):
    with network(tmp_path, 22, "ignores") as social:
        harness = Harness(tmp_path, nursery, social, what="poll")
        lives = [harness.live(kill=f"{point}:{n}") for n in (3, 5, 4)]
        harness.live(seconds=LONG)
    assert all(life.killed for life in lives)
    assert intake_faults(harness, POSTS) == []


def test_the_harness_catches_a_poller_that_moves_its_cursor_first(tmp_path: Path, nursery: Process):
    with network(tmp_path, 23, "ignores") as social:
        harness = Harness(tmp_path, nursery, social, what="poll", hand="cursor_first")
        assert harness.live(kill="poll_between:2").killed
        harness.live(seconds=LONG)
    assert intake_faults(harness, POSTS) != []
