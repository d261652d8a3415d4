"""The demo's departments: they get what is forwarded to them in memory only, so that nothing leaves the machine."""

from __future__ import annotations

from sources.protocol import Receipt
from store.domain.case import CaseDetail
from store.domain.delivery import Delivery


class DemoForwarder:
    deduplicates = True

    async def send(self, delivery: Delivery, case: CaseDetail) -> Receipt:
        return Receipt(native_id=delivery.identity)
