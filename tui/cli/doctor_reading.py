"""What `earful doctor` and `earful check` say of deep reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sources.text.deep import engines
from store.domain.desk import ReadingChoice
from store.domain.errors import BadInput
from tui.cli.findings import OK, WARN, Finding

if TYPE_CHECKING:
    from store.database import Database

WHAT = "deep reading"


def chosen(choice: ReadingChoice) -> Finding:
    """Which engine it would be, without loading it."""
    try:
        engine = engines.chosen(choice.deep)
    except BadInput as error:
        return Finding(WARN, WHAT, str(error), 'or set [reading] deep to "auto"')
    if engine is not None:
        return Finding(OK, WHAT, f"{engine.name}: {engine.package} {engine.version}".rstrip())
    if choice.deep == engines.OFF:
        return Finding(OK, WHAT, "off, as [reading] says")
    return Finding(OK, WHAT, "not installed; it is optional (`earful[semantic]`, `earful[semantic-full]`)")


async def deep(db: Database, choice: ReadingChoice) -> Finding:
    """The same, after one text was encoded, and how many mentions wait."""
    from sources.encoder import Encoder
    from store import vectors

    found = chosen(choice)
    if found.level is not OK or (engine := engines.chosen(choice.deep)) is None:
        return found
    try:
        async with Encoder(engine) as encoder:
            await encoder.encode(["hello"])
    except BadInput as error:
        return Finding(WARN, WHAT, str(error), 'or set [reading] deep to "off"')
    waiting = await vectors.count_waiting(db, engine.identity)
    return Finding(OK, WHAT, f"{found.message}, its files are the right ones; {waiting:,} mentions wait for it")
