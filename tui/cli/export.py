"""`earful export`: mentions as JSON Lines, CSV or a report; streamed, however many there are."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

from store import export as exporting
from store.database import Database
from store.domain.errors import BadInput
from store.export import Totals, Wanted
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.inbox import filter_of
from tui.cli.target import target
from tui.export_formats import Csv, Format, Html, JsonLines, Markdown
from tui.times import local, local_zone, moment
from tui.wiring import with_store

ENDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".md": "md", ".html": "html", ".htm": "html"}
RESUMABLE = ("jsonl", "csv")


def export(call: Call) -> int:
    args = call.args
    kind = args.format or ENDS.get(Path(args.output or "").suffix.lower(), "jsonl")
    if args.after and kind not in RESUMABLE:
        raise BadInput(f"a report ({kind}) is made whole; --after is for {' and '.join(RESUMABLE)}")
    zone = local_zone()

    def at(text: str | None) -> datetime | None:
        return moment(text, now=call.now, zone=zone) if text else None

    wanted = Wanted(
        now=call.now.astimezone(zone),
        me=call.settings.agent,
        since=at(args.since),
        until=at(args.until),
        watch=args.watch,
        query=filter_of(call.settings.desk, args.view or "all", args.search),
    )
    count, last = with_store(call.settings, lambda db: _export(call, db, kind, wanted))
    if not count:
        call.out.tell("no mention is wanted" + (" any more" if args.after else ""))
        return NOTHING
    call.out.tell(f"{count:,} mentions, the last one is {last}" + (f": {args.output}" if args.output else ""))
    return DONE


async def _export(call: Call, db: Database, kind: str, wanted: Wanted) -> tuple[int, int]:
    args = call.args
    head = await _format(call, db, kind, wanted)
    place = target(call.settings, args.output) if args.output is not None else None
    with _file(place, append=bool(args.after)) as file:
        if not args.after:
            file.write(head.head())
        count, last = 0, args.after or 0
        async for rows in exporting.stream(db, wanted, after=last):
            await asyncio.to_thread(file.write, head.rows(rows))
            file.flush()  # so that what stands there is whole up to a mention when it is broken off
            count, last = count + len(rows), rows[-1]["id"]
        file.write(head.foot())
        file.flush()
    return count, last


async def _format(call: Call, db: Database, kind: str, wanted: Wanted) -> Format:
    if kind in RESUMABLE:
        return JsonLines() if kind == "jsonl" else Csv()
    totals = await exporting.totals(db, wanted)
    title = f"Mentions of {call.settings.desk.name}" if call.settings.desk.name else "Mentions"
    report: Callable[[str, str, Totals], Format] = Markdown if kind == "md" else Html
    return report(title, _about(call, totals), totals)


def _about(call: Call, totals: Totals) -> str:
    args = call.args
    named = {"since": args.since, "until": args.until, "watch": args.watch, "view": args.view, "search": args.search}
    chosen = ", ".join(f"{name} {value}" for name, value in named.items() if value)
    counts = f"{totals.mentions:,} mentions by {totals.authors:,} authors in {totals.cases:,} cases"
    return f"{counts}{f' ({chosen})' if chosen else ''}. Made {local(call.now)}."


@contextmanager
def _file(path: Path | None, *, append: bool) -> Iterator[TextIO]:
    """Standard output, or a private file: added to, or written anew and put in its place when it is whole."""
    if path is None:
        sys.stdout.reconfigure(encoding="utf-8", errors="replace", newline="")  # type: ignore[union-attr]
        yield sys.stdout
        return
    written = path if append else path.with_name(f".{path.name}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | (os.O_APPEND if append else os.O_EXCL)
    handle = os.open(written, flags, 0o600)
    try:
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if not append:
            os.replace(written, path)
    except BaseException:
        if not append:
            with suppress(OSError):
                written.unlink()
        raise
