"""The page of an optimum."""

from __future__ import annotations

from cmgplan.homes.optimum.run_record import OptimumRecord
from cmgplan.run.tables import Tables


def render_page(record: OptimumRecord, tables: Tables, sources: str = "") -> str:
    """Return the page of an optimum."""
    return ""
