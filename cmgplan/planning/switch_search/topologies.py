"""The topologies of each block of hours that the search knows: patterns of the block's binaries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from networkx.utils import UnionFind

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.schedule_model import SwitchingModel
from cmgplan.planning.model.switches import Switch, SwitchHours, all_switches, cycles_in
from cmgplan.planning.model.switching import IDLE_KVA, counts_operations, flows_of
from cmgplan.planning.switch_search.schedules import SwitchSchedule, read_schedule
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve import LinearProblem
from cmgplan.solve.blocks.problem import BlockProblem, Pattern


@dataclass(frozen=True)
class HourlyGrid:
    """Level 4 by blocks of hours, as the parts of the search share it.

    Attributes
    ----------
    model
        The Pyomo model of the convex relaxation, whose matrix form ``problem`` is.
    blocks
        Its blocks.
    hours
        Hours of each block.
    """

    case: Case
    options: PlanOptions
    model: SwitchingModel
    problem: LinearProblem
    blocks: BlockProblem
    hours: Sequence[range]

    @property
    def several_hours(self) -> bool:
        """Whether a block has several hours."""
        return len(self.hours) < self.case.file.time.hours


@dataclass(frozen=True)
class _Place:
    """A switch in one hour: entry ``k`` of its block's pattern."""

    k: int
    switch: Switch
    hour: int

    @property
    def ends(self) -> tuple[tuple[int, str], tuple[int, str]]:
        """Nodes of the switch graph that it joins, each with its hour, as hours share no node."""
        a, b = self.switch.ends
        return (self.hour, a), (self.hour, b)


