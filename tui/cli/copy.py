"""`earful copy --to DATABASE`: the whole store into an empty database, compared row by row when it is there."""

from __future__ import annotations

import time
from pathlib import Path

from store import copying
from store.copying import Copied
from store.database import Database
from store.domain.errors import BadInput
from tui.cli.call import DONE, Call
from tui.output import Output
from tui.settings import database_named
from tui.wiring import store_at, with_store

TELL_EVERY = 2.0  # seconds


def copy(call: Call) -> int:
    target = database_named(call.args.to, Path.cwd())
    if target == call.settings.database:
        raise BadInput(f"{target} is the store itself; name another database to copy to")

    async def work(db: Database) -> list[Copied]:
        return await copying.copy(db, store_at(target), narrator(call.out))

    copied = with_store(call.settings, work)
    for table in copied:
        if call.out.json:
            call.out.record({"table": table.table, "rows": table.rows, "sha256": table.sha256})
        else:
            call.out.row(f"{table.table:16} {table.rows:>12,} rows  sha256 {table.sha256}")
    call.out.tell(
        f"copied and compared: {sum(table.rows for table in copied):,} rows are the same on both sides. "
        f'Now set database = "{target}" in the configuration, and let nobody go on with {call.settings.database}'
    )
    return DONE


def narrator(out: Output) -> copying.OnRows:
    told = time.monotonic()

    def tell(table: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_EVERY:
            told = time.monotonic()
            out.tell(f"{table}: {done:,} of {total:,} rows")

    return tell
