"""`earful backup FILE` and `earful restore FILE`."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sources.paths import seen_from
from store import backup as copies
from store import erase, erased
from store.database import Database
from store.tables import author, unmatched
from tui.cli.call import DONE, Call
from tui.cli.copy import TELL_EVERY, narrator
from tui.cli.target import target
from tui.output import Output
from tui.times import local
from tui.wiring import password_of, with_store


def backup(call: Call) -> int:
    place, file = call.settings.database, target(call.settings, call.args.file)
    if isinstance(place, Path):
        tell = _percent(call.out)
        made = copies.make(place, file, now=call.now, replace=call.args.replace, tell=tell)
    else:
        from store import server_backup

        make = partial(server_backup.make, now=call.now, replace=call.args.replace, tell=narrator(call.out))
        made = with_store(call.settings, lambda db: make(db, file))
    if call.out.json:
        call.out.record(_record(made))
    else:
        call.out.row(
            f"{made.path}: {made.size / 1e6:.1f} MB, {made.mentions:,} mentions in {made.cases:,} cases, checked"
        )
    return DONE


def restore(call: Call) -> int:
    store, file = call.settings.database, seen_from(Path.cwd(), call.args.file)
    aside, again = _restored(call, file)
    found = copies.check(store if isinstance(store, Path) else file)
    if call.out.json:
        call.out.record(
            _record(found) | {"file": str(store), "restored": str(file), "replaced": aside, "erased_again": again}
        )
    else:
        call.out.row(f"{store} is {file} now: {found.mentions:,} mentions in {found.cases:,} cases")
        if again:
            call.out.row(f"erased again, as since that backup: {again} {'person' if again == 1 else 'persons'}")
        if aside:
            call.out.row(f"the store that was there until {local(call.now)} is kept as {aside}")
    return DONE


def _restored(call: Call, file: Path) -> tuple[str | None, int]:
    """Where the replaced store is now, and how many persons were erased again, who were erased since the backup."""
    place, again = call.settings.database, 0

    async def forget(fresh: Database, fingerprints: set[str]) -> None:
        nonlocal again
        again = await _erase_again(call, fresh, fingerprints)

    if isinstance(place, Path):
        at_once = copies.restore(
            place, file, now=call.now, forget=lambda fresh, since: asyncio.run(forget(Database(fresh), since))
        )
        return str(at_once[0]) if at_once[0] else None, again
    from store import server_backup

    password, tell = password_of(place), narrator(call.out)
    work = server_backup.restore(place, password, file, now=call.now, forget=forget, tell=tell)
    schema, _ = asyncio.run(work)
    return f"schema {schema}" if schema else None, again


def _percent(out: Output) -> copies.Tell:
    told = time.monotonic()

    def tell(done: int, pages: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            out.tell(f"{done * 100 // max(pages, 1)}% copied")

    return tell


async def _erase_again(call: Call, db: Database, fingerprints: set[str]) -> int:
    """In a store that is not the store yet, and not open."""

    async def work(connection: AsyncConnection) -> set[tuple[str, str]]:
        tables = (author, unmatched)
        return {
            (row.network, row.handle)
            for table in tables
            for row in await connection.execute(select(table.c.network, table.c.handle).distinct())
            if erased.of_person(row.network, row.handle) in fingerprints
        }

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
