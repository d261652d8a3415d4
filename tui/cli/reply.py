"""`earful reply ID`: an answer in public, through the outbox."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from sources.errors import SourceError
from store import cases
from store.database import Database
from store.domain.action import Reply
from store.domain.case import InboxRow
from store.domain.desk import Desk
from store.domain.errors import BadInput, NotFound
from tui import log
from tui.answering import obstacle
from tui.cli.call import Call
from tui.cli.delivering import deliver
from tui.cli.words import text_of
from tui.wiring import with_store

LOOK_SECONDS = 5.0


def reply(call: Call) -> int:
    text, settings = text_of(call.args.text), call.settings
    window = 0.0 if call.args.now else settings.desk.undo_window.total_seconds()

    async def work(db: Database) -> int:
        rows = await cases.rows(db, [call.args.id])
        if not rows:
            raise NotFound(f"there is no case {call.args.id}")
        _check_way_out(settings.desk, rows[0])
        if settings.desk.worker == "embedded":
            await _check_length(db, settings.desk, rows[0], text)
        answer = Reply(text, identity=str(uuid4()), undo_window=window)
        acted = await cases.act(db, [(rows[0].id, None)], answer, agent=settings.agent, now=call.now)
        return await deliver(call, db, acted.deliveries)

    return with_store(settings, work)


def _check_way_out(desk: Desk, row: InboxRow) -> None:
    """Raises BadInput, naming the page to answer at, where the case's source cannot answer."""
    if why := obstacle(desk, row):
        by_hand = f"answer at {row.url} yourself" if row.url else "answer it there"
        raise BadInput(f"{why}; {by_hand}, then `earful done {row.id}`")


async def _check_length(db: Database, desk: Desk, row: InboxRow, text: str) -> None:
    """As the network counts. Raises BadInput with both numbers where it is too long."""
    from sources.worker import Worker

    async with Worker(db, desk, told=log.told) as worker:
        channel = worker.channel(row.source)
        if channel is None:
            return  # its token is missing: the courier says so, and keeps the text
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                length, limit = await channel.length(text, handle=row.handle)
        except (SourceError, TimeoutError):
            return  # a network that cannot be asked now is no reason to lose an answer
    if length > limit:
        raise BadInput(f"the answer has {length:,} characters as {row.network} counts, {limit:,} are the most")
