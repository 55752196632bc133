"""All homes of a case as one set of arrays, of which any group of homes is a part."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyomo.environ as pyo
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.devices import HomeLoad
from cmgplan.errors import CmgplanError, InfeasibleError, InputError, LimitError, SolverError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.model import DayModel
from cmgplan.market.case.ceilings import unserved_heat_price
from cmgplan.market.model.program import NOWHERE, Program, reduced
from cmgplan.solve.array_program import ArrayProgram, ArraySolver, solver_name
from cmgplan.solve.matrix_form import MatrixForm, matrix_form
from cmgplan.solve.outcome import Outcome, Stop

CARRIERS = ("electricity", "heat")

POOLED = ("pool_given", "pool_taken", "pool_heat_given", "pool_heat_taken")

FIXING_GAP = 1e-5
"""Relative gap of the optimum whose on/off choices the market takes."""

FIXING_SHARE = 0.5
"""Part of the time of one structure that on/off choices may take."""

Choices = tuple[IntArray, FloatArray]
"""Columns of on/off choices, and their values."""

USUAL_PRICE = 10.0
"""What a price is in the units of money that solvers see."""


def usual_price(case: HomesCase) -> float:
    """Return the size of the case's prices of electricity, currency/kWh."""
    retailer = case.file.retailer
    series = case.file.pool.unserved_electricity_per_kwh if retailer is None else 0.0
    prices = case.series(series if retailer is None else retailer.buy_per_kwh)
    return float(np.abs(prices).max()) or 1.0


@dataclass(frozen=True)
class Places:
    """Where every column and row of the day belongs; ``NOWHERE`` for what is of no home.

    Attributes
    ----------
    column_home, row_home
        Position of the home.
    pool, balance
        Of a column of the pool and of the row of a balance: 0 for electricity, 1 for heat.
    hour
        Hour of a balance.
    total
        Which rows are the retailer's limits for all homes together.
    """

    column_home: IntArray
    row_home: IntArray
    pool: IntArray
    balance: IntArray
    hour: IntArray
    total: BoolArray


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
        self.places = _places(self.model, self.form)
        self.solver = solver_name()
        self.cost = self._costs()
        self.unit = usual_price(case) * case.dt_h / USUAL_PRICE
        self.lower, self.upper = self.form.lower.copy(), self.form.upper.copy()
        self.pool_sign, self.pool_hour = self._pool()
        self.backstopped: tuple[str, ...] = ()
        self.fixed: Mapping[str, tuple[int, ...]] = {}
        self.fixing_gap = self.fixing_s = 0.0
        if fixed is not None:
            self._hold(self.choices_of(fixed, every=True))
            self.fixed = {name: tuple(values) for name, values in fixed.items()}
        elif self.form.integer.any():
            self.fixed = self._fix(time_limit_s, None if start is None else start.day())

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

    def _pool(self) -> tuple[FloatArray, IntArray]:
        """Return sign and hour of every column of the pool, zero elsewhere, each of shape (n,)."""
        sign, hour = np.zeros(len(self.form.variables)), np.zeros(len(self.form.variables), int)
        for i in self.model.m.home:
            for name in POOLED:
                for t, variable in self.model.m.home[i].component(name).items():
                    if id(variable) in self.form.columns:
                        column = self.form.column(variable)
                        sign[column] = 1.0 if name.endswith("given") else -1.0
                        hour[column] = t
        return sign, hour

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

    def _fix(
        self, time_limit_s: float | None, start: FloatArray | None
    ) -> dict[str, tuple[int, ...]]:
        """Fix integers where the optimum of all homes has them; return them by home and device."""
        form, begun = self.form, time.perf_counter()
        program = ArrayProgram(self.cost, self.lower, self.upper, form.rows, form.integer)
        relaxed = ArraySolver(ArrayProgram(self.cost, self.lower, self.upper, form.rows)).solve()
        if not relaxed.accepted:
            raise InfeasibleError("the homes have no day even as one owner; see cmgplan optimum")
        least = relaxed.value or 0.0
        gap = FIXING_GAP * max(abs(least), 1.0)
        found = ArraySolver(program).solve(gap_abs=gap, time_limit_s=time_limit_s, start=start)
        self.fixing_s = time.perf_counter() - begun
        if found.stop is Stop.INFEASIBLE:
            raise InfeasibleError("the homes have no day even as one owner; see cmgplan optimum")
        if not found.accepted:
            raise unfound("all homes", found)
        self.fixing_gap = open_gap(found, least, FIXING_GAP)
        where = np.flatnonzero(form.integer)
        choices = where, np.round(found.values()[where])
        self._hold(choices)
        return self.named(choices)

    def choices_of(self, named: Mapping[str, Sequence[int]], every: bool = False) -> Choices:
        """Return on/off choices that are given by home and device.

        Raises
        ------
        InputError
            A device has no such choices, they are not 0 or 1, or with ``every`` one is left out.
        """
        due = {name: len(columns) for name, columns in self.on_off.items()}
        told = {name: len(values) for name, values in named.items()}
        if not told.items() <= due.items() or (every and told != due):
            raise InputError("on/off choices are not those of the case's devices; run it again")
        columns = [k for name in named for k in self.on_off[name]]
        where, values = (
            np.asarray(columns, dtype=np.int64),
            np.concatenate(
                [np.zeros(0), *(np.asarray(some, dtype=np.float64) for some in named.values())]
            ),
        )
        if not np.isin(values, (0.0, 1.0)).all():
            raise InputError("on/off choices are not 0 or 1; run the case again")
        return where, values

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

    def named(self, choices: Choices) -> dict[str, tuple[int, ...]]:
        """Return on/off choices by home and device, in the order of the model."""
        value = dict(zip(choices[0].tolist(), choices[1].tolist(), strict=True))
        fixed: dict[str, tuple[int, ...]] = {}
        for name, columns in self.on_off.items():
            mine = [int(value[column]) for column in columns if column in value]
            if mine:
                fixed[name] = tuple(mine)
        return fixed

    @cached_property
    def on_off(self) -> Mapping[str, tuple[int, ...]]:
        """Columns of on/off choices by home and device, in the order of the model."""
        form, found = self.form, dict[str, tuple[int, ...]]()
        for placed in self.model.placed():
            mine = [
                form.column(v)
                for v in placed.block.component_data_objects(pyo.Var)
                if id(v) in form.columns and form.integer[form.column(v)]
            ]
            if mine:
                found[f"{placed.home}.{placed.device.id}"] = tuple(mine)
        return found

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


