"""The schema as it is today. Every index names the query it serves. Older stores come here by `store.migrations`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    false,
    text,
    true,
)

from store.types import JsonText, Text, UtcDateTime

metadata = MetaData()


def key() -> Column[int]:
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


def _where(condition: str) -> dict[str, Any]:
    """An index of some rows only; `store.engines.postgres` says the same there: named here, it would load that whole
    dialect into every process."""
    return {"sqlite_where": text(condition)}


schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))

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
)

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
    Index("cases_snoozed", "snoozed_until", **_where("snoozed_until IS NOT NULL")),  # wake what is due
)

issue = Table(
    "issue",
    metadata,
    key(),
    Column("phrase", Text, nullable=False, unique=True),  # what founded it: a topic, or "mention N", or "pin N"
    Column("label", Text, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("pinned", Boolean, nullable=False, server_default=false()),
    Column("merged_into", ForeignKey("issue.id"), index=True),  # where its id leads to since
    Column("typical_id", BigInteger),  # its most typical mention, as far as that is still there
    Column("stale", Boolean, nullable=False, server_default=true()),  # what it is about is to be learnt anew
)

# What a person did to issues, so that it can be taken back.
issue_act = Table(
    "issue_act",
    metadata,
    key(),
    Column("at", UtcDateTime, nullable=False),
    Column("agent", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("issue_id", ForeignKey("issue.id"), nullable=False, index=True),  # the history of an issue
    Column("other_id", BigInteger),  # what was merged into it, what it was split from
    Column("before", Text, nullable=False, server_default=""),
    Column("after", Text, nullable=False, server_default=""),
    Column("undone_at", UtcDateTime),
    Index("issue_act_by_agent", "agent", "id"),  # undo: my newest
)

# By what a pinned issue is known: phrases, and examples, which are whole texts.
issue_phrase = Table(
    "issue_phrase",
    metadata,
    key(),
    Column("issue_id", ForeignKey("issue.id"), nullable=False, index=True),
    Column("act_id", ForeignKey("issue_act.id"), nullable=False, index=True),
    Column("phrase", Text, nullable=False),
    Column("example", Boolean, nullable=False),
)

# Which issue the mentions had that an act moved.
issue_move = Table(
    "issue_move",
    metadata,
    Column("act_id", ForeignKey("issue_act.id", ondelete="CASCADE"), primary_key=True),
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True),
    Column("before", BigInteger),
    Index("issue_move_by_mention", "mention_id"),  # a mention that goes takes them along
)

# Mentions that nobody has looked for an issue of yet; `pins_only`: again, because a new pin may want them.
issue_pending = Table(
    "issue_pending",
    metadata,
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True),
    Column("pins_only", Boolean, nullable=False, server_default=false()),
)

# What grouping remembers of a language: numbers, no words (sources.text.groups). "" is what is of all languages.
issue_state = Table(
    "issue_state",
    metadata,
    Column("language", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
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
    Column("issue_id", ForeignKey("issue.id"), index=True),  # an issue's mentions
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
    Index("mention_by_copy", "copy_of", **_where("copy_of IS NOT NULL")),  # an original's copies share its issue
    Index("mention_copies", "issue_id", "created_at", **_where("copy_of IS NOT NULL")),  # how many of an issue repeat
    # Insights count without the rows: everything that they group or leave out by.
    Index(
        "mention_by_time", "created_at", "ours", "case_id", "author_id", "issue_id", "sentiment", "language", "network"
    ),
)

# A person's word on the mood of a mention, and what the reading had said. One that came from another desk has no
# mention here and brings what learning needs of its text as numbers.
correction = Table(
    "correction",
    metadata,
    key(),
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), index=True),  # a mention's own corrections
    Column("digest", Text, nullable=False, server_default="", index=True),  # of the words, from another desk: once each
    Column("numbers", LargeBinary),
    Column("language", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("score", Float, nullable=False),
    Column("label", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("undone", Boolean, nullable=False, server_default=false()),
)

# Mentions that say the same as a corrected one, with what the reading says of them.
correction_alike = Table(
    "correction_alike",
    metadata,
    Column("correction_id", ForeignKey("correction.id", ondelete="CASCADE"), primary_key=True),
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True),
    Column("said", Text, nullable=False),
    Column("score", Float, nullable=False),
    Index("correction_alike_by_mention", "mention_id"),  # what holds for a mention now
)

# The local layers of the reading, the newest that is not undone in force, see sources.text.local.
layer = Table(
    "layer",
    metadata,
    key(),
    Column("at", UtcDateTime, nullable=False),
    Column("agent", Text, nullable=False),
    Column("corrections", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("undone", Boolean, nullable=False, server_default=false()),
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

# What deep reading makes of a mention's words, see sources.text.deep; it goes with them.
vector = Table(
    "vector",
    metadata,
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("engine", Text, nullable=False),  # whose it is: vectors of two engines cannot be compared
    Column("digest", BigInteger, nullable=False, index=True),  # the same words are not computed twice
    Column("body", LargeBinary, nullable=False),  # a signed byte a number
)

# The sum of all vectors of a language that an engine made, from which its mean is taken.
vector_sum = Table(
    "vector_sum",
    metadata,
    Column("engine", Text, primary_key=True),
    Column("language", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),  # 32-bit floats, little-endian
)

mention_watch = Table(
    "mention_watch",
    metadata,
    Column("watch_id", ForeignKey("watch.id"), primary_key=True),
    Column("mention_id", ForeignKey("mention.id", ondelete="CASCADE"), primary_key=True),
    Index("mention_watch_by_mention", "mention_id"),  # the watches of a mention
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
    # Where a network has no identity for our post: account, parent and body, unique while unsettled.
    Index(
        "delivery_unsettled",
        "source",
        "target",
        "body_hash",
        unique=True,
        **_where("state NOT IN ('sent','failed','withdrawn')"),
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
