"""The followers' program of a group of homes at quantities that are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import LimitError
from cmgplan.market.leading.groups import Face, Groups, face_of, least
from cmgplan.market.leading.kink import kink_at
from cmgplan.market.leading.owner import limited
from cmgplan.market.leading.prices import price_intervals
from cmgplan.market.model.boxes import followers_program
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import Program, without_rows
from cmgplan.market.result import CARRIERS, PriceTable
from cmgplan.run.findings import Finding, apart_hourly
from cmgplan.solve.array_program import ArraySolver

CLEARS = 1e-6
"""Share of a cost by which two are the same."""

SAME_PRICE = 1e-5
"""Prices, in units in which they are about ten, that are the same."""


@dataclass(frozen=True)
class Clearing:
    """Homes that clear a market, and the group that leads them, if any does.

    Attributes
    ----------
    whole
        Their program, without what bands of prices decide.
    groups
        Leaders and followers; None where the homes are on their own.
    """

    plant: Plant
    homes: tuple[str, ...]
    whole: Program
    groups: Groups | None
    others: FloatArray

    @classmethod
    def of(
        cls,
        plant: Plant,
        leading: Sequence[str],
        following: Sequence[str],
        wide_hours: Iterable[int],
        others: FloatArray | None = None,
    ) -> Clearing:
        """Return followers and their leaders; ``others`` put more in, kW, shape (2, T)."""
        wide = np.zeros(plant.case.hours, dtype=bool)
        wide[[t for t in wide_hours if t < plant.case.hours]] = True
        whole = plant.reduced_group(following)
        more = np.zeros((2, plant.case.hours)) if others is None else others
        rest = more[whole.carrier[whole.traded], whole.hour[whole.traded]]
        groups = Groups(plant, leading, following, wide, others=rest)
        return cls(plant, tuple(following), whole.at(rest), groups, rest)

    @classmethod
    def alone(cls, plant: Plant, homes: Sequence[str]) -> Clearing:
        """Return a group of homes that nobody leads."""
        whole = plant.reduced_group(homes)
        return cls(plant, tuple(homes), whole, None, np.zeros(len(whole.traded)))

    def _rows(self, table: FloatArray) -> FloatArray:
        """Return a table of shape (2, T) by traded row."""
        rows = self.whole.traded
        return np.asarray(table[self.whole.carrier[rows], self.whole.hour[rows]])

    def costs_at(self, quantity_kw: FloatArray) -> tuple[float, float]:
        """Return the least costs of leaders and followers at quantities (2, T), currency.

        Raises
        ------
        LimitError
            The quantities cannot be.
        """
        both = self._led().both_at(self._rows(quantity_kw))
        if both is None:
            raise LimitError("leaders and followers have no day at these quantities")
        return both.cost * self.plant.unit, self.followers_cost(quantity_kw)

    def followers_cost(self, quantity_kw: FloatArray) -> float:
        """Return the followers' least cost at quantities (2, T), currency."""
        followed = least(self.whole.at(self._rows(quantity_kw)))
        if followed is None:
            raise LimitError("followers have no day at these quantities")
        return followed[0] * self.plant.unit

    def incomes_at(self, quantity_kw: FloatArray) -> tuple[float, float]:
        """Return the leaders' income at the prices worst and best for them, currency."""
        found = kink_at(self._led(), self._rows(quantity_kw))
        if found is None:
            raise LimitError("before_shading_kw: there is no day at these quantities")
        return found.worst, found.best

    def free_bound(self) -> float:
        """Return what leaders can earn at most, beside what others put in, currency."""
        groups = self._led()
        both = self.plant.reduced_group([*groups.leading, *groups.following]).at(self.others)
        alone, together = least(groups.followers), least(both)
        if alone is None or together is None:
            raise LimitError("followers cannot balance what the leaders put into the market")
        return (alone[0] - together[0]) * self.plant.unit

    def _led(self) -> Groups:
        if self.groups is None:
            raise LimitError("nobody leads")
        return self.groups

    def check_prices(
        self, told: PriceTable, quantity_kw: FloatArray, name: str
    ) -> Iterator[Finding]:
        """Check that prices clear the market at quantities, and the intervals of others that do."""
        per_kwh = self.plant.unit / self.plant.case.dt_h
        price, quantity = self._rows(told.price) / per_kwh, self._rows(quantity_kw)
        missed = self._missed(price, quantity)
        if missed > CLEARS:
            yield Finding(f"{name}: prices do not clear the market, share of the cost", missed, "")
            return
        program, face = self._face(quantity)
        multipliers = np.zeros(program.m)
        multipliers[program.traded] = price
        due = price_intervals(face, program, multipliers)
        for key in ("low", "high"):
            table = np.zeros((2, self.plant.case.hours))
            table[due.carrier, due.hour] = per_kwh * getattr(due, key)
            for k, carrier in enumerate(CARRIERS):
                place = f"{name}, price of {carrier}: {key}"
                stated = getattr(told, key)[k]
                yield from apart_hourly(stated, table[k], place, SAME_PRICE * per_kwh, "")

    def _missed(self, price: FloatArray, quantity: FloatArray) -> float:
        """Return how far prices are from the best multipliers, as a share of the cost.

        Homes that take the prices as given have the same cost, less what they pay, as those that
        have to balance: strong duality.
        """
        program = self.whole.at(quantity)
        held = least(program)
        if held is None:
            return np.inf
        market = program.traded
        paid = np.zeros(program.m)
        paid[market] = price
        taken: BoolArray = np.ones(program.m, dtype=bool)
        taken[market] = False
        free = replace(
            program,
            cost=program.cost - program.matrix.T @ paid,
            market=np.zeros(program.m, dtype=bool),
        )
        found = ArraySolver(without_rows(free, taken).arrays()).solve()
        if not found.accepted or found.value is None:
            return np.inf
        dual = program.constant + found.value + float(price @ program.low[market])
        return abs(dual - held[0]) / max(1.0, abs(held[0]))

    def _face(self, quantity: FloatArray) -> tuple[Program, Face]:
        """Return the homes' program and all its multipliers at quantities."""
        if self.groups is not None:
            followed = self.groups.followers_at(quantity)
            if followed is None:
                raise LimitError("followers have no day at these quantities")
            return self.groups.followers, self.groups.face(followed[1])
        wide = np.full(self.plant.case.hours, limited(self.plant))
        program, boxes = followers_program(self.plant, self.homes, wide)
        found = least(program)
        if found is None:
            raise LimitError("the homes have no day of their own")
        return program, face_of(program, boxes, found[1])
