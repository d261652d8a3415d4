"""Whatever the umask: every file and folder that earful makes is its owner's alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.servers import Server, text
from tests.tui.command import SECONDS, Earful

FEED = "<rss version='2.0'><channel><title>t</title><item><guid>1</guid><title>acme</title></item></channel></rss>"
DESK = """
[[watch]]
name = "acme"
query = "acme"
[[source]]
type = "feed"
name = "news"
url = "{url}"
backfill = "all"
"""
CALLS = [
    *(["import", "in.jsonl"], ["watch", "set", "acme", "--query", "acme OR acmecloud"], ["poll", "--once"]),
    *(["worker", "--once"], ["note", "1", "--text", "words"], ["export", "-o", "out.csv"]),
    *(["export", "--format", "html", "-o", "out.html"], ["backup", "backup.db"], ["reread"], ["erase", "ana", "--yes"]),
    *(["restore", "backup.db"], ["copy", "--to", "copied.db"], ["show", "99999"], ["doctor"]),
]
WRITTEN = {
    *("earful.db", "earful.db.users", "earful.db.worker", "in.jsonl.rejects.jsonl", "out.csv", "out.html", "backup.db"),
    *("copied.db", "earful.toml", "earful.log", "earful.db.backups"),
}


def test_nobody_else_reads_what_earful_writes(tmp_path: Path) -> None:
    earful = Earful(tmp_path)
    earful.store = tmp_path / "data" / "earful.db"
    (tmp_path / "in.jsonl").write_text('{"text": "acme", "author": "ana"}\n{"no": "text"}\nnonsense\n')
    with Server() as server:
        server.on("/feed", text(FEED, "application/rss+xml"))
        config = earful.configure(DESK.format(url=server.url("/feed")))
        config.chmod(0o600)  # whoever made it chose; it stays so
        given = set(tmp_path.rglob("*")) - {config}
        for words in CALLS:
            done = subprocess.run(
                ["sh", "-c", 'umask 000; exec "$@"', "sh", *earful.command(*words)],
                env=earful.environment,
                cwd=tmp_path,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=SECONDS,
            )
            assert b"unexpected" not in done.stderr, (words, done.stderr)
    made = set(tmp_path.rglob("*")) - given
    assert {path.name for path in made} >= WRITTEN
    found = {str(path): oct(path.stat().st_mode) for path in made if path.stat().st_mode & 0o077}
    assert found == {}
    assert {path.stat().st_uid for path in made} == {os.getuid()}
