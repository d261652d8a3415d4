"""The log: what this program did, a JSON object a line, in a file that only its owner reads.

No line holds words of a mention, a handle, an answer or a secret, at any level; `docs/operating.md` lists the events.
Several processes write into one file, each line whole. A log that cannot be written is no reason to stop.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from store.domain.gone import Gone
from store.domain.poll import PollLine
from store.domain.safetext import safe, safe_line
from store.domain.secret import masked
from tui.settings import log_home

if TYPE_CHECKING:
    from store.domain.delivery import Delivery
    from tui.settings import Settings

LEVELS = ("error", "info", "debug")
LARGEST = 5_000_000  # bytes of one file
KEPT = 4  # older files, earful.log.1 the youngest
LONGEST = 500  # characters of a value; a trace may be longer
TRACE_LONGEST = 20_000

_place: Path | None = None
_level = "info"


def use(settings: Settings) -> None:
    """From now on write where and as much as this configuration says."""
    global _place, _level
    _place, _level = place(settings), settings.desk.log.level


def place(settings: Settings) -> Path:
    return Path(settings.desk.log.file) if settings.desk.log.file else log_home()


def write(event: str, *, level: str = "info", **facts: Any) -> Path | None:
    """One line. Returns the file it stands in; None where it could not be written or the level leaves it out."""
    if LEVELS.index(level) > LEVELS.index(_level):
        return None
    path = _place or log_home()
    said = {name: _bounded(name, value) for name, value in facts.items() if value is not None}
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    line = json.dumps({"at": at, "level": level, "event": event, "pid": os.getpid(), **said}, ensure_ascii=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _turn(path) as file:
            os.write(file, line.encode("utf-8", "replace") + b"\n")
    except OSError:
        return None
    return path


def told(event: PollLine | Delivery | Gone) -> None:
    """What a worker did: one poll, one step of a delivery, or letting go of what was too old. Of whom, to whom and in
    what words is not for a log."""
    if isinstance(event, Gone):
        write("retention", **asdict(event))
        return
    level = "error" if event.error else "info"
    if isinstance(event, PollLine):
        write(
            "poll",
            level=level,
            source=event.source,
            stream=event.stream,
            asked=event.asked if _level == "debug" else None,
            returned=event.returned,
            new=event.new,
            duplicate=event.duplicate,
            unmatched=event.unmatched,
            failed=event.failed,
            gap_seconds=round(event.gap_seconds) or None,
            error=event.error or None,
        )
    else:
        write(
            "send",
            level=level,
            delivery=event.id,
            case=event.case_id,
            kind=event.kind,
            state=event.state,
            source=event.source,
            attempts=event.attempts,
            error=event.error or None,
        )


def failed(what: str, error: Exception) -> None:
    """An action that a person asked for and that did not come about."""
    write("failed", level="error", action=what, kind=type(error).__name__, error=str(error))


@contextmanager
def running(what: str, **facts: Any) -> Iterator[None]:
    """A start and a stop, however it ends."""
    write("start", program=what, **facts)
    try:
        yield
    finally:
        write("stop", program=what)


@contextmanager
def _turn(path: Path) -> Iterator[int]:
    """The file, open to append, while nobody else moves it away. A full one is moved away first."""
    while True:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(path, flags | os.O_NONBLOCK, 0o600)  # a pipe that nobody reads would be waited for
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is(path, file):
                continue  # somebody moved it meanwhile
            status = os.fstat(file)
            if status.st_size >= LARGEST:
                _move_away(path)
                continue
            if status.st_mode & 0o077 and stat.S_ISREG(status.st_mode):  # /dev/null is everybody's
                os.fchmod(file, 0o600)
            yield file
            return
        finally:
            os.close(file)


def _is(path: Path, file: int) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(path), os.fstat(file))
    return False


def _move_away(path: Path) -> None:
    for number in range(KEPT - 1, 0, -1):
        with suppress(FileNotFoundError):
            os.replace(f"{path}.{number}", f"{path}.{number + 1}")
    os.replace(path, f"{path}.1")


def _bounded(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = masked(value)
    return str(safe(value, limit=TRACE_LONGEST) if name == "trace" else safe_line(value, limit=LONGEST))
