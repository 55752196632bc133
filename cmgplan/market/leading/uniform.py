"""Leaders over followers at uniform prices: searched, proven, shaded and settled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.market.leading.band import may_bind
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.kink import lean_kink, stepped
from cmgplan.market.leading.milp import Answer, search, start_at
from cmgplan.market.leading.settlement import LEAST_SURPLUS, Found, Settlement, Worth, settle
from cmgplan.market.model.plant import Plant

AIMED = 0.9
"""Share of the gap asked for that the search may leave; the rest is for the shading."""

START, FIRST = 0.25, 0.5
"""Shares of the time that is left for a start, and for the search within the retailer's band."""

LEAST_SECONDS = 1.0
"""Time that a search gets at least, s."""

SAME_MONEY = 1e-6
"""Income, currency, that is a rounding."""

SMALLER_STEPS = (0.1, 0.01)
"""Shares of the shading step that are tried where the whole step costs too much."""


Starter = Callable[[Groups, float], FloatArray | None]
"""Takes groups and seconds, returns quantities to begin from."""


class Uniform:
    """One structure at uniform prices; see ``answer``.

    Parameters
    ----------
    worth
        What the groups are worth.
    gap
        Gap as a share of the surplus.
    starter
        Finds quantities to begin from.
    starts_from
        Number of binaries from which the starter is asked.
    """

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
        starts_from: int = 0,
    ) -> None:
        self.plant, self.worth, self.gap = plant, worth, gap
        self.leading, self.following = tuple(leading), tuple(following)
        self._ends = time.perf_counter() + time_limit_s
        self._starter, self._starts_from = starter, starts_from
        self._known: FloatArray | None = None
        self.seconds: dict[str, float] = {}

    def answer(self) -> Settlement:
        """Return the structure's settlement.

        Raises
        ------
        LimitError
            Nothing was found in the time given.
        """
        groups, held, bound = self._best()
        settled = self._settled(groups, held, bound)
        for part in (0.5, 0.1):
            if (
                not self._short(settled.leader_income, settled.bound)
                or self._left() <= LEAST_SECONDS
            ):
                break
            held, bound = self._again(groups, held, bound, part)
            settled = self._settled(groups, held, bound)
        late = settled.status != "optimal" and self._left() <= LEAST_SECONDS
        return replace(settled, stopped="time") if late else settled

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
        self,
        groups: Groups,
        quantity: FloatArray | None,
        part: float = AIMED,
        seconds: float | None = None,
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
            time_limit_s=self._left() if seconds is None else max(seconds, LEAST_SECONDS),
            start=None if start is None else start[1],
        )
        self._count("search", begun)
        if start is not None and (found is None or found.income < start[0]):
            return Answer(nothing, start[0], np.inf if found is None else found.bound)
        return found

    def _count(self, stage: str, begun: float) -> None:
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - begun

    def _groups(self, wide: BoolArray | None = None) -> Groups:
        return Groups(self.plant, self.leading, self.following, wide)

    def _best(self) -> tuple[Groups, Answer, float]:
        """Return the groups, the best quantities found, and the proven bound, currency.

        First within the retailer's band, then with prices free where connections may bind.

        Raises
        ------
        LimitError
            Nothing was found in the time given.
        """
        try:
            groups = self._groups()
        except InfeasibleError:  # at prices in the band followers could not live without trade
            groups = self._groups(np.ones(self.plant.case.hours, dtype=bool))
        begun = time.perf_counter()
        if self._starter is not None and len(groups.bilevel.binary) >= self._starts_from:
            self._known = self._starter(groups, START * self._left())
        self._count("start", begun)
        held = self._searched(groups, self._known, seconds=FIRST * self._left())
        begun = time.perf_counter()
        income = -np.inf if held is None else held.income * self.plant.unit
        if held is not None and np.isinf(held.bound) and income >= self._aim():
            return groups, held, self.worth.bound
        cost_max = -(income + self.worth.following)
        wide = may_bind(self.plant, self.leading, self.following, cost_max)
        self._count("band", begun)
        if wide.any():
            groups = self._groups(wide)
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
        if settled.leader_income < self.worth.leading - SAME_MONEY:
            # Hardly anything is to be gained by trade: no step is worth its cost.
            whole = self._with_step(groups, held, bound, 0.0)
            settled = whole if whole.leader_income > settled.leader_income else settled
        return settled

    def _short(self, income: float, bound: float) -> bool:
        """Return whether an income leaves more to its bound than was asked for."""
        return self.worth.share(bound - income) > self.gap

    def _with_step(self, groups: Groups, held: Answer, bound: float, share: float) -> Settlement:
        """Step away from the kink, price and settle."""
        begun = time.perf_counter()
        kink = lean_kink(groups, held.quantity)
        step_kw = share * self.plant.case.file.market.shade_kw
        quantity, prices = stepped(groups, kink, step_kw)
        self._count("shade", begun)
        begun = time.perf_counter()
        found = Found(quantity, prices, bound, kink.worst, kink.best, kink.quantity)
        settled = settle(groups, found, self.worth, self.gap, self.seconds)
        self._count("settle", begun)
        from_start = self._known is not None and held.quantity is self._known
        method = "nlp" if from_start else "milp"
        return replace(settled, method=method, seconds=dict(self.seconds))
