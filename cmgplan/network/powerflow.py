"""Independent power flow: every hour of a plan solved again by pandapower.

The only module that knows pandapower, and its MW and kA.
"""

from __future__ import annotations

import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import MatrixRankWarning

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import Feeder
from cmgplan.units import kw_from_mw, mw_from_kw

FREQUENCY_HZ = 50.0
"""Any value does: it cancels between charging susceptance and capacitance."""

TOLERANCES_MVA = (1e-10, 1e-8)
"""The second is for branches of nearly no impedance, whose rounding errors exceed the first."""

MAX_ITERATIONS = 30


@dataclass(frozen=True)
class PowerFlow:
    """Solved power flow of T hours; an hour that did not converge holds NaN.

    Attributes
    ----------
    v_pu, angle_rad
        Voltage of each bus, shape (T, n).
    i_pu
        Current of each branch at its larger end, shape (T, l).
    loss_kw
        Active losses of all branches, shape (T,).
    slack_p_kw, slack_q_kvar
        Power drawn from the upstream network, shape (T,).
    converged
        Whether the hour has a solution, shape (T,).
    """

    v_pu: FloatArray
    angle_rad: FloatArray
    i_pu: FloatArray
    loss_kw: FloatArray
    slack_p_kw: FloatArray
    slack_q_kvar: FloatArray
    converged: npt.NDArray[np.bool_]


def power_flow(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlow:
    """Solve one Newton power flow per hour, each from a flat start.

    Parameters
    ----------
    feeder
        Connected feeder, radial or not.
    p_kw, q_kvar
        Injection into the network at every bus, the slack bus included, each of shape (T, n).

    Raises
    ------
    ValueError
        The injections are not of shape (T, n) or not finite, or the feeder falls into pieces.
    """
    shape = (p_kw.shape[0], feeder.n_bus)
    if p_kw.shape != shape or q_kvar.shape != shape:
        raise ValueError(f"injections of shape {p_kw.shape} and {q_kvar.shape}, not {shape}")
    if not (np.isfinite(p_kw).all() and np.isfinite(q_kvar).all()):
        raise ValueError("an injection is not a finite number")
    if not feeder.is_connected:
        raise ValueError("the feeder falls into pieces: some bus is not tied to the slack bus")
    net = _network(feeder)
    hours = p_kw.shape[0]
    flow = PowerFlow(
        v_pu=np.full(shape, np.nan),
        angle_rad=np.full(shape, np.nan),
        i_pu=np.full((hours, feeder.n_line), np.nan),
        loss_kw=np.full(hours, np.nan),
        slack_p_kw=np.full(hours, np.nan),
        slack_q_kvar=np.full(hours, np.nan),
        converged=np.zeros(hours, dtype=np.bool_),
    )
    for t in range(hours):
        net.load["p_mw"] = -mw_from_kw(p_kw[t])
        net.load["q_mvar"] = -mw_from_kw(q_kvar[t])
        if _solve(net):
            _read_hour(flow, t, net, feeder)
    return flow


def minimum_voltage(flow: PowerFlow) -> tuple[float, int, int]:
    """Return the least voltage (pu), its hour and its bus position, over converged hours.

    ValueError if no hour converged.
    """
    hour, bus = np.unravel_index(np.nanargmin(flow.v_pu), flow.v_pu.shape)
    return float(flow.v_pu[hour, bus]), int(hour), int(bus)


def _network(feeder: Feeder) -> Any:
    """Return the pandapower network: bus k is the feeder's position k, with load k."""
    import pandapower as pp  # takes seconds, and only a replay needs it

    base = feeder.base
    net = deepcopy(_empty_network(mw_from_kw(base.s_base_kva)))
    buses = pp.create_buses(net, feeder.n_bus, vn_kv=base.vn_kv)
    pp.create_ext_grid(net, feeder.slack, vm_pu=feeder.v_slack_pu)
    pp.create_loads(net, buses, p_mw=0.0, q_mvar=0.0)
    pp.create_lines_from_parameters(
        net,
        feeder.from_bus,
        feeder.to_bus,
        length_km=1.0,
        r_ohm_per_km=base.impedance_ohm(feeder.r_pu),
        x_ohm_per_km=base.impedance_ohm(feeder.x_pu),
        c_nf_per_km=base.capacitance_nf(feeder.b_pu, FREQUENCY_HZ),
        max_i_ka=np.inf,
    )
    return net


@cache
def _empty_network(sn_mva: float) -> Any:
    """Return a network without any element, to be copied: making one takes ten times as long."""
    import pandapower as pp

    return pp.create_empty_network(f_hz=FREQUENCY_HZ, sn_mva=sn_mva)


def _solve(net: Any) -> bool:
    """Solve the hour that stands in ``net``; return whether it converged."""
    import pandapower as pp

    for tolerance_mva in TOLERANCES_MVA:
        # A diverging Newton method overflows; what counts is that it is told apart below.
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", MatrixRankWarning)
            try:
                pp.runpp(
                    net,
                    init="flat",
                    max_iteration=MAX_ITERATIONS,
                    tolerance_mva=tolerance_mva,
                    numba=False,
                )
            except pp.LoadflowNotConverged:
                continue
        return bool(np.isfinite(net.res_bus.vm_pu).all())
    return False


def _read_hour(flow: PowerFlow, t: int, net: Any, feeder: Feeder) -> None:
    """Copy the results of a solved hour."""
    flow.v_pu[t] = net.res_bus.vm_pu.to_numpy()
    flow.angle_rad[t] = np.deg2rad(net.res_bus.va_degree.to_numpy())
    larger_ka = np.maximum(net.res_line.i_from_ka.to_numpy(), net.res_line.i_to_ka.to_numpy())
    flow.i_pu[t] = feeder.base.current_pu(larger_ka)
    flow.loss_kw[t] = kw_from_mw(float(net.res_line.pl_mw.sum()))
    flow.slack_p_kw[t] = kw_from_mw(float(net.res_ext_grid.p_mw.sum()))
    flow.slack_q_kvar[t] = kw_from_mw(float(net.res_ext_grid.q_mvar.sum()))
    flow.converged[t] = True
