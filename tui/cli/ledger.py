"""`earful ledger`: every poll in one line, newest first."""

from __future__ import annotations

from store import ledger as polls
from tui.cli.call import DONE, Call
from tui.cli.records import poll_line, poll_record
from tui.times import local_zone, moment
from tui.wiring import with_store


def ledger(call: Call) -> int:
    args = call.args
    since = moment(args.since, now=call.now, zone=local_zone()) if args.since else None
    lines = with_store(call.settings, lambda db: polls.lines(db, source=args.source, since=since, limit=args.limit))
    for line in lines:
        if call.out.json:
            call.out.record(poll_record(line))
        else:
            call.out.listed(*poll_line(line))
    if not lines:
        of = f" of `{args.source}`" if args.source else ""
        call.out.tell(f"no polls{of} here yet; `earful poll --once` makes some")
    return DONE
