"""One call of the command line: what every subcommand is given."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from store.domain.clock import utcnow
from store.domain.desk import Log
from tui.output import Output

if TYPE_CHECKING:
    from tui.settings import Settings

DONE, FAILED, WRONG, NOTHING = 0, 1, 2, 3


@dataclass
class Call:
    args: Namespace
    out: Output

    @cached_property
    def settings(self) -> Settings:
        from tui.settings import load

        settings = load(self.args.config, self.args.database, getattr(self.args, "agent", None))
        if settings.desk.log != Log():
            from tui import log

            log.use(settings)
        return settings

    @cached_property
    def now(self) -> datetime:
        return utcnow()
