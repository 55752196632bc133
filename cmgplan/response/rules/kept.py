"""What a day by the rules could not keep: needs that no rule leaves unserved."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.devices import Store
from cmgplan.errors import InfeasibleError
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.rules.trade import Terms

SHORT_KW = 1e-6
"""Power that is lacking."""

SHORT_KWH = 1e-3
"""Energy under a store's floor that counts."""

TOLD = 3
"""Shortages that a message names."""


def require_kept(case: HomesCase, dispatch: Dispatch) -> None:
    """Raise InfeasibleError where the rules could not serve what must be served.

    Loads may be left unserved. Appliances, cars and the ends of stores may not, and the rules
    do not move appliances to hours with more supply: another method may find a day.
    """
    found = list(shortages(case, dispatch))
    if found:
        more = f"; and {len(found) - TOLD} more" if len(found) > TOLD else ""
        raise InfeasibleError(
            f"the rules cannot serve everything: {'; '.join(found[:TOLD])}{more}; raise the "
            "limits of the retailer, add supply, or let another method move appliances and cars"
        )


def shortages(case: HomesCase, dispatch: Dispatch) -> Iterator[str]:
    """Yield every need of a day that was not met, with home, hour and size."""
    terms = Terms.of(case)
    total = np.zeros(case.hours)
    for home in case.homes:
        bought = dispatch.exchange[home.id].import_kw
        total = total + bought
        for t in np.flatnonzero(bought > terms.each_kw + SHORT_KW):
            lacking = float(bought[t]) - terms.each_kw
            yield f"home {home.id} lacks {lacking:.3g} kW of electricity in hour {t}"
        yield from _heat(case, home, dispatch)
        yield from _stores(case, home, dispatch)
    if terms.each_kw > 0.0:
        for t in np.flatnonzero(total > terms.total_kw + SHORT_KW):
            lacking = float(total[t]) - terms.total_kw
            yield f"all homes lack {lacking:.3g} kW of electricity in hour {t}"


def _heat(case: HomesCase, home: HomeBase, dispatch: Dispatch) -> Iterator[str]:
    """Yield the hours in which an appliance takes heat that is not there."""
    left = -dispatch.exchange[home.id].pool_heat_kw
    for device in home.devices():
        left = left + dispatch.flows[home.id, device.id].heat_kw
    for t in np.flatnonzero(left < -SHORT_KW):
        yield f"home {home.id} lacks {-float(left[t]):.3g} kW of heat in hour {t}"


def _stores(case: HomesCase, home: HomeBase, dispatch: Dispatch) -> Iterator[str]:
    """Yield the stores that hold less than they must."""
    for device in home.devices():
        if isinstance(device, Store):
            floor = device.soc_floor_kwh(case.forecasts())
            short = floor - dispatch.state[home.id, device.id]
            worst = int(short.argmax())
            if short[worst] > SHORT_KWH:
                yield (
                    f"{device.id} of home {home.id} lacks {float(short[worst]):.3g} kWh "
                    f"at the end of hour {worst}"
                )
