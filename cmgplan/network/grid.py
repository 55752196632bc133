"""A general network as arrays: meshed or radial, with transformers, shunts and generators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import networkx as nx
import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from cmgplan.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from cmgplan.errors import InputError
from cmgplan.plurals import counted

NAMED = 5
"""Buses that a message lists by name."""


@dataclass(frozen=True)
class PiecewiseCost:
    """Convex piecewise-linear cost of one generator's output.

    Attributes
    ----------
    gen
        Position of the generator.
    reactive
        Whether the reactive output is priced, else the active one.
    slope_usd_per_puh, intercept_usd_per_h
        Segments: the cost is the largest of ``intercept + slope * output``.
    """

    gen: int
    reactive: bool
    slope_usd_per_puh: FloatArray
    intercept_usd_per_h: FloatArray


@dataclass(frozen=True)
class Branches:
    """Lines and transformers in service, shape (l,) each.

    The pi model with an ideal transformer at the from end, of ratio ``tap`` and phase shift
    ``shift_rad``; ``g_pu`` and ``b_pu`` are the whole shunt, half of it at either end.

    Attributes
    ----------
    ids
        Names for messages.
    from_bus, to_bus
        Positions of the ends.
    s_max_pu, i_max_pu
        Limits of apparent power and of current at either end; infinite where there is none.
    angle_min_rad, angle_max_rad
        Limits of the voltage angle of the from end over the to end.
    """

    ids: tuple[str, ...]
    from_bus: IntArray
    to_bus: IntArray
    r_pu: FloatArray
    x_pu: FloatArray
    g_pu: FloatArray
    b_pu: FloatArray
    tap: FloatArray
    shift_rad: FloatArray
    s_max_pu: FloatArray
    i_max_pu: FloatArray
    angle_min_rad: FloatArray
    angle_max_rad: FloatArray

    def __len__(self) -> int:
        """Return the number of branches."""
        return len(self.ids)

    def admittances(self) -> tuple[ComplexArray, ComplexArray, ComplexArray, ComplexArray]:
        """Return ``y_ff, y_ft, y_tf, y_tt`` of the two-port, pu."""
        series = np.asarray(1.0 / (self.r_pu + 1j * self.x_pu), dtype=np.complex128)
        end = np.asarray(series + 0.5 * (self.g_pu + 1j * self.b_pu), dtype=np.complex128)
        ratio = self.tap * np.exp(1j * self.shift_rad)
        return end / self.tap**2, -series / np.conj(ratio), -series / ratio, end


@dataclass(frozen=True)
class Generators:
    """Generators and external grids in service, shape (g,) each; output positive.

    Attributes
    ----------
    cost_p, cost_q
        Polynomial costs ``c2 s^2 + c1 s + c0`` in $/h of the output s in pu, shape (g, 3) in that
        order; zero where ``piecewise`` prices the generator.
    firm
        Whether the limits of an output stand for what the network is, so that they cannot give;
        None where all can.
    """

    ids: tuple[str, ...]
    bus: IntArray
    p_min_pu: FloatArray
    p_max_pu: FloatArray
    q_min_pu: FloatArray
    q_max_pu: FloatArray
    cost_p: FloatArray
    cost_q: FloatArray
    piecewise: tuple[PiecewiseCost, ...] = ()
    firm: BoolArray | None = None

    def __len__(self) -> int:
        """Return the number of generators."""
        return len(self.ids)


class Origin(Protocol):
    """The network of another tool that a grid was made of, which can solve a power flow."""

    def voltages(
        self,
        grid: Grid,
        v_pu: FloatArray,
        angle_rad: FloatArray,
        p_gen_pu: FloatArray,
        q_gen_pu: FloatArray,
    ) -> FloatArray:
        """Return the voltages for the loads of ``grid`` and outputs of its generators, pu.

        NaN where the power flow fails or contradicts the outputs.
        """


@dataclass(frozen=True)
class Grid:
    """Per-unit network; what is out of service is left out.

    Attributes
    ----------
    s_base_mva
        Base of all per-unit powers.
    bus_ids
        Ids in the order of the arrays, n buses.
    vn_kv, v_min_pu, v_max_pu
        Nominal voltage and limits, shape (n,).
    p_load_pu, q_load_pu
        Constant-power load, shape (n,).
    g_shunt_pu, b_shunt_pu
        Shunt admittance, shape (n,); a capacitor has positive b.
    reference, reference_angle_rad
        Positions of the buses whose angle is held, and these angles.
    reference_v_pu
        Voltages that the file asks these buses to hold, NaN where it does not say; an optimal
        power flow does not heed them. None where nothing is known.
    notes
        What the file holds and the model does not honour, a sentence each.
    origin
        What answers are replayed on; None where the arrays are all that is known.
    """

    name: str
    s_base_mva: float
    bus_ids: tuple[str, ...]
    vn_kv: FloatArray
    v_min_pu: FloatArray
    v_max_pu: FloatArray
    p_load_pu: FloatArray
    q_load_pu: FloatArray
    g_shunt_pu: FloatArray
    b_shunt_pu: FloatArray
    reference: IntArray
    reference_angle_rad: FloatArray
    branches: Branches
    generators: Generators
    notes: tuple[str, ...] = ()
    reference_v_pu: FloatArray | None = None
    origin: Origin | None = field(default=None, compare=False, repr=False)

    @property
    def n_bus(self) -> int:
        """Number of buses."""
        return len(self.bus_ids)

    @property
    def is_radial(self) -> bool:
        """Whether no loop of branches exists; parallel branches count as a loop."""
        graph = self.graph()
        return len(self.branches) == self.n_bus - int(nx.number_connected_components(graph))

    def unloaded_angle_rad(self) -> FloatArray:
        """Return the angles without load: the references' and what phase shifts make of them."""
        angle = np.full(self.n_bus, self.reference_angle_rad[0])
        angle[self.reference] = self.reference_angle_rad
        lines = self.branches
        if not np.any(lines.shift_rad) and np.ptp(self.reference_angle_rad) == 0.0:
            return angle
        shift: dict[tuple[int, int], float] = {}
        ends = zip(lines.from_bus.tolist(), lines.to_bus.tolist(), lines.shift_rad, strict=True)
        for i, j, turned in ends:
            shift[i, j], shift[j, i] = -float(turned), float(turned)
        graph, reached = self.graph(), list(dict.fromkeys(self.reference.tolist()))
        known = set(reached)
        for i in reached:  # grows while it is walked through: breadth first
            for j in graph[i]:
                if j not in known:
                    known.add(j)
                    reached.append(j)
                    angle[j] = angle[i] + shift[i, j]
        return angle

    def graph(self) -> nx.Graph:
        """Return the graph of bus positions; parallel branches appear as one edge."""
        graph = nx.Graph()
        graph.add_nodes_from(range(self.n_bus))
        ends = zip(self.branches.from_bus.tolist(), self.branches.to_bus.tolist(), strict=True)
        graph.add_edges_from(ends)
        return graph


