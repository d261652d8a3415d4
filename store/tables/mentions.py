"""What people said: authors, their words, the watches that these matched."""

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
    false,
)

from store.tables.base import key, metadata, only
from store.types import JsonText, Text, UtcDateTime

author = Table(
    "author",
    metadata,
    key(),
    Column("network", Text, nullable=False),
    Column("handle", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("url", Text, nullable=False, server_default=""),
    Column("followers", BigInteger),
    UniqueConstraint("network", "handle"),  # a person is a handle on a network
    Index("author_by_handle", "handle"),  # somebody, or nobody, on whatever network
)

mention = Table(
    "mention",
    metadata,
    key(),
    Column("network", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("native_id", Text, nullable=False, server_default=""),
    Column("parent", Text, nullable=False, server_default=""),
    Column("thread", Text, nullable=False),
    Column("case_id", ForeignKey("cases.id"), index=True),  # the case screen; NULL for our own posts outside a case
    Column("author_id", ForeignKey("author.id"), nullable=False),
    Column("type", Text, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False),
    Column("url", Text, nullable=False, server_default=""),
    Column("visibility", Text, nullable=False, server_default="public"),
    Column("ours", Boolean, nullable=False, server_default=false()),
    Column("language", Text, nullable=False),
    Column("sentiment", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("intent", Text),
    Column("urgency", Integer, nullable=False, server_default="0"),
    Column("reasons", JsonText, nullable=False, server_default="[]"),
    Column("corrected_by", Text),
    Column("issue_id", ForeignKey("issue.id")),
    Column("analysis", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("edited_at", UtcDateTime),
    Column("deleted_at", UtcDateTime),
    Column("checked_at", UtcDateTime),
    Column("copy_of", BigInteger),  # the mention whose words it repeats
    UniqueConstraint("network", "external_id"),  # one post, one row
    Index("mention_by_author", "author_id", "created_at"),  # all we know of a person, and how often they write
    Index("mention_by_native", "source", "native_id"),  # find a reply's parent
    Index("mention_by_thread", "network", "thread"),  # the thread around a case
    Index("mention_by_url", "url"),  # why: a person has the address of a post
    Index("mention_by_issue", "issue_id", "created_at"),  # an issue's mentions, the newest, those of a period
    Index("mention_by_copy", "copy_of", **only("copy_of IS NOT NULL")),  # an original's copies share its issue
    Index("mention_copies", "issue_id", "created_at", **only("copy_of IS NOT NULL")),  # how many of an issue repeat
    # Insights count without the rows: everything that they group or leave out by.
    Index(
        "mention_by_time", "created_at", "ours", "case_id", "author_id", "issue_id", "sentiment", "language", "network"
    ),
)

mention_raw = Table(
    "mention_raw",
    metadata,
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True),
    Column("body", LargeBinary, nullable=False),  # zlib of the item as received; never shown
)

mention_version = Table(
    "mention_version",
    metadata,
    key(),
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("title", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False),
)

mention_watch = Table(
    "mention_watch",
    metadata,
    Column("watch_id", ForeignKey("watch.id"), primary_key=True),
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True),
    Index("mention_watch_by_mention", "mention_id"),  # the watches of a mention
)
