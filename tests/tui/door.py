"""The command line behind a door that is open already: one process that has everything imported forks a child for each
run, and waits for it. Half of what a short command takes is importing.

    python -m tests.tui.door          one JSON order a line on standard input, an exit code a line on standard output

An order: {"words", "home", "environment", "folder"}; the child reads `folder`/in, and writes `folder`/out and /told.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import sys
import threading
import time

HEAVY = ("sqlalchemy.dialects.sqlite.aiosqlite", "sources.intake", "sources.worker", "tui.wiring")


def enter(order: dict) -> None:
    """From here on it is the process that was asked for."""
    os.environ.clear()
    os.environ |= order["environment"]
    time.tzset()
    os.chdir(order["home"])
    for number, name in enumerate(("in", "out", "told")):
        file = os.open(os.path.join(order["folder"], name), os.O_RDWR | os.O_CREAT, 0o600)
        os.dup2(file, number)
        os.close(file)


def main() -> int:
    import tui.cli

    for module in pkgutil.iter_modules(tui.cli.__path__):
        importlib.import_module(f"tui.cli.{module.name}")
    for name in HEAVY:
        importlib.import_module(name)
    importlib.import_module("sources.text.reading").read("what it needs is loaded before the fork", "")
    gc.freeze()
    for line in iter(sys.stdin.readline, ""):
        order = json.loads(line)
        if not (pid := os.fork()):
            enter(order)
            code = tui.cli.main(order["words"])
            for thread in threading.enumerate():  # a thread that never ends keeps a real process too
                if thread is not threading.main_thread() and not thread.daemon:
                    thread.join()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)  # taking all these modules apart would take longer than most commands
        try:
            _, how = os.waitpid(pid, 0)
        except KeyboardInterrupt:
            return 1
        print(os.waitstatus_to_exitcode(how), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
