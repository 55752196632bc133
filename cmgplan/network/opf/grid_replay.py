"""Independent confirmation of an optimal power flow: pandapower's Newton method.

The admittance matrix is built by pandapower from impedances, taps and shunts, not from what the
optimisation used.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import MatrixRankWarning

from cmgplan.arrays import ComplexArray, FloatArray, IntArray
from cmgplan.network.grid import Grid

TOLERANCES_PU = (1e-11, 1e-9)
"""The second is for branches of nearly no impedance, whose rounding errors exceed the first."""

MAX_ITERATIONS = 30

NEAR_PU = 1e-6
"""A flat start that ends farther away than this found another solution, or none."""


def replay_voltages(
    grid: Grid,
    v_pu: FloatArray,
    angle_rad: FloatArray,
    p_gen_pu: FloatArray,
    q_gen_pu: FloatArray,
) -> FloatArray:
    """Return the voltages that a power flow gives for the generators' outputs, pu.

    A grid made of another tool's network is solved there. Else every bus but the reference has
    its injections given and its voltage free; the start is flat, and where that fails (heavily
    loaded networks) the answer itself. NaN where both fail.

    Parameters
    ----------
    v_pu, angle_rad
        Voltages to confirm, shape (n,); those of the reference buses are held.
    p_gen_pu, q_gen_pu
        Output of each generator, shape (g,).
    """
    if grid.origin is not None:
        return grid.origin.voltages(grid, v_pu, angle_rad, p_gen_pu, q_gen_pu)
    network = _network(grid)
    injected = -(grid.p_load_pu + 1j * grid.q_load_pu)
    np.add.at(injected, grid.generators.bus, p_gen_pu + 1j * q_gen_pu)
    answer = v_pu * np.exp(1j * angle_rad)
    flat = np.exp(1j * grid.unloaded_angle_rad())
    flat[grid.reference] = answer[grid.reference]
    found = np.full(grid.n_bus, np.nan)
    for tolerance in TOLERANCES_PU:
        for start in (flat, answer):
            solved = _newton(grid, network, injected, start, (), tolerance)
            if solved is not None:
                found = np.abs(solved)
                if np.abs(found - v_pu).max() <= NEAR_PU:
                    return found
    return found


def newton_voltages(
    grid: Grid, injected_pu: ComplexArray, start: ComplexArray, held: IntArray
) -> ComplexArray | None:
    """Return the voltages of a power flow, complex pu, None if Newton's method diverges.

    Parameters
    ----------
    injected_pu
        Power into each bus, shape (n,).
    start
        Voltages to begin with, shape (n,); those of the reference are held.
    held
        Buses whose voltage magnitude is held at that of the start, their reactive power free.
    """
    return _newton(grid, _network(grid), injected_pu, start, held, TOLERANCES_PU[-1])


def _network(grid: Grid) -> dict[str, Any]:
    """Return the tables that Newton's method asks for, the admittance matrix among them."""
    from pandapower.pypower.makeYbus import makeYbus  # pandapower takes seconds to import

    bus, branch = _bus_table(grid), _branch_table(grid)
    with np.errstate(all="ignore"):
        y_bus, _, _ = makeYbus(grid.s_base_mva, bus, branch)
    tables = {"baseMVA": grid.s_base_mva, "bus": bus, "branch": branch, "y_bus": y_bus}
    return {**tables, **_nothing_else()}


def _newton(
    grid: Grid,
    network: dict[str, Any],
    injected: ComplexArray,
    start: ComplexArray,
    held: Sequence[int] | IntArray,
    tolerance_pu: float,
) -> ComplexArray | None:
    from pandapower.pypower.newtonpf import newtonpf

    pv = np.asarray(held, dtype=np.int64)
    others = np.setdiff1d(np.arange(grid.n_bus), np.concatenate([grid.reference, pv]))
    options = {
        "tolerance_mva": tolerance_pu,
        "max_iteration": MAX_ITERATIONS,
        "numba": False,
        "algorithm": "nr",
        "voltage_depend_loads": False,
        "distributed_slack": False,
        "v_debug": False,
        "use_umfpack": False,
        "permc_spec": None,
    }
    if len(grid.reference) == grid.n_bus:
        return start
    # A diverging Newton method overflows; what counts is that it is told apart below.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", MatrixRankWarning)
        solved, converged, *_ = newtonpf(
            network["y_bus"], injected, start.copy(), grid.reference, pv, others, network, options
        )
    if not converged or not np.isfinite(np.abs(solved)).all():
        return None
    return np.asarray(solved, dtype=np.complex128)


def _nothing_else() -> dict[str, Any]:
    """Return the empty tables of what the grid does not have, which the solver asks for."""
    from pandapower.pypower import (
        idx_brch_dc,
        idx_bus_dc,
        idx_gen,
        idx_source_dc,
        idx_ssc,
        idx_svc,
        idx_tcsc,
        idx_vsc,
    )

    widths = {
        "gen": idx_gen.gen_cols,
        "bus_dc": idx_bus_dc.dc_bus_cols,
        "branch_dc": idx_brch_dc.branch_dc_cols,
        "tcsc": idx_tcsc.tcsc_cols,
        "svc": idx_svc.svc_cols,
        "ssc": idx_ssc.ssc_cols,
        "vsc": idx_vsc.vsc_cols,
        "source_dc": idx_source_dc.source_dc_cols,
    }
    return {**{name: np.zeros((0, width)) for name, width in widths.items()}, "internal": {}}


def _bus_table(grid: Grid) -> FloatArray:
    from pandapower.pypower import idx_bus as at

    table = np.zeros((grid.n_bus, at.bus_cols))
    table[:, at.BUS_I] = np.arange(grid.n_bus)
    table[:, at.BUS_TYPE] = 1
    table[grid.reference, at.BUS_TYPE] = 3
    table[:, at.GS] = grid.g_shunt_pu * grid.s_base_mva
    table[:, at.BS] = grid.b_shunt_pu * grid.s_base_mva
    table[:, at.BASE_KV] = grid.vn_kv
    return table


def _branch_table(grid: Grid) -> FloatArray:
    from pandapower.pypower import idx_brch as at

    lines = grid.branches
    table = np.zeros((len(lines), at.branch_cols))
    for column, values in (
        (at.F_BUS, lines.from_bus),
        (at.T_BUS, lines.to_bus),
        (at.BR_R, lines.r_pu),
        (at.BR_X, lines.x_pu),
        (at.BR_B, lines.b_pu),
        (at.BR_G, lines.g_pu),
        (at.TAP, lines.tap),
        (at.SHIFT, np.rad2deg(lines.shift_rad)),
        (at.BR_STATUS, 1.0),
    ):
        table[:, column] = values
    return table
