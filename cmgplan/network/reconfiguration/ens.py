"""After a fault: the radial configuration that sheds least load, with fewest operations.

The program is that of least loss with a column for the share of each load that is served, and
minimises what is shed; each operation counts as a load of ``OPERATION_KW``, and losses count as
little as to decide among equals.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.errors import InfeasibleError, InputError, LimitError, ReplayError
from cmgplan.network.reconfiguration.cone import ConeProgram
from cmgplan.network.reconfiguration.fed_part import fed_part
from cmgplan.network.reconfiguration.given import (
    SwitchedNetwork,
    TreeNetwork,
    components,
    source_voltages,
    tree_network,
)
from cmgplan.network.reconfiguration.search import (
    REPLAY_TOLERANCE_PU,
    ReconfigureOptions,
    replayed,
    voltages,
)
from cmgplan.network.reconfiguration.tree import TreeFlow, solve_tree
from cmgplan.progress import ProgressEvent, telling
from cmgplan.solve.array_program import ArrayProgram, ArraySolver
from cmgplan.solve.outcome import Stop

OPERATION_KW = 1e-3
"""Load that an operation counts as."""

LOSS_WEIGHT = 1e-6
"""Load that a kW of loss counts as, kW."""

MAX_ROUNDS = 60

SHED_KW = 1e-6
"""Load under which nothing counts as shed."""

HELD_BACK = 0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.05
"""Shares by which served loads are lowered until the exact power flow keeps the limits."""

TOLERANCE = 1e-5
"""Relative break of a cone that gets a tangent."""


@dataclass(frozen=True)
class Restoration:
    """What is served after a fault, and how.

    Attributes
    ----------
    shed_kw, bound_kw
        Load that is not served, and what no radial configuration within the limits falls below.
    isolated_kw
        Part of it at buses that no branch leads to.
    shed
        What is not served by bus, kW.
    operations
        Switches that change, the faulted branch not counted.
    loss_kw, v_min_pu, replay_max_dv_pu
        Of the network that is served.
    closed, served
        State of each branch, shape (l,), and share of each bus's load that is served, shape (n,).
    """

    shed_kw: float
    bound_kw: float
    isolated_kw: float
    shed: dict[str, float]
    operations: int
    status: Literal["optimal", "feasible"]
    open: tuple[tuple[str, str], ...]
    open_rows: tuple[int, ...]
    loss_kw: float
    v_min_pu: float
    replay_max_dv_pu: float
    wall_s: float
    notes: tuple[str, ...] = ()
    closed: BoolArray = field(default_factory=lambda: np.zeros(0, dtype=np.bool_), repr=False)
    served: FloatArray = field(default_factory=lambda: np.zeros(0), repr=False)

    def summary(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        arrays = ("closed", "served")
        told = {n: getattr(self, n) for n in self.__dataclass_fields__ if n not in arrays}
        return {**told, "open": [list(pair) for pair in self.open], "notes": list(self.notes)}


def restore(
    network: SwitchedNetwork,
    fault: tuple[str, str],
    options: ReconfigureOptions | None = None,
    progress: Callable[[ProgressEvent], None] | None = None,
) -> Restoration:
    """Return the configuration after a fault of the branch between two buses.

    Raises
    ------
    InputError
        No branch in service joins the two buses.
    InfeasibleError
        Limits are broken whatever is shed.
    LimitError
        Nothing within the limits was found in time.
    ReplayError
        The independent power flow contradicts the answer.
    """
    begun = time.perf_counter()
    options, tell = options or ReconfigureOptions(), telling(progress)
    branch = faulted(network, fault)
    part, buses, branches = fed_part(network, branch)
    search = None
    if len(buses) > len(network.grid.reference):
        search = _searched(part, options, begun + options.time_limit_s, tell)
    # Nobody operates switches where nothing leads any more: they stay as they stood.
    closed = network.closed.copy()
    closed[branch] = False
    closed[branches] = False if search is None else search.closed
    opened = np.flatnonzero(~closed)
    changed = (closed != network.closed)[branches]
    lost_kw = _lost_kw(network, buses)
    shed = {**(search.shed_kw() if search is not None else {}), **lost_kw}
    shed = {bus: amount for bus, amount in shed.items() if amount > SHED_KW}
    total, isolated_kw = float(sum(shed.values())), float(sum(lost_kw.values()))
    bound = isolated_kw + (search.bound_kw if search is not None else 0.0)
    within = total - bound <= max(options.gap * total, 10.0 * OPERATION_KW)
    loss_kw, v_min, largest = _confirmed(part, search)
    return Restoration(
        shed_kw=total,
        bound_kw=min(bound, total),
        isolated_kw=isolated_kw,
        shed=shed,
        operations=int(changed.sum()),
        status="optimal" if within else "feasible",
        open=tuple(network.ends(int(k)) for k in opened),
        open_rows=tuple(network.rows[int(k)] for k in opened),
        loss_kw=loss_kw,
        v_min_pu=v_min,
        replay_max_dv_pu=largest,
        wall_s=time.perf_counter() - begun,
        notes=network.notes,
        closed=closed,
        served=_served(network, buses, search),
    )


def _served(network: SwitchedNetwork, fed: IntArray, search: _Search | None) -> FloatArray:
    """Return the share of each bus's load that is served; 1 at sources, 0 where nothing leads."""
    share = np.zeros(network.grid.n_bus)
    share[network.grid.reference] = 1.0
    if search is not None:
        part = search.served[search.net.at]
        part[search.net.at == 0] = 1.0
        share[fed] = part
    return share


