"""What can go wrong, as one tree.

EarfulError                    one clear line for a person; the command line prints it and exits with `exit_code`
 ├─ BadInput          (2)      wrong use, bad configuration, bad query: says what to do
 │   └─ QueryError             a query that does not parse; `column` is 1-based
 ├─ NotFound          (3)      no such case, department, view, ...
 ├─ Conflict          (1)      the case moved since it was seen; nothing was written
 └─ StoreError        (1)      the database cannot be opened, is newer than this program, is full, ...
"""

from __future__ import annotations

from store.domain.secret import masked


class EarfulError(Exception):
    """Root. `str(error)` is one line for a person, without secrets: its words often are those of a server, which may
    say back what it was sent."""

    exit_code = 1

    def __init__(self, message: str = "") -> None:
        super().__init__(masked(message))


class BadInput(EarfulError):
    exit_code = 2


class QueryError(BadInput):
    """A query that does not parse. `column` counts characters from 1."""

    def __init__(self, message: str, query: str, column: int) -> None:
        super().__init__(f"{message} (column {column})")
        self.message, self.query, self.column = message, query, column


class NotFound(EarfulError):
    exit_code = 3


class Conflict(EarfulError):
    """The case has another version than the caller saw. `seen` and `found` are versions."""

    def __init__(self, message: str, *, seen: int = 0, found: int = 0) -> None:
        super().__init__(message)
        self.seen, self.found = seen, found


class StoreError(EarfulError):
    pass
