"""What leaves the house: waiting for a delivery to be settled, by a worker elsewhere or by this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from store import outbox
from store.database import Database
from store.domain.clock import utcnow
from store.domain.delivery import SETTLED, Delivery, DeliveryState
from tui import log
from tui.cli.call import DONE, FAILED, Call
from tui.cli.records import delivery_line, delivery_record
from tui.output import Output
from tui.settings import Settings

LOOK_EVERY = 0.2  # seconds between two looks at the outbox
FINAL = SETTLED | {DeliveryState.PERSON}


async def deliver(call: Call, db: Database, ids: Sequence[int]) -> int:
    """Print the deliveries as they are, or with --wait as they end. With --wait only "sent" is no failure."""
    if call.args.wait:
        found = await settle(call.settings, db, ids, call.out)
        failed = [delivery for delivery in found if delivery.state != DeliveryState.SENT]
    else:
        found, failed = [await outbox.get(db, delivery_id) for delivery_id in ids], []
    for delivery in found:
        print_delivery(delivery, call.out)
    for delivery in failed:
        call.out.error(
            f"earful: case {delivery.case_id}: {delivery.state}{f': {delivery.error}' if delivery.error else ''}"
        )
    return FAILED if failed else DONE


def print_delivery(delivery: Delivery, out: Output) -> None:
    if out.json:
        out.record(delivery_record(delivery))
    else:
        out.row(*delivery_line(delivery))


async def tell_rest(db: Database, out: Output) -> None:
    """Say what is still in the outbox, and who waits for a person."""
    counts = {state: count for state, count in (await outbox.pending(db)).items() if count and state not in SETTLED}
    if counts:
        waiting = ", ".join(f"{count} {_counted(state, count)}" for state, count in counts.items())
        out.tell(f"still in the outbox: {waiting}")
    for one in await outbox.listing(db, states=(DeliveryState.PERSON,)):
        ways = f"`earful settle {one.case_id} --send`, `--sent` or `--draft`"
        out.tell(f"case {one.case_id} needs a person: {one.error or 'look there'}; {ways}")


def _counted(state: DeliveryState, count: int) -> str:
    return "need a person" if state is DeliveryState.PERSON and count > 1 else state


async def settle(settings: Settings, db: Database, ids: Sequence[int], out: Output) -> list[Delivery]:
    """The deliveries once each is sent, failed, withdrawn or needs a person. Sends them here where no worker does."""
    from sources.worker import Worker

    told: dict[int, DeliveryState] = {}
    async with Worker(db, settings.desk, told=log.told) as worker:
        while True:
            if await worker.acquire():
                await worker.send_once()
            found = [await outbox.get(db, delivery_id) for delivery_id in ids]
            for delivery in found:
                if delivery.state not in FINAL and told.get(delivery.id) != delivery.state:
                    told[delivery.id] = delivery.state
                    out.tell(_narrated(delivery))
            if all(delivery.state in FINAL for delivery in found):
                return found
            await asyncio.sleep(LOOK_EVERY)


def _narrated(delivery: Delivery) -> str:
    seconds = max(0, round((delivery.due_at - utcnow()).total_seconds()))
    words = {
        DeliveryState.HELD: f"held for {seconds} s more; `earful undo` takes it back",
        DeliveryState.QUEUED: f"waits for its turn{f': {delivery.error}' if delivery.error else ''}",
        DeliveryState.UNKNOWN: f"no answer came; the thread is read back in {seconds} s",
    }
    return f"case {delivery.case_id}: {words.get(delivery.state, delivery.state)}"
