"""Search for the least set of limits that would have to give, in a level's relaxation."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.planning.model.schedule import VariableBounds
from cmgplan.planning.model.schedule_model import DeviceKey, committed
from cmgplan.planning.model.switches import SwitchHours, all_switches, cycles_in, graph_of
from cmgplan.planning.model.switching import cut_cycles, read_closed, read_commitments
from cmgplan.planning.why.elastic_model import ElasticLevel
from cmgplan.solve import Outcome

CONSIDERABLE = 5e-3
"""Weighted amount over which a limit is said to give, kVA or what counts like one."""

PROVEN = 1e-3
"""Proven weighted sum over which nothing is feasible unless something gives."""

SAME = 1e-3
"""Share by which the least found may lie over what is proven to count as the least."""

SPARED_FACTOR = 2.0
"""Factor by which the weighted sum may grow for a set of fewer limits."""

FIRST_S, TRIAL_S = 8.0, 3.0
"""Seconds of the search over all slacks, and of each try to do without one."""

MOST_SPARED = 12
"""Limits that the search tries to do without."""

IDLE_KVA = 1e-4
"""A switch that carries less in the relaxation is left open at first."""

MIXED_ROUNDS, GAP = 20, 1e-4
"""Mixed-integer searches for one least, and their absolute gap."""


@dataclass(frozen=True)
class Giving:
    """By how much a slack gives: the largest, in the slack's unit, and by hour."""

    largest: float
    hourly: Mapping[Any, float]


@dataclass(frozen=True)
class Least:
    """The least that some slacks would have to give, where they can at all.

    Attributes
    ----------
    value, bound
        Weighted sum found and proven; the bound is under the value unless the search was cut off.
    given
        By number of the slack.
    closed, on
        Switches and commitments with it.
    """

    value: float
    bound: float
    given: Mapping[int, Giving]
    closed: SwitchHours
    on: Mapping[DeviceKey, FloatArray]


