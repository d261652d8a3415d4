"""The door to the screens: a clean environment, signals, a screen that ends with its terminal, an exit code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.settings import Settings


def run_app(settings: Settings, *, follow: bool = False, demo: object = None) -> int:
    """Show the inbox until the agent leaves. Returns the exit code; an unexpected error is raised once the terminal is
    itself again."""
    # Textual obeys variables that write files, press keys and listen on ports; none of them is meant for us.
    for name in [name for name in os.environ if name.startswith("TEXTUAL")]:
        del os.environ[name]
    from tui import log
    from tui.shell import Earful

    log.use(settings)
    app = Earful(settings, follow=follow, demo=demo)
    with log.running("inbox", agent=settings.agent):
        app.run()
    if app.crashed is not None:
        raise app.crashed
    return app.return_code or 0
