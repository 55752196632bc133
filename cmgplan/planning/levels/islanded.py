"""Levels 1 to 3: microgrids without the feeder, alone, in clusters and between clusters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyomo.environ as pyo

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.islanded_search import IslandedSearch, NoScheduleError, margin
from cmgplan.planning.model.operation import Operation, read_operation, stores_of
from cmgplan.planning.model.schedule import (
    add_objectives,
    allow_unserved,
    curtailed_kw,
    exchange_disks,
    new_schedule,
    tie_cones,
    unserved_kw,
)
from cmgplan.planning.model.schedule_model import IslandedModel
from cmgplan.planning.model.switches import SwitchHours, allow, next_mask
from cmgplan.planning.model.switching import add_switching
from cmgplan.planning.record.levels import LevelNumber
from cmgplan.planning.why.explain import explain_islanded
from cmgplan.planning.why.least_set import PROVEN
from cmgplan.solve import LinearProblem, Outcome

LEFT_OVER_KW = 0.1
"""Shortage and surplus over this count."""

BEYOND_MARGIN = 1.5
"""Shortage that counts before Level 4, which must serve all load, in margins of unserved energy."""

LATER_MICROGRID = 1e-3
"""Weight of a microgrid's place in the case in the tie-break, beside 1 for a kWh."""

LOST_PER_CURTAILED = 3.0
"""Weight of tie losses in the tie-break, so that losing surplus never beats curtailing it."""


@dataclass(frozen=True)
class LevelResult:
    """Result of a level, and the mask of the next one.

    Attributes
    ----------
    level
        1 to 4.
    operation
        Dispatch, exchange and switch schedule.
    mask
        In which hours its switches were allowed to close.
    following
        The mask of the next level; its own for Level 4.
    outcomes
        Each solve's outcome: why it stopped and what it proved, by the name of its objective.
    wall_s
        Time taken.
    """

    level: LevelNumber
    operation: Operation
    mask: SwitchHours
    following: SwitchHours
    outcomes: Mapping[str, Outcome]
    wall_s: float

    @property
    def shortage_kw(self) -> Mapping[str, FloatArray]:
        """Unserved load by microgrid."""
        return self.operation.unserved_kw

    @property
    def surplus_kw(self) -> Mapping[str, FloatArray]:
        """Curtailed renewable power by microgrid."""
        return self.operation.curtailed_kw


def left_over(operation: Operation, short_kw: float = LEFT_OVER_KW) -> dict[str, BoolArray]:
    """Return by microgrid and hour whether it has a surplus, or a shortage over ``short_kw``."""
    return {
        mg: (operation.unserved_kw[mg] > short_kw) | (operation.curtailed_kw[mg] > LEFT_OVER_KW)
        for mg in operation.unserved_kw
    }


def _short_kw(case: Case, level: int, operation: Operation) -> float:
    """Return the shortage over which switches may close at the next level, kW.

    Level 4 must serve all load, so that before it every shortage counts that is not the margin
    of the goals.
    """
    if level < 3:
        return LEFT_OVER_KW
    dt_h = case.file.time.dt_h
    unserved_kwh = dt_h * sum(float(kw.sum()) for kw in operation.unserved_kw.values())
    return min(LEFT_OVER_KW, BEYOND_MARGIN * margin(unserved_kwh) / dt_h)


def first_mask(case: Case, options: PlanOptions) -> SwitchHours:
    """Return the mask of Level 1: every switch open."""
    return allow(case, ())


