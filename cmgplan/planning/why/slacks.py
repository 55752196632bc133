"""Slacks on the limits of a level, to find which would have to give.

A limit that the case states once, such as a rating, gives once: its slack is the largest of all
hours, which is what the case would have to say instead. Slacks are in kVA, kvar, kWh or
operations, those of voltage and of current in squares, in which the relaxation is linear.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices import ElectricVehicle, Forecasts
from cmgplan.network.feeder import Feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.schedule_model import RelaxedModel
from cmgplan.planning.model.switches import SwitchHours, all_switches, allowed_pairs
from cmgplan.solve import Disk
from cmgplan.units import S_BASE_KVA

WEIGHTS = {
    **dict.fromkeys(("pcc", "tie", "branch"), 1.0),
    "reactive": 2.0,
    "absorption": 2.0,
    **dict.fromkeys(("v_min", "v_max"), 1000.0),
    **dict.fromkeys(("departure", "soc_min", "soc_end"), 5.0),
    "operations": 5.0,
    "load": 10.0,
}
"""What giving counts, by kind: per kVA, kvar, pu, kWh and operation; load per kWh, as the last."""

PER_HOUR = 1e-3
"""Weight of what a limit gives in each hour beside its largest, so that few hours are named."""

RESERVE = "\0reserve"
"""Id of the compensator that every microgrid is lent; no id from a case can equal it."""

LEAST_W, MOST_W = 0.01, 4.0
"""Squares of voltage, pu, that no slack leaves."""


@dataclass(frozen=True)
class Slack:
    """What may give: a limit of the case, or the load of a microgrid.

    Attributes
    ----------
    kind, place
        Kind of limit (a key of ``WEIGHTS``) and the id of what it limits, or microgrid and device.
    position
        Position of a bus or branch of the feeder at hand, -1 for others.
    largest
        Variable that is the largest of the hours, None where hours count each for itself.
    hourly
        Variables by hour, or by switch where operations are limited.
    weight, hour_weight
        Of ``largest`` and of each hourly variable in what is minimised.
    """

    kind: str
    place: tuple[str, ...]
    position: int
    largest: Any | None
    hourly: Mapping[Any, tuple[Any, ...]]
    weight: float
    hour_weight: float

    def terms(self) -> list[tuple[Any, float]]:
        """Return the variables with their weights."""
        found = [(v, self.hour_weight) for group in self.hourly.values() for v in group]
        return found if self.largest is None else [*found, (self.largest, self.weight)]


class SlackBuilder:
    """Adds slacks to a model, kind by kind.

    Parameters
    ----------
    m
        Model with devices, exchange and balances, whose loads may go unserved; with a feeder's
        part where limits of voltages and branches may give.
    most_kva
        More than any limit of power ever gives.
    """

    def __init__(self, m: RelaxedModel, case: Case, options: PlanOptions, most_kva: float) -> None:
        self._m, self._case, self._options, self._most = m, case, options, most_kva
        self.slacks: list[Slack] = []

    def _add(
        self,
        kind: str,
        place: tuple[str, ...],
        hours: Iterable[Any],
        most: float,
        *,
        per_unit: float = 1.0,
        position: int = -1,
    ) -> Mapping[Any, Any]:
        """Add a slack for a limit that is stated once; return its variable of each hour.

        ``per_unit`` is the limit's own unit in one of the slack's.
        """
        steps = list(hours)
        b = pyo.Block(concrete=True)
        self._m.add_component(f"gives_{len(self.slacks)}", b)
        b.largest = pyo.Var(bounds=(0.0, most), initialize=0.0)
        b.here = pyo.Var(steps, bounds=(0.0, most), initialize=0.0)
        b.within = pyo.Constraint(steps, rule=lambda b, t: b.here[t] <= b.largest)
        weight = WEIGHTS[kind] * per_unit
        hourly = {t: (b.here[t],) for t in steps}
        self.slacks.append(
            Slack(kind, place, position, b.largest, hourly, weight, PER_HOUR * weight)
        )
        return {t: b.here[t] for t in steps}

    def _rows(self, name: str, doc: str) -> Any:
        """Add a list of rows under a name and return it."""
        rows = pyo.ConstraintList(doc=doc)
        self._m.add_component(name, rows)
        return rows

    def ratings(self, mask: SwitchHours) -> list[Disk]:
        """Let ratings of switches give in the hours in which they may close; return the disks."""
        m, disks = self._m, []
        switches = all_switches(self._case)
        rating = {tie.id: tie.rating_kva for tie in self._case.ties}
        flow = {tie.id: (m.p_tie, m.q_tie, tie.id) for tie in self._case.ties}
        for mg in self._case.microgrids:
            rating[mg.pcc.id] = mg.pcc.rating_kva
            flow[mg.pcc.id] = (m.p_pcc, m.q_pcc, mg.id)
        pairs = list(allowed_pairs(switches, mask))
        rooms = pyo.Var(pairs, bounds=(0.0, None), initialize=0.0)
        m.add_component("room", rooms)
        definitions = self._rows("room_definition", "share of a rating that is open")
        only_closed = self._rows("room_closed", "an open switch has none")
        for switch in switches:
            hours = np.flatnonzero(mask[switch.id]).tolist()
            if not hours:
                continue
            kind = "pcc" if switch.kind == "grid" else "tie"
            over, kva = self._add(kind, (switch.id,), hours, self._most), rating[switch.id]
            p, q, key = flow[switch.id]
            for t in hours:
                closed, room = m.closed[switch.id, t], rooms[switch.id, t]
                definitions.add(room == closed + over[t] / kva)
                only_closed.add(over[t] <= self._most * closed)
                for variable in (p[key, t], q[key, t]):
                    variable.setlb(-kva - self._most)
                    variable.setub(kva + self._most)
                disks.append(Disk(p[key, t], q[key, t], kva, room))
                if kind == "tie" and key in m.LOSSY:
                    lost = m.tie_loss[key, t]
                    disks.append(Disk(p[key, t], q[key, t], kva, room, lost))
        return disks

    def voltages(self, feeder: Feeder) -> None:
        """Let the limits of squared voltage give."""
        m = self._m
        rows = self._rows("voltage_gives", "squared voltage within its limits, pu")
        for i in range(feeder.n_bus):
            if i == feeder.slack:
                continue
            bus, (low, high) = feeder.bus_ids[i], (feeder.v_min_pu[i], feeder.v_max_pu[i])
            under = self._add("v_min", (bus,), m.T, 1.0, per_unit=0.5 / float(low), position=i)
            over = self._add("v_max", (bus,), m.T, 3.0, per_unit=0.5 / float(high), position=i)
            for t in m.T:
                m.w[i, t].setlb(LEAST_W)
                m.w[i, t].setub(MOST_W)
                rows.add(m.w[i, t] + under[t] >= float(low) ** 2)
                rows.add(m.w[i, t] - over[t] <= float(high) ** 2)

    def branches(self, feeder: Feeder) -> None:
        """Let the limits of squared current give."""
        m = self._m
        rows = self._rows("current_gives", "squared current within its limit, kVA")
        for k in range(feeder.n_line):
            most = m.current[k, min(m.T)].ub
            if most is None:
                continue
            # |I|^2 S: one more of it is S / (2 rating) of a kVA.
            per_unit = 0.5 / float(feeder.i_max_pu[k])
            line = feeder.line_ids[k]
            limit = S_BASE_KVA * (self._most / S_BASE_KVA) ** 2 + 2.0 * self._most
            over = self._add("branch", (line,), m.T, limit, per_unit=per_unit, position=k)
            for t in m.T:
                m.current[k, t].setub(None)
                rows.add(m.current[k, t] <= most + over[t])

    def loads(self, dt_h: float) -> None:
        """Let loads go unserved, hour by hour."""
        m = self._m
        for mg in self._case.microgrids:
            if mg.load:
                hourly = {t: tuple(m.dev[mg.id, d.id].unserved[t] for d in mg.load) for t in m.T}
                weight = WEIGHTS["load"] * dt_h
                self.slacks.append(Slack("load", (mg.id,), -1, None, hourly, 0.0, weight))

    def reserves(self) -> None:
        """Let every microgrid have more reactive power, or give away what it has too much of."""
        m = self._m
        rows = self._rows("reserve_gives", "reactive power lent, kvar")
        for mg in self._case.microgrids:
            lent = m.dev[mg.id, RESERVE].q
            more = self._add("reactive", (mg.id,), m.T, self._most)
            less = self._add("absorption", (mg.id,), m.T, self._most)
            for t in m.T:
                rows.add(lent[t] <= more[t])
                rows.add(-lent[t] <= less[t])

    def operations(self, limit: int) -> None:
        """Let switches operate more often than the limit."""
        m = self._m
        switches = [s.id for s in all_switches(self._case)]
        over = self._add("operations", (), switches, float(len(m.T)))

        @m.Constraint(m.SWITCH, doc="operations per switch and horizon")
        def operations_give(m: RelaxedModel, s: str) -> Any:
            return pyo.quicksum(m.operated[s, t] for t in m.T) <= limit + over[s]

    def vehicles(self) -> None:
        """Let fleets hold less than they must, down to nothing."""
        m, h = self._m, self._case.horizon(self._options)
        rows = self._rows("fleet_gives", "stored energy, kWh")
        for mg in self._case.microgrids:
            for ev in mg.ev:
                soc = m.dev[mg.id, ev.id].soc
                for kind, floors in _floors(ev, h).items():
                    hours = [t for t in m.T if kind == "soc_min" or t in floors]
                    lacks = self._add(kind, (mg.id, ev.id), hours, ev.energy_kwh)
                    for t in hours:
                        floor = floors.get(t, ev.soc_min * ev.energy_kwh)
                        rows.add(soc[t] + lacks[t] >= floor)
                for t in m.T:
                    soc[t].setlb(0.0)


def _floors(ev: ElectricVehicle, h: Forecasts) -> dict[str, dict[int, float]]:
    """Return by kind the least stored energy of the hours that ask for more than ``soc_min``."""
    found: dict[str, dict[int, float]] = {"soc_min": {}}
    if departures := ev.departures(h):
        found["departure"] = {t - 1: ev.soc_departure * ev.energy_kwh for t in departures}
    if h.soc_balance == "energy":
        found["soc_end"] = {h.hours - 1: ev.soc_start * ev.energy_kwh}
    return found
