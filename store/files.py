"""The files of a store that is a file: what else is written may take the place of none of them."""

from __future__ import annotations

from pathlib import Path

ENDS = ("", "-wal", "-shm", "-journal", ".users", ".worker", ".backups")


def is_of(store: Path, target: Path) -> bool:
    """Whether `target` is the store, by any name, or one of the files that go with it."""
    if store.exists() and target.exists() and target.samefile(store):
        return True
    place, whole = target.resolve(), store.resolve()
    return any(place == whole.with_name(whole.name + end) for end in ENDS)
