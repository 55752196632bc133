"""Totals of a day by the rules, and the table of its steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.building.model.state import DayState, Step
from cmgplan.building.rules.day import STEPS
from cmgplan.building.rules.money import unit_money
from cmgplan.homes.case.records import Pool

STEP_COLUMNS = ("way", "step", "hour", "unit", "p_kw", "heat_kw")
"""Columns of ``steps`` that come first; those of the pool and of what is left follow."""

MORE_COLUMNS = ("pool_kw", "pool_heat_kw", "left_kw", "left_heat_kw")

DECIMALS = 9


def totals(day: DayState, worth: Pool) -> dict[str, float]:
    """Return the totals of a day: money in the currency of the case, energies in kWh.

    ``cost`` is money paid, without the value of unserved load. ``spare_chp_kwh`` is before step
    E9, ``battery_charge_kwh`` of steps E4 and E9, ``battery_discharge_kwh`` of E5 and E10, to
    load; ``chp_kwh`` includes what is sold. ``heat_short_1_kwh`` is after T1,
    ``heat_short_2_kwh`` after T2, ``boiler_kwh`` the heat of T4.
    """
    steps, dt_h = day.steps, day.plant.dt_h

    def kwh(values: FloatArray) -> float:
        return dt_h * float(values.sum())

    capacity = day.plant.engines.p_max_kw.sum() * day.plant.hours * dt_h
    return {
        "cost": float(unit_money(day, worth).cost.sum()),
        "grid_kwh": kwh(day.imported_kw),
        "chp_kwh": kwh(day.engine_kw),
        "chp_sold_kwh": kwh(day.sales.engine_kw),
        "spare_chp_kwh": float(capacity) - kwh(steps["E6"].p_kw + steps["E7"].p_kw),
        "battery_charge_kwh": -kwh(steps["E4"].p_kw + steps["E9"].p_kw),
        "battery_discharge_kwh": kwh(steps["E5"].p_kw + steps["E10"].p_kw),
        "battery_sold_kwh": kwh(day.sales.battery_kw),
        "heat_short_1_kwh": kwh(np.maximum(-steps["T1"].left_heat_kw, 0.0)),
        "heat_short_2_kwh": kwh(np.maximum(-steps["T2"].left_heat_kw, 0.0)),
        "boiler_kwh": kwh(steps["T4"].heat_kw),
        "heat_unserved_kwh": kwh(day.short_heat_kw),
        "heat_dumped_kwh": kwh(np.maximum(day.heat_kw, 0.0)),
        "electricity_unserved_kwh": kwh(day.short_kw),
        "renewable_sold_kwh": kwh(day.sales.renewable_kw),
        "unserved_value": float(unit_money(day, worth).unserved.sum()),
    }


def cost_by_unit(day: DayState, worth: Pool) -> dict[str, float]:
    """Return what every unit pays over the day, without the value of unserved load."""
    costs = unit_money(day, worth).cost.sum(axis=1)
    return dict(zip(day.plant.units, costs.tolist(), strict=True))


def steps_table(days: Mapping[str, DayState]) -> pd.DataFrame:
    """Return ``steps``: what every step did, by way, step, hour and unit; zeros too.

    ``p_kw`` and ``heat_kw`` are what the step lets a unit give (positive) or take: of E1 and T1
    its balance; of E2, E4 and E9 what its stores charge (negative); of E3 and T2 what it gets from
    others; of E5, E8, E10, T3 and T5 what its stores give; of E6, E7 and T4 what its plants make,
    ``p_kw`` of T4 the power that electric heat takes; of E11 what it buys; of E12 and E13 what it
    sells (negative). ``pool_kw`` and ``pool_heat_kw`` are what it gives others in the step less
    what it gets, ``left_kw`` and ``left_heat_kw`` its balance after it.
    """
    parts = [_step_rows(way, day, day.steps[name]) for way, day in days.items() for name in STEPS]
    return pd.concat(parts, ignore_index=True)[[*STEP_COLUMNS, *MORE_COLUMNS]]


def _step_rows(way: str, day: DayState, step: Step) -> pd.DataFrame:
    """Return the rows of one step, hours first."""
    units, hours = day.shape
    columns = ("p_kw", "heat_kw", *MORE_COLUMNS)
    values = {name: np.round(getattr(step, name).T.ravel(), DECIMALS) + 0.0 for name in columns}
    keys = {
        "way": way,
        "step": step.name,
        "hour": np.repeat(np.arange(hours), units),
        "unit": np.tile(np.asarray(day.plant.units, dtype=object), hours),
    }
    return pd.DataFrame({**keys, **values})