@dataclass(frozen=True)
class Source:
    """What messages call a grid and its parts: the file, and each part with its place there."""

    file: str
    buses: tuple[str, ...]
    generators: tuple[str, ...]
    branches: tuple[str, ...]


def checked(grid: Grid, source: Source | None = None) -> Grid:
    """Return the grid if it can be solved; InputError names everything that hinders it."""
    named = source or Source(grid.name, grid.bus_ids, grid.generators.ids, grid.branches.ids)
    faults = [
        *_limit_faults(grid, named),
        *_branch_faults(grid, named.branches),
        *_island_faults(grid, named.buses),
    ]
    if len(grid.generators) == 0:
        faults.append("no generator is in service; nothing feeds the loads")
    if faults:
        raise InputError(f"{named.file}: " + "; ".join(faults))
    return grid


def _limit_faults(grid: Grid, named: Source) -> list[str]:
    gens, lines = grid.generators, grid.branches
    pairs = (
        ("bus", "voltage limits", named.buses, grid.v_min_pu, grid.v_max_pu),
        ("generator", "active limits", named.generators, gens.p_min_pu, gens.p_max_pu),
        ("generator", "reactive limits", named.generators, gens.q_min_pu, gens.q_max_pu),
        ("branch", "angle limits", named.branches, lines.angle_min_rad, lines.angle_max_rad),
    )
    faults = []
    for kind, what, ids, low, high in pairs:
        wrong = [name for name, ok in zip(ids, low <= high, strict=True) if not ok]
        if wrong:
            faults.append(f"{kind} {_listed(wrong)}: {what} cross or are not numbers; correct them")
    if not np.all(grid.v_min_pu > 0.0):
        wrong = [name for name, v in zip(named.buses, grid.v_min_pu, strict=True) if not v > 0.0]
        faults.append(
            f"bus {_listed(wrong)}: the lower voltage limit is not positive; give one (--v-limits)"
        )
    with np.errstate(invalid="ignore"):
        total = grid.p_load_pu + grid.q_load_pu + grid.g_shunt_pu + grid.b_shunt_pu
    wrong = [name for name, v in zip(named.buses, total, strict=True) if not np.isfinite(v)]
    if wrong:
        faults.append(f"bus {_listed(wrong)}: a load or shunt is not a finite number; correct it")
    return faults


def _branch_faults(grid: Grid, named: tuple[str, ...]) -> list[str]:
    lines = grid.branches
    faults = []
    for what, wrong in (
        ("has no impedance; give one or merge its buses", (lines.r_pu == 0) & (lines.x_pu == 0)),
        ("has a tap ratio that is not positive; correct it", ~(lines.tap > 0)),
        ("begins and ends at one bus; leave it out", lines.from_bus == lines.to_bus),
        (
            "has an impedance or charging that is not finite; correct it",
            ~np.isfinite(lines.r_pu + lines.x_pu + lines.b_pu + lines.g_pu),
        ),
        ("has a negative limit; correct it", (lines.s_max_pu < 0) | (lines.i_max_pu < 0)),
    ):
        if np.any(wrong):
            which = [name for name, is_so in zip(named, wrong, strict=True) if is_so]
            faults.append(f"branch {_listed(which)} {what}")
    return faults


def _island_faults(grid: Grid, named: tuple[str, ...]) -> list[str]:
    lines, n = grid.branches, grid.n_bus
    joined = sp.csr_array(
        (np.ones(len(lines), dtype=np.int8), (lines.from_bus, lines.to_bus)), shape=(n, n)
    )
    count, island = connected_components(joined, directed=False)
    fed = np.zeros(count, dtype=bool)
    fed[island[grid.reference]] = True
    buses = np.flatnonzero(~fed[island])
    _, first = np.unique(island[buses], return_index=True)
    faults = []
    for at in np.sort(first)[:NAMED]:
        own = np.flatnonzero(island == island[buses[at]])
        faults.append(
            f"bus {_listed([named[k] for k in own])}: no reference bus is connected; make "
            "one of them the reference, connect them or take them out of service"
        )
    if len(first) > NAMED:
        faults.append(f"and {counted(len(first) - NAMED, 'more such island')}")
    return faults


def _listed(names: list[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