def _searched(
    part: SwitchedNetwork,
    options: ReconfigureOptions,
    end: float,
    tell: Callable[[ProgressEvent], None],
) -> _Search:
    """Return a search that holds an answer."""
    search = _Search(part, tree_network(part), options, end, tell)
    search.run()
    if search.flow is None and search.infeasible:
        raise InfeasibleError(
            "no radial configuration keeps the limits, whatever load is shed; generation or "
            "charging of lines may raise voltages"
        )
    if search.flow is None:
        raise LimitError("no configuration was found in time; allow more time (--time-limit)")
    return search


def _lost_kw(network: SwitchedNetwork, fed: IntArray) -> dict[str, float]:
    """Return the loads of buses that nothing reaches, kW."""
    grid, kw = network.grid, 1000.0 * network.grid.s_base_mva
    lost = np.setdiff1d(np.arange(grid.n_bus), fed)
    return {grid.bus_ids[k]: kw * max(float(grid.p_load_pu[k]), 0.0) for k in lost}


def _confirmed(part: SwitchedNetwork, search: _Search | None) -> tuple[float, float, float]:
    """Return loss (kW), least voltage and the difference to the replay (pu) of what is served."""
    if search is None or search.flow is None:
        return 0.0, float(source_voltages(part.grid)[part.grid.reference].min()), 0.0
    v = voltages(part, search.net, search.flow)
    loaded = _with_loads(part, search.served, search.net)
    largest = float(np.abs(replayed(loaded, search.closed, v) - v).max())
    if not largest <= REPLAY_TOLERANCE_PU:
        raise ReplayError(f"FAILED: the independent power flow differs by {largest:.2g} pu")
    return search.flow.loss_pu * search.net.s_base_kva, float(np.abs(v).min()), largest


def faulted(network: SwitchedNetwork, fault: tuple[str, str]) -> int:
    """Return the branch in service between two buses; InputError where there is none."""
    for k in np.flatnonzero(network.closed):
        if set(network.ends(int(k))) == set(fault):
            return int(k)
    raise InputError(
        f"--fault {','.join(fault)}: no branch in service joins these buses; name the ends of one"
    )


def _with_loads(network: SwitchedNetwork, served: FloatArray, net: TreeNetwork) -> SwitchedNetwork:
    share = served[net.at]
    share[network.grid.reference] = 1.0
    grid = network.grid
    loaded = replace(grid, p_load_pu=grid.p_load_pu * share, q_load_pu=grid.q_load_pu * share)
    return replace(network, grid=loaded)


