"""A small Mastodon on loopback, in a process of its own, that writes down every post before anything else and then does
to the client what networks do.

    python -m tests.faults.server FOLDER SEED honours|ignores [skew=SECONDS] [OUTCOME ...]

Prints its port. FOLDER/posts.jsonl has a line for every post it accepted, on disk before the answer. The outcome of
each attempt to post is drawn from those named (default: all, mostly ok), by SEED. `kill_after_record` and
`kill_before_record` kill the process whose pid stands in FOLDER/client at exactly that moment.
Reading back is always whole and honest.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

WEIGHTS = {
    "ok": 62, "reset_before": 5, "reset_after": 5, "500_before": 4, "500_after": 4, "504_after": 4, "429": 4,
    "html_200": 4, "cut_200": 4, "503_before": 2,
}  # fmt: skip
POSTS = 600  # on the timeline of #acme
BORN = datetime(2026, 11, 20, tzinfo=UTC)
US = "desk"
SOURCE = "social"  # what it is called in a configuration


def account(name: str, number: int) -> dict[str, Any]:
    return {
        "id": str(number), "username": name, "acct": name, "display_name": name.title(), "followers_count": 10,
        "url": f"https://social.example/@{name}", "bot": False,
    }  # fmt: skip


def status(number: int, words: str, author: dict[str, Any], parent: str | None = None) -> dict[str, Any]:
    return {
        "id": str(number), "uri": f"https://social.example/s/{number}", "url": f"https://social.example/@x/{number}",
        "created_at": (BORN + timedelta(seconds=number % 10_000)).isoformat(), "edited_at": None,
        "content": f"<p>{words}</p>", "text": words, "spoiler_text": "", "visibility": "public", "language": "en",
        "in_reply_to_id": parent, "in_reply_to_account_id": None, "reblog": None, "sensitive": False,
        "account": author, "tags": [{"name": "acme"}], "mentions": [], "media_attachments": [], "emojis": [],
    }  # fmt: skip


class Social:
    """The network's state: a timeline that is there from the start, and what was posted to it."""

    def __init__(self, folder: Path, seed: int, honours: bool, outcomes: list[str]) -> None:
        self.folder, self.honours = folder, honours
        self.random, self.lock = random.Random(seed), threading.Lock()
        self.outcomes = outcomes or list(WEIGHTS)
        self.timeline = [status(1_000 + n, f"acme post {n}", account(f"person{n}", 100 + n)) for n in range(POSTS)]
        self.skew = timedelta(0)  # of its clock against ours
        self.ours: list[dict[str, Any]] = []
        self.by_key: dict[str, dict[str, Any]] = {}

    def draw(self) -> tuple[str, float]:
        with self.lock:
            weights = [WEIGHTS.get(name, 10) for name in self.outcomes]
            return self.random.choices(self.outcomes, weights)[0], self.random.uniform(0, 0.04)

    def record(self, form: dict[str, str], key: str) -> dict[str, Any]:
        with self.lock:
            if self.honours and key and key in self.by_key:
                return self.by_key[key]
            number = 500_000 + len(self.ours)
            made = status(number, form["status"], account(US, 1), form.get("in_reply_to_id"))
            made["created_at"] = (datetime.now(UTC) + self.skew).isoformat()
            with (self.folder / "posts.jsonl").open("a") as file:
                line = {"id": made["id"], "parent": made["in_reply_to_id"], "text": form["status"], "key": key}
                file.write(json.dumps(line) + "\n")
                file.flush()
                os.fsync(file.fileno())
            self.ours.append(made)
            self.by_key[key] = made
            return made

    def page(self, params: dict[str, str]) -> list[dict[str, Any]]:
        """As Mastodon pages a timeline: `min_id` gives what comes right after it, else the newest; newest first."""
        limit = min(int(params.get("limit", 20)), 40)
        found = self.timeline
        if "max_id" in params:
            found = [one for one in found if int(one["id"]) < int(params["max_id"])]
        if "since_id" in params:
            found = [one for one in found if int(one["id"]) > int(params["since_id"])]
        if "min_id" in params:
            return [one for one in found if int(one["id"]) > int(params["min_id"])][:limit][::-1]
        return found[-limit:][::-1]

    def answers(self, parent: str) -> list[dict[str, Any]]:
        with self.lock:
            return [one for one in self.ours if one["in_reply_to_id"] == parent]

    def kill_client(self) -> None:
        os.kill(int((self.folder / "client").read_text()), signal.SIGKILL)


