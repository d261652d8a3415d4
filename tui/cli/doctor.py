"""`earful doctor`: what is wrong with the store, the sources and the ways out, and how to mend it."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from sources import secrets
from sources.condition import condition
from sources.forwarders import address
from store import cursors, health, ledger, outbox
from store.database import Database
from store.domain.delivery import DeliveryState
from store.domain.desk import Department, Desk, SourceConfig
from store.domain.errors import BadInput, EarfulError
from store.domain.poll import Cursor
from tui.cli import doctor_machine, doctor_reading
from tui.cli.call import Call
from tui.cli.findings import FAIL, OK, WARN, Finding, report
from tui.settings import config_home
from tui.times import in_words, local
from tui.wiring import with_store

CONNECT_SECONDS = 3.0
GAP_DAYS = 7
STUCK = timedelta(minutes=10)
STORE_FIX = "`earful restore` puts a backup in its place"
PORTS = {"https": 443, "http": 80}


def doctor(call: Call) -> int:
    async def examine(db: Database) -> list[Finding]:
        return [finding async for finding in _findings(call, db)]

    findings = [*_configuration(call), *doctor_machine.machine(call.settings, now=call.now)]
    try:
        findings += with_store(call.settings, examine)
    except EarfulError as error:
        findings.append(Finding(FAIL, "store", str(error), "" if ";" in str(error) else STORE_FIX))
    return report(findings, call.out)


def _configuration(call: Call) -> Iterator[Finding]:
    path = call.settings.config_path
    if path is None:
        yield Finding(WARN, "configuration", f"none at {config_home()}", "`earful follow NAME` writes one")
    elif others := [place for place in (path, path.parent) if place.stat().st_mode & 0o022 and not _sticky(place)]:
        words = f"others may write {others[0]}, and so say what is watched and where forwards go"
        yield Finding(FAIL, "configuration", words, f"chmod go-w {others[0]}")
    else:
        yield Finding(OK, "configuration", str(path))


def _sticky(place: Path) -> bool:
    return bool(place.stat().st_mode & stat.S_ISVTX)


async def _findings(call: Call, db: Database) -> AsyncIterator[Finding]:
    from sources.registry import source_type

    desk = call.settings.desk
    async for finding in _store(db):
        yield finding
    yield await _outbox(db, call.now)
    yield await doctor_reading.deep(db, desk.reading)
    lock = db.worker_lock()
    holder = await lock.holder()
    await lock.release()
    if holder:
        yield Finding(OK, "worker", f"{holder} polls and sends")
    else:
        yield Finding(WARN, "worker", "nobody polls and sends now", "open the inbox, or run `earful worker`")
    skews: list[timedelta] = []
    for source in desk.sources:
        gaps = await ledger.gaps(db, source.name, since=call.now - timedelta(days=GAP_DAYS))
        for finding in _source(source, await cursors.all_of(db, source.name), gaps, call.now):
            yield finding
        if quota := source_type(source.type).quota:
            yield Finding(OK, f"source {source.name}", f"quota: {quota}")
        if call.args.online:
            asked, skew = await _asked(desk, source, call)
            skews += [skew] if skew is not None else []
            yield asked
    if found := doctor_machine.clock(min(skews, key=abs) if skews else None):
        yield found
    for what, reference in _references(desk):
        yield await _secret(what, reference)
    for department in desk.departments:
        if department.to:
            yield await _department(department, desk)


async def _store(db: Database) -> AsyncIterator[Finding]:
    found = await health.examine(db)
    if found.damage:
        fix = "end every earful, then `earful restore` a backup"
        yield Finding(FAIL, "store", f"{db.place} is damaged: {found.damage[0]}", fix)
    else:
        words = f"{db.place}: {found.size / 1e6:.1f} MB, schema {found.schema}, {found.checked}"
        yield Finding(OK, "store", words)
    yield Finding(OK, found.software, found.version)
    for trouble in found.troubles:
        yield Finding(FAIL if trouble.grave else WARN, trouble.what, trouble.words, trouble.advice)


async def _outbox(db: Database, now: datetime) -> Finding:
    first = await outbox.next_due_at(db)
    pending = {state: count for state, count in (await outbox.pending(db)).items() if count}
    words = ", ".join(f"{count} {state}" for state, count in pending.items()) or "empty"
    if DeliveryState.PERSON in pending or DeliveryState.FAILED in pending:
        return Finding(WARN, "outbox", words, "open the inbox and decide about each")
    if first is not None and now - first > STUCK:
        words += f"; the first should have left {in_words(now - first)} ago"
        return Finding(FAIL, "outbox", words, "`earful worker` sends; if one runs, `earful send` says what keeps it")
    return Finding(OK, "outbox", words)


def _source(source: SourceConfig, known: list[Cursor], gaps: Mapping[str, float], now: datetime) -> Iterator[Finding]:
    """`gaps`: seconds that each stream could not cover lately."""
    what = f"source {source.name}"
    streams = [cursor for cursor in known if not cursor.stream.startswith("import:")]
    if not streams:
        yield Finding(WARN, what, "never polled yet", "`earful poll --once` does it now")
    for cursor in streams:
        words = f"{cursor.stream}: " + (
            f"last success {local(cursor.last_success_at)}" if cursor.last_success_at else "no success yet"
        )
        if cursor.quota_left is not None:
            words += f", {cursor.quota_left:,} requests left"
        if gaps.get(cursor.stream):
            words += f", {in_words(timedelta(seconds=gaps[cursor.stream]))} not covered in the last {GAP_DAYS} days"
        found = condition(cursor, source, now)
        if found.trouble:
            error = f": {cursor.last_error}" if cursor.last_error else ""
            level = FAIL if found.stopped else WARN
            yield Finding(level, what, f"{words}; {found.trouble}{error}", found.advice)
        elif cursor.failures:
            words += f"; the last {cursor.failures} polls failed: {cursor.last_error}"
            yield Finding(WARN, what, f"{words}; next try {local(cursor.next_poll_at)}")
        else:
            yield Finding(OK, what, f"{words}, next poll {local(cursor.next_poll_at)}")


async def _asked(desk: Desk, source: SourceConfig, call: Call) -> tuple[Finding, timedelta | None]:
    """One request as a poll would make it; nothing of the answer is kept. And how far our clock is ahead of theirs."""
    from sources import registry
    from sources.http import Http
    from sources.worker import sessions_beside, setup_of

    what = f"source {source.name}"
    http = Http(host for url in (source.url, *map(str, source.options.values())) if (host := urlsplit(url).hostname))
    try:
        sessions = sessions_beside(call.settings.database)
        adapter = registry.adapter(await asyncio.to_thread(setup_of, source, http, desk.watches, sessions))
        for stream in list(adapter.streams())[:1]:
            cursor = Cursor(source.name, stream, {}, call.now, 0, None, "", "ok")
            async for page in adapter.pages(cursor, now=call.now):
                return Finding(OK, what, f"answers now: {len(page.mentions)} mentions on the first page"), http.skew
        return Finding(OK, what, "answers now"), http.skew
    except EarfulError as error:
        return Finding(FAIL, what, f"asked now: {error}"), http.skew
    finally:
        await http.close()


def _references(desk: Desk) -> Iterator[tuple[str, str]]:
    from sources.registry import source_type

    for source in desk.sources:
        if source.token:
            yield f"source {source.name}", source.token
        for option in source_type(source.type).options:
            if option.secret and source.options.get(option.name):
                yield f"source {source.name}", source.options[option.name]
    for department in desk.departments:
        if department.secret:
            yield f"department {department.name}", department.secret
    if desk.mail.password:
        yield "mail", desk.mail.password


async def _secret(what: str, reference: str) -> Finding:
    try:
        await asyncio.to_thread(secrets.resolve, reference)
    except BadInput as error:
        return Finding(FAIL, what, str(error))
    if folder := await asyncio.to_thread(secrets.folder_of_others, reference):
        words = f"others may write {folder}, and so put another secret in the place of {reference}"
        return Finding(FAIL, what, words, f"chmod go-w {folder}")
    return Finding(OK, what, f"{reference} is there")


async def _department(department: Department, desk: Desk) -> Finding:
    """Whether something listens where its forwards go. A webhook's path is a secret; its host is not."""
    what = f"{'team' if department.team else 'department'} {department.name}"
    try:
        parts = urlsplit((await asyncio.to_thread(address, department)).removeprefix("slack+"))
        host, port = (
            (desk.mail.host, desk.mail.port)
            if parts.scheme == "mailto"
            else (parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0))
        )
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), CONNECT_SECONDS)
        writer.close()
    except BadInput as error:
        return Finding(FAIL, what, str(error))
    except ValueError:
        return Finding(FAIL, what, "its address is not one", "correct `to`")
    except (OSError, TimeoutError):
        return Finding(FAIL, what, f"nothing answers at {host}:{port}", "start it, or correct `to` or [mail]")
    return Finding(OK, what, f"{host}:{port} is reachable")
