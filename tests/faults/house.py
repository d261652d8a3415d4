"""Where forwards go, on loopback, in a process of its own: a mail server and a webhook's receiver that write down what
they take before anything else, and then lose the answer, or do not.

    python -m tests.faults.house FOLDER SEED

Prints two ports on one line: mail, webhook. FOLDER/forwards.jsonl has a line for everything that was taken: how it came
and the identity it carries.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
from pathlib import Path

MAIL = {"ok": 60, "lost_after": 10, "lost_before": 5, "451": 10, "slow": 15}
HOOK = {"ok": 55, "lost_after": 10, "lost_before": 5, "500_after": 10, "429": 5, "slow": 15}
OUT_OF_TIME = 0.05


class House:
    def __init__(self, folder: Path, seed: int) -> None:
        self._taken, self._random = folder / "forwards.jsonl", random.Random(seed)

    def draw(self, outcomes: dict[str, int]) -> str:
        return self._random.choices(list(outcomes), list(outcomes.values()))[0]

    def take(self, by: str, identity: str) -> None:
        with self._taken.open("a") as file:
            file.write(json.dumps({"by": by, "identity": identity}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    async def mail(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 here\r\n")
            while line := (await reader.readline()).decode().strip():
                verb = line[:4].upper()
                if verb != "DATA":
                    writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")
                    continue
                writer.write(b"354 go on\r\n")
                message = await reader.readuntil(b"\r\n.\r\n")
                outcome = self.draw(MAIL)
                if outcome == "451":
                    writer.write(b"451 come again\r\n")
                    continue
                if outcome == "lost_before":
                    return
                if outcome == "slow":
                    await asyncio.sleep(OUT_OF_TIME)
                found = re.search(rb"^Message-ID: <([^@]+)@", message, re.MULTILINE)
                self.take("mail", found[1].decode() if found else "?")
                if outcome == "lost_after":
                    return
                writer.write(b"250 taken\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def hook(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower():
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                await reader.readexactly(int(headers.get("content-length", "0")))
                outcome = self.draw(HOOK)
                if outcome == "lost_before":
                    return
                if outcome == "429":
                    writer.write(b"HTTP/1.1 429 X\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n")
                    continue
                if outcome == "slow":
                    await asyncio.sleep(OUT_OF_TIME)
                self.take("hook", headers["webhook-id"])
                if outcome == "lost_after":
                    return
                code = 500 if outcome == "500_after" else 200
                writer.write(f"HTTP/1.1 {code} X\r\ncontent-length: 0\r\n\r\n".encode())
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def main(folder: str, seed: str) -> None:
    house = House(Path(folder), int(seed))
    servers = [await asyncio.start_server(serve, "127.0.0.1", 0) for serve in (house.mail, house.hook)]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # it ends with who started it


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
