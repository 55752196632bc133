"""Leaders who post prices by hour and carrier: pay as bid, capped, with the right to abstain.

Market, eqs. (31), (32) and (34): leaders post a price at which followers buy, and one at which
followers sell, of electricity at most the predicted clearing price and of heat at most twice
that. Followers take what quantity they like, up to what leaders can give at most; so leaders may
also post none. Followers who do not mind take the quantity that suits the leaders. The income
``price * quantity`` is linear by the followers' strong duality, as at uniform prices.

Homes of one group settle between them at the same price as the groups; in hours in which groups
do not trade, at the followers' clearing price.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import LimitError
from cmgplan.market.leading.band import may_bind
from cmgplan.market.leading.groups import Groups, face_of
from cmgplan.market.leading.milp import ON, whole
from cmgplan.market.leading.prices import Prices, price_intervals, spread
from cmgplan.market.leading.settle import incomes, settled_day
from cmgplan.market.leading.uniform import LEAST_SURPLUS, Settlement, Worth
from cmgplan.market.model.bilevel import Bilevel, Leaders
from cmgplan.market.model.boxes import Boxes
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import Program
from cmgplan.solve.array_program import ArraySolver
from cmgplan.solve.cones import Rows

CAPS = (1.0, 2.0)
"""Multiples of the predicted clearing price that a price may be: electricity, heat."""

FIRST = 0.4
"""Share of the time for the search within the retailer's band."""

TRADED_KW = 1e-6
"""Quantity from which groups trade."""


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
    boxes: Boxes = groups.boxes
    return Offers(Bilevel(leaders, followers, boxes), first, count)


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


