"""Hours in which followers' connections may bind, so that prices may leave the retailer's band.

Where leaders earn more than an amount already held, all homes together earn at least that and
what followers are sure of: v(F). Days that dear homes would run are left out by this alone, and a
linear program tells for each hour how much followers may still buy or sell.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import Program
from cmgplan.solve.array_program import ArrayProgram, ArraySolver
from cmgplan.solve.cones import Rows

CLEAR_KW = 1e-4
"""Distance from a limit, kW, at which it does not bind."""


def may_bind(
    plant: Plant,
    leaders: Sequence[str],
    followers: Sequence[str],
    cost_max: float,
) -> BoolArray:
    """Return the hours in which followers' trade with the retailer may be at its limit.

    Parameters
    ----------
    cost_max
        Greatest cost of both groups in the days that count, currency.
    """
    retailer, hours = plant.case.file.retailer, plant.case.hours
    found = np.zeros(hours, dtype=bool)
    if retailer is None:
        return ~found
    limits = [x for x in (retailer.power_max_kw, retailer.power_max_total_kw) if x is not None]
    if not limits:
        return found
    pooled = plant.traded[0]
    parts = [tuple(followers)] if pooled else [(home,) for home in followers]
    solver, columns = _solver(plant, (*leaders, *followers), cost_max)
    for part in parts:
        own = np.inf if retailer.power_max_kw is None else retailer.power_max_kw * len(part)
        whole = np.inf if retailer.power_max_total_kw is None else retailer.power_max_total_kw
        limit = min(own, whole)
        for t in range(hours):
            trade = _net_import(plant, part, t, columns)
            for sign in (1.0, -1.0):
                if found[t]:
                    break
                outcome = solver.solve(-sign * trade)
                found[t] = not outcome.accepted or -(outcome.value or 0.0) > limit - CLEAR_KW
    return found


def _solver(plant: Plant, homes: Sequence[str], cost_max: float) -> tuple[ArraySolver, BoolArray]:
    """Return the homes' common program under a cap of cost, and its columns among the plant's."""
    program: Program = plant.group(homes)
    cost = sp.csr_array(program.cost[None, :])
    rows = Rows(
        sp.csr_array(sp.vstack([program.matrix, cost], format="csr")),
        np.append(program.low, -np.inf),
        np.append(program.high, cost_max / plant.unit),
    )
    arrays = ArrayProgram(np.zeros(program.n), program.lower, program.upper, rows)
    return ArraySolver(arrays), plant.columns_of(homes)


def _net_import(plant: Plant, homes: Sequence[str], t: int, columns: BoolArray) -> FloatArray:
    """Return the coefficients of what homes buy less what they sell in an hour."""
    trade = np.zeros(len(plant.form.variables))
    for i, home in enumerate(plant.case.ids):
        if home in homes:
            block = plant.model.m.home[i]
            trade[plant.form.column(block.imported[t])] = 1.0
            trade[plant.form.column(block.exported[t])] = -1.0
    return np.asarray(trade[columns], dtype=np.float64)
