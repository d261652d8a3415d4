"""The agent's own editor, in the terminal's place for a while."""

from __future__ import annotations

import asyncio
import os
import shlex
import tempfile
from pathlib import Path

from textual.app import App, SuspendNotSupported

from store.domain.errors import BadInput


async def edit(app: App[int], text: str) -> str:
    """What the editor of $VISUAL or $EDITOR leaves of the text. Raises BadInput where there is none or it fails; the
    screen is back in any case."""
    try:
        command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "")
    except ValueError:
        raise BadInput("the editor that VISUAL or EDITOR names ends inside quotes: correct it") from None
    if not command:
        raise BadInput("no editor is named: set EDITOR, for example EDITOR=nano")
    with tempfile.TemporaryDirectory(prefix="earful-") as folder:  # 0700
        path = Path(folder) / "answer.txt"
        path.write_text(text, encoding="utf-8")
        problem = await _run(app, [*command, str(path)])
        if problem:
            raise BadInput(f"{command[0]}: {problem}; the text is as it was")
        try:
            return path.read_text(encoding="utf-8").removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise BadInput(
                f"what {command[0]} wrote cannot be read ({type(error).__name__}); the text is as it was"
            ) from None


async def _run(app: App[int], argv: list[str]) -> str:
    """What went wrong, in words. An exception inside `suspend` would leave the terminal suspended for good."""
    problem = ""
    try:
        with app.suspend():
            try:
                process = await asyncio.create_subprocess_exec(*argv)
                if status := await process.wait():
                    problem = f"ended with {status}"
            except OSError as error:
                problem = error.strerror or "cannot be started"
            except asyncio.CancelledError:
                problem = "interrupted"
    except SuspendNotSupported:
        return "this terminal cannot be lent to another program"
    return problem
