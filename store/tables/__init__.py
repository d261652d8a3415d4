"""The schema as it is today. Every index names the query it serves. Older stores come here by `store.migrations`."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from store.tables.base import metadata
from store.tables.intake import cursor, erased, poll, rejected, unmatched, watch
from store.tables.mentions import author, mention, mention_raw, mention_version, mention_watch
from store.tables.reading import (
    correction,
    correction_alike,
    issue,
    issue_act,
    issue_move,
    issue_pending,
    issue_phrase,
    issue_state,
    layer,
    vector,
    vector_sum,
)
from store.tables.work import attempt, case_tag, cases, change, delivery, draft, journal, mute, note, presence

__all__ = [
    "attempt",
    "author",
    "case_tag",
    "cases",
    "change",
    "correction",
    "correction_alike",
    "cursor",
    "delivery",
    "draft",
    "erased",
    "issue",
    "issue_act",
    "issue_move",
    "issue_pending",
    "issue_phrase",
    "issue_state",
    "journal",
    "layer",
    "mention",
    "mention_raw",
    "mention_version",
    "mention_watch",
    "metadata",
    "mute",
    "note",
    "poll",
    "presence",
    "rejected",
    "schema_version",
    "unmatched",
    "vector",
    "vector_sum",
    "watch",
]

schema_version = Table("schema_version", metadata, Column("version", Integer, primary_key=True))
