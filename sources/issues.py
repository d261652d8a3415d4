"""Finding recurring issues over what is stored: new groups get an issue, and no mention ever changes its own."""

from __future__ import annotations

import asyncio
from datetime import datetime
from itertools import islice

from sources.text.phrases import group
from store import issues
from store.database import Database
from store.domain.desk import Desk
from store.domain.query import parse, words_of
from store.domain.words import words

GROUPS_A_TRANSACTION = 50


async def refresh(db: Database, desk: Desk, *, now: datetime) -> int:
    """Group the mentions that have no issue yet. Returns how many got one."""
    items = await issues.unassigned(db)
    groups = await asyncio.to_thread(group, items, leave_out=_names(desk))
    count = 0
    rest = iter(groups.items())
    while part := dict(islice(rest, GROUPS_A_TRANSACTION)):
        count += await issues.found(db, part, now=now)
    return count


def _names(desk: Desk) -> set[str]:
    """The words of the desk and its watches: every mention has them, so they tell no two apart."""
    names = {word.folded for word in words(desk.name)}
    for watch in desk.watches:
        node = parse(watch.query)
        for name in words_of(node) if node else ():
            names.update(word.folded for word in words(name))
    return names
