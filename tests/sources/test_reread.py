"""Rereading: broken off, it goes on; another request begins anew; others do not wait."""

from __future__ import annotations

import pytest

from sources import reread as module
from sources.reread import Progress, reread
from store import mentions
from store.database import Database
from store.domain.desk import Desk, Watch
from tests.factories import NOW, land, read_mention

DESK = Desk(watches=(Watch("acme", "acme"),))


async def test_broken_off_it_goes_on_where_it_was(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.rereading.A_CHUNK", 10)
    line = await land(db, *(read_mention(f"acme is terrible {n}", author=f"a{n}", analysis=0) for n in range(35)))
    seen: list[int] = []

    def broken(so_far: Progress) -> None:
        seen.append(so_far.read)
        if so_far.read == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await reread(db, DESK, now=NOW, tell=broken)
    went_on = await reread(db, DESK, now=NOW, tell=lambda so_far: seen.append(so_far.read))
    assert seen == [10, 20, 30, 35]
    assert (went_on.whole, went_on.read, went_on.changed) == (35, 35, 15)
    assert {(await mentions.get(db, number)).sentiment for number in line.new_mentions} == {"negative"}


async def test_with_other_watches_it_begins_anew(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.rereading.A_CHUNK", 10)
    await land(db, *(read_mention(f"acme {n}", author=f"a{n}") for n in range(25)))

    def broken(so_far: Progress) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await reread(db, DESK, now=NOW, tell=broken)
    other = Desk(watches=(Watch("acme", "acme -3"),))
    found = await reread(db, other, now=NOW)
    assert (found.read, found.marked) == (25, 1)


async def test_an_edit_that_comes_meanwhile_wins(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    line = await land(db, read_mention("acme is terrible", id="p1", analysis=0))
    read = module._read

    def slowly(*given: object) -> object:
        import asyncio

        edited = read_mention("acme ist wunderbar", id="p1", language="de", sentiment="positive", edited_at=NOW)
        asyncio.run_coroutine_threadsafe(land(db, edited), loop).result()
        return read(*given)  # type: ignore[arg-type]

    import asyncio

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(module, "_read", slowly)
    await reread(db, DESK, now=NOW)
    found = await mentions.get(db, line.new_mentions[0])
    assert (found.text, found.language, found.sentiment) == ("acme ist wunderbar", "de", "positive")
