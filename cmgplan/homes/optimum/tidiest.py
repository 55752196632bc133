"""What makes one of several equally good days the tidier: less that moves without a reason."""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from cmgplan.homes.optimum.model import DayModel

TRADED = 0.1
"""Weight of a kWh that is traded, beside one that a store takes or that moves."""

EARLY = 0.01
"""Weight by which a kWh charged at the end of the day counts more than at its beginning, so that
of equal days the one that charges early is taken."""

TRADES = ("imported", "exported", "pool_given", "pool_heat_given")


def movement(model: DayModel) -> list[tuple[Any, float]]:
    """Return weights on energy that goes through stores, moves between hours, or is traded.

    Pairs of a variable of the model and its weight; the day in which their sum is least is the
    tidiest of those that are equally good.
    """
    found: list[tuple[Any, float]] = []
    for _, block in model.stores():
        late = EARLY / len(block.charge)
        found += [(variable, 1.0 + late * t) for t, variable in block.charge.items()]
        found += [(variable, 1.0) for variable in block.discharge.values()]
    for placed in model.loads():
        down = placed.block.component("down")
        if isinstance(down, pyo.Var):
            found += [(variable, 1.0) for variable in down.values()]
    for i in model.m.home:
        for name in TRADES:
            traded = model.m.home[i].component(name)
            found += [(variable, TRADED) for variable in traded.values()]
    return found
