"""`earful import FILE`: a file's mentions into the store, page by page; what cannot be read is kept beside the file."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from sources import issues
from sources.adapters.file import read_pages
from sources.intake import Intake
from sources.protocol import Page
from store import cursors, ledger
from store.database import Database
from store.domain.clock import utcnow
from store.domain.poll import Rejected
from tui.cli.call import DONE, FAILED, NOTHING, Call
from tui.cli.deepening import deepen_here
from tui.wiring import with_store

NEVER = datetime(9999, 1, 1, tzinfo=UTC)  # no worker is to poll what was imported
TELL_EVERY = 2.0  # seconds


@dataclass
class Rejects:
    """What could not be read, as JSON Lines beside the file, or here where there is no writing there. Private: it holds
    whatever the file held. Made with the first line; one of an earlier import goes."""

    imported: Path
    path: Path | None = None
    _file: TextIO | None = field(default=None, repr=False)

    def keep(self, rejected: Rejected) -> None:
        if self._file is None:
            self._file = self._open()
        line = rejected.where.removeprefix("line ")
        record = {
            "line": int(line) if line.isdigit() else None,
            "where": rejected.where,
            "reason": rejected.reason,
            "raw": rejected.raw.decode("utf-8", "backslashreplace").rstrip("\r\n"),
        }
        self._file.write(json.dumps(record) + "\n")

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _open(self) -> TextIO:
        name = f"{self.imported.name}.rejects.jsonl"
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_TRUNC
        try:
            self.path = self.imported.with_name(name)
            handle = os.open(self.path, flags, 0o600)
        except OSError:
            self.path = Path.cwd() / name
            handle = os.open(self.path, flags, 0o600)
        os.fchmod(handle, 0o600)
        return os.fdopen(handle, "w", encoding="utf-8")


def import_file(call: Call) -> int:
    counts, rejects = with_store(call.settings, lambda db: _import(call, db))
    summary = {
        "file": call.args.file,
        "returned": counts["returned"],
        "new": counts["new"],
        "duplicate": counts["duplicate"],
        "failed": counts["failed"],
        "rejects": str(rejects.path) if rejects.path else None,
    }
    if call.out.json:
        call.out.record(summary)
    else:
        call.out.row(
            f"{counts['returned']} read: {counts['new']} new, {counts['duplicate']} known, {counts['failed']} failed"
        )
    if counts["failed"]:
        call.out.error(
            f"earful: {counts['failed']} of {counts['returned']} could not be read; they are kept in {rejects.path}"
        )
    if not counts["returned"]:
        call.out.tell(f"nothing in {call.args.file}")
        return NOTHING
    return FAILED if counts["failed"] == counts["returned"] else DONE


async def _import(call: Call, db: Database) -> tuple[Counter[str], Rejects]:
    """Every page is stored with the place to go on at, so that an import that was broken off goes on there. A file that
    was read to its end is read from its beginning again: what is known of it is then counted as such."""
    args, desk = call.args, call.settings.desk
    path = Path(args.file).absolute()
    stream = f"import:{os.fsencode(path).decode(errors='backslashreplace')}"
    broken_off = next(
        (cursor.bookmark for cursor in await cursors.all_of(db, args.source) if cursor.stream == stream), {}
    )
    if broken_off:
        call.out.tell(f"going on at line {broken_off.get('line', '?')}, where an earlier import was broken off")
    rejects, counts, told = Rejects(path), Counter[str](), time.monotonic()
    intake = Intake(db, desk)
    bookmark = broken_off or {"begun": call.now.isoformat()}
    pages = read_pages(path, args.format or "", now=call.now, network=args.source, bookmark=bookmark)
    try:
        if broken_off.get("begun"):
            await _kept_so_far(db, args.source, stream, datetime.fromisoformat(broken_off["begun"]), rejects)
        page: Page | None = await asyncio.to_thread(next, pages)
        while page is not None:
            following = await asyncio.to_thread(next, pages, None)
            bookmark = {} if following is None else page.bookmark or {}
            line = await intake.take(
                args.source,
                args.source,
                stream,
                replace(page, bookmark=bookmark),
                started_at=utcnow(),
                next_poll_at=NEVER,
                lands=True,
            )
            for name in ("returned", "new", "duplicate", "failed"):
                counts[name] += getattr(line, name)
            for rejected in await ledger.rejected(db, line.id) if line.failed else ():
                rejects.keep(rejected)
            if time.monotonic() - told >= TELL_EVERY:
                told = time.monotonic()
                call.out.tell(f"{counts['returned']:,} read, {counts['new']:,} new")
            page = following
    finally:
        rejects.close()
    if counts["new"] or counts["duplicate"]:
        await deepen_here(call, db)
        await issues.refresh(db, desk, now=utcnow())
    return counts, rejects


async def _kept_so_far(db: Database, source: str, stream: str, begun: datetime, rejects: Rejects) -> None:
    """What was broken off may have ended before its rejects were written; the ledger has them all."""
    for line in reversed(await ledger.lines(db, source=source, since=begun)):
        for rejected in await ledger.rejected(db, line.id) if line.failed and line.stream == stream else ():
            rejects.keep(rejected)
