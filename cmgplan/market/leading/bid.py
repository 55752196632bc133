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
from dataclasses import replace

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import LimitError
from cmgplan.market.leading.band import may_bind
from cmgplan.market.leading.groups import Groups, face_of
from cmgplan.market.leading.milp import ON, whole
from cmgplan.market.leading.offers import Offers, offers
from cmgplan.market.leading.prices import Prices, price_intervals
from cmgplan.market.leading.settlement import LEAST_SURPLUS, Found, Settlement, Worth, settle
from cmgplan.market.model.plant import Plant
from cmgplan.solve.array_program import ArraySolver
from cmgplan.solve.outcome import Stop

FIRST = 0.4
"""Share of the time for the search within the retailer's band."""

TRADED_KW = 1e-6
"""Quantity from which groups trade."""


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
        self._late = False

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
        wide = may_bind(self.plant, self.leading, self.following, -(income + self.worth.following))
        known = None if x is None else (problem, x)
        if wide.any():
            groups, problem, x, bound = self._searched(wide, known, 1.0)
        elif self._late and self.worth.share(bound - income) > self.gap:
            more = self._searched(None, known, 1.0)
            bound = min(bound, more[3])
            if more[2] is not None and self._income(more[0], more[1], more[2]) >= income:
                groups, problem, x = more[:3]
        if x is None:
            names = "+".join(self.leading), "+".join(self.following)
            raise LimitError(
                f"{'|'.join(names)}: no answer in the time given; give more time (--time-limit)"
            )
        seconds = {"search": time.perf_counter() - begun}
        settled = self._settled(groups, problem, x, bound, seconds)
        late = settled.status != "optimal" and self._late
        return replace(settled, stopped="time") if late else settled

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
        self._late = found.stop in (Stop.LIMIT, Stop.FEASIBLE)
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
        return settle(groups, Found(quantity, prices, bound), self.worth, self.gap, seconds)
