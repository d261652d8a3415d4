"""`earful reread`: all text again with the present analysis and watches; broken off, it goes on where it was."""

from __future__ import annotations

import time

from sources.reread import Progress, reread
from sources.text.deep.engines import needed
from store.database import Database
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.deepening import deepen_here
from tui.times import local_zone, moment
from tui.wiring import with_store

TELL_EVERY = 2.0  # seconds


def reread_all(call: Call) -> int:
    told = time.monotonic()

    def tell(so_far: Progress) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            call.out.tell(f"{so_far.read:,} of {so_far.whole:,} read, {so_far.changed:,} read otherwise")

    since = moment(call.args.since, now=call.now, zone=local_zone()) if call.args.since else None
    if call.args.deep:
        needed(call.settings.desk.reading.deep)

    async def work(db: Database) -> tuple[Progress, int]:
        desk = call.settings.desk
        light = await reread(db, desk, now=call.now, since=since, asked=call.args.since or "", tell=tell)
        return light, (await deepen_here(call, db)).read if call.args.deep else 0

    found, deep = with_store(call.settings, work)
    if call.out.json:
        call.out.record({"read": found.read, "changed": found.changed, "marked": found.marked, "deep": deep})
    elif found.whole:
        call.out.row(
            f"{found.read:,} mentions read again: {found.changed:,} read otherwise than before,"
            f" {found.marked:,} got or lost a watch's mark" + (f"; {deep:,} read deeply" if deep else "")
        )
    if not found.whole:
        call.out.tell("there is no mention to read")
        return NOTHING
    return DONE
