"""How the inbox gets its cases: ids first, rows for what is visible, and again when something moved."""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from textual.screen import Screen

from store.domain.desk import View
from store.domain.query import Node
from tui.listing import Listing
from tui.messages import StoreChanged
from tui.quiet import quietly
from tui.safe import clip
from tui.times import local_zone
from tui.widgets.mention_list import MentionList

if TYPE_CHECKING:
    from tui.shell import Earful

FIRST = 500  # ids that are loaded before anything is shown; more when the cursor comes near their end
GROW = 6
ROWS_AT_ONCE = 200
COUNT_TO = 10_000
REST = 9  # after a reload, so many times as long as it took, before another agent's change begins the next one,
REST_MOST = 1.0  # but no more seconds: changes are to be seen within two


class Loading(Screen[None]):
    """The half of the inbox that talks with the store. `query_node` is what is asked for, None for everything."""

    app: Earful
    view: View
    list: MentionList

    def __init__(self) -> None:
        super().__init__()
        self.listing = Listing()
        self.search, self.everywhere = "", False
        self.query_node: Node | None = None
        self.urgent_first = False
        self.ranks: dict[int, int] = {}  # where a case stands, for what has an order of its own
        self.total = ""
        self.limit = FIRST
        self._waiting_for_first = True
        self._fetching = False
        self._reload_after = 0.0

    def tell_place(self) -> None:
        raise NotImplementedError

    def load(self) -> None:
        self.app.flow(self._load(arrivals=False))

    def failed(self, words: str) -> None:
        """There is no store: say so where the cases would be."""
        if not len(self.listing):
            self.list.words_of_emptiness = clip(words, 200)
            self.list.refresh()
        self._first_is_there()

    def _first_is_there(self) -> None:
        if self._waiting_for_first:
            self._waiting_for_first = False
            self.app.keyboard.release()

    async def _load(self, *, arrivals: bool, limit: int | None = FIRST) -> None:
        """The ids of what is asked for, the rows of what is visible, the count."""
        from store import cases

        database = await self.app.database()
        now = datetime.now(local_zone())  # the days of a query are the reader's
        began = asyncio.get_running_loop().time()
        if limit is not None:
            limit = max(limit, self.limit)
        node, urgent_first = self.query_node, self.urgent_first
        ids = await cases.ids(database, node, me=self.app.agent, now=now, limit=limit, urgent_first=urgent_first)
        if node is not self.query_node or urgent_first is not self.urgent_first:
            return  # something else was asked for meanwhile; its own load is on the way
        if self.ranks and not urgent_first:
            ids = sorted(ids, key=lambda number: self.ranks.get(number, len(self.ranks)))
        whole = limit is None or len(ids) < limit
        self.limit = FIRST if limit is None and len(ids) < FIRST else limit or len(ids) + FIRST
        if not len(self.listing):  # nothing stands there yet: draw once, with the words
            first = [i for i in ids[: self.list.size.height] if i not in self.listing.rows]
            self.listing.keep(first, await cases.rows(database, first, now=now))
            self.list.now = now
        self.list.show(ids, whole=whole, arrivals=arrivals, nothing=self._nothing())
        await self._fetch_rows()
        self.total = f"{len(ids):,}"
        if not whole:
            count = await cases.count(database, node, me=self.app.agent, now=now, ceiling=COUNT_TO)
            self.total = f"{count:,}" + ("+" if count >= COUNT_TO else "")
        took = asyncio.get_running_loop().time() - began
        self._reload_after = asyncio.get_running_loop().time() + min(REST * took, REST_MOST)
        self._first_is_there()
        self.tell_place()

    async def _fetch_rows(self) -> None:
        """Rows around what is visible, until none is missing; one fetch at a time."""
        if self._fetching:
            return
        self._fetching = True
        try:
            from store import cases

            database = await self.app.database()
            while missing := self.list.missing()[:ROWS_AT_ONCE]:
                self.list.keep(missing, await cases.rows(database, missing, now=datetime.now(local_zone())))
        finally:
            self._fetching = False

    def _nothing(self) -> str:
        """An honest word where there is nothing to show."""
        if self.search:
            return (
                f"nothing found for {self.search}"
                if self.everywhere
                else f"nothing in {self.view.name} for {self.search}"
            )
        if self.view.name == "inbox" and not self.app.settings.desk.sources:
            return "No sources yet. Try: earful follow NAME, earful import FILE or earful demo"
        if self.view.name == "inbox" and self.app.follow:
            return "listening; the first mentions come in a moment"
        return f"nothing in {self.view.name}"

    def _changed(self, news: StoreChanged) -> None:
        self.listing.outdate(news.cases)
        if news.kinds & {"new", "case", "delivery"}:
            wait = max(0.0, self._reload_after - asyncio.get_running_loop().time())
            self.set_timer(wait + 0.01, self._reload)

    def _reload(self) -> None:
        quietly(self, partial(self._load, arrivals=True), "load")
