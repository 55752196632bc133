"""Power flow of a radial feeder in many states at once, by backward and forward sweeps.

One sweep takes all states together, so that the hours of a day cost little more than one of
them. Loads are of constant power (Shirmohammadi and others 1988, doi 10.1109/59.192932).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from cmgplan.network.feeder import Feeder, oriented

TOLERANCE_PU = 1e-12
"""Change of a voltage under which a state has converged."""

MAX_SWEEPS = 1000

LEAST_V_PU = 0.05
"""Voltage under which a state is given up."""

LOST_V_PU = 1e6
"""Voltage or current from which a state diverges."""


@dataclass(frozen=True)
class SweepFlow:
    """Solved power flow of H states; a state without a solution holds NaN.

    Attributes
    ----------
    v_pu
        Voltage of each bus, shape (H, n).
    i_pu
        Current of the branch that feeds each bus, at the end towards the source, shape (H, n); 0
        at the slack bus.
    branch_loss_kw
        Active loss of that branch, shape (H, n).
    converged
        Whether the state has a solution, shape (H,).
    fed_by
        Position in ``feeder.line_ids`` of the branch that feeds each bus, -1 at the slack bus.
    """

    v_pu: FloatArray
    i_pu: FloatArray
    branch_loss_kw: FloatArray
    converged: BoolArray
    fed_by: IntArray


def radial_power_flow(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> SweepFlow:
    """Solve a radial feeder for many states at once.

    Parameters
    ----------
    feeder
        Connected feeder without loops.
    p_kw, q_kvar
        Load drawn at every bus, each of shape (H, n).

    Raises
    ------
    ValueError
        The feeder is not radial, or loads are not of shape (H, n).
    """
    tree = oriented(feeder)
    if p_kw.ndim != 2 or p_kw.shape != q_kvar.shape or p_kw.shape[1] != feeder.n_bus:
        raise ValueError(f"loads of shape {p_kw.shape} and {q_kvar.shape}, not (H, n)")
    place = {line: k for k, line in enumerate(feeder.line_ids)}
    fed_by = np.full(feeder.n_bus, -1, dtype=np.int64)
    fed_by[tree.to_bus] = [place[line] for line in tree.line_ids]
    s_pu = np.asarray(p_kw + 1j * q_kvar, dtype=np.complex128) / feeder.base.s_base_kva
    v, converged = _voltages(tree, s_pu)
    v[:, ~converged] = np.nan
    series, sending = _currents(tree, v)
    i_pu, loss_kw = (np.zeros((feeder.n_bus, len(p_kw))) for _ in range(2))
    i_pu[tree.to_bus] = np.abs(sending)
    loss_kw[tree.to_bus] = feeder.base.s_base_kva * tree.r_pu[:, None] * np.abs(series) ** 2
    for values in (i_pu, loss_kw):
        values[:, ~converged] = np.nan
    return SweepFlow(np.abs(v).T, i_pu.T, loss_kw.T, converged, fed_by)


def _voltages(tree: Feeder, s_pu: ComplexArray) -> tuple[ComplexArray, BoolArray]:
    """Return the voltages of every bus and state, shape (n, H), and which states converged."""
    shunt = 0.5j * (
        np.bincount(tree.from_bus, tree.b_pu, tree.n_bus)
        + np.bincount(tree.to_bus, tree.b_pu, tree.n_bus)
    )
    z, parents, children = tree.r_pu + 1j * tree.x_pu, tree.from_bus, tree.to_bus
    s_conj = np.conj(s_pu.T)
    v = np.full(s_conj.shape, tree.v_slack_pu, dtype=np.complex128)
    done = np.zeros(s_conj.shape[1], dtype=np.bool_)
    lost = done.copy()
    for _ in range(MAX_SWEEPS):
        go = np.flatnonzero(~(done | lost))
        if not len(go):
            break
        with np.errstate(all="ignore"):
            before = v[:, go]
            current = s_conj[:, go] / np.conj(before) + shunt[:, None] * before
            for k in range(tree.n_line - 1, -1, -1):
                current[parents[k]] += current[children[k]]
            after = before.copy()
            for k in range(tree.n_line):
                after[children[k]] = after[parents[k]] - z[k] * current[children[k]]
            change = np.abs(after - before).max(axis=0)
        v[:, go] = after
        done[go] = change < TOLERANCE_PU
        lost[go] = ~(change < LOST_V_PU)
    with np.errstate(all="ignore"):
        return v, done & (np.abs(v).min(axis=0) > LEAST_V_PU)


def _currents(tree: Feeder, v: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
    """Return the series current of each branch, and that at its end towards the source, (l, H)."""
    up, down = v[tree.from_bus], v[tree.to_bus]
    series = (up - down) / (tree.r_pu + 1j * tree.x_pu)[:, None]
    return series, series + 0.5j * tree.b_pu[:, None] * up
