"""Several leaders at once: best responses in turn, and what anyone would still gain.

Each group of leaders answers what the others put into the market as if it led alone. Incomes are
those at one common set of prices: at prices of each leader's own the incomes of all would add up
to more than there is. The greatest gain from deviating, measured at the common prices, is what is
proven of the point: it is no equilibrium unless that gain is small. There may be none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import LimitError
from cmgplan.market.leading.groups import Groups, least
from cmgplan.market.leading.kink import kink_at, lean_kink, stepped
from cmgplan.market.leading.milp import search, start_at
from cmgplan.market.leading.prices import Prices, price_intervals
from cmgplan.market.model.plant import Plant

MOST_ROUNDS = 12
"""Responses that are taken, one leader's each."""

REPEATED_KW = 1e-3
"""Quantities that differ by less are the same."""

LEAST_S = 1.0
"""Time that a search gets at least, s."""


@dataclass(frozen=True)
class Point:
    """Quantities of all leaders, and what is known of them.

    Attributes
    ----------
    quantity
        By leader: what it puts into the market, kW by traded row.
    income
        By leader, at the common prices, in the programs' unit of money.
    gain
        By leader: what its best response would bring beyond its income.
    bound
        By leader: the same for the proven bound of its best response.
    prices
        The common prices.
    rounds
        Responses taken before.
    stopped
        What ended the search for a better one: ``gap`` where nobody gains more than counts as
        none, ``time``, ``rounds`` after as many responses as are taken, ``repeated`` where a
        point came back, ``stuck`` where nobody has a response that is known to gain.
    """

    quantity: tuple[FloatArray, ...]
    income: tuple[float, ...]
    gain: tuple[float, ...]
    bound: tuple[float, ...]
    prices: Prices
    rounds: int
    stopped: str = "rounds"

    @property
    def greatest_gain(self) -> float:
        """What any leader could gain at most."""
        return max(max(self.bound), 0.0)


@dataclass(frozen=True)
class _Response:
    """Best response of a leader: quantities moved off the kink, income there, proven bound."""

    quantity: FloatArray
    income: float
    bound: float


class Several:
    """Leaders that answer each other.

    Parameters
    ----------
    leaders, following
        Ids of the homes of every group of leaders, and of the followers.
    enough
        Gain under which nobody counts as gaining, in the programs' unit of money.
    """

    def __init__(
        self,
        plant: Plant,
        leaders: Sequence[tuple[str, ...]],
        following: tuple[str, ...],
        enough: float,
        time_limit_s: float,
    ) -> None:
        self._plant, self._leaders, self._following = plant, tuple(leaders), following
        self._enough, self._ends = enough, time.perf_counter() + time_limit_s
        # Where connections bind prices leave the band; in which hours depends on all leaders.
        limits = plant.case.file.retailer
        bound = limits is not None and limits.power_max_kw is not None
        self._wide = np.full(plant.case.hours, bound)

    def settle(self, tell: Callable[[int, float], None]) -> Point:
        """Return the point with the least gain from deviating of all that were passed.

        Begins where nobody trades. In each round the leader that gains most takes its response.

        Raises
        ------
        LimitError
            Followers cannot balance, or nothing was found in the time given.
        """
        groups = Groups(self._plant, self._leaders[0], self._following, self._wide)
        now = [np.zeros(groups.traded) for _ in self._leaders]
        best: Point | None = None
        stopped = "rounds"
        passed: list[FloatArray] = []
        for number in range(MOST_ROUNDS + 1):
            responses = [self._response(k, now) for k in range(len(self._leaders))]
            point = self._judged(now, responses, number)
            tell(number, point.greatest_gain)
            if best is None or point.greatest_gain < best.greatest_gain:
                best = point
            whole = np.concatenate(now)
            repeated = any(np.abs(whole - other).max() < REPEATED_KW for other in passed)
            passed.append(whole)
            k = int(np.argmax(point.gain))
            ends = {
                "gap": point.greatest_gain <= self._enough,
                "repeated": repeated,
                "time": self._late(),
                "stuck": point.gain[k] <= 0.0,
            }
            stopped = next((name for name, holds in ends.items() if holds), "rounds")
            if stopped != "rounds":
                break
            now[k] = responses[k].quantity
        if best is None:
            raise LimitError("no point of the leaders was held in the time given; give more time")
        return replace(best, stopped=stopped)

    def _late(self) -> bool:
        return time.perf_counter() > self._ends

    def _response(self, k: int, now: Sequence[FloatArray]) -> _Response:
        """Return the best response of a leader to what the others put into the market."""
        others = np.sum([q for j, q in enumerate(now) if j != k], axis=0)
        groups = Groups(self._plant, self._leaders[k], self._following, self._wide, others=others)
        both = self._plant.reduced_group([*self._leaders[k], *self._following]).at(others)
        alone, together = least(groups.followers), least(both)
        if alone is None or together is None:
            raise LimitError("followers cannot balance what the leaders put into the market")
        free = alone[0] - together[0]
        start = start_at(groups, now[k])
        if start is None:
            start = start_at(groups, np.zeros(groups.traded))
        found = None
        held, quantity = (-np.inf, now[k]) if start is None else (start[0], now[k])
        if start is None or free - held > self._enough:
            left = max(self._ends - time.perf_counter(), LEAST_S)
            found = search(
                groups,
                free_bound=free,
                gap_abs=0.5 * self._enough,
                time_limit_s=max(left / (2.0 * len(self._leaders)), LEAST_S),
                start=None if start is None else start[1],
            )
        bound = free
        if found is not None:
            bound = min(free, found.bound) if groups.boxes.proven else free
            if found.income > held:
                held, quantity = found.income, found.quantity
        if not np.isfinite(held):
            raise LimitError("a leader has no response in the time given; give more time")
        return _Response(self._shaded(groups, quantity), held, max(bound, held))

    def _shaded(self, groups: Groups, quantity: FloatArray) -> FloatArray:
        """Return quantities a step off the kink, so that prices are the ones they are best at."""
        if kink_at(groups, quantity) is None:
            return quantity
        step_kw = self._plant.case.file.market.shade_kw
        return stepped(groups, lean_kink(groups, quantity), step_kw)[0]

    def _judged(
        self, now: Sequence[FloatArray], responses: Sequence[_Response], rounds: int
    ) -> Point:
        """Return what leaders earn at common prices, and what each would gain."""
        total = np.sum(now, axis=0)
        groups = Groups(self._plant, self._leaders[0], self._following, self._wide)
        at = groups.followers_at(total)
        if at is None:
            raise LimitError("followers cannot balance what the leaders put into the market")
        face = groups.face(at[1])
        weight = np.zeros(groups.followers.m)
        weight[groups.followers.traded] = total
        chosen = face.best(weight)
        if chosen is None:
            raise LimitError("no prices clear what the leaders put into the market")
        prices = price_intervals(face, groups.followers, chosen)
        income = []
        for group, quantity in zip(self._leaders, now, strict=True):
            own = least(self._plant.reduced_group(group).at(-quantity))
            if own is None:
                raise LimitError("a leader cannot balance what it puts into the market")
            income.append(float(prices.price @ quantity) - own[0])
        gains = [r.income - mine for r, mine in zip(responses, income, strict=True)]
        bounds = [r.bound - mine for r, mine in zip(responses, income, strict=True)]
        return Point(tuple(now), tuple(income), tuple(gains), tuple(bounds), prices, rounds)
