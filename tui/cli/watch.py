"""`earful watch`: what is listened for, tried on the past before it is changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from sources import hindsight, variants
from sources.hindsight import Difference, Sign, Trial
from sources.text import match
from store import watches
from store.database import Database
from store.domain.desk import Desk, Role, Watch
from store.domain.errors import BadInput
from store.domain.safetext import safe_line
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.records import Record
from tui.cli.why import reason_record
from tui.nearest import did_you_mean
from tui.output import Cell, Output
from tui.reasons import reason_lines
from tui.settings import wanted_path
from tui.settings_edit import set_watch
from tui.times import iso, local, local_zone, moment
from tui.wiring import with_store

LATELY = timedelta(days=7)
TELL_EVERY = 20_000  # posts
SHOWN = 160
SUGGESTED = 20


def watch(call: Call) -> int:
    deeds: dict[str, Callable[[Call], int]] = {"list": _list, "test": _test, "set": _set, "suggest": _suggest}
    if call.args.deed != "list" and not call.args.name:
        raise BadInput(f"say which watch: earful watch {call.args.deed} NAME")
    return deeds[call.args.deed](call)


def _list(call: Call) -> int:
    desk, since = call.settings.desk, call.now - LATELY
    counted = with_store(call.settings, lambda db: watches.counts(db, since=since))
    for each in desk.watches:
        lately = counted.get(each.name, 0)
        if call.out.json:
            call.out.record(
                {
                    "name": each.name,
                    "role": each.role,
                    "query": each.query,
                    "languages": list(each.languages),
                    "mentions_7d": lately,
                }
            )
        else:
            call.out.row(Cell(each.name, 16, "bold"), Cell(each.role, 10), Cell(f"{lately} in 7 days", -16), each.query)
    if not desk.watches:
        call.out.tell("nothing is watched; `earful follow NAME` or `earful watch set NAME --query Q` begins")
        return NOTHING
    return DONE


def _test(call: Call) -> int:
    wanted = _wanted(call)
    trial = with_store(call.settings, lambda db: _tried(call, db, wanted))
    if call.out.json:
        call.out.record(_trial_record(trial))
        for difference in trial.differences:
            call.out.record(_difference_record(difference))
    else:
        _print_trial(trial, call.out)
    return DONE


def _set(call: Call) -> int:
    """Without --land it tells what landing would do. The configuration is written first: what is polled from then on is
    matched by it, and landing twice does nothing more."""
    if call.settings.config_path is None and not call.args.query:
        raise BadInput("there is no configuration yet: give the watch a --query")
    wanted = _wanted(call)
    path = call.settings.config_path or wanted_path(call.args.config)
    written = set_watch(path, wanted.name, wanted.query, call.args.role)
    restart = "written; an earful that is running takes it up when it is started again"
    call.out.tell(f"{path}: {restart if written else 'was so already'}")
    desk = _with(call.settings.desk, wanted)
    settings = replace(call.settings, desk=desk)
    record: Record = {
        "watch": wanted.name,
        "query": wanted.query,
        "role": wanted.role,
        "config": str(path),
        "written": written,
    }
    if call.args.land:
        since = _since(call)
        done = with_store(settings, lambda db: hindsight.land(db, desk, wanted, now=call.now, since=since))
        record |= {
            "landed": done.landed,
            "cases": done.cases,
            "marked": done.marked,
            "unmarked": done.unmarked,
        }
        words = (
            f"{done.landed} remembered posts landed in {done.cases} new cases; "
            f"{done.marked} stored mentions are now found by {wanted.name}, {done.unmarked} no longer (they stay)"
        )
    else:
        trial = with_store(settings, lambda db: _tried(call, db, wanted))
        record |= {"lands": trial.lands, "marks": trial.marks, "vanishes": trial.vanishes}
        words = (
            f"{trial.lands} remembered posts would land, {trial.marks} stored mentions would get its mark, "
            f"{trial.vanishes} would lose it; --land does it"
        )
    if call.out.json:
        call.out.record(record)
    else:
        call.out.row(words)
    return DONE


def _suggest(call: Call) -> int:
    wanted = _wanted(call)
    found = with_store(call.settings, lambda db: variants.suggest(db, wanted, now=call.now, since=_since(call)))
    for variant in found.variants[:SUGGESTED]:
        if call.out.json:
            call.out.record(_variant_record(variant))
        else:
            _print_variant(variant, call.out)
    if found.query and not call.out.json:
        call.out.row(Cell("query", 8, "bold"), found.query)
    elif found.query:
        call.out.record({"watch": wanted.name, "query": found.query})
    if not found.variants:
        call.out.tell(f"no other form of {wanted.name} in {found.posts:,} posts")
        return NOTHING
    return DONE


def _wanted(call: Call) -> Watch:
    """The watch of that name, with what the arguments change of it. Raises BadInput."""
    args, name = call.args, call.args.name
    known = {each.name: each for each in call.settings.desk.watches}
    if args.query is None and name not in known:
        raise BadInput(f"there is no watch `{name}`{did_you_mean(name, known)}; a new one needs a --query")
    if not name.strip() or safe_line(name) != name:
        raise BadInput(f"`{name}` is not a name")
    before = known.get(name, Watch(name, ""))
    changed = replace(before, query=before.query if args.query is None else args.query)
    if not changed.query.strip():
        raise BadInput("an empty query would match everything; say what to listen for")
    match.of_watch(changed)
    return changed if args.role is None else replace(changed, role=Role(args.role))


def _with(desk: Desk, wanted: Watch) -> Desk:
    others = [each for each in desk.watches if each.name != wanted.name]
    return replace(desk, watches=(*others, wanted))


async def _tried(call: Call, db: Database, wanted: Watch) -> Trial:
    told = 0

    def tell(so_far: Trial) -> None:
        nonlocal told
        looked = so_far.stored + so_far.remembered
        if looked - told >= TELL_EVERY:
            told = looked
            call.out.tell(f"{looked:,} posts read")

    return await hindsight.trial(db, wanted, now=call.now, since=_since(call), shown=call.args.limit, tell=tell)


def _since(call: Call) -> datetime | None:
    return moment(call.args.since, now=call.now, zone=local_zone()) if call.args.since else None


def _trial_record(trial: Trial) -> Record:
    return {
        "watch": trial.watch.name,
        "query": trial.watch.query,
        "stored": trial.stored,
        "remembered": trial.remembered,
        "stays": trial.stays,
        "appears": trial.appears,
        "lands": trial.lands,
        "vanishes": trial.vanishes,
    }


def _difference_record(difference: Difference) -> Record:
    post = difference.post
    return {
        "sign": difference.sign,
        "case": post.case_id,
        "network": post.network,
        "source": post.source,
        "url": post.url,
        "author": post.handle,
        "text": post.text,
        "language": post.language,
        "created_at": iso(post.created_at),
        "reasons": [reason_record(reason) for reason in difference.reasons],
    }


def _print_trial(trial: Trial, out: Output) -> None:
    out.row(
        Cell(f"+{trial.appears}", 0, "green"),
        Cell(f"-{trial.vanishes}", 0, "red"),
        f"and {trial.stays} as before, of {trial.stored:,} stored and {trial.remembered:,} remembered posts",
    )
    if trial.marks:
        out.row(f"of the +{trial.appears}: {trial.lands} would come into the inbox, {trial.marks} are there already")
    for difference in trial.differences:
        post, appears = difference.post, difference.sign is Sign.APPEARS
        out.row()
        out.row(
            Cell(difference.sign, 1, "green" if appears else "red"),
            Cell(local(post.created_at), 16, "dim"),
            Cell(post.network, 10),
            Cell(post.handle, 0, "bold"),
            safe_line(post.text or post.title, limit=SHOWN),
            Cell(f"case {post.case_id}" if post.case_id is not None else "", 0, "dim"),
        )
        for line in reason_lines(appears, difference.reasons):
            out.row(Cell("", 3), line)
    shown = {sign: sum(each.sign is sign for each in trial.differences) for sign in Sign}
    left = trial.appears + trial.vanishes - sum(shown.values())
    if left:
        out.tell(f"{left} more are not shown; --limit N shows more")


def _variant_record(variant: variants.Variant) -> Record:
    return {
        "term": variant.query,
        "name": variant.name,
        "edits": variant.edits,
        "posts": variant.posts,
        "near": variant.near,
        "adds": variant.adds,
        "likely": variant.likely,
        "written": variant.written,
        "example": variant.context,
        "url": variant.example.url if variant.example else None,
    }


def _print_variant(variant: variants.Variant, out: Output) -> None:
    out.row(
        Cell("+" if variant.likely else "?", 1, "green" if variant.likely else "yellow"),
        Cell(variant.query, 20, "bold"),
        Cell(f"{variant.posts} posts", -10),
        f"{variant.near} of them about the same, {variant.adds} not found today; written {', '.join(variant.written)}",
    )
    out.row(Cell("", 3), variant.context)
