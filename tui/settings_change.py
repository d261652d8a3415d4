"""Whether the configuration was written anew, by hand or by another earful."""

from __future__ import annotations

from dataclasses import replace

from tui.settings import Settings, load


class Changes:
    """Remembers how the file looked. Which store and who acts stay as they were; keys and views change with the next
    start."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._seen = settings, _stamp(settings)

    def look(self) -> Settings | None:
        """The new settings, once for every change of the file. Raises BadInput, once too, where it has mistakes."""
        stamp = _stamp(self._settings)
        if stamp == self._seen or stamp is None:
            return None
        self._seen = stamp
        found = load(str(self._settings.config_path), str(self._settings.database), self._settings.agent)
        if found.desk == self._settings.desk:
            return None
        self._settings = replace(found, database=self._settings.database)
        return self._settings


def _stamp(settings: Settings) -> tuple[int, int, int] | None:
    """None while an editor has it away."""
    try:
        found = settings.config_path.stat() if settings.config_path else None
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns) if found else None
