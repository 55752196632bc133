"""Counts with their nouns: one hour is no "1 hours"."""

from __future__ import annotations


def noun(count: int, one: str, many: str | None = None) -> str:
    """Return the noun that goes with a count; ``many`` where it is more than ``one`` with an s."""
    return one if count == 1 else many or f"{one}s"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: ``1 hour``, ``1,200 buses``."""
    return f"{count:,} {noun(count, one, many)}"
