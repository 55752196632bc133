"""The day that is run at given quantities, and what each home earns in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.errors import SolverError
from cmgplan.homes.accounts.money import costs_of_home
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.read_day import read_day
from cmgplan.homes.optimum.tidiest import movement
from cmgplan.market.case.ceilings import unserved_heat_price
from cmgplan.market.model.places import CARRIERS
from cmgplan.market.model.plant import Plant
from cmgplan.solve.array_program import ArrayProgram, ArraySolver, optimal_face
from cmgplan.solve.cones import Rows

Block = tuple[Sequence[str], FloatArray]
"""Homes that share a pool, and what they give out of it, kW, shape (2, T): electricity, heat."""


def settled_day(plant: Plant, blocks: Sequence[Block]) -> Dispatch:
    """Return the cheapest day in which every block gives its quantities, for the blocks' homes.

    The last block are the followers. Among many days the tidiest is taken, as in the one-owner
    optimum. Homes of no block act alone, and are left out.

    Raises
    ------
    SolverError
        There is no such day.
    """
    named = {home for homes, _ in blocks for home in homes}
    nothing = np.zeros((2, plant.case.hours))
    alone: list[Block] = [((home,), nothing) for home in plant.case.ids if home not in named]
    rows = _rows(plant, blocks, alone)
    cost, answer = plant.cost / plant.unit, None
    goals = [cost, _movement(plant)]
    if plant.places.total.any():
        # Whom the retailer's limit of all trade makes give way is not for the followers to bear.
        goals.insert(0, np.where(plant.columns_of(blocks[-1][0]), cost, 0.0))
    lower, upper = plant.lower, plant.upper
    for goal in goals:
        program = ArrayProgram(goal, lower, upper, rows)
        found = ArraySolver(program).solve()
        if not found.accepted or found.multipliers is None:
            break
        answer = found.values()
        face = optimal_face(program, answer, found.multipliers)
        lower, upper, rows = face.lower, face.upper, face.rows
    if answer is None:
        raise SolverError(f"no day with the quantities of the market ({found.message})")
    plant.form.load(answer)
    return only(read_day(plant.model, plant.backstopped), named)


def _rows(plant: Plant, blocks: Sequence[Block], alone: Sequence[Block]) -> Rows:
    """Return the rows of all homes with one balance of the pool for each block and hour.

    The retailer's limit of all trade holds for the blocks together, and for who acts alone.
    """
    at, form, hours = plant.places, plant.form, plant.case.hours
    kept = at.row_home >= 0
    parts = [form.rows.matrix[kept]]
    low, high = [form.rows.lower[kept]], [form.rows.upper[kept]]
    together = [home for homes, _ in blocks for home in homes]
    for homes, quantity in [*blocks, *alone]:
        wanted = np.asarray([home in set(homes) for home in plant.case.ids])
        for carrier in range(len(CARRIERS)):
            mine = (at.pool == carrier) & wanted[at.column_home]
            columns = np.flatnonzero(mine)
            shape = (hours, len(form.variables))
            value, hour = plant.pool_sign[columns], plant.pool_hour[columns]
            parts.append(sp.csr_array((value, (hour, columns)), shape=shape))
            low.append(quantity[carrier])
            high.append(quantity[carrier])
    for homes in [together, *(homes for homes, _ in alone)] if at.total.any() else []:
        wanted = np.asarray([home in homes for home in plant.case.ids])
        mine = np.flatnonzero(wanted[at.column_home] & (at.column_home >= 0))
        ones = (np.ones(len(mine)), (mine, mine))
        chosen = sp.csr_array(ones, shape=(len(form.variables),) * 2)
        parts.append(sp.csr_array(form.rows.matrix[at.total] @ chosen))
        low.append(form.rows.lower[at.total])
        high.append(form.rows.upper[at.total])
    matrix = sp.csr_array(sp.vstack(parts, format="csr"))
    return Rows(matrix, np.concatenate(low), np.concatenate(high))


def _movement(plant: Plant) -> FloatArray:
    """Return the weights of the tidiest day by column."""
    weight = np.zeros(len(plant.form.variables))
    for variable, counts in movement(plant.model):
        if id(variable) in plant.form.columns:
            weight[plant.form.column(variable)] = counts
    return weight


def only(day: Dispatch, homes: set[str]) -> Dispatch:
    """Return the part of a day that is of some homes."""
    return Dispatch(
        flows={key: value for key, value in day.flows.items() if key[0] in homes},
        state={key: value for key, value in day.state.items() if key[0] in homes},
        shifts={key: value for key, value in day.shifts.items() if key[0] in homes},
        exchange={home: value for home, value in day.exchange.items() if home in homes},
        dumped_kw={home: value for home, value in day.dumped_kw.items() if home in homes},
        backstop_kw={home: value for home, value in day.backstop_kw.items() if home in homes},
    )


def market_cost(case: HomesCase, home_id: str, day: Dispatch) -> FloatArray:
    """Return a home's cost by hour, currency, shape (T,), unserved heat at the market's price."""
    costs = costs_of_home(case, home_id, day)
    home = next(home for home in case.homes if home.id == home_id)
    prices = {
        "heat": unserved_heat_price(case),
        "electricity": np.full(case.hours, case.file.pool.unserved_electricity_per_kwh),
    }
    unserved = np.zeros(case.hours)
    for device in home.devices():
        moved = day.shifts.get((home_id, device.id))
        if moved is not None:
            carrier = next(iter(device.carriers))
            unserved += case.dt_h * prices[carrier] * moved.unserved_kw
    if (backstop := day.backstop_kw.get(home_id)) is not None:
        unserved += case.dt_h * (prices["electricity"] * backstop[0] + prices["heat"] * backstop[1])
    return np.asarray(costs.total - costs.unserved + unserved, dtype=np.float64)


def incomes(case: HomesCase, day: Dispatch, prices: FloatArray) -> Mapping[str, float]:
    """Return the income of every home of a day that settles at prices of shape (2, T), per kWh."""
    found = {}
    for home, exchange in day.exchange.items():
        pool = prices[0] * exchange.pool_kw + prices[1] * exchange.pool_heat_kw
        found[home] = float((case.dt_h * pool - market_cost(case, home, day)).sum())
    return found