def solve_islanded(
    case: Case, options: PlanOptions, level: LevelNumber, mask: SwitchHours
) -> LevelResult:
    """Solve Level 1, 2 or 3 under its mask.

    Least unserved energy, then least f1 + f2, then the tie-break: least curtailment with the
    earliest hours curtailed first, least storage throughput, least exchange over ties.

    Raises
    ------
    InfeasibleError
        If there is no schedule; unserved load makes every case feasible unless reactive power or
        an EV cannot be met at all.
    SolverError
        If HiGHS holds no answer.
    """
    begun = time.perf_counter()
    case = standing_apart(case, options, mask)
    m: IslandedModel = new_schedule(case, options)
    h = case.horizon(options)
    allow_unserved(m, case, h)
    add_objectives(m, case, options)
    binaries = add_switching(m, case, options, mask)
    _add_level_goals(m, case)
    problem = LinearProblem(m, tie_cones(m, case), exchange_disks(m, case, binaries))
    try:
        outcomes, closed = IslandedSearch(m, case, options, problem).run()
    except NoScheduleError as error:
        explanation = explain_islanded(case, options, level, mask)
        if explanation is None:
            raise InfeasibleError(
                f"Level {level}: {error}. What is lacking is under {PROVEN:g} kW, kvar or kWh, or "
                "was not found in time, so that it is not told which limit would have to give"
            ) from error
        raise InfeasibleError(explanation.message(), explanation) from error
    operation = read_operation(m, case, closed)
    return LevelResult(
        level=level,
        operation=operation,
        mask=mask,
        following=next_mask(
            case, level, mask, left_over(operation, _short_kw(case, level, operation))
        ),
        outcomes=outcomes,
        wall_s=time.perf_counter() - begun,
    )


def standing_apart(case: Case, options: PlanOptions, mask: SwitchHours) -> Case:
    """Return the case for a level without the feeder, where no switch may operate.

    A switch that stands closed at the start and that the level holds open in an hour counts as open
    from the start, so that opening it is no operation. At Level 4 the limit holds for the switches
    as they stand.
    """
    if options.operation_limit != 0:
        return case
    apart = {s for s, hours in mask.items() if not hours.all()}
    opened = {"initially_closed": False}
    microgrids = tuple(
        mg.model_copy(update={"pcc": mg.pcc.model_copy(update=opened)})
        if mg.pcc.id in apart
        else mg
        for mg in case.microgrids
    )
    ties = tuple(tie.model_copy(update=opened) if tie.id in apart else tie for tie in case.ties)
    file = case.file.model_copy(update={"microgrid": microgrids, "tie": ties})
    return replace(case, file=file)


def solve_levels_1_to_3(case: Case, options: PlanOptions) -> tuple[LevelResult, ...]:
    """Solve the islanded levels one after the other; each passes its mask on."""
    mask = first_mask(case, options)
    results: list[LevelResult] = []
    for level in (1, 2, 3):
        results.append(solve_islanded(case, options, level, mask))
        mask = results[-1].following
    return tuple(results)


def grid_mask(case: Case, options: PlanOptions, level3: LevelResult) -> SwitchHours:
    """Return the mask of Level 4: Level 3's, or everything where the hierarchy is joint."""
    if options.hierarchy == "joint":
        return allow(case, ("microgrid", "cluster", "grid"))
    return level3.following


def _add_level_goals(m: IslandedModel, case: Case) -> None:
    """Define the unserved energy, f1 + f2, and the tie-break as variables."""
    dt_h, hours = case.file.time.dt_h, case.file.time.hours
    m.unserved_kwh = pyo.Var(bounds=(0.0, None), initialize=0.0)
    m.cost_and_emission = pyo.Var(initialize=0.0)
    m.tie_break = pyo.Var(initialize=0.0)

    @m.Constraint(doc="unserved energy, kWh")
    def unserved_definition(m: IslandedModel) -> Any:
        return m.unserved_kwh == dt_h * pyo.quicksum(
            unserved_kw(m, case, mg.id, t) for mg in case.microgrids for t in m.T
        )

    @m.Constraint(doc="f1 + f2, $")
    def cost_and_emission_definition(m: IslandedModel) -> Any:
        return m.cost_and_emission == m.f1 + m.f2

    def later(t: int, k: int) -> float:
        return 1.0 + t / hours + LATER_MICROGRID * k

    curtailed = pyo.quicksum(
        later(t, k) * (curtailed_kw(m, case, mg.id, t) + unserved_kw(m, case, mg.id, t))
        for k, mg in enumerate(case.microgrids)
        for t in m.T
    )
    throughput = pyo.quicksum(
        m.dev[key].charge[t] + m.dev[key].discharge[t] for key in stores_of(case) for t in m.T
    )
    lost = pyo.quicksum(m.tie_loss[e, t] for e in m.LOSSY for t in m.T)

    @m.Constraint(doc="weighted sum, kWh")
    def tie_break_definition(m: IslandedModel) -> Any:
        return m.tie_break == dt_h * (curtailed + throughput + LOST_PER_CURTAILED * lost)
