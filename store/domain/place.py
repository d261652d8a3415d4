"""Where a store lies: a file of SQLite, or a database on a PostgreSQL server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from store.domain.errors import BadInput

SCHEMES = ("postgresql://", "postgres://")
BY_REFERENCE = (
    "a password is named, never written down: put env:NAME, file:PATH or keyring:NAME in its place"
    " (postgresql://user:env:NAME@host/database), or leave it to ~/.pgpass or PGPASSWORD"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A database on a PostgreSQL server. `url` may be shown; `password` is the reference of one, "" for libpq's own
    ways (~/.pgpass, PGPASSWORD, certificates)."""

    url: str
    password: str = ""

    def __str__(self) -> str:
        return self.url


Place = Path | Server


def is_server(text: str) -> bool:
    return text.startswith(SCHEMES)


def server(text: str) -> Server:
    """postgresql://user@host:port/database, with the parameters of libpq behind `?`. Raises BadInput, in which no
    password that was written down is repeated."""
    try:
        parts = urlsplit(text)
        port, query = parts.port, dict(parse_qsl(parts.query))
    except ValueError:
        raise BadInput("that is no address of a database: postgresql://user@host:5432/name") from None
    password = unquote(parts.password or "")
    if "password" in query or (password and password.partition(":")[0] not in ("env", "file", "keyring")):
        raise BadInput(BY_REFERENCE)
    if len(parts.path) < 2 or "/" in parts.path[1:]:
        raise BadInput("name the database too: postgresql://user@host:5432/name")
    user = f"{parts.username}@" if parts.username else ""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    where = f"{host}:{port}" if port else host
    asked = f"?{parts.query}" if parts.query else ""
    return Server(f"postgresql://{user}{where}{parts.path}{asked}", password)


def place(text: str) -> Place:
    return server(text) if is_server(text) else Path(text)