def open_gap(found: Outcome, relaxed: float, wanted: float) -> float:
    """Return the relative gap of a search whose time ran out, 0 where it is the one wanted.

    ``relaxed`` is the objective without integers, which bounds it too.
    """
    if found.stop is Stop.OPTIMAL or found.value is None:
        return 0.0
    bound = relaxed if found.bound is None else max(found.bound, relaxed)
    gap = max(found.value - bound, 0.0) / max(abs(found.value), 1.0)
    return gap if gap > wanted else 0.0


def unfound(whose: str, found: Outcome) -> CmgplanError:
    """Return the error of on/off choices that were not found."""
    if found.stop is Stop.LIMIT:
        return LimitError(
            f"no on/off choices of {whose} were found in the time given; give more time "
            "(--time-limit)"
        )
    return SolverError(f"on/off choices of {whose} were not found ({found.message})")


def _places(model: DayModel, form: MatrixForm) -> Places:
    n, m = len(form.variables), len(form.constraints)
    column_home, pool = np.full(n, NOWHERE), np.full(n, NOWHERE)
    row_of = {id(constraint): k for k, (constraint, _) in enumerate(form.constraints)}
    rows: dict[str, IntArray] = {k: np.full(m, NOWHERE) for k in ("home", "balance", "hour")}
    for i in model.m.home:
        block = model.m.home[i]
        for variable in block.component_data_objects(pyo.Var, descend_into=True):
            if id(variable) in form.columns:
                column_home[form.column(variable)] = i
        for name in POOLED:
            for variable in block.component(name).values():
                if id(variable) in form.columns:
                    pool[form.column(variable)] = int("heat" in name)
        for k, (constraint, _) in enumerate(form.constraints):
            if _inside(constraint, block):
                rows["home"][k] = i
        for carrier, name in enumerate(CARRIERS):
            for t, constraint in block.component(name).items():
                rows["balance"][row_of[id(constraint)]] = carrier
                rows["hour"][row_of[id(constraint)]] = t
    limits = [
        id(constraint)
        for name in ("import_limit", "export_limit")
        if (component := model.m.component(name)) is not None
        for constraint in component.values()
    ]
    total = np.asarray([id(constraint) in limits for constraint, _ in form.constraints])
    return Places(column_home, rows["home"], pool, rows["balance"], rows["hour"], total)


def _inside(component: Any, block: Any) -> bool:
    """Return whether a component lies in a block, however deep."""
    above = component.parent_block()
    while above is not None:
        if above is block:
            return True
        above = above.parent_block()
    return False


def loads_heat_later(case: HomesCase, homes: Iterable[str]) -> bool:
    """Return whether heat of a group may move between hours, by a store or a shifted load."""
    wanted = set(homes)
    return any(
        (device.stores and "heat" in device.carriers)
        or (isinstance(device, HomeLoad) and device.carrier == "heat" and device.shiftable)
        for home in case.homes
        if home.id in wanted
        for device in home.devices()
    )
