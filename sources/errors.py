"""What can go wrong outside the house.

SourceError                 polls: the ledger line's `error`, the stream is asked again later
 ├─ RateLimited             `retry_at`: never before
 ├─ Unauthorised            the account or token is refused: said loudly, asked again slowly
 ├─ Gone                    410: the stream stops until a person looks
 ├─ BadAnswer               not what the network promises: wrong type, cut off, too large
 ├─ Unreachable             no connection, a time limit, a refused address
 └─ Refused                 4xx on a post: final, with the network's words
     (for sending)
NotSent(SourceError)        sure that nothing was sent: may be tried again
Uncertain(SourceError)      the bytes may have arrived: read back before any second try
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from store.domain.errors import EarfulError
from store.domain.safetext import LINE_LIMIT, SafeText, safe_line
from store.domain.secret import masked


class SourceError(EarfulError):
    pass


class RateLimited(SourceError):
    def __init__(self, message: str, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class Unauthorised(SourceError):
    pass


class Gone(SourceError):
    pass


class BadAnswer(SourceError):
    pass


class Unreachable(SourceError):
    pass


class Refused(SourceError):
    pass


class NotSent(SourceError):
    pass


class Uncertain(SourceError):
    pass


def quoted(said: str, *, limit: int = LINE_LIMIT) -> SafeText:
    """Words of a server, for a line of ours. Masked before they are cut: half a secret is not known for one."""
    return safe_line(masked(said[: 16 * LINE_LIMIT]), limit=limit)


def in_words(error: Exception) -> str:
    """What went wrong, for the ledger. An error that nobody foresaw is named by its place only: its own words may hold
    whatever was at hand there, secrets too."""
    if isinstance(error, EarfulError):
        return str(error) or type(error).__name__
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f" at {Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else ""
    return f"unexpected {type(error).__name__}{where}"
