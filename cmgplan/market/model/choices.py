"""On/off choices of groups: those of all homes, or a group's own where these leave it no day.

An engine that runs at its least for others, a job that others feed: what suits all homes together
may leave a home on its own with power that nobody takes, or without power for what has to run. Such
a home, and every group with it but all homes together, makes choices of its own, the best ones. So
joining still never costs: a group that makes its own choices can make those of its parts.

A home that has no day alone whatever it chooses gets a backstop: power from nowhere, at the value
of unserved load.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from cmgplan.errors import InfeasibleError
from cmgplan.market.model.on_off import Choices, best_day
from cmgplan.market.model.plant import Plant

OWN_GAP = 1e-7
"""Relative gap of a group's own choices."""

LEAST_S = 1.0
"""Time that the search for a group's own choices gets at least, s."""


class Commitment:
    """Which choices every group makes; ``plant_of`` gives the homes with them.

    Parameters
    ----------
    time_limit_s
        Time that all searches for own choices may take together, s; None sets no limit.

    Attributes
    ----------
    stuck
        Homes that the choices of all homes leave no day alone.
    own_gap
        By group that makes its own choices: their relative gap where the time ran out, else 0.
    own_s
        Time that searches for own choices took, s.
    """

    def __init__(self, plant: Plant, time_limit_s: float | None = None) -> None:
        self.whole, self._limit_s = plant, time_limit_s
        self.own_gap: dict[frozenset[str], float] = {}
        self.own_s = 0.0
        self._own: dict[frozenset[str], Choices | None] = {}
        self._plants: dict[frozenset[frozenset[str]], Plant] = {}
        homes = plant.case.ids if len(plant.case.ids) > 1 else ()
        held = [home for home in homes if not plant.has_day((home,))]
        plant.open_backstops(home for home in held if self._sought({home}) is None)
        self.stuck = frozenset(home for home in held if not plant.has_day((home,)))

    def own(self, homes: Iterable[str]) -> Choices | None:
        """Return the choices of a group that makes its own; None where it makes those of all.

        Raises
        ------
        InfeasibleError
            The group has no day whatever it chooses.
        """
        key = frozenset(homes)
        if key not in self._own:
            self._own[key] = self._found(key)
        return self._own[key]

    def _found(self, key: frozenset[str]) -> Choices | None:
        if len(key) in (0, len(self.whole.case.ids)):
            return None
        # Groups without a stuck home lack a day only by a limit of all trade together.
        if not key & self.stuck and (not self.whole.places.total.any() or self.whole.has_day(key)):
            return None
        found = self._sought(key)
        if found is None:
            raise InfeasibleError(self.whole.no_day(key))
        return found

    def _sought(self, homes: Iterable[str]) -> Choices | None:
        """Return the best choices of a group on its own; None where it has no day at all."""
        begun, left = time.perf_counter(), self._limit_s
        if left is not None:
            left = max(left - self.own_s, LEAST_S)
        found = _own_choices(self.whole, homes, left)
        self.own_s += time.perf_counter() - begun
        if found is None:
            return None
        self.own_gap[frozenset(homes)] = found[1]
        return found[0]

    def plant_of(self, *groups: Iterable[str]) -> Plant:
        """Return the homes with every group's choices; homes of none have those of all homes."""
        keys = [frozenset(group) for group in groups]
        own = {key: found for key in keys if (found := self.own(key)) is not None}
        if not own:
            return self.whole
        name = frozenset(own)
        if name not in self._plants:
            self._plants[name] = self.whole.choosing(own.values())
        return self._plants[name]

    def named(self, *groups: Iterable[str]) -> Mapping[str, tuple[int, ...]]:
        """Return the own choices of groups by home and device."""
        found: dict[str, tuple[int, ...]] = {}
        for group in groups:
            if (own := self.own(group)) is not None:
                found |= self.whole.on_off.named(own)
        return found


def _own_choices(
    plant: Plant, homes: Iterable[str], time_limit_s: float | None
) -> tuple[Choices, float] | None:
    """Return the best choices of a group on its own, and their gap; None where it has no day."""
    homes = frozenset(homes)
    columns = plant.columns_of(homes)
    integer = plant.form.integer[columns]
    program = plant.freed().group(homes).arrays()
    mixed = replace(program, integer=integer)
    best = best_day(mixed, "+".join(sorted(homes)), OWN_GAP, time_limit_s)
    if best is None:
        return None
    where = np.flatnonzero(columns)[integer]
    return (where, np.round(best.x[integer])), best.gap
