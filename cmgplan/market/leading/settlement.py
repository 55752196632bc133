"""What a structure comes to: the day that is run, prices, incomes, and the proven gap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.prices import Prices, spread
from cmgplan.market.leading.settle import incomes, settled_day

LEAST_SURPLUS = 0.01
"""Surplus, currency, under which its share is no measure; then it is measured against this."""


@dataclass(frozen=True)
class Worth:
    """Values of the groups on their own, currency: of all homes, the leaders, the followers."""

    together: float
    leading: float
    following: float

    @property
    def surplus(self) -> float:
        """What there is to gain from trade between the groups."""
        return self.together - self.leading - self.following

    @property
    def bound(self) -> float:
        """What leaders can earn at most: all but what followers are sure of."""
        return self.together - self.following

    def share(self, gap: float) -> float:
        """Return a gap as a share of the surplus; 0 where there is hardly any."""
        return gap / self.surplus if self.surplus >= LEAST_SURPLUS else 0.0


@dataclass(frozen=True)
class Settlement:
    """A structure that was solved.

    Attributes
    ----------
    status
        ``optimal`` where the gap is within what was asked for, else ``feasible``.
    stopped
        What ended the search: ``gap`` where that is within what was asked for, ``time``, or
        ``rounds`` where every round of it came to its end before.
    income
        By home, currency.
    leader_income, follower_income, bound
        Of the groups, after shading, and the proven bound of the leaders', currency.
    pessimistic_income
        The leaders' at the quantities before shading, at the prices worst for them.
    optimistic_income
        The same at the prices best for them.
    prices
        Shape (2, T): electricity and heat, currency/kWh; zero where a carrier is not traded.
    low, high
        Their intervals, and ``unique`` whether there is no other, each of shape (2, T).
    quantity
        What leaders put into the market, kW, shape (2, T).
    before
        What leaders put into the market before shading, kW, shape (2, T); None where prices are
        posted.
    wide
        Hours in which prices may leave the retailer's band.
    seconds
        By stage: time, s.
    """

    status: str
    income: Mapping[str, float]
    leader_income: float
    follower_income: float
    bound: float
    pessimistic_income: float
    optimistic_income: float
    prices: FloatArray
    low: FloatArray
    high: FloatArray
    unique: BoolArray
    quantity: FloatArray
    dispatch: Dispatch
    before: FloatArray | None = None
    method: str = "milp"
    stopped: str = "gap"
    wide: tuple[int, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Quantities that were found, in what a settlement is made of.

    Attributes
    ----------
    quantity
        What leaders put into the market, kW by traded row.
    prices
        Prices at which all settle.
    bound
        Proven bound of the leaders' income, currency.
    worst, best
        The leaders' income before shading at the prices worst and best for them, currency; None
        where prices are posted.
    before
        The quantity before shading, kW by traded row; None where prices are posted.
    """

    quantity: FloatArray
    prices: Prices
    bound: float
    worst: float | None = None
    best: float | None = None
    before: FloatArray | None = None


def settle(
    groups: Groups, found: Found, worth: Worth, gap: float, seconds: Mapping[str, float]
) -> Settlement:
    """Return the settlement of quantities: the day that is run, and what every home earns.

    A search that its time ended says so itself.
    """
    plant, prices = groups.plant, found.prices
    case, per_kwh = plant.case, plant.unit / plant.case.dt_h
    put = spread(prices, found.quantity, case.hours)
    price, low, high = (
        per_kwh * spread(prices, values, case.hours)
        for values in (prices.price, prices.low, prices.high)
    )
    day = settled_day(plant, [(groups.leading, put), (groups.following, -put)])
    income = incomes(case, day, price)
    earned = sum(income[home] for home in groups.leading)
    bound = max(found.bound, earned)
    proven = worth.share(bound - earned) <= gap
    return Settlement(
        status="optimal" if proven else "feasible",
        stopped="gap" if proven else "rounds",
        income=income,
        leader_income=earned,
        follower_income=sum(income[home] for home in groups.following),
        bound=bound,
        pessimistic_income=earned if found.worst is None else found.worst,
        optimistic_income=earned if found.best is None else found.best,
        prices=price,
        low=low,
        high=high,
        unique=spread(prices, (~prices.unique).astype(float), case.hours) == 0.0,
        quantity=put,
        dispatch=day,
        before=None if found.before is None else spread(prices, found.before, case.hours),
        wide=tuple(int(t) for t in np.flatnonzero(groups.wide)),
        seconds=dict(seconds),
    )
