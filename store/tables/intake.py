"""What comes in, and from where: watches, cursors, the ledger, what no watch matched."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    UniqueConstraint,
)

from store.tables.base import key, metadata
from store.types import JsonText, Text, UtcDateTime

# Watches and sources are configured in earful.toml; here are the names that rows refer to.
watch = Table(
    "watch",
    metadata,
    key(),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("source", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("bookmark", JsonText, nullable=False, server_default="{}"),
    Column("next_poll_at", UtcDateTime, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("last_success_at", UtcDateTime),
    Column("last_error", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default="ok"),
    Column("quota_left", Integer),
)

poll = Table(
    "poll",
    metadata,
    key(),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("asked", Text, nullable=False),
    Column("returned", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("duplicate", Integer, nullable=False),
    Column("unmatched", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("gap_seconds", Float, nullable=False, server_default="0"),
    Column("error", Text, nullable=False, server_default=""),
    Index("poll_by_source", "source", "started_at"),  # ledger --source, health
    Index("poll_by_time", "started_at"),  # ledger --since
)

rejected = Table(
    "rejected",
    metadata,
    key(),
    Column("poll_id", ForeignKey("poll.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),
)

# What a source returned and no watch matched: for `why`, and for trying a query on what it did not bring in.
unmatched = Table(
    "unmatched",
    metadata,
    key(),
    Column("network", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("native_id", Text, nullable=False),
    Column("parent", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("author_url", Text, nullable=False),
    Column("followers", BigInteger),
    Column("type", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),  # the beginning of the text, see store.unmatched
    Column("language", Text, nullable=False),
    Column("sentiment", Text, nullable=False),
    Column("intent", Text),
    Column("visibility", Text, nullable=False),
    Column("ours", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("edited_at", UtcDateTime),
    Column("seen_at", UtcDateTime, nullable=False),
    UniqueConstraint("network", "external_id"),  # a second sight is no second row
)

# Fingerprints of the posts and persons that were erased, see store.erased.
erased = Table(
    "erased",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)
