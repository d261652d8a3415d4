"""`earful inbox`: cases, streamed page by page, as many as there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sources.text.deep.engines import needed
from sources.text.lookalikes import own_names
from store import cases
from store.cases import texts
from store.database import Database
from store.domain.case import InboxRow
from store.domain.desk import DEFAULT_VIEWS, Desk, View
from store.domain.errors import BadInput
from store.domain.query import And, Node, parse
from tui.cli.call import DONE, Call
from tui.cli.records import case_line, case_record
from tui.nearest import did_you_mean
from tui.output import Cell
from tui.settings import Settings
from tui.times import local_zone
from tui.wiring import with_store

PAGE = 500
LIKE, LIKEST = "like:", 20
WIDE = 120  # columns from which on nothing is abbreviated


def views(desk: Desk) -> dict[str, View]:
    """The saved filters: the built-in ones, and the configured ones, which win."""
    return {view.name: view for view in (*DEFAULT_VIEWS, *desk.views)}


def filter_of(desk: Desk, view: str | None, search: str | None) -> Node | None:
    """The cases of a view that a search finds. A search without a view looks everywhere. Raises BadInput."""
    name = view if view is not None else "inbox" if search is None else "all"
    known = views(desk)
    if name not in known:
        raise BadInput(f"unknown view `{name}`, the views are {', '.join(known)}{did_you_mean(name, known)}")
    nodes = [node for node in (parse(known[name].query), parse(search or "")) if node is not None]
    return And(tuple(nodes)) if len(nodes) > 1 else nodes[0] if nodes else None


def inbox(call: Call) -> int:
    args = call.args
    if args.like is None and (args.search or "").lower().startswith(LIKE):  # as it is written on the screen
        args.like, args.search = args.search[len(LIKE) :].strip(' "'), None
    if args.like is not None:
        return _like(call)
    urgent_first = args.sort == "urgency"
    print_inbox(call, call.settings, view=args.view, search=args.search, limit=args.limit, urgent_first=urgent_first)
    return DONE


def print_inbox(
    call: Call,
    settings: Settings,
    *,
    view: str | None = None,
    search: str | None = None,
    limit: int | None = None,
    urgent_first: bool = False,
) -> None:
    query = filter_of(settings.desk, view, search)
    now = call.now.astimezone(local_zone())  # the days of a query are the reader's

    async def stream(db: Database) -> int:
        after: cases.Place | None = None
        shown = 0
        while limit is None or shown < limit:
            size = PAGE if limit is None else min(PAGE, limit - shown)
            page = await cases.listing(db, query, me=settings.agent, now=now, limit=size, after=after)
            await print_cases(call, settings, db, page)
            shown += len(page)
            if len(page) < size:
                break
            after = (page[-1].last_at, page[-1].id)
        return shown

    async def ranked(db: Database) -> int:
        found = await cases.ids(db, query, me=settings.agent, now=now, limit=limit, urgent_first=True)
        for start in range(0, len(found), PAGE):
            await print_cases(call, settings, db, await cases.rows(db, found[start : start + PAGE], now=now))
        return len(found)

    if not with_store(settings, ranked if urgent_first else stream):
        call.out.tell("no cases here")


def _like(call: Call) -> int:
    """By meaning instead of words: in all views, unless one is named."""
    args, settings = call.args, call.settings
    if not args.like.strip():
        raise BadInput("--like needs some words")
    if args.sort is not None:
        raise BadInput("--like has an order of its own, the likest first; leave out --sort")
    engine = needed(settings.desk.reading.deep)
    query = filter_of(settings.desk, args.view or "all", args.search)
    now = call.now.astimezone(local_zone())

    async def found(db: Database) -> int:
        from sources.likeness import like

        within = None if query is None else set(await cases.ids(db, query, me=settings.agent, now=now))
        near = dict(await like(db, engine, args.like, most=args.limit or LIKEST, within=within))
        await print_cases(call, settings, db, await cases.rows(db, list(near)), near)
        return len(near)

    if not with_store(settings, found):
        call.out.tell("nothing like that has been read deeply yet; `earful doctor` says how many mentions wait")
    return DONE


async def print_cases(
    call: Call, settings: Settings, db: Database, rows: Sequence[InboxRow], near: Mapping[int, float] | None = None
) -> None:
    """As lines with the beginning of their words, or as JSON with all of them; `near` says how like each is."""
    out = call.out
    if not out.json:
        ours, narrow = own_names(settings.desk), out.room is not None and out.room < WIDE
        for row in rows:
            line = case_line(row, ours, call.now, narrow=narrow)
            out.listed(*([Cell(f"{near[row.id]:.0%}", 4, "bold")] if near else []), *line)
        return
    whole = await texts.newest(db, [row.id for row in rows])
    for row in rows:
        out.record(case_record(row, whole.get(row.id)) | ({"likeness": near[row.id]} if near else {}))
