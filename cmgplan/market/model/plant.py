"""All homes of a case as one set of arrays, of which any group of homes is a part."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError, SolverError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.model import DayModel
from cmgplan.market.case.ceilings import unserved_heat_price
from cmgplan.market.model.on_off import Choices, OnOff, best_day
from cmgplan.market.model.places import CARRIERS, places_of, pool_of
from cmgplan.market.model.program import NOWHERE, Program, reduced
from cmgplan.solve.array_program import ArrayProgram, ArraySolver, solver_name
from cmgplan.solve.matrix_form import MatrixForm, matrix_form
from cmgplan.solve.outcome import Stop

FIXING_GAP = 1e-5
"""Relative gap of the optimum whose on/off choices the market takes."""

FIXING_SHARE = 0.5
"""Part of the time of one structure that on/off choices may take."""

USUAL_PRICE = 10.0
"""What a price is in the units of money that solvers see."""


def usual_price(case: HomesCase) -> float:
    """Return the size of the case's prices of electricity, currency/kWh."""
    retailer = case.file.retailer
    series = case.file.pool.unserved_electricity_per_kwh if retailer is None else 0.0
    prices = case.series(series if retailer is None else retailer.buy_per_kwh)
    return float(np.abs(prices).max()) or 1.0


class Plant:
    """The day of all homes as arrays, on/off choices fixed.

    Parameters
    ----------
    fixed
        On/off choices by home and device; those of the optimum of all homes where None.
    time_limit_s
        Time that the optimum may take, s; None sets no limit.
    start
        The same homes with choices that the optimum is sought from.

    Attributes
    ----------
    cost
        Cost of every column, currency per unit, shape (n,), unserved heat at the market's price.
    unit
        Money of the programs of groups, currency: prices in it are about ten.
    fixed
        By home and device: the on/off choices that were fixed, in the order of the model.
    fixing_gap
        Relative gap of the optimum that they are of where its time ran out, else 0.
    fixing_s
        Time that the optimum took, s.
    on_off
        Which columns are on/off choices.
    backstopped
        Homes with a backstop, which have no day alone without.
    """

    def __init__(
        self,
        case: HomesCase,
        fixed: Mapping[str, Sequence[int]] | None = None,
        *,
        time_limit_s: float | None = None,
        start: Plant | None = None,
    ) -> None:
        self.case, self.model = case, DayModel(case)
        self._keep_stores_from_burning()
        self.form: MatrixForm = matrix_form(self.model.m)
        self.places = places_of(self.model, self.form)
        self.on_off = OnOff(self.model, self.form)
        self.solver = solver_name()
        self.cost = self._costs()
        self.unit = usual_price(case) * case.dt_h / USUAL_PRICE
        self.lower, self.upper = self.form.lower.copy(), self.form.upper.copy()
        self.pool_sign, self.pool_hour = pool_of(self.model, self.form)
        self.backstopped: tuple[str, ...] = ()
        self.fixed: Mapping[str, tuple[int, ...]] = {}
        self.fixing_gap = self.fixing_s = 0.0
        if fixed is not None:
            self._hold(self.on_off.choices_of(fixed, every=True))
            self.fixed = {name: tuple(values) for name, values in fixed.items()}
        elif self.form.integer.any():
            self._fix(time_limit_s, None if start is None else start.day())

    def _keep_stores_from_burning(self) -> None:
        """Let stores not charge and discharge at once where power may cost less than nothing.

        Elsewhere that only loses; where the retailer pays for power that is taken, it would be a
        way to take more. Which of both a store does is an on/off choice then.
        """
        retailer = self.case.file.retailer
        if retailer is None:
            return
        negative = np.flatnonzero(self.case.series(retailer.sell_per_kwh) < 0.0)
        for store, block in self.model.stores():
            if store.efficiency_charge * store.efficiency_discharge < 1.0:
                for t in negative:
                    store.exclude(block, int(t))

    @property
    def traded(self) -> tuple[bool, bool]:
        """Whether homes trade electricity, and heat."""
        pool = self.case.file.pool
        return pool.electricity, pool.heat

    def _costs(self) -> FloatArray:
        m, form, case = self.model.m, self.form, self.case
        row = next(k for k, (c, _) in enumerate(form.constraints) if c is m.cost_of_day)
        of_cost = form.column(m.cost)
        terms = form.rows.matrix[[row]].toarray().ravel()
        cost = np.asarray(-terms / terms[of_cost], dtype=np.float64)
        cost[of_cost] = 0.0
        for carrier in CARRIERS:
            cost[form.column(m.unserved[carrier])] = 0.0
        prices = {
            "electricity": np.full(case.hours, case.file.pool.unserved_electricity_per_kwh),
            "heat": unserved_heat_price(case),
        }
        for placed in self.model.loads():
            carrier = next(iter(placed.device.carriers))
            for t, variable in placed.block.unserved.items():
                cost[form.column(variable)] = case.dt_h * prices[carrier][t]
        for i in m.home:
            for (carrier, t), variable in m.home[i].short.items():
                cost[form.column(variable)] = case.dt_h * prices[carrier][t]
        return cost

    def open_backstops(self, homes: Iterable[str]) -> None:
        """Let homes take power from nowhere, at the value of unserved load of the market."""
        self.backstopped = tuple(homes)
        for home in self.backstopped:
            block = self.model.m.home[self.case.ids.index(home)]
            for variable in block.short.values():
                self.upper[self.form.column(variable)] = np.inf
        self._groups.clear()

    def day(self) -> FloatArray | None:
        """Return the columns of a best day of all homes, shape (n,); None where there is none."""
        program = ArrayProgram(self.cost, self.lower, self.upper, self.form.rows)
        return ArraySolver(program).solve().x

    def _fix(self, time_limit_s: float | None, start: FloatArray | None) -> None:
        """Fix integers where the optimum of all homes has them."""
        form, begun = self.form, time.perf_counter()
        program = ArrayProgram(self.cost, self.lower, self.upper, form.rows, form.integer)
        best = best_day(program, "all homes", FIXING_GAP, time_limit_s, start)
        if best is None:
            raise InfeasibleError("the homes have no day even as one owner; see cmgplan optimum")
        where = np.flatnonzero(form.integer)
        choices = where, np.round(best.x[where])
        self._hold(choices)
        self.fixed, self.fixing_gap = self.on_off.named(choices), best.gap
        self.fixing_s = time.perf_counter() - begun

    def _hold(self, choices: Choices) -> None:
        """Fix columns at their values."""
        where, values = choices
        self.lower[where] = self.upper[where] = values

    def choosing(self, choices: Iterable[Choices]) -> Plant:
        """Return the same homes with other on/off choices."""
        other = copy(self)
        other.__dict__.pop("_groups", None)
        other.lower, other.upper = self.lower.copy(), self.upper.copy()
        for some in choices:
            other._hold(some)
        return other

    def freed(self) -> Plant:
        """Return the same homes with all on/off choices open."""
        other, which = self.choosing(()), self.form.integer
        other.lower = np.where(which, self.form.lower, self.lower)
        other.upper = np.where(which, self.form.upper, self.upper)
        return other

    def columns_of(self, homes: Iterable[str]) -> BoolArray:
        """Return which columns are in the program of a group: all of its homes but the pool's."""
        homes = set(homes)
        wanted = np.asarray([home in homes for home in self.case.ids])
        at = self.places
        return np.asarray(
            (at.column_home != NOWHERE) & wanted[at.column_home] & (at.pool == NOWHERE)
        )

    def group(self, homes: Iterable[str]) -> Program:
        """Return the program of a group that trades inside for nothing, without reductions."""
        homes = set(homes)
        wanted = np.asarray([home in homes for home in self.case.ids])
        at, form, columns = self.places, self.form, self.columns_of(homes)
        mine = (at.row_home != NOWHERE) & wanted[at.row_home]
        inner = np.flatnonzero((mine & (at.balance == NOWHERE)) | at.total)
        parts, low, high = [form.rows.matrix[inner]], [form.rows.lower[inner]], []
        high.append(form.rows.upper[inner])
        none = np.full(len(inner), NOWHERE)
        carriers, hours, market = [none], [none], [none != NOWHERE]
        for carrier, pooled in enumerate(self.traded):
            rows = np.flatnonzero(mine & (at.balance == carrier))
            into = at.hour[rows] if pooled else np.arange(len(rows))
            height = self.case.hours if pooled else len(rows)
            ones = (np.ones(len(rows)), (into, np.arange(len(rows))))
            add = sp.csr_array(ones, shape=(height, len(rows)))
            parts.append(sp.csr_array(add @ form.rows.matrix[rows]))
            low.append(np.asarray(add @ form.rows.lower[rows]))
            high.append(np.asarray(add @ form.rows.upper[rows]))
            carriers.append(np.full(height, carrier))
            hours.append(np.arange(height) if pooled else at.hour[rows])
            market.append(np.full(height, pooled))
        matrix = sp.csr_array(sp.vstack(parts, format="csr")[:, columns])
        matrix.eliminate_zeros()
        return Program(
            self.cost[columns] / self.unit,
            self.lower[columns],
            self.upper[columns],
            matrix,
            np.concatenate(low),
            np.concatenate(high),
            np.concatenate(carriers),
            np.concatenate(hours),
            np.concatenate(market),
            np.append(at.total[inner], np.zeros(len(np.concatenate(low)) - len(inner), dtype=bool)),
        )

    def has_day(self, homes: Iterable[str]) -> bool:
        """Return whether a group has a day of its own."""
        try:
            self.cost_of(homes)
        except InfeasibleError:
            return False
        return True

    def no_day(self, homes: Iterable[str]) -> str:
        """Return what is told of a group that has no day of its own."""
        names = sorted(homes)
        told = f"{'+'.join(names)} on its own has no day"
        held = [name for name in self.fixed if name.split(".")[0] in names]
        if not held:
            return f"{told}; see cmgplan optimum for what would have to give"
        return (
            f"{told} ({', '.join(held)}): what it must make or take has nowhere to go; raise the "
            "retailer's power_max_kw and power_max_total_kw, or let these devices run at less"
        )

    @cached_property
    def _groups(self) -> dict[frozenset[str], Program]:
        return {}

    def reduced_group(self, homes: Iterable[str]) -> Program:
        """Return the program of a group in which what is decided anyway is left out."""
        key = frozenset(homes)
        if key not in self._groups:
            self._groups[key] = reduced(self.group(key))
        return self._groups[key]

    def cost_of(self, homes: Iterable[str]) -> float:
        """Return the least cost of a group on its own, currency over the day.

        Raises
        ------
        InfeasibleError
            The group has no day of its own.
        """
        key = frozenset(homes)
        program = self._groups[key] if key in self._groups else reduced(self.group(key))
        found = ArraySolver(program.arrays()).solve()
        if found.stop is Stop.INFEASIBLE:
            raise InfeasibleError(self.no_day(key))
        if found.stop is not Stop.OPTIMAL or found.value is None:
            raise SolverError(f"the day of {'+'.join(sorted(key))} was not solved")
        return (program.constant + found.value) * self.unit