class Bid:
    """One structure with posted prices; see ``answer``."""

    def __init__(
        self,
        plant: Plant,
        leading: Sequence[str],
        following: Sequence[str],
        worth: Worth,
        *,
        gap: float,
        time_limit_s: float,
        cap_per_kwh: FloatArray | None = None,
    ) -> None:
        self.plant, self.worth, self.gap = plant, worth, gap
        self.leading, self.following = tuple(leading), tuple(following)
        self._cap = cap_per_kwh
        self._ends = time.perf_counter() + time_limit_s

    def answer(self) -> Settlement:
        """Return the structure's settlement.

        Raises
        ------
        LimitError
            Nothing was found in the time given.
        """
        begun = time.perf_counter()
        groups, problem, x, bound = self._searched(None, None, FIRST)
        income = -np.inf if x is None else self._income(groups, problem, x)
        wide = may_bind(self.plant, self.following, -(income + self.worth.following))
        if wide.any():
            known = None if x is None else (problem, x)
            groups, problem, x, bound = self._searched(wide, known, 1.0)
        if x is None:
            names = "+".join(self.leading), "+".join(self.following)
            raise LimitError(
                f"{'|'.join(names)}: no answer in the time given; give more time (--time-limit)"
            )
        seconds = {"search": time.perf_counter() - begun}
        return self._settled(groups, problem, x, bound, seconds)

    def _income(self, groups: Groups, problem: Offers, x: FloatArray) -> float:
        return -float(problem.bilevel.cost @ x + groups.constant) * self.plant.unit

    def _searched(
        self, wide: BoolArray | None, known: tuple[Offers, FloatArray] | None, share: float
    ) -> tuple[Groups, Offers, FloatArray | None, float]:
        """Return groups, problem, the best columns found, and the proven bound, currency."""
        groups = Groups(self.plant, self.leading, self.following, wide)
        cap = None
        if self._cap is not None:
            at = groups.followers.carrier, groups.followers.hour
            rows = groups.followers.traded
            scale = self.plant.case.dt_h / self.plant.unit
            cap = self._cap[at[0][rows], at[1][rows]] * scale
        problem = offers(groups, cap)
        start = None if known is None else self._start_from(groups, problem, known)
        start = self._start(groups, problem) if start is None else start
        gap = 0.9 * self.gap * max(self.worth.surplus, LEAST_SURPLUS) / self.plant.unit
        solver = ArraySolver(problem.bilevel.program(), {"mip_feasibility_tolerance": 1e-7})
        found = solver.solve(
            gap_abs=gap,
            time_limit_s=max(share * (self._ends - time.perf_counter()), 1.0),
            target=-(self.worth.bound / self.plant.unit - gap) - groups.constant,
            start=start,
        )
        bound = self.worth.bound
        if found.bound is not None and groups.boxes.proven:
            bound = min(bound, -(found.bound + groups.constant) * self.plant.unit)
        return groups, problem, found.x if found.x is not None else start, bound

    def _start(self, groups: Groups, problem: Offers) -> FloatArray | None:
        """Return the columns of leaders who post no price at all."""
        both = groups.both_at(np.zeros(groups.traded))
        if both is None:
            return None
        price = groups.face(both.vertex).best(np.zeros(groups.followers.m))
        if price is None:
            return None
        count = problem.count
        z = np.concatenate([both.x, np.zeros(4 * count)])
        y = np.concatenate([both.y, np.zeros(2 * count)])
        return self._columns(problem, z, y, price, np.zeros(2 * count, dtype=bool))

    def _start_from(
        self, groups: Groups, problem: Offers, known: tuple[Offers, FloatArray]
    ) -> FloatArray | None:
        """Return the columns of an answer of the same problem with other bounds of prices."""
        before, x = known
        bought, sold, _ = before.trade(x)
        both = groups.both_at(bought - sold)
        if both is None:
            return None
        bilevel = problem.bilevel
        rest = x[before.bilevel.at["z"]][before.first :]
        z = np.concatenate([both.x, rest])
        y = np.concatenate([both.y, bought, sold])
        f = bilevel.followers
        left = np.round(rest[2 * problem.count :]) > 0.0
        upper = f.upper.copy()
        upper[-2 * problem.count :] *= left
        posted = replace(f, cost=f.cost + bilevel.posted @ z, upper=upper)
        price = face_of(posted, groups.boxes, y).best(np.zeros(f.m))
        return None if price is None else self._columns(problem, z, y, price, left)

    def _columns(
        self, problem: Offers, z: FloatArray, y: FloatArray, price: FloatArray, left: BoolArray
    ) -> FloatArray:
        """Return all columns; ``left`` tells which trades followers have."""
        bilevel, count = problem.bilevel, problem.count
        x = whole(bilevel, z, y, price)
        taken = np.zeros(bilevel.followers.n, dtype=bool)
        taken[-2 * count :] = ~left
        x[bilevel.at["multiplier"]] *= ~taken[bilevel.pairs.column]
        x[bilevel.at["on"]] = x[bilevel.at["multiplier"]][bilevel.binary] > ON
        f = bilevel.followers
        rest = f.cost + bilevel.posted @ z - f.matrix.T @ price
        x[bilevel.at["waived"]] = np.where(left, 0.0, rest[-2 * count :])
        return x

    def _settled(
        self,
        groups: Groups,
        problem: Offers,
        x: FloatArray,
        bound: float,
        seconds: dict[str, float],
    ) -> Settlement:
        """Settle the quantities that followers take at the posted prices."""
        case, per_kwh = self.plant.case, self.plant.unit / self.plant.case.dt_h
        bought, sold, posted = problem.trade(x)
        quantity = bought - sold
        both = groups.both_at(quantity)
        if both is None:
            raise LimitError("the quantities found cannot be balanced; give more time")
        cleared = price_intervals(
            groups.face(both.vertex), groups.followers, x[problem.bilevel.at["price"]]
        )
        trades = np.abs(quantity) > TRADED_KW
        prices = Prices(
            cleared.carrier,
            cleared.hour,
            *(
                np.where(trades, posted, values)
                for values in (cleared.price, cleared.low, cleared.high)
            ),
        )
        put = spread(prices, quantity, case.hours)
        price, low, high = (
            per_kwh * spread(prices, values, case.hours)
            for values in (prices.price, prices.low, prices.high)
        )
        day = settled_day(self.plant, [(self.leading, put), (self.following, -put)])
        income = incomes(case, day, price)
        earned = sum(income[home] for home in self.leading)
        bound = max(bound, earned)
        optimal = self.worth.share(bound - earned) <= self.gap
        return Settlement(
            status="optimal" if optimal else "feasible",
            income=income,
            leader_income=earned,
            follower_income=sum(income[home] for home in self.following),
            bound=bound,
            pessimistic_income=earned,
            optimistic_income=earned,
            prices=price,
            low=low,
            high=high,
            unique=spread(prices, (~prices.unique).astype(float), case.hours) == 0.0,
            quantity=put,
            dispatch=day,
            wide=tuple(int(t) for t in np.flatnonzero(groups.wide)),
            seconds=seconds,
        )
