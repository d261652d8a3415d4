"""Paths as people write them."""

from __future__ import annotations

import stat
from pathlib import Path

from store.domain.errors import BadInput


def is_special(path: Path) -> bool:
    """Whether a device, a pipe or a socket is there: one must be neither waited for nor replaced."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def seen_from(base: Path, text: str) -> Path:
    """Absolute, ~ and ~user included. Raises BadInput where nothing can be there."""
    if "\0" in text:
        raise BadInput(f"`{text}` holds a character that no path has")
    try:
        return (base / Path(text).expanduser()).absolute()
    except RuntimeError:
        raise BadInput(f"`{text}` begins with a home that is not known here: write the path in full") from None
