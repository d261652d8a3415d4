"""Records of a file, one by one, with the byte at which each ends: what lets a reader go on where it stopped.

A bad record is reported with its line and the rest is read on. With `growing` the last record of the file is left for
the next time unless it is surely whole, because its writer may be in the middle of it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from store.domain.errors import BadInput

RECORD_LIMIT = 4 * 1024 * 1024
BOM = b"\xef\xbb\xbf"
DELIMITERS = (",", ";", "\t", "|")
_ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Record:
    """`value` is the object of a JSON line, the named columns of a CSV row or the bytes of a mail; `error` says why
    there is none. `line` is where it starts, from 1; `end` and `end_line` are where the next one starts."""

    line: int
    end: int
    end_line: int
    raw: bytes
    value: Any = None
    error: str = ""


def json_lines(handle: BinaryIO, offset: int, line: int, *, growing: bool = False) -> Iterator[Record]:
    handle.seek(offset)
    while raw := _line(handle):
        start, line = line, line + 1
        if not raw.strip(b" \t\r\n" + BOM):
            continue
        value, error = _object(raw.removeprefix(BOM) if start == 1 else raw)
        if error and growing and not raw.endswith(b"\n"):
            return
        yield Record(start, handle.tell(), line, raw, value, error)


def csv_columns(handle: BinaryIO, known: Sequence[str]) -> tuple[list[str], str, int]:
    """(names of the columns, delimiter, byte at which the rows start). The delimiter is the one by which the first line
    has the most known names. Raises BadInput where it is no line of a table."""
    handle.seek(0)
    first = _line(handle).removeprefix(BOM).decode("utf-8", "replace")
    try:
        split = {sign: [_name(cell) for cell in next(csv.reader([first], delimiter=sign), [])] for sign in DELIMITERS}
    except csv.Error:  # a lone carriage return, as in binary data and in files of the first Macintosh
        raise BadInput(f"{handle.name}: its first line is not that of a CSV file") from None
    best = max(DELIMITERS, key=lambda sign: (sum(name in known for name in split[sign]), len(split[sign])))
    return split[best], best, handle.tell()


def csv_rows(
    handle: BinaryIO, offset: int, line: int, columns: Sequence[str], delimiter: str, *, growing: bool = False
) -> Iterator[Record]:
    csv.field_size_limit(RECORD_LIMIT)
    while True:
        lines = _Lines(handle, offset, line)
        for row in _rows(lines, delimiter):
            open_ended = lines.ended or (growing and not lines.raw().endswith(b"\n"))
            if open_ended and growing:
                return
            if row is None or lines.ended:
                # A quote that is never closed swallows what follows: only its first line is given up.
                offset, line = lines.after_first(offset), line + 1
                yield Record(
                    line - 1, offset, line, lines.first(), error="its quotation marks do not fit, or it is too long"
                )
                break
            start, offset, line = line, lines.offset, lines.line
            raw = lines.take()
            if any(cell.strip() for cell in row):
                yield _row(row, columns, Record(start, offset, line, raw))
        else:
            return


def mails(handle: BinaryIO, offset: int, line: int, *, growing: bool = False) -> Iterator[Record]:
    """Messages of an mbox (RFC 4155, with mboxrd's quoting of "From "). Of a very long mail the first 4 MB are read."""
    handle.seek(offset)
    start, parts, size, blank = line, list[bytes](), 0, True
    while raw := _line(handle):
        if raw.startswith(b"From ") and blank and parts:
            yield _mail(start, handle.tell() - len(raw), line, parts)
            start, parts, size = line, [], 0
        if size < RECORD_LIMIT:
            parts.append(raw)
        size += len(raw)
        blank = not raw.strip(b"\r\n")
        line += 1
    if parts and not (growing and not blank):
        yield _mail(start, handle.tell(), line, parts)


def _line(handle: BinaryIO) -> bytes:
    """One line with its end; of an overlong one the first RECORD_LIMIT bytes and one more, the rest skipped."""
    raw = handle.readline(RECORD_LIMIT + 1)
    if len(raw) > RECORD_LIMIT and not raw.endswith(b"\n"):
        while (rest := handle.readline(RECORD_LIMIT)) and not rest.endswith(b"\n"):
            pass
    return raw


def _object(raw: bytes) -> tuple[Any, str]:
    if len(raw) > RECORD_LIMIT:
        return None, f"longer than {RECORD_LIMIT // 1024 // 1024} MB"
    if b"\0" in raw:
        return None, "holds a NUL byte"
    try:
        value = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return None, "not UTF-8"
    except (ValueError, RecursionError):
        return None, "not JSON"
    return (value, "") if isinstance(value, dict) else (None, "not a JSON object")


class _TooLong(Exception):
    pass


class _Lines:
    """Lines for the csv module, which takes one at a time, remembering what the current row was made of."""

    def __init__(self, handle: BinaryIO, offset: int, line: int) -> None:
        handle.seek(offset)
        self._handle = handle
        self._parts: list[bytes] = []
        self._size = 0
        self.offset, self.line = offset, line
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        raw = _line(self._handle)
        if not raw:
            self.ended = True
            raise StopIteration
        self._parts.append(raw)
        self._size += len(raw)
        self.offset, self.line = self._handle.tell(), self.line + 1
        if self._size > RECORD_LIMIT:
            raise _TooLong
        return raw.decode("utf-8", "surrogateescape")

    def first(self) -> bytes:
        return self._parts[0]

    def after_first(self, start: int) -> int:
        # Of a single overlong line only the beginning was kept.
        return self.offset if len(self._parts) == 1 else start + len(self._parts[0])

    def raw(self) -> bytes:
        return b"".join(self._parts)

    def take(self) -> bytes:
        raw = self.raw()
        self._parts, self._size = [], 0
        return raw


def _rows(lines: _Lines, delimiter: str) -> Iterator[list[str] | None]:
    """The rows; None, as the last, where one cannot be read."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    try:
        yield from reader
    except (csv.Error, _TooLong):
        yield None


def _row(row: list[str], columns: Sequence[str], record: Record) -> Record:
    def rejected(error: str) -> Record:
        return Record(record.line, record.end, record.end_line, record.raw, error=error)

    if b"\0" in record.raw:
        return rejected("holds a NUL byte")
    if any("\ud800" <= sign <= "\udfff" for cell in row for sign in cell):
        return rejected("not UTF-8")
    if len(row) > len(columns):
        return rejected(f"{len(row)} columns where the first line names {len(columns)}")
    value = dict(zip(columns, row, strict=False))
    return Record(record.line, record.end, record.end_line, record.raw, value)


def _mail(line: int, end: int, end_line: int, parts: list[bytes]) -> Record:
    raw = b"".join(parts)[:RECORD_LIMIT]
    body = raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw
    return Record(line, end, end_line, raw, _ESCAPED_FROM.sub(rb"\1", body))


def _name(cell: str) -> str:
    return re.sub(r"[\s\-.]+", "_", cell.strip().lower())
