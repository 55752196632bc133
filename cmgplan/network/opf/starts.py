"""Points from which an optimal power flow may be begun.

Each function returns the columns of all hours of a layout, shape (T, width), or None where it
finds no such point.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from cmgplan.arrays import ComplexArray, FloatArray
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.elastic import ElasticProblem
from cmgplan.network.opf.grid_replay import newton_voltages
from cmgplan.network.opf.jabr import Relaxation
from cmgplan.network.opf.model import Layout, flat_start, put_segment_costs
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit


def power_flow_start(layout: Layout, horizon: GridHours) -> FloatArray | None:
    """Return the power flow of every hour with all generators loaded alike.

    Outputs stand at one share of their ranges, at which they sum up to the load; voltages are
    held where generators are. Where Newton's method does not converge there is no such point.
    """
    grid, start = layout.grid, flat_start(layout, horizon)
    gens, v = grid.generators, start[:, layout.at("v")]
    p, q = start[:, layout.at("p")], start[:, layout.at("q")]
    held = np.setdiff1d(gens.bus, grid.reference)
    for t in range(layout.hours):
        load = horizon.p_load_pu[t] + 1j * horizon.q_load_pu[t]
        p[t] = _shared_output(gens.p_min_pu, horizon.p_max_pu(grid)[t], float(load.real.sum()))
        injected = -load
        np.add.at(injected, gens.bus, p[t] + 1j * q[t])
        angle = start[t, layout.at("angle")]
        found = newton_voltages(grid, injected, v[t] * np.exp(1j * angle), held)
        if found is None:
            return None
        v[t], start[t, layout.at("angle")] = np.abs(found), np.angle(found)
        _add_missing(grid, found, injected, p[t], q[t])
    put_segment_costs(layout, start)
    return start


def _shared_output(low: FloatArray, high: FloatArray, wanted: float) -> FloatArray:
    """Return outputs at one share of the ranges whose sum is what is wanted, if it can be."""
    finite = np.isfinite(low) & np.isfinite(high)
    base = np.where(finite, low, np.clip(0.0, low, high))
    width = np.where(finite, high - np.where(finite, low, 0.0), 0.0)
    reach = float(width.sum())
    share = np.clip((wanted - float(base.sum())) / reach, 0.0, 1.0) if reach > 0.0 else 0.0
    return np.asarray(base + share * width, dtype=np.float64)


def _add_missing(
    grid: Grid, v: ComplexArray, injected: ComplexArray, p: FloatArray, q: FloatArray
) -> None:
    """Give the first generator of each bus what the power flow draws there beyond the injection."""
    y_ff, y_ft, y_tf, y_tt = grid.branches.admittances()
    f, t = grid.branches.from_bus, grid.branches.to_bus
    power = np.abs(v) ** 2 * (grid.g_shunt_pu - 1j * grid.b_shunt_pu)
    np.add.at(power, f, v[f] * np.conj(y_ff * v[f] + y_ft * v[t]))
    np.add.at(power, t, v[t] * np.conj(y_tf * v[f] + y_tt * v[t]))
    buses, first = np.unique(grid.generators.bus, return_index=True)
    missing = (power - injected)[buses]
    p[first] += missing.real
    q[first] += missing.imag


def relaxation_start(
    layout: Layout, horizon: GridHours, relaxation: Relaxation, limit: TimeLimit = UNLIMITED
) -> FloatArray | None:
    """Return the optimum of the cone relaxation, its products turned into voltages and angles."""
    start = flat_start(layout, horizon)
    for t in range(layout.hours):
        outcome = relaxation.problem.optimum(relaxation.instance(horizon, t), limit)
        if not outcome.accepted:
            return None
        x = outcome.values()
        start[t, layout.at("v")] = np.sqrt(np.maximum(x[relaxation.columns("w")], 0.0))
        apart = np.arctan2(x[relaxation.columns("s")], x[relaxation.columns("c")])
        start[t, layout.at("angle")] = _angles(layout.grid, relaxation, apart)
        for kind in ("p", "q", "cost"):
            start[t, layout.at(kind)] = x[relaxation.columns(kind)]
    return start


def _angles(grid: Grid, relaxation: Relaxation, apart: FloatArray) -> FloatArray:
    """Return angles whose differences over the pairs are nearest to those given (least squares).

    On a radial network they meet them exactly.
    """
    i, j, n = relaxation.pairs.i, relaxation.pairs.j, grid.n_bus
    row, one = np.arange(len(i)), np.ones(len(i))
    entries = (np.concatenate([one, -one]), (np.tile(row, 2), np.concatenate([i, j])))
    incidence = sp.csc_array(entries, shape=(len(i), n))
    angle = np.zeros(n)
    angle[grid.reference] = grid.reference_angle_rad
    free = np.setdiff1d(np.arange(n), grid.reference)
    if len(free):
        some = sp.csc_array(incidence[:, free])
        rest = apart - incidence @ angle
        angle[free] = spsolve(sp.csc_matrix(some.T @ some), some.T @ rest)
    return angle


def least_break_start(
    layout: Layout, horizon: GridHours, elastic: ElasticProblem, limit: TimeLimit = UNLIMITED
) -> FloatArray | None:
    """Return the point of every hour, taken alone, that breaks its limits least."""
    start = flat_start(layout, horizon)
    for t in range(layout.hours):
        outcome = elastic.nearest(horizon, t, limit)
        if not outcome.accepted:
            return None
        for kind in ("v", "angle", "p", "q"):
            start[t, layout.at(kind)] = elastic.layout.part(outcome.values(), kind)[0]
    put_segment_costs(layout, start)
    return start
