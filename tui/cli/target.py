"""Where a command may put a file that it writes."""

from __future__ import annotations

from pathlib import Path

from sources.paths import is_special, seen_from
from store import files
from store.domain.errors import BadInput
from tui.settings import Settings


def target(settings: Settings, name: str) -> Path:
    """Seen from here. Raises BadInput for what is no place for a file, and for the store and the configuration."""
    path = seen_from(Path.cwd(), name)
    try:
        if path.is_dir() or path.is_symlink() or is_special(path) or not path.name:
            raise BadInput(f"{path} is no place for a file; choose another name")
        if isinstance(settings.database, Path) and files.is_of(settings.database, path):
            raise BadInput(f"{path} belongs to the store itself; choose another name")
        config = settings.config_path
        if config is not None and path.exists() and config.exists() and path.samefile(config):
            raise BadInput(f"{path} is the configuration; choose another name")
    except (OSError, RuntimeError) as error:
        raise BadInput(f"{path} is no place for a file: {getattr(error, 'strerror', None) or 'a loop'}") from None
    return path
