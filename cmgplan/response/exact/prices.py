"""Prices of electricity and heat: the duals of the balances with the binaries of a day held.

A kW more that is asked for in an hour costs its price: with every plant that is on or off, every
start and every charging hour left as it is in the day, the rest is planned anew. So the price
equals the crossing of the bids at marginal cost, the value of stored energy among them, and lies
between what the retailer pays and what it takes, penalties included, wherever a trade with it is
possible (Schweppe et al., Spot Pricing of Electricity, 1988, ch. 2; binaries held as in O'Neill
et al., European Journal of Operational Research 164, 2005, 269-285).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import SolverError
from cmgplan.homes.accounts.ledger import Carrier
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import loads_of
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.case.prices import forecasts_of
from cmgplan.response.exact.owner import ResponseOwner
from cmgplan.response.exact.question import owner_of, profit_question

BOTH: tuple[Carrier, ...] = ("electricity", "heat")

STEP_KW = 1e-3
"""Power that is given or taken to find on which side of it a price changes."""

SAME = 1e-4
"""Price per kWh within which the two sides of an hour count as one."""


@dataclass(frozen=True)
class Prices:
    """Prices of a day, currency/kWh.

    Attributes
    ----------
    of_pool
        By carrier: price of the hour, shape (T,). Where homes do not share the carrier it is the
        mean of their prices, weighted by their load.
    of_home
        By carrier: price in each home, shape (T, homes), in the order of the case.
    low, high
        By carrier, for ``of_pool``: what a kW less saves and a kW more costs, shape (T,). Any
        price between supports the day.
    """

    of_pool: Mapping[Carrier, FloatArray]
    of_home: Mapping[Carrier, FloatArray]
    low: Mapping[Carrier, FloatArray]
    high: Mapping[Carrier, FloatArray]

    def unique(self, carrier: Carrier) -> BoolArray:
        """Return the hours in which one price alone supports the day, shape (T,)."""
        return np.asarray(self.high[carrier] - self.low[carrier] <= SAME)


def prices_of(case: HomesCase, day: Dispatch) -> dict[Carrier, FloatArray]:
    """Return the price of each carrier by hour with the binaries of a day, shape (T,).

    The day may be the exact answer or that of any method. See ``Prices.of_pool``.

    Raises
    ------
    SolverError
        The linear program with these binaries has no answer: the day does not keep its limits.
    """
    owner = _held(case, day)
    return {carrier: _joined(case, carrier, owner.marginal_per_kwh(carrier)) for carrier in BOTH}


def priced(case: HomesCase, day: Dispatch) -> Prices:
    """Return the prices of a day by home, and the interval in which each may lie.

    Raises as ``prices_of`` does.
    """
    owner = _held(case, day)
    of_home = {carrier: owner.marginal_per_kwh(carrier) for carrier in BOTH}
    low = {carrier: _side(case, owner, carrier, -STEP_KW) for carrier in BOTH}
    high = {carrier: _side(case, owner, carrier, STEP_KW) for carrier in BOTH}
    of_pool = {carrier: _joined(case, carrier, of_home[carrier]) for carrier in BOTH}
    # The dual supports the day, and the ends are solved to the solver's tolerance only.
    low = {carrier: np.minimum(low[carrier], of_pool[carrier]) for carrier in BOTH}
    high = {carrier: np.maximum(high[carrier], of_pool[carrier]) for carrier in BOTH}
    return Prices(of_pool, of_home, low, high)


def by_forecast(case: HomesCase) -> Prices:
    """Return forecast price and value of heat, for a day whose on/off choices have no duals."""
    flat = forecasts_of(case)
    homes = {c: np.repeat(flat[c][:, None], len(case.ids), axis=1) for c in BOTH}
    return Prices(flat, homes, flat, flat)


def shared(case: HomesCase, carrier: Carrier) -> bool:
    """Return whether homes share a carrier, so that it has one price."""
    pool = case.file.pool
    return len(case.ids) == 1 or (pool.heat if carrier == "heat" else pool.electricity)


def _held(case: HomesCase, day: Dispatch) -> ResponseOwner:
    """Return the owner of a case after the linear program with the binaries of a day."""
    owner = owner_of(case)
    if owner.best_with(day, profit_question(case)) is None:
        raise SolverError("no day with these binaries keeps all limits, so that it has no prices")
    return owner


def _side(case: HomesCase, owner: ResponseOwner, carrier: Carrier, more_kw: float) -> FloatArray:
    """Return what a kWh more costs, or a kWh less saves, shape (T,)."""
    homes = range(1 if shared(case, carrier) else len(case.ids))
    found = [
        [owner.change_per_kwh(carrier, i, t, more_kw) for i in homes] for t in range(case.hours)
    ]
    return _joined(case, carrier, np.array(found))


def _joined(case: HomesCase, carrier: Carrier, of_home: FloatArray) -> FloatArray:
    """Return one price for the hour from those of homes, shape (T,)."""
    if shared(case, carrier):
        return of_home[:, 0]
    h = case.forecasts()
    load = np.zeros_like(of_home)
    for i, home in enumerate(case.homes):
        for device in loads_of(home):
            if device.carrier == carrier:
                load[:, i] += device.base_kw(h)
    load[load.sum(axis=1) <= 0.0] = 1.0
    return np.asarray((load * of_home).sum(axis=1) / load.sum(axis=1))
