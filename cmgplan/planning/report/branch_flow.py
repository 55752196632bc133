"""Flow on every branch of a radial feeder, from a run's injections and voltages."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables
from cmgplan.units import branch_loss_per_kva2, charging_kvar


def branch_flow_kw(tables: Tables, view: FeederView, level: str = "upper") -> FloatArray | None:
    """Return active power by hour and branch, positive from ``from_bus``, measured there, kW.

    With the voltage at every bus known, one sweep from the ends of a radial feeder to its slack
    is exact: what arrives at a bus is its demand and what leaves it on the branches behind, and
    a branch loses ``r |S|^2 / |V|^2``. None where the feeder has loops or a value is missing.
    """
    if not view.is_radial:
        return None
    at = {bus: k for k, bus in enumerate(view.buses)}
    p_kw, q_kvar, v_kv = _by_bus(tables, view, level)
    if not np.isfinite(v_kv).all():
        return None
    parents = view.parents()
    place = {branch.id: k for k, branch in enumerate(view.branches)}
    flow = np.zeros((len(p_kw), len(view.branches)))
    # What a bus still has to be fed, after everything behind it has been settled.
    need = -(p_kw + 1j * q_kvar)
    for bus in reversed(parents):
        parent, branch = parents[bus]
        j, i = at[bus], at[parent]
        charging = [_charging(branch.b_us, v_kv[:, k]) for k in (j, i)]
        received = need[:, j] - 1j * charging[0]
        square = np.abs(received) ** 2
        unit = np.array([branch_loss_per_kva2(1.0, v) for v in v_kv[:, j]])
        sent = received + complex(branch.r_ohm, branch.x_ohm) * unit * square - 1j * charging[1]
        need[:, i] += sent
        forward = branch.from_bus == parent
        flow[:, place[branch.id]] = sent.real if forward else -received.real
    return flow


def _by_bus(
    tables: Tables, view: FeederView, level: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return injections and voltages by hour and bus; a bus that injects nothing has no row."""
    hours = len(tables["upstream"])

    def grid(stem: str, column: str, empty: float) -> FloatArray:
        rows = tables[stem]
        rows = rows[rows["level"] == level]
        wide = rows.pivot(index="hour", columns="bus", values=column)
        wide = wide.reindex(index=range(hours), columns=list(view.buses))
        values: FloatArray = np.nan_to_num(wide.to_numpy(dtype=float), nan=empty)
        return values

    return (
        grid("nodal_injection", "p_kw", 0.0),
        grid("nodal_injection", "q_kvar", 0.0),
        grid("bus_voltage", "v_pu", np.nan) * view.vn_kv,
    )


def _charging(b_us: float, v_kv: FloatArray) -> FloatArray:
    """Return what one half of a line's charging delivers, kvar."""
    return np.array([charging_kvar(b_us / 2.0, v) for v in v_kv])
