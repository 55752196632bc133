"""Rules for the magnitude of figures: what no case of a distribution network meets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.case.magnitudes import LIMITS, key_magnitudes, row_magnitudes
from cmgplan.case.profiles import PRICE_SUFFIX, is_price
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft


def check_magnitudes(draft: Draft) -> Iterator[Fault]:
    """Yield the figures beyond the limits, each by its row or key."""
    for bus in draft.buses:
        yield from row_magnitudes(draft.bus_file, bus.where, bus.record)
    for line in draft.lines:
        yield from row_magnitudes(draft.line_file, line.where, line.record)
    sections = (("time", draft.time), ("network", draft.network), ("grid", draft.grid))
    for name, section in (*sections, ("plan", draft.plan)):
        yield from key_magnitudes(name, section)
    for listed in (draft.clusters, draft.microgrids, draft.ties):
        for each in listed:
            yield from key_magnitudes(each.where, each.record)
    yield from _prices(draft)


def _prices(draft: Draft) -> Iterator[Fault]:
    """Yield the columns of prices that are beyond the limit."""
    limit, unit = LIMITS[PRICE_SUFFIX]
    price = None if draft.grid is None else draft.grid.price_column
    for column, values in draft.profiles.items():
        worst = float(np.abs(values).max(initial=0.0))
        if worst > limit and is_price(column, price):
            message = f"{column} {worst:g} is beyond {limit:g} {unit}"
            yield Fault(draft.profile_file, "", message, "correct the column")
