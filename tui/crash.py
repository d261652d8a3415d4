"""What went wrong unexpectedly, kept for whoever mends it: where it was, and no variable."""

from __future__ import annotations

import traceback

from tui import log

# Their words quote what was handled, which may be a person's words or a token.
QUOTING = (ValueError, LookupError, TypeError, AttributeError)


def keep(error: BaseException) -> str:
    """Write the traceback to the log, which only its owner reads. Returns where it is, or that there is none."""
    path = log.write("crash", level="error", kind=type(error).__name__, trace=_trace(error))
    return str(path) if path is not None else "no file: the log cannot be written"


def _trace(error: BaseException) -> str:
    """The frames of the error and of what caused it, without a value."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        message = "" if isinstance(seen, QUOTING) else f": {seen}"
        parts.append(f"{type(seen).__name__}{message}\n{''.join(traceback.format_tb(seen.__traceback__))}")
        seen = seen.__cause__ or seen.__context__
    return "caused by ".join(parts)
