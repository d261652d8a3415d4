"""Backups of a store in a file: a consistent copy while it is in use, checked before it counts as one; the way back.

Where backups lie is remembered beside the store, not in it: a store that was put back must not forget the later ones.
For one on a server see `store.server_backup`; its backups are files as well.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from glob import escape
from pathlib import Path
from typing import Any

from store import files, migrations
from store.database import Database
from store.domain.delivery import DeliveryState
from store.domain.errors import BadInput, Conflict, StoreError
from store.domain.place import Place
from store.engines.sqlite import sqlite3
from store.lock import FileLock, UseLock
from store.types import to_micros

MAGIC = b"SQLite format 3\0"
PAGES_A_STEP = 256
REST = 0.005  # seconds after each step
COUNTED = ("mention", "cases", "author", "note", "journal", "delivery", "poll")
LEAVING = (DeliveryState.HELD, DeliveryState.QUEUED, DeliveryState.SENDING)
PUT_BACK = "the store was put back to a backup: it may have been sent since then"

Tell = Callable[[int, int], None]  # pages done, pages in all
Forget = Callable[[Path, set[str]], None]  # a store, fingerprints of whom to erase in it


@dataclass(frozen=True, slots=True)
class Backup:
    """`mentions` and `cases` are how many it holds; `size` in bytes."""

    path: Path
    at: str
    size: int
    schema: int
    mentions: int
    cases: int


def make(
    store: Path, target: Path, *, now: datetime, replace: bool = False, tell: Tell = lambda done, all_: None
) -> Backup:
    """Copy the store to `target`, mode 0600, while others work in it: one moment of it, whole, checked against the
    original by counts and by SQLite's integrity check. Blocks. Raises BadInput and StoreError, and leaves nothing."""
    target = target.absolute()
    if not store.is_file():
        raise BadInput(f"there is no store {store} to copy")
    if files.is_of(store, target):
        raise BadInput("that is the store itself; choose another file")
    refuse_target(target, replace)
    sweep(target, "part")
    written = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        os.close(os.open(written, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
        counts = _copy(store, written, tell)
        found = _examined(written)
        if found.counts != counts:
            raise StoreError(f"the copy differs from the store ({found.counts} for {counts}); try again")
        put(written, target)
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(f"the store could not be copied to {target}: {error}") from error
    finally:
        for left in (written, written.with_name(written.name + "-journal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
    made = Backup(target, now.isoformat(), target.stat().st_size, found.schema, counts["mention"], counts["cases"])
    remember(store, made)
    return made


def refuse_target(target: Path, replace: bool) -> None:
    """Raises BadInput where a backup must not be written."""
    if target.is_dir() or not target.parent.is_dir():
        raise BadInput(f"{target} is no place for a file; name a file in a folder that is there")
    if target.is_symlink() or (target.exists() and not replace):
        raise BadInput(f"{target} is there already; choose another name, or --replace")
    if target.exists() and not (target.is_file() and _a_database(target)):
        raise BadInput(f"{target} is no backup, and is not replaced by one; choose another name")


def _a_database(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(MAGIC)) in (MAGIC, b"")


def put(written: Path, target: Path) -> None:
    """What is whole takes its name, on the disk too."""
    _synced(written)
    os.replace(written, target)
    _synced(target.parent)


def remember(store: Place, made: Backup) -> None:
    memory = _memory(store)
    memory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(memory, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_NOFOLLOW, 0o600), "a") as file:
        file.write(json.dumps(asdict(made) | {"path": str(made.path)}) + "\n")


def known(store: Place) -> list[Backup]:
    """The backups of this store that are still where they were put, oldest first."""
    found: dict[Path, Backup] = {}
    with suppress(OSError):
        for line in _memory(store).read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, TypeError, KeyError):
                said = json.loads(line)
                found[Path(said["path"])] = Backup(**said | {"path": Path(said["path"])})
    return [backup for path, backup in found.items() if path.is_file()]


async def holding(db: Database, network: str, handle: str) -> list[str]:
    """The known backups, and stores that `restore` put aside, that hold this person, or that cannot be looked into."""
    aside: list[str] = []
    if isinstance(db.place, Path):
        beside = sorted(db.place.parent.glob(f"{db.place.name}.replaced-*"))
        replaced = [path for path in beside if path.name.endswith("Z")]
    else:
        from store import server_backup

        replaced, aside = [], await server_backup.aside_with(db, network, handle)
    files = [*(backup.path for backup in known(db.place)), *replaced]
    return [str(path) for path in files if await asyncio.to_thread(_holds, path, network, handle)] + aside


def check(backup: Path) -> Backup:
    """Look a backup over without changing it: undamaged, a store, of a schema that this program knows. Blocks. Raises
    BadInput for what is no backup, StoreError for a damaged one."""
    if not backup.is_file():
        raise BadInput(f"there is no backup {backup}")
    try:
        found = _examined(backup)
    except sqlite3.Error as error:
        raise StoreError(f"{backup} is no backup of earful, or damaged: {error}") from error
    if found.schema > migrations.CURRENT:
        raise StoreError(
            f"{backup} has schema {found.schema}, this earful knows up to {migrations.CURRENT}: install a newer earful"
        )
    at = datetime.fromtimestamp(backup.stat().st_mtime).astimezone().isoformat()
    return Backup(backup, at, backup.stat().st_size, found.schema, found.counts["mention"], found.counts["cases"])


def restore(
    store: Path, backup: Path, *, now: datetime, forget: Forget = lambda fresh, since: None
) -> tuple[Path | None, set[str]]:
    """Put a backup in the place of the store. Returns where the replaced one is kept beside it (None: there was none)
    and the fingerprints of whom was erased since the backup: `forget` erases them in the copy before it becomes the
    store, so that they are not back for a moment.

    The backup is copied and checked before anything is touched. What was about to leave the house when the backup was
    made may have left since: it is a person's to decide. Blocks. Raises Conflict while anybody has the store open.
    """
    check(backup)
    fresh = store.with_name(f".{store.name}.{os.getpid()}.restoring")
    try:
        store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sweep(store, "restoring")
        handle = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as copy, backup.open("rb") as original:
            shutil.copyfileobj(original, copy, 1 << 20)
        keep_back(fresh, now)
        check(fresh)
        _synced(fresh)
        with _alone(store):
            since = _carry_over(store, fresh) if store.exists() else set()
            if since:
                forget(fresh, since)
                _synced(fresh)
            aside = _put_aside(store, now) if store.exists() else None
            os.replace(fresh, store)
            _synced(store.parent)
    except OSError as error:
        raise StoreError(f"cannot put {backup} in the place of {store}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise StoreError(f"cannot put {backup} in the place of {store}: {error}") from error
    finally:
        for end in ("", "-journal", "-wal", "-shm", ".users"):
            with suppress(OSError):
                fresh.with_name(fresh.name + end).unlink(missing_ok=True)
    return aside, since


@dataclass(frozen=True, slots=True)
class _Examined:
    schema: int
    counts: dict[str, int]


@contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Nobody works in the store and nobody opens it meanwhile."""
    worker, use = FileLock(store), UseLock(store)
    try:
        if holder := worker.taken_by():
            raise Conflict(f"{holder} polls and sends for this store; end it, then try again")
        if not (use.alone() and worker.take()):
            raise Conflict("an earful has this store open; close it (`q`), then try again")
        yield
    finally:
        worker.let_go()
        use.release()


def _copy(store: Path, target: Path, tell: Tell) -> dict[str, int]:
    """In WAL the reading transaction pins one moment, while others write on. Otherwise nobody is kept from writing, and
    the copy begins anew by itself when somebody does."""

    def rest(status: int, remaining: int, total: int) -> None:
        tell(total - remaining, total)
        time.sleep(REST)

    source_uri = f"{store.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(source_uri, uri=True, isolation_level=None)) as source:
        source.execute("PRAGMA busy_timeout = 5000")
        pinned = source.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        with closing(sqlite3.connect(target, isolation_level=None)) as copy:
            if pinned:
                source.execute("BEGIN")
                counts = _counts(source)
            source.backup(copy, pages=PAGES_A_STEP, progress=rest)
            if not pinned:
                counts = _counts(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole in itself
    return counts


def _examined(path: Path) -> _Examined:
    """Reads the whole file. Raises sqlite3.Error and StoreError."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        damage = [row[0] for row in connection.execute("PRAGMA integrity_check(3)") if row[0] != "ok"]
        if damage:
            raise StoreError(f"{path} is damaged: {damage[0]}")
        if next(connection.execute("PRAGMA foreign_key_check"), None) is not None:
            raise StoreError(f"{path} is damaged: rows refer to others that are not there")
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not {"schema_version", *COUNTED} <= names:
            raise BadInput(f"{path} is a database, but no backup of earful")
        (schema,) = connection.execute("SELECT version FROM schema_version").fetchone()
        return _Examined(schema, _counts(connection))


def _counts(connection: Any) -> dict[str, int]:
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in COUNTED}  # noqa: S608


def _holds(path: Path, network: str, handle: str) -> bool:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            query = "SELECT 1 FROM {} WHERE network = ? AND handle = ? LIMIT 1"
            return any(
                connection.execute(query.format(table), (network, handle)).fetchone()
                for table in ("author", "unmatched")
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
            )
    except sqlite3.Error:
        return True


def keep_back(fresh: Path, now: datetime) -> None:
    """What was held, queued or being sent when the backup was made waits for a person's word."""
    with closing(sqlite3.connect(fresh)) as connection, connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        marks = ",".join("?" * len(LEAVING))
        rows = connection.execute(f"SELECT id, state FROM delivery WHERE state IN ({marks})", LEAVING).fetchall()  # noqa: S608
        for number, state in rows:
            connection.execute(
                "UPDATE delivery SET state = ?, error = ?, version = version + 1 WHERE id = ?",
                (DeliveryState.PERSON, PUT_BACK, number),
            )
            connection.execute(
                'INSERT INTO attempt (delivery_id, at, "before", "after", detail) VALUES (?, ?, ?, ?, ?)',
                (number, to_micros(now), state, DeliveryState.PERSON, PUT_BACK),
            )


def _carry_over(store: Path, fresh: Path) -> set[str]:
    """The fingerprints of what was erased since: they go with the store, whatever is put in its place."""
    try:
        with closing(sqlite3.connect(store)) as connection:
            was = dict(connection.execute("SELECT digest, at FROM erased"))
    except sqlite3.Error:
        return set()  # damaged, or from before there was any
    with closing(sqlite3.connect(fresh)) as connection, connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'erased'").fetchone():
            return set(was)
        before = {digest for (digest,) in connection.execute("SELECT digest FROM erased")}
        since = {digest: at for digest, at in was.items() if digest not in before}
        connection.executemany("INSERT INTO erased (digest, at) VALUES (?, ?)", since.items())
    return set(since)


def _put_aside(store: Path, now: datetime) -> Path:
    """The store stays under its name until the moment the other one takes it. Its log of changes goes with it."""
    there = list(store.parent.glob(f"{escape(store.name)}.replaced-*Z"))
    begun = next((left for left in there if left.samefile(store)), None)  # by one who died just then
    aside = begun or store.with_name(f"{store.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    while begun is None and aside in there:
        now += timedelta(seconds=1)
        aside = store.with_name(f"{store.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    with suppress(sqlite3.Error), closing(sqlite3.connect(store)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # brings the log into the file, unless it is damaged
    for end in ("-wal", "-shm", "-journal"):
        if (left := store.with_name(store.name + end)).exists():
            os.replace(left, aside.with_name(aside.name + end))
    if aside not in there:
        os.link(store, aside)
    return aside


def sweep(target: Path, end: str) -> None:
    """Remove what one who died while writing `target` left beside it: nobody would, and it holds people's words."""
    for left in target.parent.glob(f".{escape(target.name)}.*.{end}*"):
        process = left.name.removeprefix(f".{target.name}.").partition(".")[0]
        if process.isdecimal() and not _lives(int(process)):
            with suppress(OSError):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def _synced(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _memory(store: Place) -> Path:
    if isinstance(store, Path):
        return store.with_name(f"{store.name}.backups")
    import platformdirs

    name = hashlib.sha256(store.url.encode()).hexdigest()[:16]
    return platformdirs.user_data_path("earful", appauthor=False) / f"{name}.backups"
