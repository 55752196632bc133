"""Every printed bound of a run proved again, from the case and the multipliers that were kept.

The hourly problems are built from the case anew and solved otherwise than in the plan. Multipliers
need not be believed: whatever they are, the bound that they give holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.islanded import LevelResult, grid_mask, solve_levels_1_to_3
from cmgplan.planning.levels.level4 import CAP_TOLERANCE
from cmgplan.planning.model.bound_proof import MULTIPLIERS, BoundProof, proof_of
from cmgplan.planning.model.grid_models import convex_model, linear_problem
from cmgplan.planning.model.schedule import VariableBounds
from cmgplan.planning.model.switches import all_switches, cycles_in
from cmgplan.planning.model.switching import cut_cycles
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.switch_search.blocks_of_hours import block_of_columns
from cmgplan.planning.switch_search.schedules import goals_of
from cmgplan.planning.switch_search.topologies import HourlyGrid, Topologies
from cmgplan.solve.blocks.hull import Question
from cmgplan.solve.blocks.problem import BlockProblem
from cmgplan.solve.blocks.reproof import SETTINGS, TIME_LIMIT, Reproved, reprove, reprove_whole
from cmgplan.solve.highs import asked_otherwise

TOLERANCE = 1e-3
"""By which a bound may come out lower and stand, $ or kWh.

