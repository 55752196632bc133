"""Values of coalitions: what each group of homes earns on its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from cmgplan.errors import InfeasibleError
from cmgplan.market.model.choices import Commitment
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import reduced
from cmgplan.solve.array_program import ArraySolver

MOST_HOMES = 12
"""Homes up to which all coalitions are valued."""

SAME_KWH = 1e-6
"""Unserved heat that is none, kWh."""


class Values:
    """Values of groups, each solved once."""

    def __init__(self, plant: Plant, commitment: Commitment | None = None) -> None:
        self._plant = plant
        self._commitment = Commitment(plant) if commitment is None else commitment
        self._known: dict[frozenset[str], float] = {}

    def __getitem__(self, homes: Sequence[str]) -> float:
        key = frozenset(homes)
        if key not in self._known:
            self._known[key] = 0.0 - self._commitment.plant_of(key).cost_of(key) if key else 0.0
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


def lacking(commitment: Commitment, carrier: str) -> dict[str, float]:
    """Return the homes that cannot serve their load of a carrier alone, with what they lack, kWh.

    Loads are left unserved, and backstops are used, no more than they must.
    """
    found = {}
    for home in commitment.whole.case.ids:
        kwh = _least_unserved(commitment.plant_of((home,)), home, carrier)
        if kwh > SAME_KWH:
            found[home] = kwh
    return found


def _least_unserved(plant: Plant, home: str, carrier: str) -> float:
    """Return the least energy that a home leaves unserved on its own, kWh over the day."""
    columns = plant.columns_of((home,))
    cost = np.zeros(len(plant.form.variables))
    missing = [
        variable
        for placed in plant.model.loads()
        if placed.home == home and carrier in placed.device.carriers
        for variable in placed.block.unserved.values()
    ]
    if home in plant.backstopped:
        short = plant.model.m.home[plant.case.ids.index(home)].short
        missing += [variable for (of, _), variable in short.items() if of == carrier]
    if not missing:
        return 0.0
    for variable in missing:
        cost[plant.form.column(variable)] = plant.case.dt_h
    program = reduced(replace(plant.group((home,)), cost=cost[columns]))
    found = ArraySolver(program.arrays()).solve()
    if not found.accepted:
        raise InfeasibleError(plant.no_day((home,)))
    return program.constant + (found.value or 0.0)
