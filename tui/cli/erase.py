"""`earful erase AUTHOR`: a person's words, names and handles go everywhere; what is counted stays."""

from __future__ import annotations

import sys
from dataclasses import asdict

from store import backup
from store import erase as erasing
from store.database import Database
from store.domain.errors import BadInput, NotFound, StoreError
from store.erase import Erased, Found
from tui.cli.call import DONE, FAILED, NOTHING, Call
from tui.cli.records import Record
from tui.wiring import with_store

COMPACTED_AT_ONCE = 8_000_000  # bytes: so small a store is written anew in less than a tenth of a second


def erase(call: Call) -> int:
    return with_store(call.settings, lambda db: _erase(call, db))


async def _erase(call: Call, db: Database) -> int:
    if call.args.author is None:
        return await _compact(call, db)
    who, out = call.args.author.strip(), call.out
    found = await erasing.find(db, who, call.args.network)
    if not found:
        known = [call.args.network] if call.args.network else await erasing.networks(db)
        if not await erasing.was_erased(db, who, known):
            where = f" on {call.args.network}" if call.args.network else ""
            raise NotFound(f"nobody here has the handle `{who}`{where}; handles are written as `earful show` has them")
        out.tell(f"{who} was erased before, and wrote nothing since")
        await _clean_up(call, db, [], compact=call.args.compact)
        return NOTHING
    for each in found:
        out.tell(
            f"{each.person.handle} on {each.person.network}: {each.mentions:,} mentions in {each.cases:,} cases,"
            f" {each.unmatched:,} posts that no watch matched"
        )
    if not call.args.yes:
        _ask(call, found)
    code = DONE
    for each in found:
        handle, network = each.person.handle, each.person.network
        holding = await backup.holding(db, network, handle)
        gone = await erasing.erase(db, each, agent=call.settings.agent, now=call.now, tell=out.tell)
        needles = [*gone.samples, handle.encode()] if each.person.sure else gone.samples
        left = await _clean_up(call, db, needles, compact=call.args.compact)
        _report(call, handle, gone, holding, left, db.upkeep().beyond)
        if left:
            code = FAILED
    return code


async def _compact(call: Call, db: Database) -> int:
    if not call.args.compact:
        raise BadInput("name whom to erase: a handle, or the address of the person's page")
    upkeep = db.upkeep()
    before = await upkeep.size()
    await upkeep.compact()
    await upkeep.write_out()
    call.out.tell(f"{db.place} had {before / 1e6:,.1f} MB and has {await upkeep.size() / 1e6:,.1f} MB now")
    return DONE


def _ask(call: Call, found: list[Found]) -> None:
    if not (sys.stdin is not None and sys.stdin.isatty()):
        raise BadInput("nothing was erased: this cannot be undone, so say --yes where nobody can be asked")
    people = "this person" if len(found) == 1 else f"these {len(found)} persons"
    call.out.error(f"This cannot be undone. Erase {people}? Type yes:")
    if sys.stdin.readline().strip().lower() != "yes":
        raise BadInput("nothing was erased")


async def _clean_up(call: Call, db: Database, needles: list[bytes], *, compact: bool) -> str:
    """Out of the log of changes, and out of what is left over between the tables. Returns what is in the way."""
    upkeep = db.upkeep()
    try:
        if compact:
            await upkeep.compact()
    except StoreError as error:  # somebody is in the way; what is erased is erased
        return str(error)
    if in_the_way := await upkeep.write_out():
        return in_the_way
    left = await upkeep.holds(needles)
    if not compact and (left or upkeep.beyond) and await upkeep.size() <= COMPACTED_AT_ONCE:
        return await _clean_up(call, db, needles, compact=True)
    if not left:
        return ""
    if compact or upkeep.beyond:
        return "the same words stand somewhere else in the store too"
    return "unused parts of the file may still hold words: `earful erase` it again with --compact when nobody works"


def _report(call: Call, handle: str, gone: Erased, holding: list[str], left: str, beyond: str) -> None:
    record: Record = {
        "network": gone.network,
        "mentions": gone.mentions,
        "versions": gone.versions,
        "raw_items": gone.raws,
        "cases": gone.cases,
        **asdict(gone.papers),
        "unmatched": gone.unmatched,
        "mutes": gone.mutes,
        "elsewhere": gone.elsewhere,
        "backups": holding,
        "left": left or None,
        "beyond": beyond or None,
    }
    if call.out.json:
        call.out.record(record)
    else:
        counts = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in record.items() if _counts(value))
        call.out.row(f"erased {handle} on {gone.network}: {counts or 'nothing was left'}")
        for name in holding:
            call.out.row(f"still in {name}: delete it, or restore it only with this earful, which erases again")
    if beyond:
        call.out.tell(f"words may still be where only the server's operator can reach: {beyond}")
    if left:
        call.out.error(f"earful: {left}")


def _counts(value: object) -> bool:
    return isinstance(value, int) and value > 0
