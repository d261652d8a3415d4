"""Loading the demo world: every mention through the real intake, every action of the past through the real cases."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from sources import issues
from sources.demo.invent import Demo
from sources.demo.past import ROUND, Deed, answer_id, round_end
from sources.intake import Intake
from sources.protocol import Page
from store import cases, mentions, outbox
from store.database import Database
from store.domain.action import Action, AddNote, Assign, Done, Prioritise, Reply, Tag
from store.domain.delivery import Delivery, DeliveryState
from store.domain.mention import NewMention


async def fill(db: Database, demo: Demo, now: datetime) -> None:
    """One day after the other, so that what people wrote after an answer finds it there. Then the issues."""
    intake = Intake(db, demo.desk)
    known: dict[str, int] = {}
    said, done = list(demo.mentions), list(demo.history)
    end = round_end(said[0].created_at, now)
    while said or done:
        fresh = [mention for mention in said if mention.created_at < end]
        known |= await _land(db, intake, fresh, end)
        await _replay(db, [deed for deed in done if deed.at < end], known)
        said, done = said[len(fresh) :], [deed for deed in done if deed.at >= end]
        end += ROUND
    await issues.refresh(db, demo.desk, now=now)


async def _land(db: Database, intake: Intake, fresh: Iterable[NewMention], at: datetime) -> dict[str, int]:
    """Store these mentions. Returns external id -> case id of those that landed."""
    known: dict[str, int] = {}
    by_network = sorted(fresh, key=lambda mention: mention.network)
    for network, group in groupby(by_network, key=lambda mention: mention.network):
        page = Page(asked="the fortnight", mentions=list(group))
        line = await intake.take(network, network, network, page, started_at=at, next_poll_at=None)

        async def read(connection: AsyncConnection, ids: tuple[int, ...] = line.new_mentions) -> dict[str, int]:
            found = await mentions.read(connection, ids)
            return {mention.external_id: mention.case_id for mention in found if mention.case_id is not None}

        known |= await db.read(read)
    return known


async def _replay(db: Database, deeds: list[Deed], known: dict[str, int]) -> None:
    """What was done in this round: the same by the same agent as one decision, as people do when they clear a list."""
    rounds: dict[tuple[int, Action, str], list[Deed]] = {}
    for deed in deeds:
        if deed.external_id in known:
            rounds.setdefault((_phase(deed.action), deed.action, deed.agent), []).append(deed)
    sent: dict[int, Deed] = {}

    async def act(connection: AsyncConnection) -> None:
        for (_, action, agent), same in sorted(rounds.items(), key=lambda item: item[0][0]):
            targets = [(known[deed.external_id], None) for deed in same]
            acted = await cases.act_in(connection, targets, action, agent=agent, now=same[-1].at)
            sent.update(dict.fromkeys(acted.deliveries, same[-1]))

    await db.write(act)
    if not sent:
        return
    held = [delivery for delivery in await outbox.listing(db, limit=len(sent)) if delivery.id in sent]

    async def leave(connection: AsyncConnection) -> list[Delivery]:
        queued = await outbox.shift(connection, held, DeliveryState.QUEUED, now=deeds[-1].at)
        return await outbox.shift(connection, queued, DeliveryState.SENDING, now=deeds[-1].at, attempts=1)

    for delivery in await db.write(leave):
        deed = sent[delivery.id]
        remote_id = answer_id(deed.external_id) if isinstance(deed.action, Reply) else ""
        await outbox.move(db, delivery, DeliveryState.SENT, now=deed.at, remote_id=remote_id)


def _phase(action: Action) -> int:
    """The order of what one case goes through, so that grouping changes nothing for any of them."""
    return 2 if isinstance(action, Done) else 0 if isinstance(action, Assign | Tag | AddNote | Prioritise) else 1
