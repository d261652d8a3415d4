"""Commands to be killed: one process that has everything imported forks a child for each run of the command line, so
that a run takes a tenth of a second.

    python -m tests.faults.commands          one JSON order a line on standard input, answers on standard output

An order: {"words", "home", "env", "kill", "after", "largest", "hand"}: `earful WORDS...` in this home, with a clean
environment and `env`, no file larger than `largest` bytes where that is not 0, and wrong in the way that `hand` names
in tests.faults.planted_commands where that is not "". It is killed at the n-th pass of a point ("statement:7"), after
so many seconds, or not at all. Besides the points of `store.killpoints` there are two that need nothing from the
program: `statement`, right after every statement of SQL and before every commit, and `file`, right before every file is
made, renamed, linked or removed.
The answer: {"ended": exit code or minus the signal, "out", "told", "passes": {"statement": n, "file": n}}; `passes`
only of a run that ended by itself.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from sources.adapters import file
from store import database, issue_moves, killpoints
from tests.faults import planted_commands

HEAVY = (
    "sqlalchemy.dialects.sqlite.aiosqlite", "sources.intake", "sources.worker", "sources.adapters.file", "tui.wiring",
    "tui.settings", *(f"tui.cli.{name}" for name in (
        "acts", "backup", "copy", "doctor", "erase", "export", "imports", "inbox", "issues", "poll", "reply", "reread",
        "show", "worker",
    )),
)  # fmt: skip
A_PAGE = 30  # lines of an import
A_STEP = 5  # mentions that are moved from one issue to another at a time
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
OF_FILES = {"os.rename", "os.link", "os.remove", "os.truncate", "os.mkdir"}

passes: Counter[str] = Counter()


def passing(name: str) -> None:
    passes[name] += 1
    killpoints.point(name)


def watch_everything(home: str) -> None:
    event.listen(Engine, "after_cursor_execute", lambda *_: passing("statement"))
    event.listen(Engine, "commit", lambda _: passing("statement"))

    def hook(name: str, arguments: tuple[Any, ...]) -> None:
        writes = name == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES
        if (name in OF_FILES or writes) and isinstance(arguments[0], str | os.PathLike):
            path = os.path.abspath(arguments[0])
            if path.startswith(home) and "/state/" not in path:  # the log is no part of what a command does
                passing("file")

    sys.addaudithook(hook)


def child(order: dict[str, Any], told: int) -> None:
    home = order["home"]
    for name in [name for name in os.environ if name not in ("PATH", "PYTHONPATH")]:
        del os.environ[name]
    os.environ |= {"HOME": home, "XDG_STATE_HOME": f"{home}/state", "LOGNAME": "ana", "LANG": "C.UTF-8", "TZ": "UTC"}
    os.environ |= order["env"] | {"EARFUL_KILL": order["kill"]}
    importlib.reload(killpoints)
    time.tzset()
    os.chdir(home)
    for number, name in ((0, os.devnull), (1, f"{order['said']}/out"), (2, f"{order['said']}/told")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), number)
    if order["largest"]:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"],) * 2)
    if order["hand"]:
        getattr(planted_commands, order["hand"])()
    watch_everything(home)
    code = 1
    try:
        code = importlib.import_module("tui.cli").main(order["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(told, json.dumps(passes).encode())
        os._exit(code)


def main() -> None:
    database.AGAIN_SECONDS = 0.5
    issue_moves.A_STEP = A_STEP
    file.read_pages.__kwdefaults__["size"] = A_PAGE
    for name in HEAVY:
        importlib.import_module(name)
    importlib.import_module("sources.text.reading").read("to be loaded before the fork", "", hint="", followers=None)
    said = tempfile.mkdtemp()  # not in the home, whose disk may be full
    for line in sys.stdin:
        order = json.loads(line) | {"said": said}
        hears, told = os.pipe()
        if not (pid := os.fork()):
            child(order, told)
        os.close(told)
        if order["after"] is not None:
            time.sleep(order["after"])
            os.kill(pid, signal.SIGKILL)
        _, how = os.waitpid(pid, 0)
        counted = os.read(hears, 65_536)
        os.close(hears)
        files = {name: Path(said, name).read_text(errors="replace") for name in ("out", "told")}
        answer = {"ended": os.waitstatus_to_exitcode(how), "passes": json.loads(counted or "{}"), **files}
        print(json.dumps(answer), flush=True)
    shutil.rmtree(said)


if __name__ == "__main__":
    main()
