"""`earful reread`: all text again with the present analysis and watches; broken off, it goes on where it was."""

from __future__ import annotations

import time

from sources.reread import Progress, reread
from tui.cli.call import DONE, NOTHING, Call
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
    found = with_store(
        call.settings,
        lambda db: reread(db, call.settings.desk, now=call.now, since=since, asked=call.args.since or "", tell=tell),
    )
    if call.out.json:
        call.out.record({"read": found.read, "changed": found.changed, "marked": found.marked})
    elif found.whole:
        call.out.row(
            f"{found.read:,} mentions read again: {found.changed:,} read otherwise than before,"
            f" {found.marked:,} got or lost a watch's mark"
        )
    if not found.whole:
        call.out.tell("there is no mention to read")
        return NOTHING
    return DONE
