"""The bilevel program of leaders who post prices, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.market.leading.groups import Groups
from cmgplan.market.model.bilevel import Bilevel, Leaders
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import Program
from cmgplan.solve.cones import Rows

CAPS = (1.0, 2.0)
"""Multiples of the predicted clearing price that a price may be: electricity, heat."""


@dataclass(frozen=True)
class Offers:
    """The bilevel program of posted prices, and where its parts stand.

    Attributes
    ----------
    first
        Column of z at which the prices begin: prices of sale, of purchase, then the binaries.
    count
        Number of traded rows.
    """

    bilevel: Bilevel
    first: int
    count: int

    def trade(self, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what followers buy and sell, kW, and the price of each row."""
        y, z = x[self.bilevel.at["y"]], x[self.bilevel.at["z"]]
        bought, sold = y[-2 * self.count : -self.count], y[-self.count :]
        asked = z[self.first : self.first + self.count]
        offered = z[self.first + self.count : self.first + 2 * self.count]
        return bought, sold, np.where(bought >= sold, asked, offered)


def caps(plant: Plant) -> FloatArray:
    """Return the greatest prices that may be posted, currency/kWh, shape (2, T): (31), (32)."""
    case, retailer = plant.case, plant.case.file.retailer
    if case.file.market.predicted_per_kwh is not None:
        predicted = case.series(case.file.market.predicted_per_kwh)
    elif retailer is not None:
        predicted = 0.5 * (case.series(retailer.buy_per_kwh) + case.series(retailer.sell_per_kwh))
    else:
        predicted = case.series(case.file.pool.unserved_electricity_per_kwh)
    return np.maximum(np.outer(np.asarray(CAPS), predicted), 0.0)


def offers(groups: Groups, cap: FloatArray | None = None) -> Offers:
    """Return the problem of leaders who post prices.

    Parameters
    ----------
    cap
        Greatest prices by traded row in the programs' unit; those of the market where None.
    """
    lead, f, own = groups.bilevel.leaders, groups.followers, groups.leaders
    count, n = len(own.traded), own.n
    if cap is None:
        at = f.carrier[f.traded], f.hour[f.traded]
        cap = caps(groups.plant)[at] * groups.plant.case.dt_h / groups.plant.unit
    sold_max = np.maximum(lead.upper[n:], 0.0)
    bought_max = np.maximum(-lead.lower[n:], 0.0)
    followers = _with_trade(f, sold_max, bought_max)
    first, every = n, np.arange(count)
    width = n + 4 * count
    price = sp.csr_array(
        (
            np.concatenate([np.ones(count), -np.ones(count)]),
            (np.concatenate([f.n + every, f.n + count + every]), n + np.arange(2 * count)),
        ),
        shape=(followers.n, width),
    )
    integer = np.zeros(width, dtype=bool)
    integer[n + 2 * count :] = True
    leaders = Leaders(
        cost=np.concatenate([own.cost, np.zeros(4 * count)]),
        lower=np.concatenate([own.lower, np.zeros(4 * count)]),
        upper=np.concatenate([own.upper, cap, cap, np.ones(2 * count)]),
        rows=Rows(sp.csr_array((0, width)), np.zeros(0), np.zeros(0)),
        reach=sp.csr_array((f.m, width)),
        follower_cost=np.zeros(followers.n),
        joint=_joint(groups, followers.n, np.concatenate([sold_max, bought_max])),
        posted=price,
        optional=(f.n + np.arange(2 * count), n + 2 * count + np.arange(2 * count)),
        integer=integer,
    )
    return Offers(Bilevel(leaders, followers, groups.boxes), first, count)


def _with_trade(f: Program, sold_max: FloatArray, bought_max: FloatArray) -> Program:
    """Return the followers' program with what they buy from leaders and sell to them."""
    count = len(sold_max)
    ones, every = np.ones(count), np.arange(count)
    into = sp.csr_array((ones, (f.traded, every)), shape=(f.m, count))
    return replace(
        f,
        cost=np.concatenate([f.cost, np.zeros(2 * count)]),
        lower=np.concatenate([f.lower, np.zeros(2 * count)]),
        upper=np.concatenate([f.upper, sold_max, bought_max]),
        matrix=sp.csr_array(sp.hstack([f.matrix, into, -into], format="csr")),
    )


def _joint(groups: Groups, n_y: int, most: FloatArray) -> Rows:
    """Return the leaders' rows with what followers buy and sell, and the right to abstain."""
    own, lead, f = groups.leaders, groups.bilevel.leaders, groups.followers
    count, every = len(own.traded), np.arange(len(own.traded))
    put = sp.csr_array((-np.ones(count), (own.traded, every)), shape=(own.m, count))
    blank = sp.csr_array((own.m, 4 * count))
    balances = sp.hstack([own.matrix, blank, sp.csr_array((own.m, f.n)), put, -put], format="csr")
    both = np.arange(2 * count)
    taken = sp.csr_array((np.ones(2 * count), (both, f.n + both)), shape=(2 * count, n_y))
    left = sp.csr_array((-most, (both, both)), shape=(2 * count, 2 * count))
    optional = sp.hstack([sp.csr_array((2 * count, own.n + 2 * count)), left, taken], format="csr")
    # Followers either buy or sell, and do not miss the other price.
    pair = sp.hstack([sp.eye_array(count), sp.eye_array(count)], format="csr")
    one = sp.hstack(
        [sp.csr_array((count, own.n + 2 * count)), pair, sp.csr_array((count, n_y))], format="csr"
    )
    parts = [sp.csr_array(balances), sp.csr_array(optional), sp.csr_array(one)]
    low = [own.low, np.full(3 * count, -np.inf)]
    high = [own.high, np.zeros(2 * count), np.ones(count)]
    if lead.joint is not None:
        total = lead.joint.matrix
        blocks = [
            total[:, : own.n],
            sp.csr_array((total.shape[0], 4 * count)),
            total[:, own.n + count :],
            sp.csr_array((total.shape[0], 2 * count)),
        ]
        parts.append(sp.csr_array(sp.hstack(blocks, format="csr")))
        low.append(lead.joint.lower)
        high.append(lead.joint.upper)
    return Rows(
        sp.csr_array(sp.vstack(parts, format="csr")), np.concatenate(low), np.concatenate(high)
    )
