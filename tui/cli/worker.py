"""`earful worker`: polls and sends without a screen until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from sources.stopping import pause
from sources.worker import Worker
from store.database import Database
from store.domain.delivery import Delivery
from store.domain.errors import EarfulError, StoreError
from store.domain.poll import PollLine
from tui import log
from tui.cli.call import DONE, FAILED, Call
from tui.cli.delivering import print_delivery, tell_rest
from tui.cli.poll import TROUBLE, print_poll
from tui.cli.records import delivery_line, poll_line
from tui.settings import Settings
from tui.settings_change import Changes
from tui.wiring import opened

LOOK_SECONDS, AGAIN_SECONDS = 1.0, 5.0
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def worker(call: Call) -> int:
    return asyncio.run(_run(call))


async def _run(call: Call) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in STOPS:
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:  # nohup has it ignored, and means it
            loop.add_signal_handler(name, stop.set)
    if call.args.length is not None:
        loop.call_later(call.args.length.total_seconds(), stop.set)
    with log.running("worker", agent=call.settings.agent, store=str(call.settings.database)):
        code = await _work(call, stop)
    if stop.is_set():
        # Everything is written and closed. A thread that still waits for a name server is not to delay the stop.
        call.out.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


async def _work(call: Call, stop: asyncio.Event) -> int:
    code = DONE
    async with opened(call.settings) as db:
        if call.args.once:
            code = await _once(call, db, stop)
        else:
            await _on_and_on(call, db, stop)
    return code


async def _once(call: Call, db: Database, stop: asyncio.Event) -> int:
    async with Worker(db, call.settings.desk, told=log.told) as running:
        events: list[PollLine | Delivery] = [*await running.poll_once(all_due=True, stop=stop)]
        events += await running.send_once(stop=stop)
    for event in events:
        _told(call, event)
    return FAILED if any(_is_trouble(event) for event in events) else DONE


async def _on_and_on(call: Call, db: Database, stop: asyncio.Event) -> None:
    """A changed configuration is taken up as it comes; one with mistakes is told and the old one goes on. A store that
    is away is waited for; who else became the worker meanwhile stays it, and this one ends."""
    call.out.tell(f"earful worker (process {os.getpid()}) polls and sends for {call.settings.database}")
    settings, changes, lock, away = call.settings, Changes(call.settings), db.worker_lock(), False
    try:
        while not stop.is_set():
            anew = asyncio.Event()
            looking = asyncio.create_task(_look(call, changes, stop, anew))
            try:
                async with Worker(db, settings.desk, lock, told=log.told) as running:
                    if await running.acquire() and away:
                        call.out.tell("the store is back; polling and sending go on")
                        away = False
                    await running.run(anew, lambda event: _told(call, event))
            except StoreError as error:
                if not away:
                    log.failed("worker", error)
                    call.out.tell(f"{error}; trying again every {AGAIN_SECONDS:g} s")
                away = True
                looking.cancel()
                await pause(stop, AGAIN_SECONDS)
                continue
            settings = await looking or settings
            log.use(settings)
    finally:
        await lock.release()
    await tell_rest(db, call.out)
    call.out.tell("earful worker stopped")


async def _look(call: Call, changes: Changes, stop: asyncio.Event, anew: asyncio.Event) -> Settings | None:
    """Until the configuration changed or the worker is to stop: sets `anew`."""
    found = None
    while found is None and not stop.is_set():
        await pause(stop, LOOK_SECONDS)
        try:
            found = changes.look()
        except EarfulError as error:
            call.out.tell(f"the configuration changed and has a mistake, so the old one goes on: {error}")
    if found is not None:
        call.out.tell("the configuration changed and is taken up")
    anew.set()
    return found


def _is_trouble(event: PollLine | Delivery) -> bool:
    return bool(event.error) if isinstance(event, PollLine) else event.state in TROUBLE


def _told(call: Call, event: PollLine | Delivery) -> None:
    """As data where a program reads along, else as narration."""
    if call.out.json:
        print_poll(event, call.out) if isinstance(event, PollLine) else print_delivery(event, call.out)
        call.out.flush()
    else:
        call.out.tell_row(*(poll_line(event) if isinstance(event, PollLine) else delivery_line(event)))