class _Search:
    """Rounds of the program and of exact power flows of its answers."""

    def __init__(
        self,
        network: SwitchedNetwork,
        net: TreeNetwork,
        options: ReconfigureOptions,
        end: float,
        tell: Callable[[ProgressEvent], None],
    ) -> None:
        self.network, self.net, self._full = network, net, net
        self._end, self._tell, self._gap = end, tell, options.gap
        self._cone = ConeProgram(net, sheds=True)
        self.closed: BoolArray = network.closed.copy()
        self.flow: TreeFlow | None = None
        self.served: FloatArray = np.ones(net.n_bus)
        self.value, self.bound_kw, self.infeasible = np.inf, 0.0, False

    def _program(self) -> ArrayProgram:
        """Return the program with what is shed and switched as its cost."""
        cone, at, net = self._cone, self._cone.columns, self._full
        cost = LOSS_WEIGHT * cone.program.cost
        loads = net.s_base_kva * np.maximum(net.p_pu[1:], 0.0)
        cost[at.served] -= loads
        switched = np.where(self.network.closed, -OPERATION_KW, OPERATION_KW)
        cost[at.y] += switched[cone.branch]
        low = cone.program.lower.copy()
        low[at.served[net.p_pu[1:] <= 0.0]] = 1.0
        return replace(cone.program, cost=cost, lower=low)

    def run(self) -> None:
        """Ask the program until an answer is exact, or the time is over."""
        program, net = self._program(), self._full
        loads = net.s_base_kva * float(np.maximum(net.p_pu[1:], 0.0).sum())
        stands = OPERATION_KW * float((self.network.closed & net.may_close).sum())
        solver = ArraySolver(program)
        for turn in range(MAX_ROUNDS):
            left = self._end - time.perf_counter()
            if left <= 0.0:
                return
            limit = None if left == np.inf else left
            outcome = solver.solve(time_limit_s=limit, gap_abs=0.2 * OPERATION_KW)
            if outcome.stop is Stop.INFEASIBLE:
                self.infeasible = self.flow is None
                return
            if outcome.bound is not None:
                # Switching and losses count more than nothing, so what is left is shed at least.
                worst = OPERATION_KW * net.n_branch + LOSS_WEIGHT * loads
                self.bound_kw = max(self.bound_kw, outcome.bound + loads + stands - worst, 0.0)
            if outcome.x is None:
                return
            told = f"round {turn + 1}: at least {self.bound_kw:,.3f} kW shed"
            self._tell(ProgressEvent("restoration", told, fraction=0.5))
            exact = self._judge(outcome.x)
            rows = self._cone.tangents(outcome.x, TOLERANCE)
            value = sum(self.shed_kw().values())
            if exact and value - self.bound_kw <= max(self._gap * value, 5.0 * OPERATION_KW):
                return
            if rows is None:
                return
            solver.add_rows(rows)

    def shed_kw(self) -> dict[str, float]:
        """Return what is shed by bus, kW."""
        net = self._full
        short = net.s_base_kva * np.maximum(net.p_pu, 0.0) * (1.0 - self.served)
        return dict(zip(net.bus_ids[1:], short[1:].tolist(), strict=True))

    def _judge(self, x: FloatArray) -> bool:
        """Solve an answer's power flow; keep it where it is within limits and sheds less."""
        net = self._full
        closed = self._cone.closed(x) > 0.5
        count, _ = components(net, np.flatnonzero(closed))
        if count != 1 or int(closed.sum()) != net.n_bus - 1:
            return False
        served = np.ones(net.n_bus)
        served[1:] = np.clip(x[self._cone.columns.served], 0.0, 1.0)
        served[served > 1.0 - HELD_BACK[1]] = 1.0
        for held_back in HELD_BACK:
            share = np.where(net.p_pu > 0.0, served * (1.0 - held_back), served)
            loaded = replace(net, p_pu=net.p_pu * share, q_pu=net.q_pu * share)
            flow = solve_tree(loaded, closed)
            if not flow.feasible:
                continue
            changed = int((closed != (self.network.closed & net.may_close)).sum())
            shed = net.s_base_kva * np.sum(np.maximum(net.p_pu, 0.0)[1:] * (1.0 - share[1:]))
            value = float(shed) + OPERATION_KW * changed
            if value < self.value - 1e-9:
                self.value, self.flow, self.closed = value, flow, closed
                self.served, self.net = share, loaded
            return True
        return False
