"""The wall clock is set while things wait, or was set while nobody looked: nothing is sent early, nothing twice,
nothing stays for ever, no poll is missed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from store import cases
from store.database import Database
from store.domain.action import Reply
from store.domain.clock import utcnow
from tests.factories import land, read_mention
from tests.faults.harness import Harness, Process, intake_faults, sending_faults
from tests.faults.server import POSTS, SOURCE

HOUR, DAY = 3_600, 86_400
WINDOW = 3.0  # seconds to take it back


@pytest.fixture(scope="module")
def nursery() -> Iterator[Process]:
    with Process("tests.faults.nursery") as process:
        yield process


def held(folder: Path, ahead: float = 0.0) -> None:
    """Two answers in their undo window, by a clock that is so many seconds ahead."""

    async def seed() -> None:
        now = utcnow() + timedelta(seconds=ahead)
        db = Database(folder / "earful.db")
        await db.open()
        line = await land(db, *(read_mention(id=str(9_000 + n), author=f"a{n}") for n in range(2)), source=SOURCE)
        for number, case in enumerate(line.new_cases):
            await cases.act(db, [(case, None)], Reply("sorry", f"i{number}", WINDOW), agent="ana", now=now)
        await db.close()

    asyncio.run(seed())


def network(folder: Path, *outcomes: str) -> Process:
    return Process("tests.faults.server", str(folder), "3", "ignores", *outcomes)


@pytest.mark.parametrize("jump", [DAY, HOUR, -HOUR, -DAY])
def test_the_undo_window_is_as_long_as_it_was(tmp_path: Path, nursery: Process, jump: int) -> None:
    with network(tmp_path, "ok") as social:
        harness, began = Harness(tmp_path, nursery, social, what="send"), time.monotonic()
        held(tmp_path)
        harness.begin(clock=jump)
        while time.monotonic() < began + WINDOW - 0.5:
            assert harness.posts() == []
            time.sleep(0.1)
        assert not harness.end().killed
    assert sending_faults(harness) == []
    assert len(harness.posts()) == 2


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_an_answer_whose_answer_was_lost_is_not_looked_for_too_early_nor_sent_twice(
    tmp_path: Path, nursery: Process, jump: int
) -> None:
    held(tmp_path, -60.0)
    with network(tmp_path, "reset_after", f"skew={jump if jump < 0 else 0}") as social:
        harness = Harness(tmp_path, nursery, social, what="send")
        harness.live(clock=jump)
    assert len(harness.posts()) == 2
    assert sending_faults(harness) == []


def test_what_was_held_by_a_clock_that_was_put_back_is_sent(tmp_path: Path, nursery: Process) -> None:
    held(tmp_path, ahead=DAY)
    with network(tmp_path, "ok") as social:
        harness = Harness(tmp_path, nursery, social, what="send")
        began = time.monotonic()
        harness.live()
    assert time.monotonic() - began > WINDOW - 0.5
    assert sending_faults(harness) == []
    assert len(harness.posts()) == 2


@pytest.mark.parametrize("jump", [DAY, -DAY])
def test_no_poll_is_missed_and_none_lands_twice(tmp_path: Path, nursery: Process, jump: int) -> None:
    """The second life is by the right clock again: after a day forward it finds that it polled tomorrow."""
    with network(tmp_path) as social:
        harness = Harness(tmp_path, nursery, social, what="poll")
        harness.live(clock=jump)
        harness.live()
    assert intake_faults(harness, POSTS) == []
    for next_poll_at, at in harness.rows("SELECT next_poll_at, (SELECT max(started_at) FROM poll) FROM cursor"):
        assert next_poll_at - at < 1.5 * HOUR * 1_000_000
