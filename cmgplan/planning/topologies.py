"""The topologies of each hour that the search knows: patterns of the hour's binaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from networkx.utils import UnionFind

from cmgplan.case.records import Case, PlanOptions
from cmgplan.devices.base import FloatArray
from cmgplan.planning.grid_search import SwitchSchedule, read_schedule
from cmgplan.planning.switches import Switch, all_switches, cycles_in
from cmgplan.planning.switching import IDLE_KVA, counts_operations, flows_of
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks import BlockProblem, Pattern

KEPT = 5
"""Topologies per hour that the hull works with: those that it used last, and the newest."""

KEPT_COUNTED = 8
"""The same where operations are counted: hours mix more of them to spare operations."""


NEARLY_ZERO = 1e-3
"""Relaxed position under which a switch is not wanted."""


@dataclass(frozen=True)
class HourlyGrid:
    """Level 4 by hours, as the parts of the search share it.

    Attributes
    ----------
    model
        The Pyomo model of the convex relaxation, whose matrix form ``problem`` is.
    blocks
        Its hours.
    """

    case: Case
    options: PlanOptions
    model: Any
    problem: LinearProblem
    blocks: BlockProblem


class Topologies:
    """A pool of patterns for each hour, each with the round in which it was last of use."""

    def __init__(self, grid: HourlyGrid) -> None:
        self._case, self._options, self._m = grid.case, grid.options, grid.model
        self._problem, self._blocks = grid.problem, grid.blocks
        self._used: list[dict[Pattern, int]] = [{} for _ in range(self._blocks.n_blocks)]
        self._round = 0
        self._switches = self._switches_of_blocks()
        self._free = not counts_operations(self._options)
        self._flows = {
            pair: (self._problem.column(p), self._problem.column(q))
            for pair, (p, q) in flows_of(self._m, self._case).items()
        }

    def _switches_of_blocks(self) -> list[list[tuple[int, Switch]]]:
        """Return the place in the hour's pattern of each switch that may close, grid first."""
        switches = {s.id: s for s in all_switches(self._case)}
        column = {(s, t): self._problem.column(self._m.closed[s, t]) for s, t in self._m.MAY_CLOSE}
        place = {}
        for hour in range(self._blocks.n_blocks):
            for k, c in enumerate(self._blocks.binaries_of(hour)):
                place[int(c)] = (hour, k)
        found: list[list[tuple[int, Switch]]] = [[] for _ in range(self._blocks.n_blocks)]
        order = {"grid": 0, "cluster": 1, "microgrid": 2}
        for (switch, _), c in sorted(
            column.items(), key=lambda item: (order[switches[item[0][0]].kind], item[0])
        ):
            hour, k = place[c]
            found[hour].append((k, switches[switch]))
        return found

    @property
    def complete(self) -> bool:
        """Whether every hour has a topology."""
        return all(self._used)

    def kept(self, count: int | None = None) -> list[list[Pattern | None]]:
        """Return the youngest topologies of each hour, with which the hull works."""
        most = count or (KEPT if self._free else KEPT_COUNTED)
        return [
            sorted(used, key=lambda p, used=used: -used[p])[:most]  # type: ignore[misc]
            for used in self._used
        ]

    def begin_round(self) -> None:
        """Begin a round: what is learnt now is younger than what was before."""
        self._round += 1

    def learn(self, hour: int, pattern: Pattern) -> None:
        """Put a topology into the pool, or make it young again."""
        self._used[hour][self.filled(hour, pattern)] = self._round

    def share(self, hour: int, pattern: Pattern) -> None:
        """Offer the positions of an hour's switches to the hours beside it, to spare operations.

        Other binaries there are those of the youngest topology.
        """
        closed = self.closed_in(hour, pattern)
        for other in (hour - 1, hour + 1):
            used: dict[Pattern, int] = self._used[other] if 0 <= other < len(self._used) else {}
            if used:
                youngest: Pattern = max(used, key=used.__getitem__)
                held = {switch.id: switch.id in closed for _, switch in self._switches[other]}
                beside = self.filled(other, self.with_held(other, youngest, held))
                used.setdefault(beside, self._round)

    def learn_relaxed(self, hour: int, values: FloatArray, *, apart: bool = False) -> None:
        """Put the topology into the pool that takes switches by their relaxed positions.

        ``values`` are those of the hour's binaries; whatever is not nearly zero is wanted, and,
        with ``apart``, every microgrid's own PCC before that.
        """
        wanted = np.where(values > NEARLY_ZERO, values, 0.0)
        if apart:
            wanted[[k for k, switch in self._switches[hour] if switch.kind == "grid"]] = 2.0
        ranks = tuple(int(rank) for rank in np.ceil(1000.0 * wanted))
        closed = self.filled(hour, ranks)
        switches = {k for k, _ in self._switches[hour]}
        pattern = tuple(
            c if k in switches else int(rank > 0)
            for k, (c, rank) in enumerate(zip(closed, ranks, strict=True))
        )
        self._used[hour][pattern] = self._round

    def filled(self, hour: int, pattern: Pattern) -> Pattern:
        """Return the topology without the switches that close a cycle.

        Where operations are free every other switch that closes no cycle is closed as well: that
        only widens what an hour can do, and those that carry nothing are opened after the solve.
        """
        closed, joined = list(pattern), UnionFind()
        asked = sorted(self._switches[hour], key=lambda entry: -pattern[entry[0]])
        for k, switch in asked:
            a, b = switch.ends
            fits = not self._options.radial or joined[a] != joined[b]
            closed[k] = int(fits and (self._free or pattern[k] > 0))
            if closed[k]:
                joined.union(a, b)
        return tuple(closed)

    def with_held(self, hour: int, pattern: Pattern, held: Mapping[str, bool]) -> Pattern:
        """Return a topology with the positions of some switches held.

        Others that would close a cycle with these are opened.
        """
        found, joined = list(pattern), UnionFind()
        for k, switch in sorted(self._switches[hour], key=lambda entry: entry[1].id not in held):
            a, b = switch.ends
            wanted = held.get(switch.id, bool(pattern[k]))
            fits = switch.id in held or not self._options.radial or joined[a] != joined[b]
            found[k] = int(wanted and fits)
            if found[k]:
                joined.union(a, b)
        return tuple(found)

    def closed_in(self, hour: int, pattern: Pattern) -> frozenset[str]:
        """Return the switches that a topology closes."""
        return frozenset(switch.id for k, switch in self._switches[hour] if pattern[k])

    def carrying(self, hour: int, x: FloatArray) -> Pattern:
        """Return the hour's pattern in a point of the whole problem, without idle switches."""
        pattern = list(self._blocks.pattern_of(hour, x))
        for k, switch in self._switches[hour]:
            p, q = self._flows[switch.id, hour]
            if pattern[k] and np.hypot(x[p], x[q]) <= IDLE_KVA:
                pattern[k] = 0
        return tuple(pattern)

    def cycles(self, hour: int, pattern: Pattern) -> list[frozenset[str]]:
        """Return the node sets of the cycles that a topology closes."""
        graph = nx.MultiGraph()
        for k, switch in self._switches[hour]:
            if pattern[k]:
                graph.add_edge(*switch.ends, key=switch.id)
        return cycles_in(graph)

    def learn_schedule(self, schedule: SwitchSchedule) -> list[Pattern]:
        """Put the topologies of a whole schedule into the pool, and return them."""
        x = np.zeros(self._problem.n)
        for switch, t in self._m.MAY_CLOSE:
            x[self._problem.column(self._m.closed[switch, t])] = schedule.closed[switch][t]
        for key, on in schedule.on.items():
            for t, committed in enumerate(on):
                x[self._problem.column(self._m.dev[key].on[t])] = round(float(committed))
        patterns = [self._blocks.pattern_of(hour, x) for hour in range(self._blocks.n_blocks)]
        for hour, pattern in enumerate(patterns):
            self.learn(hour, pattern)
        return patterns

    def schedule_of(self, patterns: Sequence[Pattern], x: FloatArray) -> SwitchSchedule:
        """Return the schedule with one topology in each hour.

        ``x`` is the point of the whole problem; where operations are free, switches that carry
        nothing there are opened.
        """
        x = x.copy()
        for hour, pattern in enumerate(patterns):
            x[self._blocks.binaries_of(hour)] = pattern
        self._problem.load(x)
        return read_schedule(self._m, self._case, self._options, "hours")
