"""`earful settle ID`: a person decides about a delivery of a case that waits for it."""

from __future__ import annotations

from store import cases, outbox
from store.database import Database
from tui import settling
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.delivering import print_delivery
from tui.settling import Decision
from tui.wiring import with_store


def settle(call: Call) -> int:
    async def work(db: Database) -> int:
        detail = await cases.get(db, call.args.id)
        delivery = settling.waiting(detail)
        if delivery is None:
            call.out.tell(f"nothing of case {call.args.id} waits for a decision")
            return NOTHING
        decision = Decision(call.args.decision)
        done = await settling.settle(db, detail, delivery, decision, agent=call.settings.agent, now=call.now)
        print_delivery(await outbox.get(db, delivery.id), call.out)
        call.out.tell(done)
        return DONE

    return with_store(call.settings, work)
