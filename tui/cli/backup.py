"""`earful backup FILE` and `earful restore FILE`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import backup as copies
from store import erase, erased
from store.database import Database
from store.tables import author, unmatched
from tui.cli.call import DONE, Call
from tui.times import local

TELL_EVERY = 2.0  # seconds


def backup(call: Call) -> int:
    told = time.monotonic()

    def tell(done: int, pages: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            call.out.tell(f"{done * 100 // max(pages, 1)}% copied")

    target = Path(call.args.file).expanduser()
    made = copies.make(call.settings.file, target, now=call.now, replace=call.args.replace, tell=tell)
    if call.out.json:
        call.out.record(_record(made))
    else:
        call.out.row(
            f"{made.path}: {made.size / 1e6:.1f} MB, {made.mentions:,} mentions in {made.cases:,} cases, checked"
        )
    return DONE


def restore(call: Call) -> int:
    store, file = call.settings.file, Path(call.args.file).expanduser().absolute()
    again = 0

    def forget(fresh: Path, fingerprints: set[str]) -> None:
        nonlocal again
        again = asyncio.run(_erase_again(call, fresh, fingerprints))

    aside, _ = copies.restore(store, file, now=call.now, forget=forget)
    found = copies.check(store)
    if call.out.json:
        call.out.record(
            _record(found) | {"restored": str(file), "replaced": aside and str(aside), "erased_again": again}
        )
    else:
        call.out.row(f"{store} is {file} now: {found.mentions:,} mentions in {found.cases:,} cases")
        if again:
            call.out.row(f"{again} persons who were erased since that backup were erased again")
        if aside:
            call.out.row(f"the store that was there until {local(call.now)} is kept as {aside}")
    return DONE


async def _erase_again(call: Call, fresh: Path, fingerprints: set[str]) -> int:
    async def work(connection: AsyncConnection) -> set[tuple[str, str]]:
        tables = (author, unmatched)
        return {
            (row.network, row.handle)
            for table in tables
            for row in await connection.execute(select(table.c.network, table.c.handle).distinct())
            if erased.of_person(row.network, row.handle) in fingerprints
        }

    db = Database(fresh)
    await db.open()
    try:
        people = await db.read(work)
        for network, handle in people:
            for found in await erase.find(db, handle, network):
                if found.person.handle == handle:
                    await erase.erase(db, found, agent=call.settings.agent, now=call.now)
    finally:
        await db.close()
    return len(people)


def _record(made: copies.Backup) -> dict[str, object]:
    return {
        "file": str(made.path),
        "at": made.at,
        "size": made.size,
        "schema": made.schema,
        "mentions": made.mentions,
        "cases": made.cases,
    }
