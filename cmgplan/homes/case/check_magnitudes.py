"""Rules for the magnitude of figures in a case of homes."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.magnitudes import key_magnitudes, row_magnitudes
from cmgplan.errors import Fault
from cmgplan.homes.case.draft import Draft


def check_magnitudes(draft: Draft) -> Iterator[Fault]:
    """Yield the figures beyond the limits, each by its row or key."""
    for bus in draft.buses:
        yield from row_magnitudes(draft.bus_file, bus.where, bus.record)
    for line in draft.lines:
        yield from row_magnitudes(draft.line_file, line.where, line.record)
    sections = ("time", "network", "retailer", "gas", "pool", "market", "building", "response")
    for name in sections:
        yield from key_magnitudes(name, getattr(draft, name))
    for home in draft.homes:
        yield from key_magnitudes(home.where, home.base)
        for placed in home.devices:
            yield from key_magnitudes(placed.where, placed.record)
