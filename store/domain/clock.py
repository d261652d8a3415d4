"""The one place that reads the wall clock. Times are aware and UTC everywhere below the screen."""

from __future__ import annotations

from datetime import UTC, datetime


def utcnow() -> datetime:
    return datetime.now(UTC)