class LeastSearch:
    """Solves one level's elastic relaxation for any choice of the slacks that may give."""

    def __init__(self, level: ElasticLevel, deadline: float) -> None:
        self._level, self._m, self._problem = level, level.model, level.problem
        self._deadline = deadline
        self._proven: list[tuple[frozenset[int], float]] = []

    @property
    def left_s(self) -> float:
        """Seconds left."""
        return self._deadline - time.perf_counter()

    def least(self, allowed: Collection[int], within_s: float = np.inf) -> Least | None:
        """Return the least that the allowed slacks give, None where they do not suffice.

        None as well where nothing was found in time. A bound for more slacks holds for fewer.
        """
        until = min(self._deadline, time.perf_counter() + within_s)
        slacks = self._level.slacks
        weights = [pair for k in allowed for pair in slacks[k].terms()]
        held: VariableBounds = pyo.ComponentMap()
        for k, slack in enumerate(slacks):
            if k not in allowed:
                for variable, _ in slack.terms():
                    held[variable] = (0.0, 0.0)
        key = frozenset(allowed)
        known = max((b for more, b in self._proven if more >= key), default=-np.inf)
        found = self._choose(weights, held, until, known)
        if found is None:
            return None
        outcome, bound = found
        self._proven.append((key, bound))
        self._problem.load(outcome.values())
        return Least(
            float(outcome.value or 0.0),
            bound,
            {k: self._giving(k) for k in allowed if self._weighted(k) > CONSIDERABLE},
            read_closed(self._m, self._level.case),
            read_commitments(self._m),
        )

    def irreducible(self, allowed: Collection[int]) -> Least | None:
        """Return a least set of slacks that all are needed; those of small amounts are tried first.

        A slack is left out where the others then give at most ``SPARED_FACTOR`` times as much.
        """
        found = self.least(allowed, FIRST_S)
        if found is None or not found.given:
            return found
        amounts = {k: self._cost(k, giving) for k, giving in found.given.items()}
        kept = self.least(set(amounts), TRIAL_S) or found
        for k in sorted(amounts, key=lambda k: amounts[k])[:MOST_SPARED]:
            rest = set(kept.given) - {k}
            if k not in kept.given or not rest or self.left_s <= 0.0:
                continue
            without = self.least(rest, TRIAL_S)
            if without is not None and without.value <= SPARED_FACTOR * kept.value:
                kept = without
        return kept

    def _choose(
        self,
        weights: list[tuple[Any, float]],
        held: VariableBounds,
        until: float,
        known: float,
    ) -> tuple[Outcome, float] | None:
        """Return the best answer found with its switches held, and the bound proven.

        The linear relaxation comes first: the switches that it uses often cost no more than it
        proves. Otherwise a mixed-integer search chooses them, again with finer tangents while
        they cost more than it proves. The cost of a choice is that of the linear problem with the
        switches held, whose tangents are refined until none is broken.
        """
        relaxed = self._problem.solve_tight(weights, held, relax=True)
        if not relaxed.accepted:
            return None
        self._problem.load(relaxed.values())
        bound = max(known, -np.inf if relaxed.bound is None else relaxed.bound)
        best = self._with(self._carrying(), weights, held)
        for _ in range(MIXED_ROUNDS):
            left = until - time.perf_counter()
            if left <= 0.0 or (best is not None and _meet(best, bound)):
                break
            mixed = self._problem.solve(weights, held, time_limit_s=left, gap_abs=GAP)
            bound = max(bound, -np.inf if mixed.bound is None else mixed.bound)
            if not mixed.accepted:
                break
            self._problem.tangents_at(mixed.values())
            self._problem.load(mixed.values())
            closed = read_closed(self._m, self._level.case)
            if self._cut(closed):
                continue
            found = self._with(closed, weights, held)
            if found is not None and (best is None or _value(found) < _value(best)):
                best = found
        return None if best is None else (best, bound)

    def _with(
        self, closed: SwitchHours, weights: list[tuple[Any, float]], held: VariableBounds
    ) -> Outcome | None:
        """Return the least with the switches held, None where it cannot be."""
        fixed: VariableBounds = pyo.ComponentMap()
        fixed.update(held)
        for switch, t in self._m.MAY_CLOSE:
            fixed[self._m.closed[switch, t]] = (float(closed[switch][t]),) * 2
        found = self._problem.solve_tight(weights, fixed, relax=not self._commits)
        return found if found.accepted else None

    @property
    def _commits(self) -> bool:
        return bool(committed(self._m))

    def _carrying(self) -> SwitchHours:
        """Return the forest of switches that carry most in the solution in the model."""
        m, case = self._m, self._level.case
        pcc = {mg.pcc.id: mg.id for mg in case.microgrids}
        switches = {s.id: s for s in all_switches(case)}
        closed = {s: np.zeros(len(m.T), dtype=bool) for s in switches}
        graphs: dict[int, nx.MultiGraph] = {}
        for s, t in m.MAY_CLOSE:
            p, q = (m.p_pcc, m.q_pcc) if s in pcc else (m.p_tie, m.q_tie)
            key = pcc.get(s, s)
            kva = float(np.hypot(p[key, t].value or 0.0, q[key, t].value or 0.0))
            if kva > IDLE_KVA:
                graphs.setdefault(t, nx.MultiGraph()).add_edge(*switches[s].ends, key=s, kva=kva)
        for t, graph in graphs.items():
            for s in _forest(graph) if self._level.options.radial else _all(graph):
                closed[s][t] = True
        return closed

    def _cut(self, closed: SwitchHours) -> bool:
        """Cut off the cycles of a schedule; return whether there were any."""
        if not self._level.options.radial:
            return False
        switches = all_switches(self._level.case)
        found = {
            nodes for t in self._m.T for nodes in cycles_in(graph_of(switches, closed, int(t)))
        }
        cut_cycles(self._m, self._level.case, self._problem, found)
        return bool(found)

    def _giving(self, k: int) -> Giving:
        """Return what a slack gives in the solution in the model."""
        slack = self._level.slacks[k]
        hourly = {t: sum(float(v.value) for v in group) for t, group in slack.hourly.items()}
        largest = slack.largest
        most = max(hourly.values()) if largest is None else float(largest.value)
        return Giving(most, hourly)

    def _weighted(self, k: int) -> float:
        return self._cost(k, self._giving(k))

    def _cost(self, k: int, giving: Giving) -> float:
        slack = self._level.slacks[k]
        return slack.weight * giving.largest + slack.hour_weight * sum(giving.hourly.values())


def _value(outcome: Outcome) -> float:
    return np.inf if outcome.value is None else outcome.value


def _meet(found: Outcome, bound: float) -> bool:
    return _value(found) <= bound + SAME * max(bound, 1.0)


def _forest(graph: nx.MultiGraph) -> Iterable[str]:
    edges = nx.maximum_spanning_edges(graph, weight="kva", keys=True, data=False)
    return [switch for _, _, switch in edges]


def _all(graph: nx.MultiGraph) -> Iterable[str]:
    return [switch for _, _, switch in graph.edges(keys=True)]