Feasibility tolerances of 24 solves and ten printed digits take some 1e-4; a bound is an error of a
solver from ten times as much above a value (``CONTRADICTED_USD`` of ``front``).
"""

LEVEL_TOLERANCE = 0.01
"""The same for Levels 1 to 3, whose goals give way to each other by as much (kWh or $)."""

LEVEL_SHARE = 1e-5
"""What comes to that tolerance as a share of the bound."""

NOTHING_FEASIBLE = 5e-5
"""Proven break of the coupling rows from which a question has no answer, as in the search."""

GAP_SHARE = 0.25
"""Share of the wanted gap that the hours may leave open together when first asked."""

MOST_SHARE = 0.25
"""Share of the time left that one bound may take; the first one finds most of the tangents."""


LEAST_S = 1.0
"""Time left under which no bound is tried once more, s."""


class Verdict(StrEnum):
    """What became of a printed bound."""

    STANDS = "stands"
    NOT_REACHED = "not reached"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Proved:
    """A printed bound beside what was proved again.

    Attributes
    ----------
    what, unit
        Where it is printed, and what it counts in.
    printed, value
        As printed, and as proved again; None where there is nothing.
    by
        How it was proved again.
    verdict, reason
        What became of it, and why where it does not stand.
    wall_s
        Time that it took.
    """

    what: str
    unit: str
    printed: float | None
    value: float | None
    by: str
    verdict: Verdict
    reason: str = ""
    wall_s: float = 0.0


Tell = Callable[[str, float], None]
"""Called with a sentence and the share of the work that is done."""


def prove_run(
    case: Case,
    options: PlanOptions,
    summary: PlanRecord,
    pareto: pd.DataFrame,
    proofs: Mapping[int, object],
    *,
    time_limit_s: float,
    jobs: int,
    tell: Tell = lambda message, share: None,
) -> list[Proved]:
    """Prove every printed bound of a run again, the Pareto points' first.

    Parameters
    ----------
    case, options
        The run's copy of its case, and the options that it was planned with.
    summary, pareto
        Its plan.json, and pareto.csv.
    proofs
        Content of its files ``proofs/NN.json`` by point.
    time_limit_s, jobs
        Seconds for everything, and how many hours are asked at the same time.
    tell
        Progress.

    Raises
    ------
    CmgplanError
        If the levels before Level 4 cannot be solved again.
    """
    deadline = time.perf_counter() + time_limit_s
    tell("levels 1 to 3 again", 0.0)
    begun = time.perf_counter()
    with asked_otherwise(SETTINGS):
        levels = solve_levels_1_to_3(case, options)
    found = list(_levels(summary, levels, time.perf_counter() - begun))
    rows = pareto.to_dict("records")
    points: list[Proved] = []
    with ThreadPoolExecutor(max_workers=max(jobs, 1)) as workers:
        prover = GridProver(case, options, levels[-1], workers, _wanted_gap(summary, options))
        for count, row in enumerate(rows):
            tell(f"point {row['point']} of {len(rows)}", (count + 0.5) / (len(rows) + 0.5))
            left = deadline - time.perf_counter()
            fair = left * max(1.0 / (len(rows) - count), MOST_SHARE)
            points.append(prover.point(row, proofs.get(int(row["point"])), max(fair, 0.0)))
        late = [k for k, found in enumerate(points) if found.reason.endswith(TIME_LIMIT)]
        for count, k in enumerate(late):
            left = deadline - time.perf_counter()
            if left > LEAST_S:
                tell(f"point {rows[k]['point']} of {len(rows)} once more", 1.0)
                fair = left / (len(late) - count)
                points[k] = prover.point(rows[k], proofs.get(int(rows[k]["point"])), fair)
    return [*points, *_selected(summary, points), *found]


class GridProver:
    """Level 4 built anew, to prove bounds of its questions."""

    def __init__(
        self,
        case: Case,
        options: PlanOptions,
        level3: LevelResult,
        workers: ThreadPoolExecutor,
        gap_abs: float,
    ) -> None:
        self._case, self._options, self._workers = case, options, workers
        self._gap_abs = gap_abs
        convex = convex_model(case, options, build_feeder(case), grid_mask(case, options, level3))
        self._m = convex.model
        self._problem = linear_problem(convex)
        self._grids: dict[tuple[tuple[int, int], ...], HourlyGrid] = {}

    def point(self, row: Mapping[Any, Any], raw: object, time_limit_s: float) -> Proved:
        """Prove the bound of a row of pareto.csv again, or that nothing meets its caps."""
        number, status = int(row["point"]), str(row["status"])
        what = f"point {number}"
        goal = _goal(row)
        printed = float(row["bound_ec_usd"])
        empty = status == "infeasible"
        unit = "kWh" if goal == "loss_kwh" else "$"
        if not np.isfinite(printed) and not empty:
            return Proved(what, unit, None, None, "", Verdict.NOT_REACHED, "no bound is printed")
        shown = None if empty else printed
        begun = time.perf_counter()
        try:
            proof = proof_of(raw, f"proofs/{number:02d}.json", self._case.file.time.hours)
            value, again = self._again(proof, row, goal, shown, time_limit_s)
        except InputError as error:
            return Proved(what, unit, shown, None, "", Verdict.NOT_REACHED, str(error))
        by = "multipliers" if proof.by == MULTIPLIERS else "whole problem, no presolve"
        if again.reached:
            verdict = Verdict.STANDS
        else:
            verdict = Verdict.FAILED if again.refuted else Verdict.NOT_REACHED
        wall_s = time.perf_counter() - begun
        told = "nothing meets its caps: " if empty else ""
        return Proved(what, unit, shown, value, by, verdict, f"{told}{again.reason}", wall_s)

    def _again(
        self,
        proof: BoundProof,
        row: Mapping[Any, Any],
        goal: str,
        printed: float | None,
        time_limit_s: float,
    ) -> tuple[float, Reproved]:
        """Return the bound of the goal that the proof gives, and the work that it took.

        The caps are those of the table: the proof only says how to weigh.
        """
        eps = {n: float(row[f"eps_{n}"]) for n in ("gc_usd", "loss_kwh") if n != goal}
        weights = _usable(proof.weights, goal, eps) if printed is not None else {}
        owed = sum(weight * eps[n] for n, weight in weights.items() if n != goal)
        own = weights.get(goal, 1.0)
        caps = {n: cap + CAP_TOLERANCE + 2e-9 * abs(cap) for n, cap in eps.items()}
        if printed is not None and abs((proof.bound - owed) / own - printed) > TOLERANCE:
            told = f"is not the bound {(proof.bound - owed) / own:.10g} that its proof was kept for"
            return np.nan, Reproved(np.nan, False, told, refuted=True)
        target = NOTHING_FEASIBLE if printed is None else own * (printed - TOLERANCE) + owed
        question = self._question(weights, caps)
        deadline = time.perf_counter() + time_limit_s
        if proof.by == MULTIPLIERS:
            again = self._by_multipliers(proof, question, target, self._gap_abs, deadline)
        else:
            again = reprove_whole(
                self._problem, question, target=target, deadline=deadline, cut=self._cut_whole
            )
        return (again.value - owed) / own, again

    def _question(self, weights: Mapping[str, float], caps: Mapping[str, float]) -> Question:
        goals = goals_of(self._m)
        bounds: VariableBounds = pyo.ComponentMap()
        for name, goal in goals.items():
            bounds[goal] = (-np.inf, caps.get(name, np.inf))
        pairs = [(goals[name], weight) for name, weight in weights.items()]
        return Question(*self._problem.vectors(pairs, bounds))

    def _by_multipliers(
        self,
        proof: BoundProof,
        question: Question,
        target: float,
        gap_abs: float,
        deadline: float,
    ) -> Reproved:
        grid = self._grid(proof.blocks)
        names = grid.blocks.coupling_names
        unknown = sorted(set(proof.multipliers) - set(names))
        if unknown:
            raise InputError(f"a multiplier is of {unknown[0]}, which is no row of this case")
        multipliers = np.asarray([proof.multipliers.get(name, 0.0) for name in names])
        pool = Topologies(grid)

        def cut(block: int, x: FloatArray) -> None:
            if self._options.radial:
                cycles = pool.cycles(block, grid.blocks.pattern_of(block, x))
                cut_cycles(self._m, self._case, self._problem, set(cycles))

        return reprove(
            grid.blocks,
            question,
            multipliers,
            target=target,
            first_gap=GAP_SHARE * gap_abs,
            deadline=deadline,
            each=self._workers.map,
            cut=cut,
        )

    def _grid(self, blocks: Sequence[tuple[int, int]]) -> HourlyGrid:
        key = tuple((int(a), int(b)) for a, b in blocks)
        if key not in self._grids:
            hours = [range(a, b) for a, b in key]
            problem = BlockProblem(self._problem, block_of_columns(self._problem, hours))
            self._grids[key] = HourlyGrid(
                self._case, self._options, self._m, self._problem, problem, hours
            )
        self._grids[key].blocks.refresh()
        return self._grids[key]

    def _cut_whole(self, x: FloatArray) -> None:
        """Cut off the cycles of a point of the whole problem."""
        if not self._options.radial:
            return
        import networkx as nx

        cycles: set[frozenset[str]] = set()
        for t in range(self._case.file.time.hours):
            graph: nx.MultiGraph = nx.MultiGraph()
            for switch in all_switches(self._case):
                if (switch.id, t) in self._m.MAY_CLOSE:
                    column = self._problem.column(self._m.closed[switch.id, t])
                    if x[column] > 0.5:
                        graph.add_edge(*switch.ends, key=switch.id)
            cycles.update(cycles_in(graph))
        cut_cycles(self._m, self._case, self._problem, cycles)


def _wanted_gap(summary: PlanRecord, options: PlanOptions) -> float:
    """Return the gap of a point that was wanted, in $; 0.01 where its range is not told."""
    width = summary.certificate.range_ec_usd
    return options.gap * (1.0 if width is None else max(width, 1.0))


def _goal(row: Mapping[Any, Any]) -> str:
    """Return the objective whose bound a row has: f2, unless the table names another."""
    named = row.get("minimised")
    return named if isinstance(named, str) and named else "ec_usd"


def _usable(
    weights: Mapping[str, float], goal: str, caps: Mapping[str, float]
) -> Mapping[str, float]:
    """Return weights from which a bound of the goal follows under the caps."""
    if not weights.get(goal, 0.0) > 0.0:
        raise InputError(f"the proof has no weight on {goal}: plan again")
    for name, weight in weights.items():
        if not (np.isfinite(weight) and weight >= 0.0):
            raise InputError(f"the proof's weight on {name} is not a number of 0 or more")
        if name != goal and name not in caps and weight > 0.0:
            raise InputError(f"the proof weighs {name}, which has no cap")
    return weights


def _levels(summary: PlanRecord, levels: Sequence[LevelResult], wall_s: float) -> Iterator[Proved]:
    """Compare the bounds of Levels 1 to 3 in plan.json with those of the levels solved again."""
    for entry, level in zip(summary.levels, levels, strict=False):
        for name, outcome in level.outcomes.items():
            printed = entry.goals[name].bound if name in entry.goals else None
            what = f"level {level.level}, {name}"
            if printed is None:
                continue
            value = outcome.bound
            least = printed - LEVEL_TOLERANCE - LEVEL_SHARE * abs(printed)
            if value is None:
                verdict, reason = Verdict.NOT_REACHED, "the solver states no bound this time"
            elif value >= least:
                verdict, reason = Verdict.STANDS, ""
            else:
                verdict, reason = Verdict.FAILED, "less is proved"
            unit = "$" if name.endswith("_usd") else "kWh"
            by = "solved again, no presolve"
            yield Proved(what, unit, printed, value, by, verdict, reason, wall_s / 3)


def _selected(summary: PlanRecord, points: Sequence[Proved]) -> Iterator[Proved]:
    """Say what becomes of Level 4's bound in plan.json: it is that of the selected point."""
    number = summary.selected.point
    for goal in summary.levels[-1].goals.values():
        printed = goal.bound
        if printed is None:
            continue
        of = next((p for p in points if p.what == f"point {number}"), None)
        what = "level 4, selected point"
        if of is None or of.value is None:
            yield Proved(what, "$", printed, None, "", Verdict.NOT_REACHED, "see its point")
        elif of.value >= printed - TOLERANCE:
            yield Proved(what, "$", printed, of.value, f"point {number}", Verdict.STANDS)
        else:
            lower = of.verdict if of.verdict is not Verdict.STANDS else Verdict.FAILED
            yield Proved(what, "$", printed, of.value, f"point {number}", lower, "see its point")
