"""Named points at which a test can kill, stop or delay this process. Without EARFUL_KILL in the environment: nothing.

EARFUL_KILL="name:n[:SIGNAL]" sends SIGNAL (default KILL) to this process at the n-th pass of the point `name`;
"name:n:sleep=0.5" sleeps there instead.
"""

from __future__ import annotations

import os
import signal
import time

_armed = os.environ.get("EARFUL_KILL", "")
_passes = 0


def point(name: str) -> None:
    if not _armed:
        return
    global _passes
    wanted, count, *how = _armed.split(":")
    if name != wanted:
        return
    _passes += 1
    if _passes != int(count):
        return
    act = how[0] if how else "KILL"
    if act.startswith("sleep="):
        time.sleep(float(act.removeprefix("sleep=")))
    else:
        os.kill(os.getpid(), signal.Signals[f"SIG{act}"])
