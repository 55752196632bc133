"""Binary switch positions: closing, radiality and operations as rows of a Pyomo model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.schedule import exchange_bounds
from cmgplan.planning.model.schedule_model import (
    DeviceKey,
    ScheduleModel,
    SwitchingModel,
    committed,
)
from cmgplan.planning.model.switches import (
    FEEDER,
    Switch,
    SwitchHours,
    all_switches,
    allowed_pairs,
    cycles_in,
    graph_of,
    short_cycles,
)
from cmgplan.solve import LinearProblem

IDLE_KVA = 0.02
"""A closed switch that carries less need not be closed."""

CYCLE_LENGTH = 4
"""Cycles up to this many nodes are excluded from the start, longer ones when they appear."""


def add_switching(
    m: SwitchingModel, case: Case, options: PlanOptions, mask: SwitchHours
) -> Mapping[tuple[str, int], Any]:
    """Add ``closed[switch, t]`` where the mask lets a switch close, and stop exchange elsewhere.

    Returns the binaries by (switch, hour). Ratings times these binaries come with the disks.
    """
    switches = all_switches(case)
    pairs = list(allowed_pairs(switches, mask))
    m.MAY_CLOSE = pyo.Set(initialize=pairs, dimen=2)
    m.closed = pyo.Var(m.MAY_CLOSE, domain=pyo.Binary, initialize=0.0)
    for variable, (low, high) in exchange_bounds(m, case, mask).items():
        variable.setlb(low)
        variable.setub(high)
    if options.radial:
        exclude_cycles(m, case, switches, mask)
    if counts_operations(options):
        add_operations(m, switches, options)
    else:

        @m.Constraint(doc="operations cost nothing, $")
        def operation_cost_definition(m: SwitchingModel) -> Any:
            return m.operation_cost == 0.0

    return {pair: m.closed[pair] for pair in pairs}


def counts_operations(options: PlanOptions) -> bool:
    """Whether switch operations cost something or are limited."""
    return options.operation_cost_usd > 0.0 or options.operation_limit is not None


def forest_cut(
    m: SwitchingModel, switches: Sequence[Switch], nodes: frozenset[str], t: int
) -> list[Any]:
    """Return the binaries of the switches inside a node set; at most |S| - 1 may be 1."""
    return [
        m.closed[s.id, t]
        for s in switches
        if (s.id, t) in m.MAY_CLOSE and s.ends[0] in nodes and s.ends[1] in nodes
    ]


def cycles_closed(case: Case, closed: SwitchHours) -> list[tuple[frozenset[str], int]]:
    """Return the node sets and hours of cycles in a schedule."""
    switches = all_switches(case)
    return [
        (nodes, t)
        for t in range(case.file.time.hours)
        for nodes in cycles_in(graph_of(switches, closed, t))
    ]


def cut_cycles(
    m: SwitchingModel, case: Case, problem: LinearProblem, node_sets: Iterable[frozenset[str]]
) -> None:
    """Cut off cycles through these node sets in every hour."""
    for inside, most in forest_cuts(m, case, node_sets):
        problem.add_row({problem.column(b): 1.0 for b in inside}, -np.inf, most)


def forest_cuts(
    m: SwitchingModel, case: Case, node_sets: Iterable[frozenset[str]]
) -> Iterator[tuple[list[Any], float]]:
    """Yield the binaries inside each node set, hour by hour, and how many of them may be 1."""
    switches = all_switches(case)
    for nodes in sorted(node_sets, key=sorted):
        for t in m.T:
            inside = forest_cut(m, switches, nodes, t)
            if len(inside) > len(nodes) - 1:
                yield inside, len(nodes) - 1.0


def _cluster_sets(case: Case) -> list[frozenset[str]]:
    """Return every union of clusters, with and without the feeder node."""
    sets = [frozenset(cluster.microgrids) for cluster in case.clusters]
    if len(sets) > 6:  # unions grow as 2^n; beyond this only the whole is worth a row
        unions = [*sets, frozenset().union(*sets)]
    else:
        unions = [
            frozenset().union(*chosen)
            for count in range(1, len(sets) + 1)
            for chosen in itertools.combinations(sets, count)
        ]
    return [nodes | more for nodes in unions for more in (frozenset(), frozenset({FEEDER}))]


def exclude_cycles(
    m: SwitchingModel, case: Case, switches: Sequence[Switch], mask: SwitchHours
) -> None:
    """Add sum of closed switches within S <= |S| - 1 for short cycles and unions of clusters."""
    unions = _cluster_sets(case)
    m.forest = pyo.ConstraintList(doc="closed switches form a forest")
    known: dict[frozenset[str], list[frozenset[str]]] = {}
    for t in m.T:
        here = frozenset(s.id for s in switches if mask[s.id][t])
        if here not in known:
            cycles = short_cycles(graph_of(switches, mask, t), CYCLE_LENGTH)
            known[here] = [*cycles, *(nodes for nodes in unions if nodes not in cycles)]
        for nodes in known[here]:
            inside = forest_cut(m, switches, nodes, t)
            if len(inside) > len(nodes) - 1:
                m.forest.add(pyo.quicksum(inside) <= len(nodes) - 1)


def add_operations(m: SwitchingModel, switches: Sequence[Switch], options: PlanOptions) -> None:
    """Count changes of position, their cost and their limit per switch."""
    m.SWITCH = pyo.Set(initialize=[s.id for s in switches])
    initial = {s.id: float(s.initially_closed) for s in switches}
    most = len(m.T) if options.operation_limit is None else options.operation_limit
    m.operated = pyo.Var(m.SWITCH, m.T, bounds=(0.0, 1.0), initialize=0.0)
    m.operations = pyo.Var(m.SWITCH, bounds=(0.0, most), initialize=0.0)

    def position(m: SwitchingModel, s: str, t: int) -> Any:
        if t < 0:
            return initial[s]
        return m.closed[s, t] if (s, t) in m.MAY_CLOSE else 0.0

    @m.Constraint(m.SWITCH, m.T, doc="closing is an operation")
    def closing(m: SwitchingModel, s: str, t: int) -> Any:
        return m.operated[s, t] >= position(m, s, t) - position(m, s, t - 1)

    @m.Constraint(m.SWITCH, m.T, doc="opening is an operation")
    def opening(m: SwitchingModel, s: str, t: int) -> Any:
        return m.operated[s, t] >= position(m, s, t - 1) - position(m, s, t)

    @m.Constraint(m.SWITCH, doc="operations per switch and horizon")
    def operation_count(m: SwitchingModel, s: str) -> Any:
        return m.operations[s] == pyo.quicksum(m.operated[s, t] for t in m.T)

    m.operation_cost.setub(options.operation_cost_usd * len(switches) * len(m.T))

    @m.Constraint(doc="cost of switch operations, $")
    def operation_cost_definition(m: SwitchingModel) -> Any:
        return m.operation_cost == options.operation_cost_usd * pyo.quicksum(
            m.operations[s] for s in m.SWITCH
        )


def read_closed(m: SwitchingModel, case: Case) -> SwitchHours:
    """Return the switch schedule that stands in the model's variables."""
    hours = case.file.time.hours
    closed = {s.id: np.zeros(hours, dtype=bool) for s in all_switches(case)}
    for switch, t in m.MAY_CLOSE:
        closed[switch][t] = float(m.closed[switch, t].value or 0.0) > 0.5
    return closed


