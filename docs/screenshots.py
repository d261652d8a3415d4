"""Draws the README's pictures from the demo world: `python docs/screenshots.py` writes docs/*.svg."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from textual.pilot import Pilot

from sources.demo import Demo, fill, world
from store.database import Database
from tui import theme
from tui.settings import Settings
from tui.shell import Earful

HERE = Path(__file__).parent
SIZE = (100, 30)
SEED = 7
# Name of the picture -> the keys that lead there.
PICTURES: dict[str, Sequence[str]] = {
    "inbox": ("j", "j", "j"),
    "case": ("slash", *"login", "enter", "enter"),
    "insights": ("g", "t"),
}


async def draw() -> None:
    now = datetime.now(UTC)
    demo = world(now, seed=SEED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "earful.db"
        await make(path, demo, now)
        # Nothing polls: the pictures show the fortnight as it was made.
        settings = Settings(replace(demo.desk, worker="separate"), None, path, "ana")
        for name, keys in PICTURES.items():
            app = Earful(settings)
            async with app.run_test(size=SIZE) as pilot:
                app.theme = theme.DARK.name
                await settle(pilot)
                for key in keys:
                    await pilot.press(key)
                    await settle(pilot, 0.3)
                await settle(pilot)
                (HERE / f"{name}.svg").write_text(app.export_screenshot(title="earful"), encoding="utf-8")


async def make(path: Path, demo: Demo, now: datetime) -> None:
    db = Database(path)
    await db.open()
    try:
        await fill(db, demo, now)
    finally:
        await db.close()


async def settle(pilot: Pilot[int], seconds: float = 1.5) -> None:
    await asyncio.sleep(seconds)
    await pilot.pause()


if __name__ == "__main__":
    asyncio.run(draw())