class Handler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    social: Social

    def handle(self) -> None:
        try:
            while self._one():
                pass
        except (ConnectionError, ValueError):
            pass

    def _one(self) -> bool:
        words = self.rfile.readline(65_536).decode("latin-1").split()
        if len(words) != 3:
            return False
        headers: dict[str, str] = {}
        while line := self.rfile.readline(65_536).decode("latin-1").strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        split = urlsplit(words[1])
        if words[0] == "POST" and split.path == "/api/v1/statuses":
            return self._post(
                dict(parse_qsl(body.decode(), keep_blank_values=True)), headers.get("idempotency-key", "")
            )
        self._answer(200, self._get(split.path, dict(parse_qsl(split.query))))
        return True

    def _get(self, path: str, params: dict[str, str]) -> Any:
        social = self.social
        if path == "/api/v1/accounts/verify_credentials":
            return account(US, 1)
        if path == "/api/v2/instance":
            statuses = {"max_characters": 500, "characters_reserved_per_url": 23}
            return {"domain": "social.example", "version": "4.5.0", "configuration": {"statuses": statuses}}
        if path.startswith("/api/v1/timelines/tag/"):
            return social.page(params) if path.endswith("/acme") else []
        if found := re.fullmatch(r"/api/v1/statuses/(\d+)/context", path):
            return {"ancestors": [], "descendants": social.answers(found[1])}
        if re.fullmatch(r"/api/v1/accounts/\d+/statuses", path):
            with social.lock:
                below = int(params.get("max_id", 10**18))
                return [one for one in social.ours if int(one["id"]) < below][-40:][::-1]
        if found := re.fullmatch(r"/api/v1/statuses/(\d+)", path):
            return next((one for one in social.timeline + social.ours if one["id"] == found[1]), {})
        if path == "/api/v2/search":
            return {"accounts": [], "statuses": [], "hashtags": []}
        return []

    def _post(self, form: dict[str, str], key: str) -> bool:
        outcome, seconds = self.social.draw()
        time.sleep(seconds)
        if outcome == "reset_before":
            return self._reset()
        if outcome == "kill_before_record":
            self.social.kill_client()
            return self._reset()
        if outcome in ("500_before", "503_before", "429"):
            return self._answer(int(outcome[:3]), {"error": "no"}, {"retry-after": "0"} if outcome == "429" else {})
        made = self.social.record(form, key)
        if outcome == "kill_after_record":
            self.social.kill_client()
            return self._reset()
        if outcome == "reset_after":
            return self._reset()
        if outcome in ("500_after", "504_after"):
            return self._answer(int(outcome[:3]), {"error": "no"})
        if outcome == "html_200":
            return self._answer(200, b"<html><body>We will be right back</body></html>", {"content-type": "text/html"})
        return self._answer(200, made, cut=outcome == "cut_200")

    def _answer(self, code: int, value: Any, more: dict[str, str] | None = None, *, cut: bool = False) -> bool:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body))} | (more or {})
        head = "\r\n".join([f"HTTP/1.1 {code} X", *(f"{name}: {text}" for name, text in headers.items())])
        self.wfile.write(head.encode() + b"\r\n\r\n" + (body[: len(body) // 2] if cut else body))
        return not cut

    def _reset(self) -> bool:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        return False


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that dies in the middle is what this is about."""


def main(folder: str, seed: str, honours: str, *words: str) -> None:
    outcomes = [word for word in words if not word.startswith("skew=")]
    Handler.social = Social(Path(folder), int(seed), honours == "honours", outcomes)
    for word in set(words) - set(outcomes):
        Handler.social.skew = timedelta(seconds=float(word.removeprefix("skew=")))
    with Listener(("127.0.0.1", 0), Handler) as listener:
        print(listener.server_address[1], flush=True)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        listener.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
