"""What an adapter must remember and nobody may read: sessions, refreshed tokens. Files of mode 0600 in a folder of mode
0700 beside the store, never in it. Without a folder it is forgotten with the process."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from sources.adapters.fields import digest
from store.domain.mention import JsonObject


class Keep:
    """One source's. `name` tells things of one source apart ("session"). Blocks for as long as a small file takes."""

    def __init__(self, folder: Path | None = None, source: str = "") -> None:
        self._folder, self._source = folder, source
        self._remembered: dict[str, JsonObject] = {}

    def load(self, name: str) -> JsonObject | None:
        """What was put there last; None where nothing was, or where it cannot be read."""
        if name not in self._remembered and self._folder is not None:
            with suppress(OSError, ValueError, RecursionError):
                self._check()
                found = json.loads(self._file(name).read_bytes())
                if isinstance(found, dict):
                    self._remembered[name] = found
        return self._remembered.get(name)

    def store(self, name: str, value: JsonObject) -> None:
        """Whole or not at all, on the disk when this returns. A disk that does not take it is no reason to stop: it is
        remembered until the process ends."""
        self._remembered[name] = value
        if self._folder is None:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check()
            handle, written = tempfile.mkstemp(dir=self._folder)  # mkstemp makes it 0600
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(json.dumps(value).encode())
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(written, self._file(name))
            except OSError:
                Path(written).unlink(missing_ok=True)
                raise

    def forget(self, name: str) -> None:
        self._remembered.pop(name, None)
        if self._folder is not None:
            with suppress(OSError):
                self._check()
                self._file(name).unlink(missing_ok=True)

    def _check(self) -> None:
        """Raises OSError for a link or another user's folder, which somebody may have put there; ours is closed to
        others where it was not."""
        assert self._folder is not None
        there = self._folder.lstat()
        if not stat.S_ISDIR(there.st_mode) or (hasattr(os, "geteuid") and there.st_uid != os.geteuid()):
            raise PermissionError(f"{self._folder} is not a folder of ours")
        if there.st_mode & 0o077:
            self._folder.chmod(0o700)

    def _file(self, name: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{digest(self._source, name)[:32]}.json"  # a source's name may hold anything
