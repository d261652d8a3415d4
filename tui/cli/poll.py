"""`earful poll` and `earful send`: one round of the sources, of the outbox."""

from __future__ import annotations

from sources.worker import Worker
from store import cursors
from store.database import Database
from store.domain.delivery import DeliveryState
from store.domain.errors import BadInput
from store.domain.poll import PollLine
from tui import log
from tui.cli.call import DONE, FAILED, NOTHING, Call
from tui.cli.delivering import print_delivery, tell_rest
from tui.cli.records import poll_line, poll_record
from tui.nearest import did_you_mean
from tui.output import Output
from tui.wiring import with_store

TROUBLE = frozenset({DeliveryState.FAILED, DeliveryState.PERSON})


def poll(call: Call) -> int:
    desk, args, out = call.settings.desk, call.args, call.out
    names = [source.name for source in desk.sources]
    if args.source is not None and args.source not in names:
        known = f"configured are {', '.join(names) or 'none'}{did_you_mean(args.source, names)}"
        raise BadInput(f"unknown source `{args.source}`, {known}")
    if not names:
        out.tell("nothing to poll: no [[source]] is configured; `earful follow NAME` writes some")
        return NOTHING

    async def work(db: Database) -> int:
        async with Worker(db, desk, told=log.told) as worker:
            if not await worker.acquire():
                await cursors.make_due(db, now=call.now, source=args.source)
                out.tell("another process polls this store; it was asked to do so now")
                return DONE
            lines = await worker.poll_once(source=args.source, all_due=args.once)
            silent = [name for name in names if args.source in (None, name) and worker.asks_nothing(name)]
        for line in lines:
            print_poll(line, out)
        for name in silent:
            out.tell(f"{name} has nothing to ask: no watch looks for words, and its own keys name nothing to read")
        if not lines:
            if not silent:
                out.tell("no source is due; --once polls all of them")
            return NOTHING
        return FAILED if any(line.error for line in lines) else DONE

    return with_store(call.settings, work)


def print_poll(line: PollLine, out: Output) -> None:
    if out.json:
        out.record(poll_record(line))
    else:
        out.row(*poll_line(line))


def send(call: Call) -> int:
    async def work(db: Database) -> int:
        async with Worker(db, call.settings.desk, told=log.told) as worker:
            if not await worker.acquire():
                call.out.tell(f"{await worker.holder() or 'another process'} sends for this store already")
                await tell_rest(db, call.out)
                return NOTHING
            moved = await worker.send_once()
        for delivery in moved:
            print_delivery(delivery, call.out)
        if not moved:
            call.out.tell("nothing is due in the outbox")
        await tell_rest(db, call.out)
        if not moved:
            return NOTHING
        return FAILED if any(delivery.state in TROUBLE for delivery in moved) else DONE

    return with_store(call.settings, work)
