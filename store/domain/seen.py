"""A post that earful has seen: a stored mention, or one that a source returned and no watch matched."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from store.domain.mention import MentionType, NewAuthor, NewMention
from store.domain.safetext import SafeText


@dataclass(frozen=True, slots=True)
class Seen:
    """What a query may ask of a post, in the words that intake made of it.

    `id` is the row's in its own table; `case_id` is None for a post that no watch matched. `marked`: it carries the
    watch that was asked for. `whole` is false where only the beginning of the text was remembered.
    """

    id: int
    case_id: int | None
    network: str
    external_id: str
    source: str
    url: str
    handle: SafeText
    name: SafeText
    followers: int | None
    type: str
    title: SafeText
    text: SafeText
    language: str
    sentiment: str
    intent: str | None
    created_at: datetime
    seen_at: datetime
    marked: bool = False
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A remembered post that no watch matched, with what it takes to let it land after all."""

    seen: Seen
    stream: str
    native_id: str
    parent: str
    thread: str
    author_url: str
    visibility: str
    edited_at: datetime | None
    ours: bool

    def as_new(self) -> NewMention:
        """As its source would give it again, the language that was found as the network's hint."""
        post = self.seen
        return NewMention(
            network=post.network,
            external_id=post.external_id,
            author=NewAuthor(post.handle, post.name, self.author_url, post.followers),
            created_at=post.created_at,
            text=post.text,
            title=post.title,
            url=post.url,
            type=MentionType(post.type),
            native_id=self.native_id,
            parent=self.parent,
            thread=self.thread,
            language_hint=post.language,
            edited_at=self.edited_at,
            visibility=self.visibility,
            ours=self.ours,
        )
