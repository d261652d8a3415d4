"""Where the cursor goes in the inbox, and what is marked on the way."""

from __future__ import annotations

from datetime import datetime

from store.domain.case import CaseStatus
from store.domain.query import And, Field
from tui.screens.inbox_loading import Loading
from tui.times import local_zone
from tui.widgets.preview import Preview


class Moves(Loading):
    """The actions of the groups "Move" and "Mark"."""

    def action_move(self, lines: int) -> None:
        self.list.go(self.listing.cursor + lines)

    def action_half(self, pages: int) -> None:
        self.list.go(self.listing.cursor + pages * max(1, self.list.size.height // 2))

    def action_page(self, pages: int) -> None:
        self.list.go(self.listing.cursor + pages * max(1, self.list.size.height))

    def action_edge(self, which: int) -> None:
        if which > 0 and not self.listing.whole:
            self.app.flow(self._to_the_end())
        else:
            self.list.go(0 if which < 0 else len(self.listing) - 1)

    async def _to_the_end(self) -> None:
        await self._load(arrivals=False, limit=None)
        self.list.go(len(self.listing) - 1)

    def action_hit(self, step: int) -> None:
        if self.search:
            self.list.go(self.listing.cursor + step)
        else:
            self.app.flow(self._untouched(step))

    async def _untouched(self, step: int) -> None:
        """To the next case of this view that nobody touched."""
        new = await self._new_ids()
        order = (
            self.listing.ids[self.listing.cursor + 1 :] if step > 0 else self.listing.ids[: self.listing.cursor][::-1]
        )
        found = next((i for i in order if i in new), None)
        if found is None:
            self.app.say("no other untouched case " + ("below" if step > 0 else "above"))
        else:
            self.list.go(self.listing.cursor + step * (order.index(found) + 1))

    async def _new_ids(self) -> set[int]:
        from store import cases

        untouched = Field("status", "", CaseStatus.NEW.value)
        node = And((self.query_node, untouched)) if self.query_node else untouched
        return set(await cases.ids(await self.app.database(), node, me=self.app.agent, now=datetime.now(local_zone())))

    def neighbour(self, step: int) -> int | None:
        """Move to the next or previous case and name it: the reader's J and K."""
        before = self.listing.current
        self.list.go(self.listing.cursor + step)
        return None if self.listing.current == before else self.listing.current

    def action_pane(self) -> None:
        preview = self.query_one(Preview)
        if self.has_class("-asking"):
            return
        self.set_focus(preview if preview.display and self.focused is self.list else self.list)

    # Marks

    def action_mark(self, step: int) -> None:
        self.listing.mark()
        self.list.refresh_cursor()
        self.list.go(self.listing.cursor + step)

    def action_range(self) -> None:
        self.listing.range()
        self.list.refresh_cursor()

    def action_mark_all(self) -> None:
        self.app.flow(self._mark_all())

    async def _mark_all(self) -> None:
        if not self.listing.whole:
            await self._load(arrivals=False, limit=None)
        self.listing.marks = set(self.listing.ids)
        self.list.changed()

    def action_mark_none(self) -> None:
        self.listing.marks.clear()
        self.listing.anchor = None
        self.list.changed()

    def action_mark_untouched(self) -> None:
        self.app.flow(self._mark_untouched())

    async def _mark_untouched(self) -> None:
        if not self.listing.whole:
            await self._load(arrivals=False, limit=None)
        self.listing.marks = await self._new_ids() & set(self.listing.ids)
        self.list.changed()
