"""What is made of words: issues, corrections and what they taught, vectors."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, false, true

from store.tables.base import key, metadata
from store.types import Text, UtcDateTime

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
