"""The hours of a run as snapshots, from its tables and its copy of the case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from cmgplan.devices.storage import Storage
from cmgplan.errors import InputError
from cmgplan.network.files.snapshot import Node, Snapshot, SwitchPosition, Unit, feeder_nodes
from cmgplan.planning.case.records import Case
from cmgplan.run.tables import Tables

Level = Literal["upper", "lower", "without_cmg"]

LEVELS: tuple[Level, ...] = ("upper", "lower", "without_cmg")
LEVEL_NUMBER = {"lower": 4, "upper": 5}
"""Level of dispatch and exchange whose injections each name stands for."""

ROUNDING_KW = 1e-6
"""What a load of the feeder may come to by rounding where there is none."""


@dataclass(frozen=True)
class HourReader:
    """Reads hours of one level: ``upper`` (Levels 5 and 6), ``lower`` (Level 4), ``without_cmg``.

    ``upper`` is the loaded feeder, ``lower`` the feeder without loads of its own. Without
    microgrids their loads before response stand at their PCC buses, every PCC closed.
    """

    case: Case
    tables: Tables
    v_slack_pu: float
    level: Level
    _nodes: tuple[Node, ...] = field(init=False)
    _at: dict[str, int] = field(init=False)
    _rows: dict[str, Mapping[tuple[int, str], Any]] = field(init=False)
    _own: dict[int, list[tuple[float, float]]] = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the nodes and index the tables by hour."""
        network = self.case.file.network
        nodes = feeder_nodes(self.case.buses, network.v_min_pu, network.v_max_pu)
        at = {node.id: k for k, node in enumerate(nodes)}
        for mg in self.case.microgrids:
            bus = nodes[at[mg.bus]]
            cluster = self.case.cluster_of(mg.id).id
            nodes.append(Node(mg.id, bus.vn_kv, bus.v_min_pu, bus.v_max_pu, cluster))
        object.__setattr__(self, "_nodes", tuple(nodes))
        object.__setattr__(self, "_at", at)
        object.__setattr__(self, "_rows", self._indexed())
        object.__setattr__(self, "_own", self._feeder_loads())

    @property
    def hours(self) -> int:
        """Number of hours T."""
        return self.case.file.time.hours

    def snapshots(self) -> Iterator[Snapshot]:
        """Yield every hour."""
        for hour in range(self.hours):
            yield self.snapshot(hour)

    def snapshot(self, hour: int) -> Snapshot:
        """Return one hour.

        Raises
        ------
        InputError
            A table has no row for something that the case holds.
        """
        network = self.case.file.network
        return Snapshot(
            name=f"{self.case.name}, hour {hour}, {self.level}",
            nodes=self._nodes,
            lines=self.case.lines,
            units=(*self._at_feeder(hour), *self._in_microgrids(hour)),
            switches=tuple(self._switches(hour)),
            slack=self._at[network.slack_bus],
            v_slack_pu=self.v_slack_pu,
        )

    def _indexed(self) -> dict[str, Mapping[tuple[int, str], Any]]:
        """Return the rows of dispatch and exchange at this level by hour and name."""
        if self.level == "without_cmg":
            return {}
        found: dict[str, Mapping[tuple[int, str], Any]] = {}
        for stem, names in (("dispatch", ["microgrid", "device"]), ("exchange", ["switch"])):
            table = self.tables[stem]
            table = table[table["level"] == LEVEL_NUMBER[self.level]]
            found[stem] = _by_hour(table, names)
        found["switch_schedule"] = _by_hour(self.tables["switch_schedule"], ["switch"])
        return found

    def _row(self, stem: str, hour: int, *names: str) -> Any:
        try:
            return self._rows[stem][hour, "\0".join(names)]
        except KeyError:
            level = "" if stem == "switch_schedule" else f"level {LEVEL_NUMBER[self.level]}, "
            raise InputError(
                f"{stem}.csv: has no row for {level}hour {hour}, {' '.join(names)}; "
                "plan the case again"
            ) from None

    def _feeder_loads(self) -> dict[int, list[tuple[float, float]]]:
        """Return the feeder's own demand (kW, kvar) in every hour by node.

        It is what the nodal injections leave when the microgrids' exchange is taken off.
        """
        if self.level == "without_cmg":
            h = self.case.horizon()
            return {
                self._at[load.id]: list(zip(load.base_kw(h), load.base_kvar(h), strict=True))
                for load in self.case.feeder_load()
            }
        demand = np.zeros((self.hours, len(self.case.buses)), dtype=np.complex128)
        rows = self.tables["nodal_injection"]
        rows = rows[rows["level"] == self.level]
        unknown = [bus for bus in dict.fromkeys(rows["bus"]) if bus not in self._at]
        if unknown or rows.empty:
            what = f"bus {unknown[0]} is not in the case" if unknown else f"no rows of {self.level}"
            raise InputError(f"nodal_injection.csv: {what}; plan the case again")
        hour, bus = rows["hour"].to_numpy(), [self._at[bus] for bus in rows["bus"]]
        demand[hour, bus] = -(rows["p_kw"].to_numpy() + 1j * rows["q_kvar"].to_numpy())
        for mg in self.case.microgrids:
            for t in range(self.hours):
                flow = self._row("exchange", t, mg.pcc.id)
                demand[t, self._at[mg.bus]] += flow.p_to_kw + 1j * flow.q_kvar
        loaded = np.flatnonzero(np.abs(demand).max(axis=0) > ROUNDING_KW)
        return {
            int(k): list(zip(demand[:, k].real.tolist(), demand[:, k].imag.tolist(), strict=True))
            for k in loaded
        }

    def _at_feeder(self, hour: int) -> Iterator[Unit]:
        for node, demand in self._own.items():
            p_kw, q_kvar = demand[hour]
            yield Unit(self._nodes[node].id, "load", node, -float(p_kw), -float(q_kvar))

    def _in_microgrids(self, hour: int) -> Iterator[Unit]:
        h = self.case.horizon()
        for k, mg in enumerate(self.case.microgrids, start=len(self.case.buses)):
            if self.level == "without_cmg":
                for load in mg.load:
                    p, q = load.base_kw(h)[hour], load.base_kvar(h)[hour]
                    yield Unit(f"{mg.id} {load.id}", "load", k, -float(p), -float(q))
                continue
            for device in mg.devices():
                row = self._row("dispatch", hour, mg.id, device.id)
                unit = f"{mg.id} {device.id}", device.kind, k, float(row.p_kw), float(row.q_kvar)
                if isinstance(device, Storage):
                    yield Unit(*unit, device.energy_kwh, float(row.soc_kwh))
                else:
                    yield Unit(*unit)

    def _switches(self, hour: int) -> Iterator[SwitchPosition]:
        at = {mg.id: k for k, mg in enumerate(self.case.microgrids, start=len(self.case.buses))}
        for tie in self.case.ties:
            ends = at[tie.from_microgrid], at[tie.to_microgrid]
            state = self._state(hour, tie.id, grid=False)
            yield SwitchPosition(tie.id, tie.kind, *ends, tie.rating_kva, *state)
        for mg in self.case.microgrids:
            ends = at[mg.id], self._at[mg.bus]
            state = self._state(hour, mg.pcc.id, grid=True)
            yield SwitchPosition(mg.pcc.id, "grid", *ends, mg.pcc.rating_kva, *state)

    def _state(
        self, hour: int, switch: str, grid: bool
    ) -> tuple[bool] | tuple[bool, float, float, float]:
        """Return whether a switch is closed, and the flow over it where a plan has one."""
        if self.level == "without_cmg":
            return (grid,)
        flow = self._row("exchange", hour, switch)
        closed = bool(self._row("switch_schedule", hour, switch).closed)
        return closed, float(flow.p_kw), float(flow.q_kvar), float(flow.p_to_kw)


def _by_hour(table: pd.DataFrame, names: list[str]) -> dict[tuple[int, str], Any]:
    """Return the rows of a table by hour and by the names that tell them apart."""
    keys = zip(table["hour"].tolist(), *(table[name].tolist() for name in names), strict=True)
    rows = table.itertuples(index=False)
    return {(t, "\0".join(ids)): row for (t, *ids), row in zip(keys, rows, strict=True)}