class Topologies:
    """A pool of patterns for each block, each with the round in which it was last used."""

    def __init__(self, grid: HourlyGrid) -> None:
        self._case, self._options, self._m = grid.case, grid.options, grid.model
        self._problem, self._blocks = grid.problem, grid.blocks
        self._used: list[dict[Pattern, int]] = [{} for _ in range(self._blocks.n_blocks)]
        self._round = self._mixed = 0
        self._places = self._places_of_blocks()
        self._free = not counts_operations(self._options)
        counted = TUNING.pool.kept_several_hours if grid.several_hours else TUNING.pool.kept_counted
        self._most = TUNING.pool.kept if self._free else counted
        self._flows = {
            pair: (self._problem.column(p), self._problem.column(q))
            for pair, (p, q) in flows_of(self._m, self._case).items()
        }

    def _places_of_blocks(self) -> list[list[_Place]]:
        """Return the place in its block's pattern of each switch that may close, grid first."""
        switches = {s.id: s for s in all_switches(self._case)}
        position = {
            int(c): (block, k)
            for block in range(self._blocks.n_blocks)
            for k, c in enumerate(self._blocks.binaries_of(block))
        }
        found: list[list[_Place]] = [[] for _ in range(self._blocks.n_blocks)]
        order = {"grid": 0, "cluster": 1, "microgrid": 2}
        for switch, t in sorted(
            self._m.MAY_CLOSE, key=lambda at: (order[switches[at[0]].kind], at)
        ):
            block, k = position[self._problem.column(self._m.closed[switch, t])]
            found[block].append(_Place(k, switches[switch], t))
        return found

    @property
    def complete(self) -> bool:
        """Whether every block has a topology."""
        return all(self._used)

    def kept(self) -> list[list[Pattern | None]]:
        """Return the recent topologies of each block, with which the hull works.

        Where operations are counted, none that the latest mix uses is missing.
        """
        return self._recently_used(self._most)

    def kept_wide(self) -> list[list[Pattern | None]]:
        """Return the recent topologies of each block, more where no mix meets the coupling rows."""
        return self._recently_used(max(self._most, TUNING.pool.kept_wide))

    def _recently_used(self, most: int) -> list[list[Pattern | None]]:
        kept: list[list[Pattern | None]] = []
        for used in self._used:
            mixed = 0 if self._free else sum(round_ >= self._mixed for round_ in used.values())
            recent = sorted(used, key=lambda p, used=used: -used[p])  # type: ignore[misc]
            kept.append([*recent[: max(most, mixed)]])
        return kept

    def begin_round(self) -> None:
        """Begin a round: what is learnt now counts as used after what was before."""
        self._round += 1

    def begin_mix(self) -> None:
        """Begin the round of a mix, whose topologies all stay where operations are counted."""
        self.begin_round()
        self._mixed = self._round

    def learn(self, block: int, pattern: Pattern) -> None:
        """Put a topology into the pool, or mark it as used now."""
        self._used[block][self.filled(block, pattern)] = self._round

    def learn_relaxed(self, block: int, values: FloatArray, *, apart: bool = False) -> None:
        """Put a topology into the pool, its switches chosen by their relaxed positions.

        ``values`` are those of the block's binaries. A switch that is not nearly open is wanted
        closed, the nearest to closed first; with ``apart`` all PCC switches come before ties.
        """
        wanted = np.where(values > TUNING.pool.nearly_zero, values, 0.0)
        if apart:
            wanted[[at.k for at in self._places[block] if at.switch.kind == "grid"]] = 2.0
        ranks = tuple(int(rank) for rank in np.ceil(1000.0 * wanted))
        closed = self.filled(block, ranks)
        switches = {at.k for at in self._places[block]}
        pattern = tuple(
            c if k in switches else int(rank > 0)
            for k, (c, rank) in enumerate(zip(closed, ranks, strict=True))
        )
        self._used[block][pattern] = self._round

    def filled(self, block: int, pattern: Pattern) -> Pattern:
        """Return the topology without the switches that close a cycle.

        Where operations are free every other switch that closes no cycle is closed as well: that
        only widens what an hour can do, and those that carry nothing are opened after the solve.
        """
        closed, joined = list(pattern), UnionFind()
        for at in sorted(self._places[block], key=lambda at: -pattern[at.k]):
            a, b = at.ends
            fits = not self._options.radial or joined[a] != joined[b]
            closed[at.k] = int(fits and (self._free or pattern[at.k] > 0))
            if closed[at.k]:
                joined.union(a, b)
        return tuple(closed)

    def with_held(self, block: int, pattern: Pattern, held: SwitchHours) -> Pattern:
        """Return a topology with the positions of some switches held.

        Others that would close a cycle with these are opened.
        """
        found, joined = list(pattern), UnionFind()
        for at in sorted(self._places[block], key=lambda at: at.switch.id not in held):
            a, b = at.ends
            path = held.get(at.switch.id)
            wanted = bool(pattern[at.k] if path is None else path[at.hour])
            fits = path is not None or not self._options.radial or joined[a] != joined[b]
            found[at.k] = int(wanted and fits)
            if found[at.k]:
                joined.union(a, b)
        return tuple(found)

    def closed_in(self, block: int, pattern: Pattern) -> frozenset[tuple[str, int]]:
        """Return the switches that a topology closes, each with the hour."""
        return frozenset((at.switch.id, at.hour) for at in self._places[block] if pattern[at.k])

    def carrying(self, block: int, x: FloatArray) -> Pattern:
        """Return the block's pattern in a point of the whole problem, without idle switches."""
        pattern = list(self._blocks.pattern_of(block, x))
        for at in self._places[block]:
            p, q = self._flows[at.switch.id, at.hour]
            if pattern[at.k] and np.hypot(x[p], x[q]) <= IDLE_KVA:
                pattern[at.k] = 0
        return tuple(pattern)

    def cycles(self, block: int, pattern: Pattern) -> list[frozenset[str]]:
        """Return the node sets of the cycles that a topology closes in any hour."""
        graphs: dict[int, nx.MultiGraph] = defaultdict(nx.MultiGraph)
        for at in self._places[block]:
            if pattern[at.k]:
                graphs[at.hour].add_edge(*at.switch.ends, key=at.switch.id)
        return [nodes for graph in graphs.values() for nodes in cycles_in(graph)]

    def learn_schedule(self, schedule: SwitchSchedule) -> list[Pattern]:
        """Put the topologies of a whole schedule into the pool, and return them."""
        x = np.zeros(self._problem.n)
        for switch, t in self._m.MAY_CLOSE:
            x[self._problem.column(self._m.closed[switch, t])] = schedule.closed[switch][t]
        for key, on in schedule.on.items():
            for t, committed in enumerate(on):
                x[self._problem.column(self._m.dev[key].on[t])] = round(float(committed))
        patterns = [self._blocks.pattern_of(block, x) for block in range(self._blocks.n_blocks)]
        for block, pattern in enumerate(patterns):
            self.learn(block, pattern)
        return patterns

    def schedule_of(self, patterns: Sequence[Pattern], x: FloatArray) -> SwitchSchedule:
        """Return the schedule with one topology in each block.

        ``x`` is the point of the whole problem; where operations are free, switches that carry
        nothing there are opened.
        """
        x = x.copy()
        for block, pattern in enumerate(patterns):
            x[self._blocks.binaries_of(block)] = pattern
        self._problem.load(x)
        return read_schedule(self._m, self._case, self._options, "hours")
