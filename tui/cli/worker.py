"""`earful worker`: polls and sends without a screen until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from sources.worker import Worker
from store.domain.delivery import Delivery
from store.domain.poll import PollLine
from tui.cli.call import DONE, FAILED, Call
from tui.cli.delivering import print_delivery
from tui.cli.poll import TROUBLE, print_poll
from tui.cli.records import delivery_line, poll_line
from tui.wiring import opened

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def worker(call: Call) -> int:
    return asyncio.run(_run(call))


async def _run(call: Call) -> int:
    stop, loop, code = asyncio.Event(), asyncio.get_running_loop(), DONE
    for name in STOPS:
        if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:  # nohup has it ignored, and means it
            loop.add_signal_handler(name, stop.set)
    if call.args.length is not None:
        loop.call_later(call.args.length.total_seconds(), stop.set)
    async with opened(call.settings) as db, Worker(db, call.settings.desk) as running:
        if call.args.once:
            events: list[PollLine | Delivery] = [*await running.poll_once(all_due=True, stop=stop)]
            events += await running.send_once(stop=stop)
            for event in events:
                _told(call, event)
            code = FAILED if any(_is_trouble(event) for event in events) else DONE
        else:
            call.out.tell(f"earful worker (process {os.getpid()}) polls and sends for {call.settings.database}")
            await running.run(stop, lambda event: _told(call, event))
            call.out.tell("earful worker stopped")
    if stop.is_set():
        # Everything is written and closed. A thread that still waits for a name server is not to delay the stop.
        call.out.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _is_trouble(event: PollLine | Delivery) -> bool:
    return bool(event.error) if isinstance(event, PollLine) else event.state in TROUBLE


def _told(call: Call, event: PollLine | Delivery) -> None:
    """As data where a program reads along, else as narration."""
    if call.out.json:
        print_poll(event, call.out) if isinstance(event, PollLine) else print_delivery(event, call.out)
        call.out.flush()
    else:
        call.out.tell_row(*(poll_line(event) if isinstance(event, PollLine) else delivery_line(event)))
