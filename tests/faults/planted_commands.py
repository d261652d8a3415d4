"""Commands that are wrong on purpose. A harness that does not catch them proves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from store import backup, cases, migrations
from store.cases import acting
from store.database import Database


def one_by_one() -> None:
    """A bulk action as many decisions."""
    whole = acting.act

    async def act(db: Database, targets: Any, *given: Any, **named: Any) -> Any:
        done = [await whole(db, [target], *given, **named) for target in targets]
        return acting.Acted(done[0].batch, {number: version for one in done for number, version in one.cases.items()})

    cases.act = act


def step_by_step() -> None:
    """A schema that is changed in as many transactions as it has statements."""
    whole = migrations.run

    async def run(connection: AsyncConnection, statement: str) -> None:
        await whole(connection, statement)
        await connection.exec_driver_sql("COMMIT")
        await connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.dialect.name == "sqlite" else "BEGIN")

    migrations.run = run


def in_place() -> None:
    """A backup that is written where it is to be."""

    def make(store: Path, target: Path, *, now: Any, replace: bool = False, tell: Any = None) -> backup.Backup:
        target.unlink(missing_ok=True)
        with store.open("rb") as original:
            while some := original.read(65_536):
                with target.open("ab") as copy:
                    copy.write(some)
        return backup.Backup(target, "", 0, 0, 0, 0)

    backup.make = make
