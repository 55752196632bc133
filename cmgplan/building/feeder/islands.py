"""What homes and buildings serve by themselves while a fault cuts them off, by the rules.

As in ``supply``: nothing is bought or sold while they are cut off, the outage counts as known in
the morning, and what cars and batteries give counts. Homes that stand on one bus run its island
together.
"""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.building.case.check import require_building
from cmgplan.building.feeder.kinds import KINDS
from cmgplan.building.feeder.outages import SHORTEST_H
from cmgplan.building.feeder.supply import island, shortages
from cmgplan.building.model.plant import read_plant
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.feeder.standing import Standing, standing
from cmgplan.network.reliability.cycle import beginnings_h, covered_h


class Islands:
    """Mean power that the homes on a bus serve over an interruption, for ``reliability``.

    Parameters
    ----------
    case
        Its day repeats itself.
    mix
        Name of the load mix; by default the first of the case.

    Raises
    ------
    CaseError
        Keys of ``[building]`` are out of range, or there is no ``[network]``.
    InputError
        The case has no such load mix.
    """

    def __init__(self, case: HomesCase, mix: str | None = None) -> None:
        require_building(case)
        self._case, self._rules = case, case.file.building.rules
        self._at = standing(case, mix)
        on_buses = [list(one.homes) for one in self._at.values() if one.homes]
        elsewhere = set(range(len(case.homes))) - {s for group in on_buses for s in group}
        self._groups = [*on_buses, *([s] for s in sorted(elsewhere))]
        self._mixed = bool(case.file.building.load_mix)
        self._known: dict[tuple[int, ...], dict[str, FloatArray]] = {}

    def __call__(self, bus: str, from_hour: float, hours: float) -> float:
        """Return it for an interruption that begins at an hour of the clock, kW."""
        case = self._case
        starts = beginnings_h(case.hours, case.dt_h, from_hour, case.begins_h)
        covered = [covered_h(case.hours, case.dt_h, start, hours) for start in starts]
        kwh = [shares @ self._served_kw(self._at[bus], shares) for shares in covered]
        return float(np.mean(kwh) / hours)

    def _served_kw(self, placed: Standing, shares: FloatArray) -> FloatArray:
        """Return what a bus serves in each interval of an outage, shape (T,)."""
        outage = tuple(np.flatnonzero(shares > SHORTEST_H).tolist())
        if outage not in self._known:
            self._known[outage] = self._served(outage)
        served = self._known[outage]
        found = np.zeros(len(shares))
        if placed.buildings is not None:
            for kind in KINDS:
                found += float(getattr(placed.buildings, kind)) * served[kind].sum(axis=0)
        elif placed.homes:
            found += served["homes"][list(placed.homes)].sum(axis=0)
        return found

    def _served(self, outage: tuple[int, ...]) -> dict[str, FloatArray]:
        """Return what each unit serves of its load, kW, by kind of building, shape (S, T)."""
        plant = read_plant(self._case, outage)
        load = plant.load_kw + plant.fixed_kw
        if not self._mixed:
            return {"homes": load - island(plant, self._rules, self._groups, load)[1]}
        short = shortages(self._case, self._rules, outage)
        return {kind: load - short[kind][1] for kind in KINDS}
