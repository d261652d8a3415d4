"""`earful follow NAME...`: from nothing to an inbox."""

from __future__ import annotations

from tui import log, settings_edit
from tui.cli.call import DONE, Call
from tui.cli.start import has_screen
from tui.settings import load, wanted_path


def follow(call: Call) -> int:
    out, path = call.out, wanted_path(call.args.config)
    names = [settings_edit.name_of(name) for name in call.args.names]
    if path.is_file():
        load(call.args.config, call.args.database)  # what has mistakes is not added to
    added = settings_edit.follow(path, names, call.args.back or "")
    if added:
        out.tell(f"written to {path}:")
        for line in added.split("\n"):
            out.tell(f"  {line}")
    else:
        out.tell(f"all of it is in {path} already")
    settings = call.settings
    if call.args.no_poll:
        return DONE
    if has_screen() and not out.json:
        from tui.app import run_app

        return run_app(settings, follow=True)
    return _without_a_screen(call)


def _without_a_screen(call: Call) -> int:
    """Poll once and print the inbox. What could not be read is said, and is asked again whenever earful runs."""
    from sources.worker import Worker
    from store.database import Database
    from store.domain.poll import PollLine
    from tui.cli.inbox import print_inbox
    from tui.cli.records import poll_line
    from tui.wiring import with_store

    async def poll(db: Database) -> list[PollLine]:
        async with Worker(db, call.settings.desk, told=log.told) as worker:
            return await worker.poll_once(all_due=True)

    for line in with_store(call.settings, poll):
        call.out.tell_row(*poll_line(line))
    print_inbox(call, call.settings)
    return DONE
