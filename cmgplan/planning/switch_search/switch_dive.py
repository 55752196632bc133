"""Rounding of the hull switch by switch, where operations are limited or cost something.

The hull keeps to the rows that count operations, so that the mean positions of most switches are
nearly those of a trajectory with few operations. Such switches take the nearest trajectory for the
whole day; the hull is solved anew for the rest.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from networkx.utils import UnionFind

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.planning.model.switches import Switch, all_switches
from cmgplan.planning.model.trajectories import trajectory
from cmgplan.planning.switch_search.rounding import in_use, rounded
from cmgplan.planning.switch_search.state import Aim
from cmgplan.planning.switch_search.topologies import HourlyGrid, Topologies
from cmgplan.planning.switch_search.tuning import TUNING
from cmgplan.solve.blocks.hull import Hull, Mix, Question, solve_hull
from cmgplan.solve.blocks.problem import Pattern

Held = Mapping[str, BoolArray]
"""Positions by switch and hour of the switches that are held."""


@dataclass(frozen=True)
class _Dived:
    """A hull of the topologies that are left once some switches are held.

    Switches in ``later`` are put off, as each loses much alone.
    """

    hull: Hull
    mix: Mix
    held: Held
    later: frozenset[str] = frozenset()

    def put_off(self, switch: Switch) -> bool:
        """Whether a switch is held only after the others."""
        return switch.id in self.later

    @property
    def value(self) -> float:
        """Value of the hull."""
        return self.hull.value


class SwitchDive:
    """Rounds hulls to schedules, one switch's day after the other, and improves schedules.

    An improvement releases the switches around one cluster, all PCCs, or some drawn at random, and
    holds them anew. Improving a schedule may take as many hulls as rounding it took.
    """

    def __init__(self, grid: HourlyGrid, pool: Topologies) -> None:
        case, model, problem = grid.case, grid.model, grid.problem
        self._options, self._blocks, self._pool = grid.options, grid.blocks, pool
        self._switches = all_switches(case)
        self._random, self._hulls = np.random.default_rng(0), 0
        self._counts = np.asarray([problem.column(v) for v in model.operations.values()])
        hours = self._hours = case.file.time.hours
        ends = [frozenset(cluster.microgrids) for cluster in case.clusters]
        self._neighbourhoods = [
            frozenset(s.id for s in self._switches if nodes & set(s.ends)) for nodes in ends
        ]
        self._neighbourhoods.append(frozenset(s.id for s in self._switches if s.kind == "grid"))
        self._column: dict[str, dict[int, int]] = {s.id: {} for s in self._switches}
        for switch, t in model.MAY_CLOSE:
            self._column[switch][t] = problem.column(model.closed[switch, t])
        self._may = {
            switch: np.asarray([t in columns for t in range(hours)])
            for switch, columns in self._column.items()
        }

    def lifted(self, question: Question) -> Question:
        """Return a question without the limit of operations."""
        upper = question.upper.copy()
        upper[self._counts] = self._hours
        return replace(question, upper=upper)

    def rounded(
        self, question: Question, hull: Hull, aim: Aim, known: Hull | None = None
    ) -> Hull | None:
        """Return a hull with one topology in each hour, or None where none was found.

        Its schedule keeps to the limit of operations, also where the question leaves that out. It
        is better than that of ``known``, a hull with one topology in each hour, if there is one.
        """
        never = {switch: may for switch, may in self._may.items() if not may.any()}
        begun = self._hulls
        under = np.inf if known is None else known.value
        found = self._dived(
            question, _Dived(hull, [in_use(w) for w in hull.weights], never), aim, under
        )
        took = self._hulls - begun
        if found is None and known is not None:
            found = self._standing(known)
        if found is None:
            return None
        return self._finished(question, self._improved(question, hull, found, aim, took), known)

    def improved(
        self, question: Question, hull: Hull, aim: Aim, known: Hull, hulls: float = np.inf
    ) -> Hull | None:
        """Return a better hull with one topology in each hour than a known one, if one is found.

        The topologies of ``hull`` are tried, in about so many ``hulls`` to be solved.
        """
        found = self._improved(question, hull, self._standing(known), aim, hulls)
        return self._finished(question, found, known)

    def _finished(self, question: Question, found: _Dived, known: Hull | None) -> Hull | None:
        """Return a hull with one topology in each hour, None if it is the known one."""
        if found.hull is known:
            return None
        return rounded(found.hull, lambda mix: self._solve(question, mix, found.held))

    def _standing(self, known: Hull) -> _Dived:
        """Return a hull with one topology in each hour as one in which all switches are held."""
        mix: Mix = [list(weights) for weights in known.weights]
        held = {s.id: np.zeros(self._hours, dtype=bool) for s in self._switches}
        for block, (pattern,) in enumerate(mix):
            for switch, t in () if pattern is None else self._pool.closed_in(block, pattern):
                held[switch][t] = True
        return _Dived(known, mix, held)

    def _dived(self, question: Question, found: _Dived, aim: Aim, under: float) -> _Dived | None:
        """Hold switches until all are held; None where nothing under a value comes of it."""
        while len(found.held) < len(self._switches):
            if time.perf_counter() > aim.deadline:
                return None
            step = self._step(question, found, TUNING.dive.step_units * aim.unit)
            if step is None or step.value >= under:
                return None
            found = step
        return found

    def _improved(
        self, question: Question, hull: Hull, best: _Dived, aim: Aim, hulls: float
    ) -> _Dived:
        """Release some switches in turn, as long as that gains something, and return the best."""
        most = self._hulls + hulls
        mix, idle = [in_use(weights) for weights in hull.weights], 0
        for neighbours in itertools.chain(self._neighbourhoods, self._drawn()):
            late = time.perf_counter() > aim.deadline or self._hulls >= most
            if late or best.value <= aim.good or idle >= TUNING.dive.idle_tries:
                break
            better = self._without(question, mix, best, neighbours, aim)
            idle = idle + 1 if better is None else 0
            best = better or best
        return best

    def _drawn(self) -> Iterator[frozenset[str]]:
        """Yield some switches, drawn at random."""
        used = [switch for switch, may in self._may.items() if may.any()]
        while True:
            count = min(TUNING.dive.drawn, len(used))
            yield frozenset(self._random.choice(used, count, replace=False).tolist())

    def _without(
        self, question: Question, mix: Mix, best: _Dived, released: frozenset[str], aim: Aim
    ) -> _Dived | None:
        """Release some switches and hold them anew; None unless that is better."""
        held = {s: path for s, path in best.held.items() if s not in released}
        merged = [[*a, *b] for a, b in zip(best.mix, mix, strict=True)]
        freed = self._try(question, _Dived(best.hull, merged, best.held), held)
        under = best.value - TUNING.dive.fine_units * aim.unit
        if freed is None or freed.value >= under:
            return None
        return self._dived(question, freed, aim, under)

    def _step(self, question: Question, now: _Dived, loss: float) -> _Dived | None:
        """Hold some more switches; None where nothing that is tried is feasible.

        A switch that loses more by itself is put off until all others are held or put off.
        """
        nearest = self._nearest(now)
        near = [
            switch
            for miss, switch in nearest
            if miss <= TUNING.dive.near_hours and not now.put_off(switch)
        ]
        count = max(len(near), (len(nearest) + 2) // 3)
        while count > 1:
            together = [switch for _, switch in nearest[:count]]
            tried = self._try(question, now, self._together(together, now))
            if tried is not None and tried.value <= now.value + loss:
                return tried
            count //= 3
        found: list[_Dived] = []
        for _, switch in nearest[: TUNING.dive.few]:
            for path in self._paths_of(now, switch):
                tried = self._try(question, now, {**now.held, switch.id: path})
                if tried is not None:
                    found.append(tried)
                    if tried.value <= now.value + loss:
                        return tried
            if len(now.later) + len(now.held) < len(self._switches):
                return replace(now, later=now.later | {switch.id})
        return min(found, key=lambda entry: entry.value, default=None)

    def _nearest(self, now: _Dived) -> list[tuple[float, Switch]]:
        """Return the switches that are not held, with the hours that a trajectory misses."""
        found = []
        for switch in self._switches:
            if switch.id not in now.held:
                mean = self._mean(now.hull, switch)
                path = self._trajectory(now.hull, switch, now.held, 1.0)
                found.append((float(np.abs(mean - path).sum()), switch))
        return sorted(found, key=lambda entry: (now.put_off(entry[1]), entry[0]))

    def _paths_of(self, now: _Dived, switch: Switch) -> list[BoolArray]:
        """Return the trajectories that are tried for one switch, one for each weight."""
        paths = [
            self._trajectory(now.hull, switch, now.held, missed_weight)
            for missed_weight in TUNING.dive.missed_weights
        ]
        return list({path.tobytes(): path for path in paths}.values())

    def _together(self, switches: Sequence[Switch], now: _Dived) -> Held:
        """Return what is held with trajectories of some switches that close no cycles."""
        found = dict(now.held)
        for switch in switches:
            found[switch.id] = self._trajectory(now.hull, switch, found, 1.0)
        return found

    def _mean(self, hull: Hull, switch: Switch) -> FloatArray:
        columns = self._column[switch.id]
        return np.asarray(
            [hull.mean[columns[t]] if t in columns else 0.0 for t in range(self._hours)]
        )

    def _trajectory(
        self, hull: Hull, switch: Switch, held: Held, missed_weight: float
    ) -> BoolArray:
        """Return the positions nearest to the hull's mean that close no cycle."""
        may = self._may[switch.id].copy()
        if self._options.radial:
            for t in np.flatnonzero(may):
                joined = UnionFind()
                for other in self._switches:
                    if other.id in held and held[other.id][t]:
                        joined.union(*other.ends)
                may[t] = joined[switch.ends[0]] != joined[switch.ends[1]]
        return trajectory(
            switch,
            np.clip(self._mean(hull, switch), 0.0, 1.0),
            may,
            limit=self._options.operation_limit,
            operation_price=TUNING.dive.operation_hours,
            missed_price=missed_weight,
            idle_price=1.0,
        )

    def _try(self, question: Question, now: _Dived, held: Held) -> _Dived | None:
        """Return the hull with these switches held, or None where it is infeasible."""
        restricted: list[list[Pattern | None]] = []
        for block, patterns in enumerate(now.mix):
            kept = {self._pool.with_held(block, p, held): None for p in patterns if p is not None}
            restricted.append(list(kept))
        found = self._solve(question, restricted, held)
        if found is None:
            return None
        return _Dived(found, restricted, held, now.later - frozenset(held))

    def _solve(self, question: Question, mix: Mix, held: Held) -> Hull | None:
        lower, upper = question.lower.copy(), question.upper.copy()
        for switch, path in held.items():
            for t, column in self._column[switch].items():
                lower[column] = upper[column] = float(path[t])
        asked = replace(question, lower=lower, upper=upper)
        self._hulls += 1
        found = solve_hull(self._blocks, asked, mix, spare=True)
        return found if isinstance(found, Hull) else None
