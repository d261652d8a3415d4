"""What `earful doctor` finds on the machine itself: files and folders, disk, clock, time zones, log, backups."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sources.worker import sessions_beside
from store import backup
from tui import log
from tui.cli.findings import FAIL, OK, WARN, Finding
from tui.settings import Settings
from tui.times import in_words

LEAST_FREE, LITTLE_FREE = 50_000_000, 500_000_000  # bytes
SKEW = timedelta(minutes=2)
BACKUP_AGE = timedelta(days=8)
OTHERS_READ, OTHERS_WRITE = 0o077, 0o022


def machine(settings: Settings, *, now: datetime) -> Iterator[Finding]:
    """Before the store is opened, which makes it private again."""
    store = settings.database
    if isinstance(store, Path):  # a server's files are its own
        yield from files(store)
        yield disk(store.parent)
        yield backups(store, now=now)
    yield from sessions(sessions_beside(store))
    yield zones()
    yield log_file(settings)


def files(store: Path) -> Iterator[Finding]:
    folder = store.parent
    if not folder.exists():
        return
    if _mode(folder) & OTHERS_WRITE and not _mode(folder) & stat.S_ISVTX:
        yield Finding(FAIL, "store folder", f"others may write {folder}", f"chmod go-w {folder}")
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(FAIL, "store folder", f"nothing can be written in {folder}", f"chmod u+wx {folder}")
    if not store.exists():
        return
    if not os.access(store, os.R_OK | os.W_OK):
        yield Finding(FAIL, "store permissions", f"{store} cannot be read and written", f"chmod 600 {store}")
    elif _mode(store) & OTHERS_READ:
        fix = f"chmod 600 {store}, and renew what others should not have seen"
        yield Finding(FAIL, "store permissions", f"others may read {store}", fix)


def sessions(folder: Path) -> Iterator[Finding]:
    """The next one to be kept closes the folder again; what was in it has been open until then."""
    if folder.is_dir() and _mode(folder) & OTHERS_READ:
        fix = f"chmod 700 {folder}, and log the sources in anew"
        yield Finding(FAIL, "sessions", f"others may read {folder}", fix)


def disk(folder: Path, usage: Callable[[Path], Any] = shutil.disk_usage) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = usage(folder).free
    words, fix = f"{free / 1e9:.1f} GB free for the store", f"make room where {folder} is"
    if free < LEAST_FREE:
        return Finding(FAIL, "disk", f"only {free / 1e6:.0f} MB free: soon nothing can be stored or sent", fix)
    if free < LITTLE_FREE:
        return Finding(WARN, "disk", f"only {free / 1e6:.0f} MB free for the store", fix)
    return Finding(OK, "disk", words)


def zones(load: Callable[[str], object] = ZoneInfo) -> Finding:
    try:
        load("Europe/Bucharest")
    except (OSError, LookupError, ValueError):
        words = "there is no time zone database, so days and hours may be those of another zone"
        return Finding(WARN, "time zones", words, "install tzdata (apt install tzdata, or pip install tzdata)")
    return Finding(OK, "time zones", "there is a database of them")


def clock(skew: timedelta | None) -> Finding | None:
    """`skew` is how far this clock is ahead of the servers' that answered; None where none said."""
    if skew is None:
        return None
    if abs(skew) <= SKEW:
        return Finding(OK, "clock", "agrees with the servers'")
    words = f"{in_words(abs(skew))} {'ahead of' if skew > timedelta(0) else 'behind'} the servers'"
    return Finding(FAIL, "clock", words, "set it (timedatectl set-ntp true): ages, promises and tokens go by it")


def log_file(settings: Settings) -> Finding:
    path = log.place(settings)
    nearest = next((place for place in (path, *path.parents) if place.exists()), path)
    if not os.access(nearest, os.W_OK) or path.is_dir() or (nearest != path and not nearest.is_dir()):
        fix = f"make {nearest} writable, or name another file in [log]"
        return Finding(WARN, "log", f"{path} cannot be written", fix)
    return Finding(OK, "log", f"{path}, level {settings.desk.log.level}")


def backups(store: Path, *, now: datetime) -> Finding:
    known = backup.known(store)
    if not known:
        return Finding(
            WARN, "backup", "none is known of this store", "`earful backup FILE` makes one while earful runs"
        )
    age = now - datetime.fromisoformat(known[-1].at)
    words = f"{known[-1].path}, {age.days} days old" if age.days else f"{known[-1].path}, of the last day"
    if age > BACKUP_AGE:
        return Finding(WARN, "backup", words, "`earful backup FILE`; docs/operating.md has a timer for it")
    return Finding(OK, "backup", words)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
