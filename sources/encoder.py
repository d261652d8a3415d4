"""An engine of deep reading at work, in a process of its own that ends when it is not wanted any more."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sources.text.deep.engines import Engine
from store.domain.errors import BadInput

ROOT = Path(__file__).parents[1]
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# What Python, its libraries and their caches may need; tokens that were given by environment are nothing to it.
KEPT_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV"),
    *("PYTHONHOME", "PYTHONPATH", "XDG_CACHE_HOME"),
)


class Encoder:
    """An async context manager; the process begins with the first text. Being cancelled ends it at once. `quiet`: it
    has the lowest priority, because nobody waits for it."""

    def __init__(self, engine: Engine, *, quiet: bool = False) -> None:
        self.engine, self._quiet = engine, quiet
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    async def encode(self, texts: Sequence[str]) -> Any:
        """Unit vectors, one a row, float32. Raises BadInput where the engine cannot be used, in words."""
        process = self._process = self._process or await self._begin()
        np = await asyncio.to_thread(import_module, "numpy")  # a tenth of a second, the first time
        assert process.stdin is not None
        assert process.stdout is not None
        line = json.dumps(list(texts)).encode() + b"\n"
        size = self.engine.dimension * 4 * len(texts)
        try:
            process.stdin.write(line)
            await process.stdin.drain()
            body = await process.stdout.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise BadInput(await self._last_words(process)) from None
        return np.frombuffer(body, "<f4").reshape(len(texts), -1)

    async def _begin(self) -> asyncio.subprocess.Process:
        environment = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        environment |= dict.fromkeys(THREADS, "1")
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        fields = {**asdict(self.engine), "good_at": [], "feels": []}
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing is imported from the folder that one happens to be in
            "-m",
            "sources.text.deep.child",
            json.dumps(fields),
            "19" if self._quiet else "0",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )

    async def _last_words(self, process: asyncio.subprocess.Process) -> str:
        assert process.stderr is not None
        said = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
        await process.wait()
        self._process = None
        reason = said[-1] if said else f"it ended with {process.returncode}"
        return f"deep reading with {self.engine.name}: {reason}"
