"""Files: JSON Lines, CSV and mbox, read once (`earful import`) or followed as they grow (a source of type "file").

The bookmark is a byte offset with fingerprints of the file's beginning and of the bytes just before the offset. A file
that still has both has only grown, and is read on; any other is a new file, and is read from its beginning.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from sources.adapters import file_mentions, file_records, mail_message
from sources.adapters.file_mentions import Twins
from sources.adapters.file_records import Record
from sources.errors import Unreachable
from sources.paths import seen_from
from sources.protocol import Option, Page, Setup, SourceType
from store.domain.errors import BadInput
from store.domain.mention import JsonObject, Mention, NewMention
from store.domain.poll import Cursor, Rejected

FORMATS = ("jsonl", "csv", "mbox")
SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".mbox": "mbox",
    ".mbx": "mbox",
}
PAGE, PAGE_BYTES = 100, 1024 * 1024  # a page is one transaction, and agents wait for it
HEAD, TAIL = 4096, 1024


def read_pages(
    path: Path | str,
    format: str = "",  # noqa: A002 (what it is called on the command line and in the configuration)
    *,
    now: datetime,
    network: str = "file",
    bookmark: JsonObject | None = None,
    growing: bool = False,
    size: int = PAGE,
) -> Iterator[Page]:
    """The pages of a file, in order, each with the bookmark after it: pass the last stored one to go on there.

    `format` is one of FORMATS, or "" to see it from name and content. `network` is that of records that name no
    `source`. A record without a time gets the file's own. `growing`: leave a half-written last record for next time.
    Gives at least one page. Raises BadInput where the file cannot be read or is of no known format.
    """
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise BadInput(
            f"{path}: is no regular file, and a pipe or device cannot be gone on with; save it to a file first"
        )
    try:
        with path.open("rb") as handle:
            kind = format or guess(path, handle)
            if kind not in FORMATS:
                raise BadInput(f"unknown format `{kind}`; known are {', '.join(FORMATS)}")
            undated = min(datetime.fromtimestamp(path.stat().st_mtime, UTC), now)
            yield from _pages(handle, path, kind, network, undated, bookmark or {}, growing, size)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or 'cannot be read'}") from None


def guess(path: Path, handle: BinaryIO) -> str:
    """The format by name, else by content. Raises BadInput."""
    handle.seek(0)
    head = handle.read(HEAD)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{path}: is UTF-16; save it as UTF-8")
    if head.startswith(b"\x1f\x8b"):
        raise BadInput(f"{path}: is compressed; gunzip it first")
    start = head.removeprefix(file_records.BOM).lstrip()
    if start.startswith(b"["):
        raise BadInput(f"{path}: is one JSON array; earful reads one object a line (jq -c '.[]' makes that)")
    if path.suffix.lower() in SUFFIXES:
        return SUFFIXES[path.suffix.lower()]
    if start.startswith(b"From "):
        return "mbox"
    if start.startswith(b"{"):
        return "jsonl"
    columns, _, _ = file_records.csv_columns(handle, file_mentions.KNOWN)
    if set(columns) & set(file_mentions.KNOWN):
        return "csv"
    raise BadInput(f"{path}: neither JSON Lines nor CSV nor mbox; name it with --format {'|'.join(FORMATS)}")


class File:
    """The source type "file"."""

    kind = SourceType(
        "file",
        "file",
        "A file that grows or is replaced: JSON Lines, CSV or an mbox of mails",
        without_account="any file on this machine",
        options=(
            Option("path", "the file", required=True, example='"/var/spool/reviews.jsonl"', path=True),
            Option(
                "format",
                "of the file (default: seen from its name and content)",
                example='"jsonl"',
                choices=FORMATS,
            ),
        ),
    )

    def __init__(self, setup: Setup) -> None:
        self._path = seen_from(Path.cwd(), str(setup.config.options["path"]))
        self._format = str(setup.config.options.get("format", ""))
        self._backfill = setup.config.backfill

    def streams(self) -> Sequence[str]:
        return ("file",)

    async def pages(self, cursor: Cursor, *, now: datetime) -> AsyncIterator[Page]:
        bookmark = dict(cursor.bookmark)
        # Kept from first contact on: a file that is replaced by a longer export must not bring up old history.
        if "since" not in bookmark:
            bookmark["since"] = "" if self._backfill is None else (now - self._backfill).isoformat()
        reading = read_pages(self._path, self._format, now=now, bookmark=bookmark, growing=True)
        while page := await asyncio.to_thread(_next, reading):
            yield page

    async def recheck(self, mentions: Sequence[Mention], *, now: datetime) -> Page | None:
        return None


def _next(reading: Iterator[Page]) -> Page | None:
    try:
        return next(reading, None)
    except BadInput as error:
        raise Unreachable(str(error)) from None


def _pages(
    handle: BinaryIO,
    path: Path,
    kind: str,
    network: str,
    undated: datetime,
    bookmark: JsonObject,
    growing: bool,
    size: int,
) -> Iterator[Page]:
    start, line = _resumed(handle, bookmark)
    offset = start
    since = datetime.fromisoformat(bookmark["since"]) if bookmark.get("since") else None
    mentions: list[NewMention] = []
    rejected: list[Rejected] = []
    given = weight = 0

    def earlier() -> Counter[str]:
        """The records before `start` once more, in a handle of its own: reading goes on in the other meanwhile."""
        counting = Twins()
        with path.open("rb") as again:
            for record in _records(again, kind, 0, 1, growing) if start else ():
                if record.end > start:
                    break
                _mention(record, kind, network, undated, counting)
        return counting.counted()

    twins = Twins(earlier)

    def page() -> Page:
        mark = {**bookmark, **_mark(handle, offset, line)}
        return Page(f"{path.name}", tuple(mentions), tuple(rejected), bookmark=mark)

    for record in _records(handle, kind, offset, line, growing):
        after = handle.tell()
        offset, line = record.end, record.end_line
        mention = _mention(record, kind, network, undated, twins)
        if isinstance(mention, Rejected):
            rejected.append(mention)
        elif since is None or mention.created_at >= since:
            mentions.append(mention)
        weight += len(record.raw)
        if len(mentions) + len(rejected) >= size or weight >= PAGE_BYTES:
            yield page()
            given, weight, mentions, rejected = given + 1, 0, [], []
            handle.seek(after)
    if mentions or rejected or not given:
        yield page()


def _records(handle: BinaryIO, kind: str, offset: int, line: int, growing: bool) -> Iterator[Record]:
    if kind == "jsonl":
        return file_records.json_lines(handle, offset, line, growing=growing)
    if kind == "mbox":
        return file_records.mails(handle, offset, line, growing=growing)
    columns, delimiter, first_row = file_records.csv_columns(handle, file_mentions.KNOWN)
    if not offset:
        offset, line = first_row, 2
    return file_records.csv_rows(handle, offset, line, columns, delimiter, growing=growing)


def _mention(record: Record, kind: str, network: str, undated: datetime, twins: Twins) -> NewMention | Rejected:
    error = record.error
    if not error:
        try:
            if kind == "mbox":
                return mail_message.from_mail(record.value, record.raw, undated=undated)
            return file_mentions.from_fields(record.value, record.raw, network=network, undated=undated, twins=twins)
        except ValueError as reason:
            error = str(reason)
    return Rejected(f"line {record.line}", error, record.raw[: file_records.RECORD_LIMIT])


def _mark(handle: BinaryIO, offset: int, line: int) -> dict[str, Any]:
    return {"offset": offset, "line": line, "head": _print(handle, 0, min(offset, HEAD)), "tail": _tail(handle, offset)}


def _resumed(handle: BinaryIO, bookmark: JsonObject) -> tuple[int, int]:
    """(byte, line) to go on at: where the bookmark stands, if this is still the file that it was made for."""
    offset, line = bookmark.get("offset", 0), bookmark.get("line", 1)
    handle.seek(0, 2)
    if (
        0 < offset <= handle.tell()
        and _print(handle, 0, min(offset, HEAD)) == bookmark.get("head")
        and _tail(handle, offset) == bookmark.get("tail")
    ):
        return offset, line
    return 0, 1


def _tail(handle: BinaryIO, offset: int) -> str:
    return _print(handle, max(0, offset - TAIL), min(offset, TAIL))


def _print(handle: BinaryIO, start: int, length: int) -> str:
    handle.seek(start)
    return hashlib.sha256(handle.read(length)).hexdigest()[:16]
