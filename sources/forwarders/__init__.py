"""Where a case can go outside earful: one file a kind of address, chosen by the scheme of the department's `to`."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlsplit

from sources import secrets
from sources.http import Http
from sources.protocol import Receipt
from store.domain.case import CaseDetail
from store.domain.delivery import Delivery
from store.domain.desk import Department, Desk
from store.domain.errors import BadInput


class Forwarder(Protocol):
    """The way to one department or team. `deduplicates`: the receiver knows a delivery by its identity, so that the
    same one may be sent once more after an uncertain end."""

    deduplicates: bool

    async def send(self, delivery: Delivery, case: CaseDetail) -> Receipt:
        """Raises Refused (final), NotSent (nothing left the house), RateLimited, or Uncertain."""
        ...


def address(department: Department) -> str:
    """The department's address; it may be kept as a secret itself (`to = "env:SLACK_URL"`). Raises BadInput."""
    return secrets.resolve(department.to).reveal() if secrets.is_reference(department.to) else department.to


def forwarder(department: Department, desk: Desk, http: Http) -> Forwarder:
    """Blocks while secrets are looked up. Raises BadInput, which never repeats a webhook's URL."""
    to = address(department)
    secret = secrets.resolve(department.secret) if department.secret else None
    scheme = urlsplit(to).scheme
    if scheme == "mailto":
        from sources.forwarders.mail import Mail

        password = secrets.resolve(desk.mail.password) if desk.mail.password else None
        return Mail(department.name, to, desk, password)
    if scheme in ("https", "http"):
        from sources.forwarders.webhook import SignedWebhook

        return SignedWebhook(department.name, to, http, secret)
    if scheme in ("slack+https", "slack+http"):
        from sources.forwarders.webhook import Slack

        return Slack(department.name, to.removeprefix("slack+"), http)
    if scheme == "demo":
        from sources.demo.forwarder import DemoForwarder

        return DemoForwarder()
    raise BadInput(f"department {department.name}: `to` must begin with mailto:, https:// or slack+https://")
