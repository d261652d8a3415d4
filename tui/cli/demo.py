"""`earful demo`: a throw-away store filled with a believable fortnight, and a network that exists in memory only."""

from __future__ import annotations

import tempfile
from pathlib import Path

from sources.demo import fill, world
from store.domain.errors import BadInput
from store.domain.place import is_server
from tui.cli.call import DONE, Call
from tui.cli.inbox import print_inbox
from tui.cli.start import has_screen
from tui.settings import Settings, login_name
from tui.wiring import with_store


def demo(call: Call) -> int:
    """With --database the store is kept there, and must be a new one."""
    if call.args.database is not None:
        if is_server(call.args.database):
            raise BadInput("the demo is kept in a file: give --database a path, or leave it out")
        path = Path(call.args.database).absolute()
        if path.exists() and path.stat().st_size:
            raise BadInput(f"{path} is there already; the demo fills a new store only")
        return _show(call, path)
    with tempfile.TemporaryDirectory(prefix="earful-demo-") as folder:
        return _show(call, Path(folder) / "earful.db")


def _show(call: Call, path: Path) -> int:
    invented = world(call.now)
    settings = Settings(invented.desk, None, path, login_name())
    call.out.tell(f"making up a fortnight of {len(invented.mentions):,} mentions; nothing leaves this machine")
    with_store(settings, lambda db: fill(db, invented, call.now))
    if has_screen() and not call.out.json:
        from tui.app import run_app

        return run_app(settings, demo=invented)
    print_inbox(call, settings)
    return DONE
