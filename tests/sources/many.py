"""Many sources of every type, each with a server of its own on loopback."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from itertools import cycle, islice

from sources import registry
from sources.http import Http
from sources.intake import Intake
from sources.poller import Source
from sources.protocol import Setup
from store.database import Database
from store.domain.desk import Desk, SourceConfig, Watch
from store.domain.secret import Secret
from tests.servers import Server
from tests.sources.samples import Sample, samples


class Many:
    """`number` sources, the types in turn, each polled `every` so often. A context manager."""

    def __init__(self, number: int, every: timedelta) -> None:
        self._samples, self._every = list(islice(cycle(samples()), number)), every
        self._stack = ExitStack()
        self.sources: dict[str, Source] = {}
        self.watch = Watch("acme", "acme")

    def __enter__(self) -> Many:
        for number, sample in enumerate(self._samples):
            server = self._stack.enter_context(Server())
            sample.prepare(server)
            name = f"{sample.type} {number}"
            self.sources[name] = self._source(name, sample, server)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def intake(self, db: Database) -> Intake:
        return Intake(db, Desk(watches=(self.watch,), sources=tuple(one.config for one in self.sources.values())))

    def _source(self, name: str, sample: Sample, server: Server) -> Source:
        config = SourceConfig(
            sample.type,
            name,
            url=server.url(),
            token="env:IT" if sample.token else "",
            every=self._every,
            backfill=None,
            options=dict(sample.options(server)),
        )
        token = Secret(sample.token) if sample.token else None
        secrets = {key: Secret(value) for key, value in sample.secrets.items()}
        http = Http({server.host}, pause=0)
        adapter = registry.adapter(Setup(config, http, token, (self.watch,), secrets))
        return Source(config, registry.network(sample.type), adapter)
