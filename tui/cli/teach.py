"""`earful teach`: a layer is learnt from all corrections, its worth is told, and it is as easily taken back."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from sources import correction_file, teaching
from sources.reread import reread
from sources.teaching import Learned, Lessons
from sources.text.local_fit import LEAST
from store import layers
from store.database import Database
from store.domain.errors import BadInput
from tui.cli.call import DONE, NOTHING, Call
from tui.cli.records import Record
from tui.cli.target import target
from tui.output import Cell, Output, cleaned
from tui.times import iso, local
from tui.wiring import with_store

STANDARD = "-"


def teach(call: Call) -> int:
    args = call.args
    if args.undo:
        return _undo(call)
    if args.export:
        return _export(call)
    if args.file:
        return _import(call)
    settings = call.settings

    async def work(db: Database) -> tuple[Lessons, int]:
        choice = settings.desk.reading
        found = await teaching.teach(db, choice, agent=settings.agent, now=call.now, dry_run=args.dry_run)
        if not (args.apply and found.layer):
            return found, 0
        call.out.tell("reading all stored text again")
        return found, (await reread(db, settings.desk, now=call.now)).changed

    found, changed = with_store(settings, work)
    for learned in found.languages:
        if call.out.json:
            call.out.record(_record(learned, found.layer))
        else:
            _print(learned, call.out)
    if found.wordless:
        call.out.tell(f"{found.wordless} corrections are of texts without a word")
    if not found.languages:
        call.out.tell("nothing to learn from: nobody corrected a sentiment yet (S on the screen, `earful correct`)")
        return NOTHING
    if args.apply and found.layer:
        call.out.tell(f"in force as layer {found.layer}; {changed:,} stored mentions have another mood or score now")
    elif found.layer:
        call.out.tell(f"in force as layer {found.layer}; `earful reread` reads with it what is stored already")
    elif args.dry_run:
        call.out.tell("tried only: nothing was changed")
    else:
        call.out.tell("nothing was learnt, and nothing was changed")
    return DONE if args.dry_run or found.layer else NOTHING


def _undo(call: Call) -> int:
    before = with_store(call.settings, layers.undo)
    if call.out.json:
        call.out.record({"layer": before.id if before else None, "at": iso(before.at) if before else None})
    elif before is None:
        call.out.row("back to the reading as it came; `earful reread` reads stored text so again")
    else:
        what = f"layer {before.id} of {local(before.at)}, from {before.corrections:,} corrections"
        call.out.row(f"back to {what}; `earful reread` reads stored text so again")
    return DONE


def _export(call: Call) -> int:
    """What it holds are customers' words, so nobody else may read the file."""

    async def work(db: Database) -> int:
        found = [each async for each in correction_file.outgoing(db)]
        if call.args.export == STANDARD:
            for each in found:
                call.out.record(each)
        else:
            lines = (json.dumps(cleaned(each), ensure_ascii=False) for each in found)
            _write(target(call.settings, call.args.export), "".join(f"{line}\n" for line in lines))
        return len(found)

    count = with_store(call.settings, work)
    call.out.tell(f"{count:,} corrections" + ("" if call.args.export == STANDARD else f" in {call.args.export}"))
    return DONE if count else NOTHING


def _import(call: Call) -> int:
    try:
        text = sys.stdin.read() if call.args.file == STANDARD else Path(call.args.file).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(f"{call.args.file} is not UTF-8") from None
    except OSError as error:
        raise BadInput(f"cannot read {call.args.file}: {error.strerror}") from None
    settings = call.settings
    found = with_store(
        settings,
        lambda db: correction_file.take(
            db, text.split("\n"), settings.desk.reading, agent=settings.agent, now=call.now
        ),
    )
    if call.out.json:
        call.out.record({"read": found.read, "new": found.new, "wordless": found.wordless, "reached": found.reached})
    else:
        said = f", {found.wordless:,} without a word" if found.wordless else ""
        call.out.row(f"{found.read:,} read, {found.new:,} new{said}; {found.reached:,} stored mentions say the same")
    if found.new:
        call.out.tell("`earful teach` learns from them")
    return DONE if found.read else NOTHING


def _write(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            os.fchmod(handle, 0o600)
            file.write(text)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from None


def _record(learned: Learned, layer: int) -> Record:
    found = learned.outcome
    record: Record = {"language": learned.language, "corrections": learned.corrections, "kept": learned.kept}
    if found is not None:
        record |= {
            "right_before": found.before,
            "right_unseen": found.unseen,
            "right_fitted": found.fitted,
            "macro_f1_before": round(found.macro[0], 4),
            "macro_f1_unseen": round(found.macro[1], 4),
            "others": found.others,
            "others_moved": found.moved,
        }
    return record | {"layer": layer or None}


def _print(learned: Learned, out: Output) -> None:
    """Language, how many, right before and after, what happens to the mentions that nobody corrected."""
    found, number = learned.outcome, learned.corrections
    head: list[Cell | str] = [Cell(learned.language, 4, "bold"), f"{number:,} corrected:"]
    if found is None:
        out.row(*head, f"too few to learn from, {LEAST} are the least; the same words are read so all the same")
        return
    out.row(
        *head,
        f"{found.before:,} read right before, {found.unseen:,} by what the others taught"
        f" (macro-F1 {100 * found.macro[0]:.1f} -> {100 * found.macro[1]:.1f}), {found.fitted:,} now;",
        f"of {found.others:,} others {found.moved:,} read otherwise",
    )
    if not learned.kept:
        out.row(Cell("", 4), "left as it was: what was not learnt from reads no better")
