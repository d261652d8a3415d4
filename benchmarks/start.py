"""How long one-shot commands take, as a multiple of `python -c "import sqlite3"`: median over interleaved rounds."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

BARE = [sys.executable, "-c", "import sqlite3"]
COMMANDS = {
    "earful --version": ["--version"],
    "earful help": ["help"],
    "earful sources": ["sources"],
    "earful inbox (empty store)": ["inbox"],
    "earful insights (empty store)": ["insights"],
}


def main(rounds: int = 10) -> None:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home}
        commands = {name: [sys.executable, "-m", "tui", *words] for name, words in COMMANDS.items()}
        ratios: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            bare = timed(BARE, environment)
            for name, command in commands.items():
                ratios[name].append(timed(command, environment) / bare)
    for name, found in ratios.items():
        print(f"{name:32} {statistics.median(found):6.1f} x bare python with sqlite3")


def timed(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, check=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
