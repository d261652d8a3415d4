"""The courier: takes what is due out of the outbox, sends it, and finds out what became of it.

queued -> sending (committed first) -> sent | failed | unknown, or queued again where it is sure that nothing was sent.
unknown -> the thread is read back after the network's settle time: found is sent; proven absent twice is queued for one
more try and no other; could not tell, for long, is a person's. So is what could not leave in time (`sources.overdue`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial

from sources import schedule
from sources.addresses import kept_link
from sources.errors import Gone, NotSent, RateLimited, Refused, Unauthorised, in_words
from sources.forwarders import Forwarder
from sources.overdue import overdue
from sources.protocol import Channel, ReadBack, Receipt
from sources.stopping import Stopped, pause, to_the_end, unless
from sources.wallclock import WallClock
from store import cases, clock_set, lateness, mentions, outbox
from store.database import Database
from store.domain.clock import utcnow
from store.domain.delivery import Delivery, DeliveryKind, DeliveryState
from store.domain.desk import Desk
from store.domain.errors import Conflict, EarfulError, StoreError
from store.killpoints import point

PULSE = 0.5  # seconds between two looks at what is due
SEND_DEADLINE = 60.0
READ_DEADLINE = 60.0
STORE_PAUSE = 5.0
TRIES = 8  # of those that a network put off; then it has failed
RETRY = timedelta(seconds=10)
OFFLINE = timedelta(minutes=5)  # at most between two tries to reach who cannot be reached: that bothers nobody
PATIENCE = 16  # settle times without an answer to "is it there?"; then a person decides
WEBHOOK_SETTLE = timedelta(seconds=30)

Post = Callable[[], Awaitable[Receipt]]


class Courier:
    """`channels` by source, `forwarders` by department; `unable` says why one that is configured is in neither.
    `on_delivery` is told every move. Only the holder of the worker's lock may run one."""

    def __init__(
        self,
        db: Database,
        desk: Desk,
        channels: Mapping[str, Channel],
        forwarders: Mapping[str, Forwarder],
        on_delivery: Callable[[Delivery], None],
        *,
        unable: Mapping[str, str] | None = None,
    ) -> None:
        self._db, self._desk, self._on_delivery = db, desk, on_delivery
        self._channels, self._forwarders = channels, forwarders
        self._settles = {source.name: source.settle for source in desk.sources}
        self._unable = unable or {}
        self._recovered, self._since = False, utcnow()
        self._clock = WallClock(self._since)

    async def recover(self) -> None:
        """What a dead predecessor was sending is unknown; its bytes may still be under way for a settle time."""
        now = utcnow()
        await clock_set.deliveries_of_the_future(self._db, now=now)
        if await outbox.recover(self._db, now=now):
            for delivery in await outbox.listing(self._db, states=(DeliveryState.UNKNOWN,), limit=10_000):
                if delivery.due_at == now:
                    await self._move(delivery, DeliveryState.UNKNOWN, due_at=now + self._settle_time(delivery))
        self._recovered, self._since = True, now

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then no other send begins, and one under way is waited for (it has a deadline of its own)."""
        lanes: dict[str, asyncio.Task[None]] = {}
        try:
            while not stop.is_set():
                lanes = {lane: task for lane, task in lanes.items() if not task.done()}
                try:
                    if not (self._recovered or lanes):
                        await self.recover()
                    # Until then no lane begins anew, or one of them would always be there.
                    for lane, due in _by_lane(await self._due() if self._recovered else ()).items():
                        if lane not in lanes:
                            lanes[lane] = asyncio.create_task(self._patiently(due, stop))
                except StoreError:
                    await pause(stop, STORE_PAUSE)
                await pause(stop, PULSE)
        finally:
            for task in lanes.values():
                if not stop.is_set():
                    task.cancel()
            await asyncio.gather(*lanes.values(), return_exceptions=True)

    async def round(self, stop: asyncio.Event) -> list[Delivery]:
        """Everything that is due now, one step. Returns what moved. Raises StoreError."""
        if not self._recovered:
            await self.recover()
        lanes = _by_lane(await self._due()).values()
        moved = await asyncio.gather(*(self._lane(due, stop) for due in lanes))
        return [delivery for lane in moved for delivery in lane]

    async def _due(self) -> list[Delivery]:
        now = utcnow()
        if by := self._clock.moved(now):
            await clock_set.deliveries(self._db, by, now=now)
            self._since += by
        first = await outbox.next_due_at(self._db)
        if first is None or first > now:
            return []
        await outbox.release_held(self._db, now=now)
        return await outbox.due(self._db, now=now)

    async def _lane(self, due: Iterable[Delivery], stop: asyncio.Event) -> list[Delivery]:
        """One destination's deliveries, one after the other, so that a slow one holds up no other."""
        moved: list[Delivery] = []
        for delivery in due:
            if stop.is_set():
                break
            try:
                moved.append(await self.deliver(delivery, stop))
            except Conflict:
                continue  # recalled, or settled by a person, meanwhile
            except Stopped:
                break
        return moved

    async def _patiently(self, due: Iterable[Delivery], stop: asyncio.Event) -> None:
        """A lane that cannot go on (the store is full, ...) begins anew later; its rows show where they stand."""
        try:
            await self._lane(due, stop)
        except Exception:
            self._recovered = False  # if it was its end that could not be written, it is looked for as after a death
            await pause(stop, STORE_PAUSE)

    async def deliver(self, delivery: Delivery, stop: asyncio.Event) -> Delivery:
        """One step of one delivery. Raises Conflict where it moved meanwhile, Stopped, StoreError."""
        if delivery.state is DeliveryState.UNKNOWN:
            return await self._find_out(delivery, stop)
        since = await lateness.since(self._db, delivery)
        if why := overdue(since, self._desk, utcnow()):
            last = f"; {delivery.error}" if delivery.error else ""
            return await self._move(delivery, DeliveryState.PERSON, error=f"not sent: {why}{last}")
        try:
            post = await self._post(delivery)
        except StoreError:
            raise
        except Exception as error:
            return await self._move(delivery, DeliveryState.FAILED, error=in_words(error))
        point("send_before_claim")
        return await to_the_end(self._send(delivery, post))

    async def _post(self, delivery: Delivery) -> Post:
        """What sends it, with all that it needs from the store. Raises EarfulError where there is no way to send it."""
        if delivery.kind is DeliveryKind.REPLY:
            channel = self._channels.get(delivery.source)
            if channel is None or delivery.mention_id is None:
                why = f"the source {delivery.source} cannot answer; answer on its own page"
                raise Refused(self._unable.get(delivery.source, why))
            return partial(channel.send, delivery, await mentions.get(self._db, delivery.mention_id))
        forwarder = self._forwarders.get(delivery.target)
        if forwarder is None:
            why = f"{delivery.target} has no address; give it `to` in the configuration"
            raise Refused(self._unable.get(delivery.target, why))
        return partial(forwarder.send, delivery, await cases.get(self._db, delivery.case_id))

    async def _send(self, delivery: Delivery, post: Post) -> Delivery:
        """From the claim to what became of it. Never cancelled half-way: only a kill can come between."""
        claimed = await self._move(delivery, DeliveryState.SENDING, tried=True)
        point("send_claimed")
        try:
            point("send_in_post")
            async with asyncio.timeout(SEND_DEADLINE):
                receipt = await post()
            point("send_after_post")
        except (NotSent, RateLimited) as error:
            return await self._again(claimed, error)
        except (Refused, Unauthorised, Gone) as error:
            return await self._record(claimed, DeliveryState.FAILED, error=in_words(error))
        except Exception as error:  # the bytes may have left: only proof may send it again
            why = "no answer in time" if isinstance(error, TimeoutError) else in_words(error)
            due_at = utcnow() + self._settle_time(claimed)
            return await self._record(claimed, DeliveryState.UNKNOWN, error=why, due_at=due_at)
        sent = await self._record(claimed, DeliveryState.SENT, receipt=receipt)
        point("send_recorded")
        return sent

    async def _again(self, claimed: Delivery, error: EarfulError) -> Delivery:
        """Nothing was sent, for sure: queued for later. A network is asked a few times, a way to it looked for until
        the answer expires; then it is looked at once more, to be a person's."""
        now, refused = utcnow(), isinstance(error, RateLimited)
        if refused and claimed.attempts >= TRIES:
            why = f"not sent, tried {claimed.attempts} times: {in_words(error)}"
            return await self._record(claimed, DeliveryState.FAILED, error=why)
        wished = error.retry_at if isinstance(error, RateLimited) else None
        due_at = schedule.after_failure(RETRY, claimed.attempts, now=now, retry_at=wished, chance=random.random())
        expires = (await lateness.since(self._db, claimed)).decided_at + self._desk.answers_expire
        due_at = min(due_at, max(expires, now), *([] if refused else [now + OFFLINE]))
        return await self._record(claimed, DeliveryState.QUEUED, error=in_words(error), due_at=due_at)

    async def _find_out(self, delivery: Delivery, stop: asyncio.Event) -> Delivery:
        """Whether an unknown one arrived."""
        if delivery.kind is not DeliveryKind.REPLY:
            return await self._trust(delivery)
        back, why, not_before = ReadBack(None, complete=False), "", utcnow()
        try:
            back = await unless(stop, self._read_back(delivery))
        except (Stopped, StoreError):
            raise
        except Exception as error:
            why = in_words(error)
            if isinstance(error, RateLimited) and error.retry_at is not None:
                not_before = error.retry_at
        settle, now = self._settle_time(delivery), utcnow()
        if back.found is not None and await self._is_another(delivery, back.found):
            back, why = ReadBack(None, complete=False), "found only an answer of ours that said the same before"
        if back.found is not None:
            return await self._record(delivery, DeliveryState.SENT, receipt=back.found, detail="found in the thread")
        if back.complete:
            return await self._absent(delivery, now + settle)
        tried_at = delivery.tried_at or self._since
        waited = now - (max(tried_at, self._since) if tried_at <= now else self._since)  # else the clock was put back
        if waited >= settle * PATIENCE:
            return await self._person(delivery, why)
        due_at = max(not_before, now + max(waited, settle))  # each look after twice the time of the one before
        return await self._move(delivery, DeliveryState.UNKNOWN, error=why or "could not tell yet", due_at=due_at)

    async def _read_back(self, delivery: Delivery) -> ReadBack:
        channel = self._channels.get(delivery.source)
        if channel is None or delivery.mention_id is None:
            raise Refused(self._unable.get(delivery.source, f"the source {delivery.source} cannot be read"))
        parent = await mentions.get(self._db, delivery.mention_id)
        async with asyncio.timeout(READ_DEADLINE):
            return await channel.read_back(delivery, parent)

    async def _is_another(self, delivery: Delivery, found: Receipt) -> bool:
        """Whether what was found is another delivery's: the same words, said twice to one person or in one thread."""
        if getattr(self._channels.get(delivery.source), "replaces", False):
            return False
        told = await outbox.known_as(self._db, delivery.source, found.native_id)
        return any(other.id != delivery.id for other in told)

    async def _absent(self, delivery: Delivery, next_look: datetime) -> Delivery:
        """Absent once may be late; twice is proof, and is worth one more try; the try after that is a person's."""
        if delivery.absences == 0:
            why = "not in the thread; looking once more"
            return await self._move(delivery, DeliveryState.UNKNOWN, absent=True, error=why, due_at=next_look)
        if delivery.absences == 1:
            why = "proven absent twice"
            return await self._move(delivery, DeliveryState.QUEUED, absent=True, detail=why, due_at=utcnow())
        return await self._person(delivery, "sent twice and found neither time")

    async def _trust(self, delivery: Delivery) -> Delivery:
        """A forward cannot be read back. Where the receiver knows it by its identity, once more does no harm."""
        forwarder = self._forwarders.get(delivery.target)
        if forwarder is not None and forwarder.deduplicates and delivery.absences == 0:
            why = "the receiver knows it by its id"
            return await self._move(delivery, DeliveryState.QUEUED, absent=True, detail=why, due_at=utcnow())
        return await self._person(delivery, delivery.error)

    async def _person(self, delivery: Delivery, why: str) -> Delivery:
        words = "it may have arrived: look there, then mark it sent or send it again"
        return await self._move(delivery, DeliveryState.PERSON, error=f"{words} ({why})" if why else words)

    async def _record(
        self,
        delivery: Delivery,
        to: DeliveryState,
        *,
        receipt: Receipt | None = None,
        error: str = "",
        detail: str = "",
        due_at: datetime | None = None,
    ) -> Delivery:
        """Write down what became of it, against a store that is busy or full for a while: this knowledge is dear."""
        told = receipt or Receipt("")
        step = partial(
            self._move,
            delivery,
            to,
            error=error,
            detail=detail,
            due_at=due_at,
            remote_id=told.native_id,
            remote_key=told.key,
            url=kept_link(told.url),
        )
        for wait in (0.2, 1.0, 3.0, 5.0):
            try:
                return await step()
            except StoreError:
                await asyncio.sleep(wait)
        return await step()

    async def _move(
        self,
        delivery: Delivery,
        to: DeliveryState,
        *,
        due_at: datetime | None = None,
        error: str = "",
        detail: str = "",
        remote_id: str = "",
        remote_key: str = "",
        url: str = "",
        absent: bool = False,
        tried: bool = False,
    ) -> Delivery:
        moved = await outbox.move(
            self._db,
            delivery,
            to,
            now=utcnow(),
            due_at=due_at,
            error=error,
            detail=detail,
            remote_id=remote_id,
            remote_key=remote_key,
            url=url,
            absent=absent,
            tried=tried,
        )
        self._on_delivery(moved)
        return moved

    def _settle_time(self, delivery: Delivery) -> timedelta:
        if delivery.kind is not DeliveryKind.REPLY:
            forwarder = self._forwarders.get(delivery.target)
            return WEBHOOK_SETTLE if forwarder is not None and forwarder.deduplicates else timedelta(0)
        return self._settles.get(delivery.source, timedelta(minutes=2))


def _by_lane(due: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    lanes: dict[str, list[Delivery]] = {}
    for delivery in due:
        lane = delivery.source if delivery.kind is DeliveryKind.REPLY else f"to {delivery.target}"
        lanes.setdefault(lane, []).append(delivery)
    return lanes
