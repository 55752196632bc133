"""The same homes with less flexibility, or without policies, each run to its own optimum.

What response, stores and policies are worth is the difference to these: see ``VARIANTS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.clearing.bids import PoolCarrier
from cmgplan.response.exact.answer import ExactOptions
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.model.profit import profit_of, served_value
from cmgplan.response.rules.plant import own_flows

STORES = ("storage", "thermal_store")
OWN_RULE = ("ev", "refrigerator", "water_heater", "job")
STILL = {"shiftable_share": 0.0}


@dataclass(frozen=True)
class Variant:
    """What a variant keeps of a case's flexibility; no variant keeps its policies."""

    name: str
    moves: bool
    stores: bool
    appliances: bool


VARIANTS = (
    Variant("rigid", moves=False, stores=False, appliances=False),
    Variant("moving", moves=True, stores=False, appliances=False),
    Variant("storing", moves=False, stores=True, appliances=False),
    Variant("unbound", moves=True, stores=True, appliances=True),
)
"""No flexibility at all; load that moves alone; stores alone; everything, and no policy."""


@dataclass(frozen=True)
class Compared:
    """The optimum of a variant.

    Attributes
    ----------
    profit
        Its profit, served load and heat counted as in the case, currency.
    money
        The same before penalties of emissions.
    emission_kg
        Its emission, that of the retailer among it.
    share_under_emax
        Share of home-hours with own emission within Emax; None where no home has one.
    bound
        Proven to be above its profit.
    """

    profit: float
    money: float
    emission_kg: float
    share_under_emax: float | None
    bound: float


def compared(
    case: HomesCase,
    gap: float,
    time_limit_s: float,
    told: Callable[[str], None] = lambda name: None,
) -> Mapping[str, Compared]:
    """Return the optimum of every variant by name.

    Raises
    ------
    InfeasibleError, LimitError, SolverError
        A variant has no answer: homes that must rely on stores cannot be without.
    """
    found: dict[str, Compared] = {}
    for variant in VARIANTS:
        told(variant.name)
        other = variant_of(case, variant)
        answer = solve_exact(other, ExactOptions(gap=gap, time_limit_s=time_limit_s))
        profit = profit_of(other, answer.dispatch)
        served = served_value(case) - profit.served
        penalties = profit.emission_weight * profit.penalties
        found[variant.name] = Compared(
            profit=profit.total + served,
            money=profit.total + served + penalties,
            emission_kg=profit.emission_kg,
            share_under_emax=profit.share_under_emax(),
            bound=(profit.total if answer.bound is None else answer.bound) + served,
        )
    return found


def variant_of(case: HomesCase, variant: Variant) -> HomesCase:
    """Return a case with the flexibility of a variant, and without policies."""
    columns: dict[str, FloatArray] = {}
    homes = tuple(_home(case, home, variant, columns) for home in case.homes)
    file = case.file.model_copy(update={"home": homes})
    return replace(case, file=file, profiles={**case.profiles, **columns})


def _home(
    case: HomesCase, home: HomeBase, variant: Variant, columns: dict[str, FloatArray]
) -> HomeBase:
    """Return a home of a variant; what runs by its own rule becomes load, its column is added."""
    update: dict[str, Any] = {"policy": "none"}
    loads = list(home.load)  # type: ignore[attr-defined]
    if not variant.moves:
        loads = [load.model_copy(update=STILL) for load in loads]
    if not variant.stores:
        update |= dict.fromkeys(STORES, ())
    if not variant.appliances:
        h = case.forecasts()
        for device in (d for kind in OWN_RULE for d in getattr(home, kind)):
            flows = own_flows(device, h)
            if flows is None:
                continue
            column = f"{home.id}: {device.id} by its own rule"
            columns[column] = np.maximum(-(flows.p_kw + flows.heat_kw), 0.0)
            carrier: PoolCarrier = "heat" if "heat" in device.carriers else "electricity"
            loads.append(HomeLoad(id=device.id, carrier=carrier, p_kw=column))
        update |= {**dict.fromkeys(OWN_RULE, ()), "not_together": ()}
    return home.model_copy(update={**update, "load": tuple(loads)})