def read_commitments(m: ScheduleModel) -> dict[DeviceKey, FloatArray]:
    """Return the commitments that stand in the model's variables, arrays of shape (T,)."""
    return {
        key: np.asarray([float(m.dev[key].on[t].value) for t in m.T], dtype=np.float64)
        for key in committed(m)
    }


def flows_of(m: ScheduleModel, case: Case) -> Mapping[tuple[str, int], tuple[Any, Any]]:
    """Return active and reactive power through each switch and hour, as variables."""
    ties = {(tie.id, t): (m.p_tie[tie.id, t], m.q_tie[tie.id, t]) for tie in case.ties for t in m.T}
    return ties | {
        (mg.pcc.id, t): (m.p_pcc[mg.id, t], m.q_pcc[mg.id, t])
        for mg in case.microgrids
        for t in m.T
    }


def open_idle(
    m: ScheduleModel, case: Case, closed: SwitchHours, idle_kva: float = IDLE_KVA
) -> SwitchHours:
    """Return a schedule in which switches that carry nothing in the model's solution are open."""
    flow = flows_of(m, case)
    opened = {switch: hours.copy() for switch, hours in closed.items()}
    for switch, hours in opened.items():
        for t in np.flatnonzero(hours):
            p, q = flow[switch, int(t)]
            if np.hypot(float(p.value), float(q.value)) <= idle_kva:
                hours[t] = False
    return opened
