"""Workers to be killed: one process that has everything imported forks a fresh worker for each run, so that two hundred
lives take a minute.

    python -m tests.faults.nursery          one JSON order a line on standard input, answers on standard output

An order: {"folder", "port", "store": the address of a database or "" for a file in the folder, "what": "send" | "poll",
"hand": a name in tests.faults.planted or "", "kill": EARFUL_KILL or "", "seconds": how long at most, "house": the ports
of tests.faults.house or none, "clock": seconds that the wall clock jumps by, half a second after its loop began}.
Answers "ready" with the worker's pid when its loop begins, then "ended" with how. The pid also stands in FOLDER/client.
"""

from __future__ import annotations

from tests.faults import clock  # isort: split

import asyncio
import importlib
import json
import os
import sys
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Any

from sources import courier
from sources.text import reading
from sources.worker import Worker
from store import cursors, killpoints, outbox
from store.database import Database
from store.domain.clock import utcnow
from store.domain.delivery import DeliveryState
from store.domain.desk import Department, Desk, MailServer, SourceConfig, Watch
from tests.faults import planted
from tests.faults.server import SOURCE

SETTLE = timedelta(seconds=0.25)
LATE = timedelta(days=7)  # a clock that jumps a day makes no answer too old here
UNDER_WAY = {DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.UNKNOWN}


def desk(port: int, what: str, house: list[int]) -> Desk:
    source = SourceConfig(
        type="mastodon",
        name=SOURCE,
        url=f"http://127.0.0.1:{port}",
        token="env:FAULTS_TOKEN",
        every=timedelta(hours=1),
        backfill=None,
        settle=SETTLE,
        options={"tags": ["acme" if what == "poll" else "quiet"], "search": False, "notifications": False},
    )
    if not house:
        return Desk(watches=(Watch("acme", "acme"),), sources=(source,), answers_expire=LATE)
    mail, hook = house
    return Desk(
        answers_expire=LATE,
        watches=(Watch("acme", "acme"),),
        sources=(source,),
        departments=(
            Department("billing", to="mailto:billing@here.example"),
            Department("legal", to=f"http://127.0.0.1:{hook}/legal"),
            Department("pr", to=f"http://127.0.0.1:{hook}/pr", team=True),
        ),
        mail=MailServer(host="127.0.0.1", port=mail, sender="desk@here.example", tls="none"),
    )


async def live(order: dict[str, Any]) -> None:
    """One worker's life, as the real one lives it: until it is killed, has nothing left to do, or its time is over."""
    db = Database(order["store"] or Path(order["folder"]) / "earful.db")
    await db.open()
    async with Worker(db, desk(order["port"], order["what"], order["house"])) as worker:
        worker._http._pause = 0.0  # politeness towards ourselves would only take time
        if order["hand"]:
            getattr(planted, order["hand"])(worker)
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop, lambda event: None))
        print(json.dumps({"ready": os.getpid()}), flush=True)
        if order["clock"]:
            asyncio.get_running_loop().call_later(0.5, clock.put, order["clock"])
        time, quiet = asyncio.get_running_loop().time, 2.0 if order["clock"] else 0.0
        end = rests = time() + order["seconds"]
        while time() < min(end, rests) and not running.done():
            rests = end if await busy(db, order["what"]) else min(rests, time() + quiet)
            await asyncio.sleep(0.05)
        cut_short = time() >= end
        stop.set()
        await running
    await db.close()
    if cut_short:  # what is left undone then is no fault of the worker's, and no proof either
        raise TimeoutError(f"not at rest within {order['seconds']} s")


async def busy(db: Database, what: str) -> bool:
    if what == "send":
        return bool(UNDER_WAY & (await outbox.pending(db)).keys())
    found = await cursors.all_of(db)
    return not found or any(one.last_success_at is None or one.next_poll_at <= utcnow() for one in found)


def child(order: dict[str, Any]) -> None:
    os.environ["EARFUL_KILL"] = order["kill"]
    importlib.reload(killpoints)
    (Path(order["folder"]) / "client").write_text(str(os.getpid()))
    code = 1
    try:
        asyncio.run(live(order))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    os.environ["FAULTS_TOKEN"] = "t"
    courier.PULSE, courier.RETRY, courier.WEBHOOK_SETTLE = 0.02, timedelta(seconds=0.05), SETTLE
    for name in ("sqlalchemy.dialects.sqlite.aiosqlite", "httpx", "sources.adapters.mastodon"):
        importlib.import_module(name)
    reading.read("", "what is loaded with the first text is loaded before the first fork", hint="", followers=None)
    for line in sys.stdin:
        order = json.loads(line)
        if not (pid := os.fork()):
            child(order)
        _, how = os.waitpid(pid, 0)
        print(json.dumps({"ended": os.waitstatus_to_exitcode(how)}), flush=True)


if __name__ == "__main__":
    main()
