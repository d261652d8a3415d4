"""What agents do: cases, their journal, what leaves the house, who is there."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, UniqueConstraint, false

from store.tables.base import key, metadata, only
from store.types import JsonText, Text, UtcDateTime

cases = Table(
    "cases",
    metadata,
    key(),
    Column("author_id", ForeignKey("author.id"), nullable=False),
    Column("network", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("assignee", Text),
    Column("team", Text),
    Column("reason", Text, nullable=False, server_default=""),
    Column("snoozed_until", UtcDateTime),
    Column("due_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("answered_at", UtcDateTime),
    Column("mentions", Integer, nullable=False, server_default="0"),
    Column("newest_mention_id", BigInteger),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("waits_since", UtcDateTime),
    UniqueConstraint("author_id", "network", "thread"),  # attach a new word to its case
    Index("cases_by_status", "status", "last_at", "id"),  # every view of the inbox, newest first
    Index("cases_by_assignee", "assignee", "last_at", "id"),  # view "mine"
    Index("cases_by_last", "last_at", "id"),  # view "all"
    Index("cases_by_created", "created_at", "status", "answered_at"),  # insights: answer times of a period
    Index("cases_snoozed", "snoozed_until", **only("snoozed_until IS NOT NULL")),  # wake what is due
)

case_tag = Table(
    "case_tag",
    metadata,
    Column("tag", Text, primary_key=True),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Index("case_tag_by_case", "case_id"),  # the tags of a case
)

note = Table(
    "note",
    metadata,
    key(),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("agent", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("hidden", Boolean, nullable=False, server_default=false()),  # undone; redo shows it again
)

journal = Table(
    "journal",
    metadata,
    key(),
    Column("batch", BigInteger, nullable=False, index=True),  # one decision, however many cases
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("action", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("before", JsonText, nullable=False),
    Column("after", JsonText, nullable=False),
    Column("undone_by", BigInteger),
    Index("journal_by_agent", "agent", "id"),  # undo: my newest decision
)

draft = Table(
    "draft",
    metadata,
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True),
    Column("agent", Text, primary_key=True),
    Column("kind", Text, primary_key=True),  # reply or note
    Column("text", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

delivery = Table(
    "delivery",
    metadata,
    key(),
    Column("case_id", ForeignKey("cases.id"), nullable=False, index=True),
    Column("mention_id", ForeignKey("mention.id")),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("to", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("visibility", Text, nullable=False, server_default=""),
    Column("body_hash", Text, nullable=False),
    Column("identity", Text, nullable=False, unique=True),  # born with the draft: pressing send twice is one row
    Column("agent", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("absences", Integer, nullable=False, server_default="0"),
    Column("tried_at", UtcDateTime),
    Column("settled_at", UtcDateTime),
    Column("error", Text, nullable=False, server_default=""),
    Column("remote_id", Text, nullable=False, server_default=""),
    Column("remote_key", Text, nullable=False, server_default=""),
    Column("url", Text, nullable=False, server_default=""),
    Column("version", Integer, nullable=False, server_default="1"),
    Index("delivery_due", "state", "due_at"),  # the courier's next row
    Index("delivery_by_remote", "source", "remote_id"),  # our answer coming back
    Index("delivery_by_key", "source", "remote_key"),  # the same, where its network knows it by two names
    # Where a network has no identity for our post: account, parent and body, unique while unsettled.
    Index(
        "delivery_unsettled",
        "source",
        "target",
        "body_hash",
        unique=True,
        **only("state NOT IN ('sent','failed','withdrawn')"),
    ),
)

attempt = Table(
    "attempt",
    metadata,
    key(),
    Column("delivery_id", ForeignKey("delivery.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)

mute = Table(
    "mute",
    metadata,
    key(),
    Column("kind", Text, nullable=False),  # author, thread or word
    Column("network", Text, nullable=False, server_default=""),
    Column("value", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    UniqueConstraint("kind", "network", "value"),
)

# Who has a case open, a row a session; it fades without a sign of life.
presence = Table(
    "presence",
    metadata,
    Column("session", Text, primary_key=True),
    Column("case_id", ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("agent", Text, nullable=False),
    Column("writing", Boolean, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
)

# What screens look at to learn that something moved; a row a transaction and case.
change = Table(
    "change",
    metadata,
    key(),
    Column("case_id", BigInteger),
    Column("kind", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
