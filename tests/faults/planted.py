"""Workers that are wrong on purpose. A harness that does not catch them proves nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sources.courier import Courier, Post
from sources.intake import Intake
from sources.protocol import Receipt
from sources.worker import Worker
from store.domain.clock import utcnow
from store.domain.delivery import Delivery, DeliveryState
from store.domain.poll import PageToStore, PollLine
from store.killpoints import point


class SendThenMark(Courier):
    """Posts first and writes it down afterwards; what went wrong is tried again."""

    async def _send(self, delivery: Delivery, post: Post) -> Delivery:
        try:
            receipt = await post()
        except Exception:
            return await self._move(delivery, DeliveryState.QUEUED, due_at=utcnow())
        point("send_after_post")
        claimed = await self._move(delivery, DeliveryState.SENDING, tried=True)
        return await self._record(claimed, DeliveryState.SENT, receipt=receipt)


class MarkThenSend(Courier):
    """Writes down that it is sent and posts afterwards."""

    async def _send(self, delivery: Delivery, post: Post) -> Delivery:
        claimed = await self._move(delivery, DeliveryState.SENDING, tried=True)
        sent = await self._record(claimed, DeliveryState.SENT, receipt=Receipt("assumed"))
        point("send_in_post")
        try:
            await post()
        except Exception:
            pass
        return sent


class CursorFirst(Intake):
    """Moves the cursor, then stores what it had passed."""

    async def _store(self, page: PageToStore, ruled: dict[str, Any]) -> PollLine:
        await super()._store(replace(page, items=(), rejected=()), {})
        point("poll_between")
        return await super()._store(replace(page, bookmark=None, next_poll_at=None), ruled)


def send_then_mark(worker: Worker) -> None:
    worker._courier.__class__ = SendThenMark


def mark_then_send(worker: Worker) -> None:
    worker._courier.__class__ = MarkThenSend


def cursor_first(worker: Worker) -> None:
    worker._poller._intake.__class__ = CursorFirst
