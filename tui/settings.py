"""The configuration: earful.toml as a `Desk`, where things lie, and who is typing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from platformdirs import PlatformDirs

from sources.paths import is_special, seen_from
from store.domain.desk import Desk
from store.domain.errors import BadInput
from store.domain.place import Place, is_server, server
from store.domain.safetext import safe_line
from tui.desk_tables import desk_of
from tui.toml_table import Document, Problem

_DIRS = PlatformDirs("earful", appauthor=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """`config_path` None: there is no configuration, which is fine. `agent` is who acts."""

    desk: Desk
    config_path: Path | None
    database: Place
    agent: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A configuration as far as it could be read, with all that is wrong with it."""

    settings: Settings
    document: Document

    @property
    def problems(self) -> list[Problem]:
        return sorted(dict.fromkeys(self.document.problems), key=lambda problem: problem.line)


def config_home() -> Path:
    """Where the configuration lies when nobody says otherwise."""
    return Path(_DIRS.user_config_dir) / "earful.toml"


def data_home() -> Path:
    return Path(_DIRS.user_data_dir) / "earful.db"


def log_home() -> Path:
    return Path(_DIRS.user_state_dir) / "earful.log"


def login_name() -> str:
    import getpass

    try:
        return str(safe_line(getpass.getuser(), limit=60)) or "agent"
    except (KeyError, OSError, ImportError):
        return "agent"


def wanted_path(config: str | None) -> Path:
    """Where the configuration is looked for: --config, EARFUL_CONFIG, the user's configuration folder."""
    named = config or os.environ.get("EARFUL_CONFIG")
    return seen_from(Path.cwd(), named) if named else config_home()


def load(config: str | None = None, database: str | None = None, agent: str | None = None) -> Settings:
    """The settings. Raises BadInput with the first mistake and its line."""
    reading = read(config, database, agent)
    if problems := reading.problems:
        more = f" (and {len(problems) - 1} more: see `earful check`)" if len(problems) > 1 else ""
        raise BadInput(reading.document.words(problems[0]) + more)
    return reading.settings


def read(config: str | None = None, database: str | None = None, agent: str | None = None) -> Reading:
    """The settings and every mistake in them. Raises BadInput where the file cannot be read or is not there."""
    path = wanted_path(config)
    document = Document(path)
    named = bool(config or os.environ.get("EARFUL_CONFIG"))
    if not named and not path.exists():
        desk, found = Desk(), None
    else:
        desk, found = desk_of(document.root(), path.parent), path
    place = database_named(*((desk.database, path.parent) if database is None else (database, Path.cwd())))
    who = str(safe_line(agent, limit=60)) if agent else login_name()
    return Reading(Settings(desk, found, place, who), document)


def database_named(value: str, base: Path) -> Place:
    """What `database` or --database names; paths are from `base`. Raises BadInput."""
    if value == "sqlite":
        return data_home()
    if is_server(value):
        return server(value)
    if "://" in value:
        raise BadInput('the database is "sqlite", the path of a file, or postgresql://user@host/name')
    if not value:
        raise BadInput("the database must be the path of a file")
    path = seen_from(base, value)
    if not path.name or is_special(path):
        raise BadInput(f"the database must be the path of a file, not {path}")
    return path
