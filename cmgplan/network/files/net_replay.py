"""Confirmation by pandapower's own power flow on the network that a user gave."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse.linalg import MatrixRankWarning

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.grid import Grid

TOLERANCES_MVA = (1e-10, 1e-8)
"""The second is for branches of nearly no impedance, whose rounding errors exceed the first."""

MAX_ITERATIONS = 30

OUTPUT_TOLERANCE = 1e-4
"""Largest difference of what sources that hold voltages give at a bus, pu and relative."""

HOLDING = ("ext_grid", "gen")
GIVING = {"sgen": 1.0, "load": -1.0, "storage": -1.0}
"""Sources with given power, and the sign of theirs against an injection."""

Element = tuple[str, int]


@dataclass(frozen=True)
class NetReplay:
    """A pandapower network with the places of a grid's buses and generators in it.

    Attributes
    ----------
    net
        The network; it is copied before anything is set in it.
    position
        Position of each row of ``net.bus`` in the grid, -1 out of service.
    sources
        Table and index of each of the grid's generators.
    p_load_pu, q_load_pu
        The grid's loads that the network's tables stand for, shape (n,).
    """

    net: Any
    position: IntArray
    sources: Sequence[Element]
    p_load_pu: FloatArray
    q_load_pu: FloatArray

    def voltages(
        self,
        grid: Grid,
        v_pu: FloatArray,
        angle_rad: FloatArray,
        p_gen_pu: FloatArray,
        q_gen_pu: FloatArray,
    ) -> FloatArray:
        """Return the voltages of a power flow with an operation set in the network, pu.

        Sources that hold a voltage get the operation's and must then give its power. Inner buses,
        which stand in no table, keep the voltages given. NaN where the power flow fails.
        """
        net = copy.deepcopy(self.net)
        at = _Set(net, grid, self, v_pu, np.rad2deg(angle_rad))
        at.sources(p_gen_pu * grid.s_base_mva, q_gen_pu * grid.s_base_mva)
        at.other_loads()
        found = np.full(grid.n_bus, np.nan)
        if not at.solved() or not self._same_output(net, grid, p_gen_pu, q_gen_pu):
            return found
        used = self.position >= 0
        found = v_pu.copy()
        found[self.position[used]] = net.res_bus.vm_pu.to_numpy()[used]
        return found

    def _same_output(
        self, net: Any, grid: Grid, p_gen_pu: FloatArray, q_gen_pu: FloatArray
    ) -> bool:
        """Return whether all sources at each bus where voltage is held give what they should."""
        difference = np.zeros(grid.n_bus, dtype=np.complex128)
        size = np.ones(grid.n_bus)
        for k, (kind, index) in enumerate(self.sources):
            if kind in HOLDING:
                given = net[f"res_{kind}"].loc[index]
                bus = grid.generators.bus[k]
                power = (given.p_mw + 1j * given.q_mvar) / grid.s_base_mva
                difference[bus] += power - (p_gen_pu[k] + 1j * q_gen_pu[k])
                size[bus] += abs(power)
        return bool(np.all(np.abs(difference) <= OUTPUT_TOLERANCE * size))


@dataclass(frozen=True)
class _Set:
    """A copy of the network in which an operation is set."""

    net: Any
    grid: Grid
    replay: NetReplay
    v_pu: FloatArray
    angle_degree: FloatArray

    def sources(self, p_mw: FloatArray, q_mvar: FloatArray) -> None:
        """Set the output of every source, or the voltage that it holds."""
        net, sources = self.net, self.replay.sources
        for kind in (*HOLDING, *GIVING):
            which = [k for k, (table, _) in enumerate(sources) if table == kind]
            rows = [sources[k][1] for k in which]
            bus = self.grid.generators.bus[which]
            if not rows:
                continue
            if kind in HOLDING:
                net[kind].loc[rows, "vm_pu"] = self.v_pu[bus]
            if kind == "ext_grid":
                net.ext_grid.loc[rows, "va_degree"] = self.angle_degree[bus]
                continue
            sign = GIVING.get(kind, 1.0)
            net[kind].loc[rows, "scaling"] = 1.0
            net[kind].loc[rows, "p_mw"] = sign * p_mw[which]
            if kind in GIVING:
                net[kind].loc[rows, "q_mvar"] = sign * q_mvar[which]

    def other_loads(self) -> None:
        """Add what the loads of this hour differ from those in the tables."""
        import pandapower as pp

        more = self.grid.p_load_pu - self.replay.p_load_pu
        reactive = self.grid.q_load_pu - self.replay.q_load_pu
        place = {int(p): k for k, p in zip(self.net.bus.index, self.replay.position, strict=True)}
        which = np.flatnonzero((more != 0.0) | (reactive != 0.0))
        if len(which):
            base = self.grid.s_base_mva
            buses = [place[int(bus)] for bus in which]
            power = {"p_mw": more[which] * base, "q_mvar": reactive[which] * base}
            pp.create_loads(self.net, buses, **power)

    def solved(self) -> bool:
        """Solve from a linear power flow, then from the operation itself; return success."""
        import pandapower as pp

        position = self.replay.position
        own = np.where(position >= 0, self.v_pu[position], 1.0)
        turned = np.where(position >= 0, self.angle_degree[position], 0.0)
        starts: tuple[dict[str, Any], ...] = (
            {"init": "dc"},
            {"init": "auto", "init_vm_pu": own, "init_va_degree": turned},
        )
        for tolerance in TOLERANCES_MVA:
            for start in starts:
                # A diverging Newton method overflows; what counts is that it is told apart below.
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore", MatrixRankWarning)
                    warnings.simplefilter("ignore", DeprecationWarning)
                    try:
                        pp.runpp(
                            self.net,
                            trafo_model="pi",
                            calculate_voltage_angles=True,
                            voltage_depend_loads=False,
                            tolerance_mva=tolerance,
                            max_iteration=MAX_ITERATIONS,
                            numba=False,
                            lightsim2grid=False,
                            **start,
                        )
                    except pp.LoadflowNotConverged:
                        continue
                return True
        return False
