"""Traces: where a person is named in what others wrote, and how each such place is made to name nobody.

What leads to the person (a handle, an address) is replaced everywhere. A bare word that could be an everyday one
("ana") is replaced in what was written in this house only: elsewhere nobody can tell whether it means this person.
Sources, watches and bookmarks are configuration and stay.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Table, Text, and_, cast, delete, exists, func, literal, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import erased, search, tables, unmatched, vectors
from store.dialects import dialect_of
from store.domain.mention import JsonObject
from store.erased import GONE

PLAIN = re.compile(r'[^"\\A-Z\x7f-\U0010ffff]+')  # what every database folds alike and JSON keeps as it is
LIKELY_MEANT = re.compile(r"[^a-z]", re.IGNORECASE)  # what no everyday word has: a digit, a dot, an @, a space, ...
HOUSE: Mapping[str, tuple[str, ...]] = {
    "note": ("text",),
    "draft": ("text",),
    "delivery": ("to", "text", "error"),
    "attempt": ("detail",),
    "cases": ("reason",),
    "case_tag": ("tag",),
    "poll": ("asked", "error"),
    "cursor": ("last_error",),
    "rejected": ("reason",),
    "issue_act": ("before", "after"),
    "issue_phrase": ("phrase",),
}
OTHERS: Mapping[str, tuple[str, ...]] = {
    "mention": ("title", "text"),
    "mention_version": ("title", "text"),
    "issue": ("label",),
    "author": ("name",),
}
IDS: Mapping[str, tuple[str, ...]] = {
    "mention": ("external_id", "native_id", "parent", "thread"),
    "cases": ("thread",),
    "delivery": ("target", "remote_id", "remote_key"),
    "mute": ("value",),
    "issue": ("phrase",),  # unique: what stands in for two phrases must be two things
    "rejected": ("position",),
}
ADDRESSES: Mapping[str, tuple[str, ...]] = {"mention": ("url",), "delivery": ("url",), "author": ("url",)}
RAW: Mapping[str, str] = {"mention_raw": "body", "rejected": "raw", "unmatched": "body"}
ROLES = (HOUSE, OTHERS, IDS, ADDRESSES)
JOURNAL = ("before", "after")
# Columns that hold nobody's words: the program's own, configuration, agents. A test knows every other one.
NOBODY: Mapping[str, tuple[str, ...]] = {
    "watch": ("name", "role"),
    "cursor": ("source", "stream", "bookmark", "state"),
    "poll": ("source", "stream"),
    "author": ("network", "handle"),  # the person's own row is renamed, another's handle is another's
    "cases": ("network", "source", "status", "priority", "assignee", "team"),
    "mention": (
        "network", "source", "type", "visibility", "language", "sentiment", "intent", "reasons", "corrected_by",
    ),
    "erased": ("digest",),
    "correction": ("digest", "language", "said", "label", "agent"),
    "correction_alike": ("said",),
    "layer": ("agent",),
    "vector": ("engine",),
    "vector_sum": ("engine", "language"),
    "note": ("agent",),
    "journal": ("action", "agent"),
    "draft": ("agent", "kind", "identity"),
    "delivery": ("kind", "state", "source", "visibility", "body_hash", "identity", "agent"),
    "attempt": ("before", "after"),
    "mute": ("kind", "network", "agent"),
    "change": ("kind",),
    "presence": ("session", "agent"),
    "issue_act": ("agent", "action"),
    "issue_state": ("language",),
}  # fmt: skip


DELETE: JsonObject = {"": "the row as a whole"}


@dataclass(frozen=True)
class Person:
    """Who is to be named nowhere. `name` may be empty."""

    network: str
    handle: str
    name: str = ""

    @cached_property
    def forms(self) -> tuple[str, ...]:
        """The handle as it is written, also in the addresses of networks where it is user@host."""
        handle = self.handle.removeprefix("@")
        user, at, host = handle.partition("@")
        if not at or not user or "." not in host:
            return (handle,)
        return handle, f"{host}/@{user}", f"{host}/users/{user}", f"{host}/u/{user}"

    @cached_property
    def anywhere(self) -> re.Pattern[str]:
        """What means this person wherever it stands."""
        return _pattern(self._sure, self._unsure, bare=False)

    @cached_property
    def in_the_house(self) -> re.Pattern[str]:
        return _pattern(self._sure, self._unsure, bare=True)

    @property
    def needles(self) -> tuple[str, ...]:
        """What a place that names the person holds in lower case, so that the database can look for it first: of each
        form its longest plain part, which may be "" for a name that has none."""
        parts = (PLAIN.findall(form.lower()) for form in (*self._sure, *self._unsure))
        return tuple(dict.fromkeys(max(part, key=len, default="") for part in parts))

    @property
    def sure(self) -> bool:
        """Whether the handle can be looked for in a whole file without finding everyday words."""
        return bool(LIKELY_MEANT.search(self.forms[0])) or len(self.forms[0]) >= 12

    @property
    def _sure(self) -> tuple[str, ...]:
        return tuple(form for form in (*self.forms, self.name) if form and LIKELY_MEANT.search(form))

    @property
    def _unsure(self) -> tuple[str, ...]:
        return tuple(form for form in (*self.forms, self.name) if form and not LIKELY_MEANT.search(form))


def _pattern(sure: Sequence[str], unsure: Sequence[str], *, bare: bool) -> re.Pattern[str]:
    """Whole words only. An unsure one counts behind a sign that leads to a person: @ana, /ana, u/ana, ~ana, :ana."""
    either = [rf"@?{re.escape(form)}" for form in sure]
    either += [rf"{'@?' if bare else '(?<=[@/~:=])'}{re.escape(form)}" for form in unsure]
    return re.compile(rf"(?<!\w)(?:{'|'.join(either) or '(?!)'})(?!\w)", re.IGNORECASE)


def last_row(table: Table) -> Any:
    return select(func.max(_number(table))).select_from(table)


async def blank(
    connection: AsyncConnection, table: Table, person: Person, after: int, upto: int, *, now: datetime
) -> int:
    """Name the person nowhere in the rows of one table with `after` < number <= `upto`. Returns how many rows held the
    person. Inside a write; `holds` says beforehand whether there is anything to do."""
    count = 0
    for row in await _likely(connection, table, person, after, upto):
        changed = _changed(table.name, row, person)
        if changed is None:
            continue
        count += 1
        if changed == DELETE or await _is_there(connection, table, row, changed):
            await connection.execute(delete(table).where(_is(table, row)))
            continue
        await connection.execute(update(table).where(_is(table, row)).values(changed))
        if table is tables.mention and "external_id" in changed:
            await erased.keep(connection, [erased.of_post(row["network"], row["external_id"])], now=now)
        if table is tables.mention and changed.keys() & {"title", "text"}:
            both = {"title": row["title"], "text": row["text"]} | changed
            await search.add(connection, [(row["id"], both["title"], both["text"])])
            await vectors.forget(connection, [row["id"]])
    return count


async def holds(connection: AsyncConnection, table: Table, person: Person, after: int, upto: int) -> bool:
    rows = await _likely(connection, table, person, after, upto)
    return any(_changed(table.name, row, person) is not None for row in rows)


def _changed(table: str, row: Mapping[str, Any], person: Person) -> JsonObject | None:
    """The columns that must change; DELETE for a row that goes as a whole; None where the person is not in it."""
    changed: JsonObject = {}
    for name in HOUSE.get(table, ()):
        changed[name] = person.in_the_house.sub(GONE, row[name])
    for name in OTHERS.get(table, ()):
        changed[name] = person.anywhere.sub(GONE, row[name])
    for name in IDS.get(table, ()):
        found = person.anywhere.search(row[name])
        changed[name] = erased.stand_in(row[name]) if found else row[name]
    for name in ADDRESSES.get(table, ()):
        changed[name] = "" if person.anywhere.search(row[name]) else row[name]
    if table == "journal":
        for name in JOURNAL:
            changed[name] = _blanked(row[name], person)
    if table in RAW and _in_raw(table, row, person):
        if table != "rejected":
            return DELETE
        changed["raw"] = b""
    changed = {name: value for name, value in changed.items() if value != row[name]}
    return changed or None


def _blanked(said: JsonObject, person: Person) -> JsonObject:
    """The free words of a journal's entry; its other values are the program's own."""
    words = {name: said[name] for name in ("reason", "mute", "tags") if said.get(name)}
    return said | {name: json.loads(person.in_the_house.sub(GONE, json.dumps(value))) for name, value in words.items()}


def _in_raw(table: str, row: Mapping[str, Any], person: Person) -> bool:
    if table == "unmatched":
        texts = (row["handle"], row["title"], row["url"], row["external_id"], row["parent"], row["thread"])
        return any(person.anywhere.search(text) for text in (*texts, unmatched.text_of(row["body"])))
    raw: bytes = zlib.decompress(row["body"]) if table == "mention_raw" else row["raw"]
    text = raw.decode("utf-8", "replace")
    if "\\u" in text:
        text += re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return person.anywhere.search(text) is not None


async def _likely(
    connection: AsyncConnection, table: Table, person: Person, after: int, upto: int
) -> list[Mapping[str, Any]]:
    """The rows that may hold the person; of bytes nobody can tell without unpacking them."""
    number = _number(table)
    query = select(table).where(number > after, number <= upto)
    if table.name not in RAW:
        names = [name for roles in ROLES for name in roles.get(table.name, ())]
        names += JOURNAL if table.name == "journal" else ()
        dialect = dialect_of(connection)
        looked_at = [cast(table.c[name], Text) for name in dict.fromkeys(names)]
        held = [dialect.has(column, needle) if needle else true() for column in looked_at for needle in person.needles]
        query = query.where(or_(*held))
    return [dict(row._mapping) for row in await connection.execute(query)]


def _number(table: Table) -> ColumnElement[int]:
    """What rows are counted by: a number of few rows, with an index on it; 1 for all of a table that stays small."""
    return next((table.c[name] for name in ("id", "mention_id", "case_id") if name in table.c), literal(1))


def _is(table: Table, row: Mapping[str, Any]) -> ColumnElement[bool]:
    return and_(*(column == row[column.name] for column in table.primary_key.columns))


async def _is_there(connection: AsyncConnection, table: Table, row: Mapping[str, Any], changed: JsonObject) -> bool:
    """Whether the row would become one that is there already, such as the same tag of the same case."""
    if not changed.keys() & set(table.primary_key.columns.keys()):
        return False
    twin = select(exists().select_from(table).where(_is(table, {**row, **changed})))
    return bool((await connection.execute(twin)).scalar_one())
