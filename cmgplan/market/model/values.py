"""Values of coalitions: what each group of homes earns on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from cmgplan.errors import InfeasibleError
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import reduced
from cmgplan.solve.array_program import ArraySolver

MOST_HOMES = 12
"""Homes up to which all coalitions are valued."""

SAME_KWH = 1e-6
"""Unserved heat that is none, kWh."""


class Values:
    """Values of groups, each solved once."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._known: dict[frozenset[str], float] = {}

    def __getitem__(self, homes: Sequence[str]) -> float:
        key = frozenset(homes)
        if key not in self._known:
            self._known[key] = -self._plant.cost_of(key) if key else 0.0
        return self._known[key]

    def solve_all(self) -> None:
        """Value every coalition, up to twelve homes."""
        if len(self._plant.case.ids) <= MOST_HOMES:
            for group in coalitions(self._plant.case.ids):
                self[group]

    def named(self) -> dict[str, float]:
        """Return the values known by sorted ids joined by ``+``, small groups first."""
        keys = sorted((tuple(sorted(key)) for key in self._known if key), key=lambda k: (len(k), k))
        return {"+".join(key): self[key] for key in keys}


def coalitions(homes: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield every group of homes, the empty one not among them."""
    for size in range(1, len(homes) + 1):
        yield from combinations(homes, size)


def cold_homes(plant: Plant) -> dict[str, float]:
    """Return the homes that cannot serve their heat alone, with what they leave unserved, kWh."""
    found = {}
    for i, home in enumerate(plant.case.homes):
        kwh = _least_unserved(plant, i)
        if kwh > SAME_KWH:
            found[home.id] = kwh
    return found


def _least_unserved(plant: Plant, i: int) -> float:
    """Return the least heat that a home leaves unserved on its own, kWh over the day."""
    columns = plant.columns_of((plant.case.ids[i],))
    cost = np.zeros(len(plant.form.variables))
    for placed in plant.model.loads():
        if placed.home == plant.case.ids[i] and "heat" in placed.device.carriers:
            for variable in placed.block.unserved.values():
                cost[plant.form.column(variable)] = plant.case.dt_h
    if not cost.any():
        return 0.0
    program = reduced(replace(plant.group((plant.case.ids[i],)), cost=cost[columns]))
    found = ArraySolver(program.arrays()).solve()
    if not found.accepted:
        raise InfeasibleError(f"home {plant.case.ids[i]} has no day of its own")
    return program.constant + (found.value or 0.0)
