"""A day by the rules, from the first step to the last."""

from __future__ import annotations

from collections.abc import Sequence

from cmgplan.building.model.plant import Plant
from cmgplan.building.model.state import DayState
from cmgplan.building.rules import electric, thermal

STEPS = tuple([f"E{k}" for k in range(1, 14)] + [f"T{k}" for k in range(1, 6)])
"""Steps in their order."""


def run_day(plant: Plant, groups: Sequence[Sequence[int]]) -> DayState:
    """Return a day by the paper's rules for any partition of the units into groups that trade.

    Parameters
    ----------
    groups
        Positions of the units of each group: one group of all is the coalition, a group for
        each unit is everyone alone.
    """
    day, hours = DayState(plant, groups), range(plant.hours)
    for step in (electric.electric_balance, electric.charge_cars, electric.exchange_surplus):
        day.end(step(day))
    if plant.terms.section.surplus_steps == "hourly":
        for t in hours:
            electric.store_surplus(day, [t])
            electric.draw_batteries(day, [t])
        day.end(day.steps["E4"])
        day.end(day.steps["E5"])
    else:
        day.end(electric.store_surplus(day, hours))
        day.end(electric.draw_batteries(day, hours))
    for step in (
        electric.own_engines,
        electric.others_engines,
        electric.discharge_cars,
        electric.charge_batteries,
        electric.discharge_batteries,
        electric.buy_from_grid,
        electric.sell_spare,
        electric.sell_stored,
        thermal.heat_balance,
        thermal.exchange_heat,
        thermal.use_tanks,
        thermal.run_boilers,
        thermal.others_tanks,
    ):
        day.end(step(day))
    return day


def together(plant: Plant) -> list[list[int]]:
    """Return the partition of the coalition: one group of all units."""
    return [list(range(len(plant.units)))]


def apart(plant: Plant) -> list[list[int]]:
    """Return the partition of everyone alone."""
    return [[s] for s in range(len(plant.units))]
