"""Leaders over followers at uniform prices: searched, proven, shaded and settled."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import LimitError
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.market.leading.band import may_bind
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.milp import Answer, search, start_at
from cmgplan.market.leading.prices import Prices, price_intervals, spread
from cmgplan.market.leading.settle import incomes, settled_day
from cmgplan.market.leading.shading import shade
from cmgplan.market.model.plant import Plant

AIMED = 0.9
"""Share of the gap asked for that the search may leave; the rest is for the shading."""

LEAST_SURPLUS = 0.01
"""Surplus, currency, under which its share is no measure; then it is measured against this."""

LEAST_SECONDS = 1.0
"""Time that a search gets at least, s."""

SMALLER_STEPS = (0.1, 0.01)
"""Shares of the shading step that are tried where the whole step costs too much."""


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
    method: str = "milp"
    wide: tuple[int, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)


Starter = Callable[[Groups, float], FloatArray | None]
"""Takes groups and seconds, returns quantities to begin from."""


class Uniform:
    """One structure at uniform prices; see ``answer``."""

    def __init__(
        self,
        plant: Plant,
        leading: Sequence[str],
        following: Sequence[str],
        worth: Worth,
        *,
        gap: float,
        time_limit_s: float,
        starter: Starter | None = None,
    ) -> None:
        self.plant, self.worth, self.gap = plant, worth, gap
        self.leading, self.following = tuple(leading), tuple(following)
        self._ends = time.perf_counter() + time_limit_s
        self._starter = starter
        self._known: FloatArray | None = None
        self.seconds: dict[str, float] = {}

    def answer(self) -> Settlement:
        """Return the structure's settlement.

        Raises
        ------
        LimitError
            Nothing was found in the time given.
        """
        groups, held, bound = self._first()
        settled = self._settled(groups, held, bound)
        for part in (0.5, 0.1):
            if (
                not self._short(settled.leader_income, settled.bound)
                or self._left() <= LEAST_SECONDS
            ):
                break
            held, bound = self._again(groups, held, bound, part)
            settled = self._settled(groups, held, bound)
        return settled

    def _aim(self) -> float:
        """Return the income from which the free bound is proof enough, currency."""
        return self.worth.bound - self._gap_abs() * self.plant.unit

    def _left(self) -> float:
        return max(self._ends - time.perf_counter(), LEAST_SECONDS)

    def _gap_abs(self, part: float = AIMED) -> float:
        """Return the gap at which a search may end, in the programs' unit."""
        money = part * self.gap * max(self.worth.surplus, LEAST_SURPLUS)
        return money / self.plant.unit

    def _searched(
        self, groups: Groups, quantity: FloatArray | None, part: float = AIMED
    ) -> Answer | None:
        """Search from a quantity, from no trade where it is None."""
        nothing = np.zeros(groups.traded) if quantity is None else quantity
        start = start_at(groups, nothing)
        aim = self.worth.bound / self.plant.unit - self._gap_abs(part)
        if start is not None and start[0] >= aim:
            return Answer(nothing, start[0], np.inf)
        begun = time.perf_counter()
        found = search(
            groups,
            free_bound=self.worth.bound / self.plant.unit,
            gap_abs=self._gap_abs(part),
            time_limit_s=self._left(),
            start=None if start is None else start[1],
        )
        self._count("search", begun)
        if start is not None and (found is None or found.income < start[0]):
            return Answer(nothing, start[0], np.inf if found is None else found.bound)
        return found

    def _count(self, stage: str, begun: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begun

    def _first(self) -> tuple[Groups, Answer, float]:
        """Search within the retailer's band, then with prices free where connections may bind."""
        groups = Groups(self.plant, self.leading, self.following)
        begun = time.perf_counter()
        if self._starter is not None:
            self._known = self._starter(groups, 0.5 * self._left())
        self._count("start", begun)
        held = self._searched(groups, self._known)
        begun = time.perf_counter()
        income = -np.inf if held is None else held.income * self.plant.unit
        if held is not None and np.isinf(held.bound) and income >= self._aim():
            return groups, held, self.worth.bound
        wide = may_bind(self.plant, self.following, -(income + self.worth.following))
        self._count("band", begun)
        if wide.any():
            groups = Groups(self.plant, self.leading, self.following, wide)
            wider = self._searched(groups, None if held is None else held.quantity)
            if wider is not None:
                held = wider
        if held is None:
            names = "+".join(self.leading), "+".join(self.following)
            raise LimitError(
                f"{'|'.join(names)}: no answer in the time given; give more time (--time-limit)"
            )
        return groups, held, self._bound(groups, held)

    def _bound(self, groups: Groups, held: Answer) -> float:
        """Return the proven bound of the leaders' income, currency."""
        searched = held.bound * self.plant.unit if groups.boxes.proven else np.inf
        return max(min(self.worth.bound, searched), held.income * self.plant.unit)

    def _again(
        self, groups: Groups, held: Answer, bound: float, part: float
    ) -> tuple[Answer, float]:
        found = self._searched(groups, held.quantity, part)
        if found is None:
            return held, bound
        better = found if found.income >= held.income else held
        return better, min(bound, self._bound(groups, found))

    def _settled(self, groups: Groups, held: Answer, bound: float) -> Settlement:
        """Shade, price and settle quantities, with smaller steps where a step costs too much."""
        settled = self._with_step(groups, held, bound, 1.0)
        for share in SMALLER_STEPS:
            if self._short(settled.leader_income, settled.bound) and not self._short(
                settled.optimistic_income, settled.bound
            ):
                settled = self._with_step(groups, held, bound, share)
        return settled

    def _short(self, income: float, bound: float) -> bool:
        """Return whether an income leaves more to its bound than was asked for."""
        return self.worth.share(bound - income) > self.gap

    def _with_step(
        self, groups: Groups, held: Answer, bound: float, step_share: float
    ) -> Settlement:
        """Shade, price and settle quantities."""
        begun = time.perf_counter()
        best, worst, price = self._at_kink(groups, held.quantity)
        step = self.plant.case.file.market.shade_kw * step_share
        moved = shade(groups, held.quantity, price, step) if step > 0.0 else None
        quantity = held.quantity if moved is None else moved.quantity
        y = self._followers(groups, quantity) if moved is None else moved.y
        face = groups.face(y)
        weight = np.zeros(groups.followers.m)
        weight[groups.followers.traded] = quantity
        chosen = face.best(weight)
        prices = price_intervals(face, groups.followers, price if chosen is None else chosen)
        self._count("shade", begun)
        begun = time.perf_counter()
        settled = self._of_homes(groups, quantity, prices, bound, (best, worst))
        if self._known is not None and held.quantity is self._known:
            settled = replace(settled, method="nlp")
        self._count("settle", begun)
        return settled

    def _followers(self, groups: Groups, quantity: FloatArray) -> FloatArray:
        found = groups.followers_at(quantity)
        if found is None:
            raise LimitError("the followers cannot balance at the quantities found")
        return found[1]

    def _at_kink(self, groups: Groups, quantity: FloatArray) -> tuple[float, float, FloatArray]:
        """Return the leaders' best and worst income at a quantity, and the best multipliers."""
        both = groups.both_at(quantity)
        if both is None:
            raise LimitError("the quantities found cannot be balanced")
        face = groups.face(both.vertex)
        weight = np.zeros(groups.followers.m)
        weight[groups.followers.traded] = quantity
        best, worst = face.best(weight), face.best(-weight)
        if best is None or worst is None:
            raise LimitError("the quantities found have no prices within their bounds")
        unit = self.plant.unit
        earned = [(float(weight @ price) - both.cost) * unit for price in (best, worst)]
        return earned[0], earned[1], best

    def _of_homes(
        self,
        groups: Groups,
        quantity: FloatArray,
        prices: Prices,
        bound: float,
        at_kink: tuple[float, float],
    ) -> Settlement:
        case, per_kwh = self.plant.case, self.plant.unit / self.plant.case.dt_h
        put = spread(prices, quantity, case.hours)
        price, low, high = (
            per_kwh * spread(prices, values, case.hours)
            for values in (prices.price, prices.low, prices.high)
        )
        unique = spread(prices, (~prices.unique).astype(float), case.hours) == 0.0
        day = settled_day(self.plant, [(self.leading, put), (self.following, -put)])
        income = incomes(case, day, price)
        earned = sum(income[home] for home in self.leading)
        bound = max(bound, earned)
        optimal = not self._short(earned, bound)
        return Settlement(
            status="optimal" if optimal else "feasible",
            income=income,
            leader_income=earned,
            follower_income=sum(income[home] for home in self.following),
            bound=bound,
            pessimistic_income=at_kink[1],
            optimistic_income=at_kink[0],
            prices=price,
            low=low,
            high=high,
            unique=unique,
            quantity=put,
            dispatch=day,
            wide=tuple(int(t) for t in np.flatnonzero(groups.wide)),
            seconds=dict(self.seconds),
        )
