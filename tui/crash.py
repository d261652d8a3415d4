"""What went wrong unexpectedly, kept for whoever mends it: where it was, and no variable."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime

from store.domain.safetext import safe
from store.domain.secret import masked
from tui.settings import log_home


def keep(error: BaseException) -> str:
    """Append the traceback to the log, which only its owner reads. Returns where it is, or why there is none."""
    path = log_home()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(
            os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600), "a", encoding="utf-8"
        ) as file:
            file.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {_words(error)}\n")
    except OSError as problem:
        return f"no file ({path}: {problem.strerror})"
    return str(path)


def _words(error: BaseException) -> str:
    """The frames of the error and of what caused it. Messages stay out where they quote data: a value that could not be
    encoded may be a token."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        message = "" if isinstance(seen, UnicodeError) else f": {seen}"
        parts.append(f"{type(seen).__name__}{message}\n{''.join(traceback.format_tb(seen.__traceback__))}")
        seen = seen.__cause__ or seen.__context__
    return safe(masked("caused by ".join(parts)))
