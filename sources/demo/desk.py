"""The invented brand's desk, as its earful.toml would say."""

from __future__ import annotations

from datetime import timedelta

from sources.demo.people import NETWORKS
from store.domain.desk import Department, Desk, Role, Rule, SourceConfig, View, Watch

AGENTS = {"en": "tom", "de": "tom", "ro": "ana", "hu": "mihai", "it": "giulia", "es": "giulia", "vi": "linh"}


def desk() -> Desk:
    """One source a network, all simulated; departments as well."""
    return Desk(
        name="Nimbari",
        reply_within=timedelta(hours=24),
        watches=(
            Watch("nimbari", "nimbari~1 OR nimbari*", Role.OWN),
            Watch("stratora", "stratora~1 OR stratora*", Role.COMPETITOR),
        ),
        sources=tuple(
            SourceConfig(
                type="demo",
                name=network,
                every=timedelta(seconds=10),
                backfill=None,
                settle=timedelta(seconds=2),
                options={"network": network},
            )
            for network in NETWORKS
        ),
        departments=(
            Department("billing", "demo:billing"),
            Department("shipping", "demo:shipping"),
            Department("engineering", team=True),
            Department("legal", team=True),
            Department("press", team=True),
        ),
        rules=(Rule("sentiment:negative followers:>100000", ("priority urgent",)),),
        views=(
            View("angry", "sentiment:negative (status:new OR status:open)"),
            View("big accounts", "followers:>10000"),
            View("billing", "tag:billing"),
        ),
    )
