"""`earful` alone: the inbox on a terminal, else what `earful inbox` prints."""

from __future__ import annotations

import os
import sys

from tui.cli.call import Call


def start(call: Call) -> int:
    if call.out.json or not has_screen():
        from tui.cli.inbox import inbox

        return inbox(call)
    from tui.app import run_app

    return run_app(call.settings)


def has_screen() -> bool:
    """Whether somebody sits at a terminal that can show a screen (Textual draws on standard error). A closed stream is
    None."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return os.environ.get("TERM") != "dumb" and all(stream is not None and stream.isatty() for stream in streams)
