"""Work that a screen does of its own accord: the newest of its group counts, and what goes wrong is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from textual.dom import DOMNode

from store.domain.errors import EarfulError


def quietly(node: DOMNode, work: Callable[[], Awaitable[None]], group: str, *, says: str = "") -> None:
    """Run `work` as long as `node` lives, in the place of what the group was doing. `says` goes before an error."""

    async def run() -> None:
        try:
            await work()
        except EarfulError as error:
            node.app.complain(f"{says}{error}")  # type: ignore[attr-defined]

    node.run_worker(run, group=group, exclusive=True)  # type: ignore[arg-type]
