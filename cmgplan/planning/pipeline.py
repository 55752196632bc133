"""The plan: Case -> Feeder -> Levels 1-4 -> front -> selected solution -> Levels 5, 6 -> result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError, SolverError
from cmgplan.network.feeder import Feeder, build_feeder
from cmgplan.network.powerflow import power_flow
from cmgplan.planning import tables
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.islanded import (
    LevelResult,
    grid_mask,
    solve_levels_1_to_3,
)
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.levels.robustness import headroom
from cmgplan.planning.levels.selection import Selection, select_point
from cmgplan.planning.levels.summary import certificate_of, operation_of, payoff_of, summary_of
from cmgplan.planning.levels.upper import UpperResult, pcc_nodal, solve_upper
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.standing import reject_standing_loops
from cmgplan.planning.record.headroom import LevelReplay, Replay, Tolerance
from cmgplan.planning.record.plan import Times
from cmgplan.planning.record.values import finite, or_nan
from cmgplan.planning.result import PlanResult
from cmgplan.progress import Progress, ProgressEvent, telling
from cmgplan.solve import Outcome, Stop

VOLTAGE_TOLERANCE_PU = 1e-6
LOSS_TOLERANCE_KW = 1e-3

Injections = Mapping[str, tuple[FloatArray, FloatArray]]


class _Clock:
    """Time of each part of the plan."""

    def __init__(self) -> None:
        self.parts: dict[str, float] = {}
        self._begun = self._last = time.perf_counter()

    def lap(self, part: str) -> None:
        """Put the time since the last lap down to a part."""
        now = time.perf_counter()
        self.parts[part] = now - self._last
        self._last = now

    def times(self) -> Times:
        """Return all parts and the total."""
        return Times(
            levels_1_to_3=self.parts["levels_1_to_3"],
            level_4=self.parts["level_4"],
            levels_5_and_6=self.parts["levels_5_and_6"],
            replay=self.parts["replay"],
            tables_and_headroom=self.parts["tables_and_headroom"],
            total=time.perf_counter() - self._begun,
        )


def plan(
    case: Case,
    options: PlanOptions | None = None,
    *,
    progress: Progress | None = None,
    journal: Callable[[dict[str, Any]], None] | None = None,
) -> PlanResult:
    """Plan a case through all six levels.

    Parameters
    ----------
    case
        A case from ``load_case``.
    options
        How to plan; the case's own options by default.
    progress
        Called at every step.
    journal
        Called after each Pareto point with what is proven so far: payoff table, and values,
        bound, status and closed switches of each point, fit for JSON.

    Returns
    -------
    PlanResult
        Tables and summary of the plan. ``summary.replay.passed`` says whether the
        independent power flow confirms it.

    Raises
    ------
    InputError
        If a point is to be selected that the sweep cannot have, or the case is of another system.
    InfeasibleError
        If a level has no answer; its ``explanation`` names the limits that would have to give.
    LimitError
        If none was found in time.
    SolverError
        If a solver ended abnormally.
    """
    if not isinstance(case, Case):
        raise InputError("this is no case of planning; cases of homes go to find_optimum")
    chosen = case.options if options is None else options
    if chosen.select is not None and chosen.select > chosen.most_points:
        raise InputError(
            f"point {chosen.select} cannot be selected, as the sweep has {chosen.most_points} "
            f"points at most: select one of 1 to {chosen.most_points}"
        )
    tell = telling(progress)
    clock = _Clock()
    feeder = build_feeder(case)
    reject_standing_loops(case, chosen)
    tell(ProgressEvent("levels 1 to 3", "islanded microgrids and clusters", fraction=0.0))
    with _named("Levels 1 to 3"):
        islanded = solve_levels_1_to_3(case, chosen)
    clock.lap("levels_1_to_3")
    with _named("Level 4"):
        front, level4 = _front(case, chosen, feeder, islanded[-1], tell, journal)
    clock.lap("level_4")
    selection = select_point(front, chosen)
    selected = operation_of(front, selection)
    tell(ProgressEvent("levels 5 and 6", "AC optimal power flow", fraction=0.93))
    upper = solve_upper(case, chosen, feeder, selected)
    clock.lap("levels_5_and_6")
    tell(ProgressEvent("replay", "every hour by power flow", fraction=0.97))
    injections = _nodal_injections(case, feeder, selected, upper)
    replay = replay_plan(feeder, injections, {"lower": selected, "upper": upper.operation})
    clock.lap("replay")
    goal = front.trade.minimised
    grid_level = LevelResult(
        4, selected, level4, level4, {goal: _level4_outcome(front, selection)}, 0.0
    )
    result_tables = _tables(
        case, chosen, feeder, islanded, front, selection, selected, upper, injections
    )
    room = headroom(case, chosen, feeder, upper)
    clock.lap("tables_and_headroom")
    summary = summary_of(
        case,
        chosen,
        feeder,
        (*islanded, grid_level),
        front,
        selection,
        upper,
        headroom=room,
        replay=replay,
        wall_s=clock.times(),
    )
    tell(ProgressEvent("done", "plan finished", fraction=1.0))
    return PlanResult(
        case,
        chosen,
        summary,
        result_tables,
        tables.point_tables(case, front.points),
        {p.number: p.answer.proof.as_dict() for p in front.points if p.answer.proof is not None},
    )


@contextmanager
def _named(level: str) -> Iterator[None]:
    """Say at which level a solver ended abnormally."""
    try:
        yield
    except SolverError as error:
        raise SolverError(f"{level}: {error}") from error


def _front(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    level3: LevelResult,
    tell: Progress,
    journal: Callable[[dict[str, Any]], None] | None,
) -> tuple[Front, Any]:
    mask = grid_mask(case, options, level3)

    def message(text: str, point: int | None, points: int | None, gap: float | None) -> None:
        share = 0.3 if point is None or points is None else 0.3 + 0.6 * point / points
        tell(ProgressEvent("level 4", text, point, points, gap, share))

    connection = GridConnection(
        case, options, feeder, mask, lambda text, gap: message(text, None, None, gap)
    )

    def note(front: Front) -> None:
        if journal is not None:
            journal(_so_far(case, options, front))

    return solve_front(connection, options, message, note), mask


def _so_far(case: Case, options: PlanOptions, front: Front) -> dict[str, Any]:
    """Return an unfinished front with the closed hours of every switch."""
    found = certificate_of(front).model_dump()
    for told, point in zip(found["points"], front.points, strict=True):
        told |= {"caps": dict(point.caps), "bound_ec_usd": point.bound_ec_usd}
        if point.operation is not None:
            told["values"] = dict(point.answer.values or {})
            closed = point.operation.closed
            told["closed"] = {s: np.flatnonzero(hours).tolist() for s, hours in closed.items()}
    return {
        "case": case.name,
        "options": options.model_dump(mode="json"),
        "payoff": payoff_of(front).model_dump(),
        **found,
    }


def _level4_outcome(front: Front, selection: Selection) -> Outcome:
    point = front.points[selection.number - 1]
    stop = Stop.OPTIMAL if str(point.status) == "optimal" else Stop.FEASIBLE
    operation = point.operation
    return Outcome(
        stop=stop,
        value=None if operation is None else operation.value(point.minimised),
        bound=point.bound,
        x=None,
        solver="relaxation and Ipopt",
        message=point.answer.reason,
    )


def _nodal_injections(
    case: Case, feeder: Feeder, selected: Operation, upper: UpperResult
) -> Injections:
    p, q = pcc_nodal(case, feeder, upper.operation)
    return {
        "lower": pcc_nodal(case, feeder, selected),
        "upper": (p - upper.demand_kw, q - upper.demand_kvar),
    }


def replay_plan(
    feeder: Feeder, injections: Injections, operations: Mapping[str, Operation]
) -> Replay:
    """Replay nodal injections by an independent power flow and compare.

    Returns the largest differences in voltage (pu) and loss (kW) by level, the tolerances, and
    whether all hours converge and agree.
    """
    found: dict[str, LevelReplay] = {}
    for level, (p, q) in injections.items():
        flow = power_flow(feeder, p, q)
        operation = operations[level]
        if operation.voltage_pu is None:
            raise ValueError(f"the {level} level has no voltages to replay")
        dv = np.abs(flow.v_pu - operation.voltage_pu).max()
        dloss = np.abs(flow.loss_kw - operation.feeder_loss_kw).max()
        found[level] = LevelReplay(
            max_dv_pu=finite(dv),
            max_dloss_kw=finite(dloss),
            hours=len(flow.converged),
            converged=bool(flow.converged.all()),
        )
    return Replay(
        tolerance=Tolerance(dv_pu=VOLTAGE_TOLERANCE_PU, dloss_kw=LOSS_TOLERANCE_KW),
        lower=found["lower"],
        upper=found["upper"],
        passed=all(_agrees(level) for level in found.values()),
    )


def _agrees(level: LevelReplay) -> bool:
    """Whether a level converges and agrees; a difference that is not a number does not."""
    return (
        level.converged
        and or_nan(level.max_dv_pu) <= VOLTAGE_TOLERANCE_PU
        and or_nan(level.max_dloss_kw) <= LOSS_TOLERANCE_KW
    )


def _tables(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    islanded: tuple[LevelResult, ...],
    front: Front,
    selection: Selection,
    selected: Operation,
    upper: UpperResult,
    injections: Injections,
) -> dict[str, pd.DataFrame]:
    lower: dict[int, Operation] = {result.level: result.operation for result in islanded}
    lower[4] = selected
    every = lower | {5: upper.operation}
    linked = {level: operation for level, operation in every.items() if level > 1}
    voltages = {
        level: operation.voltage_pu
        for level, operation in (("lower", selected), ("upper", upper.operation))
        if operation.voltage_pu is not None
    }
    return {
        "pareto": tables.pareto_table(front, selection),
        "shortage": tables.shortage_table(case, lower),
        "switch_schedule": tables.switch_schedule_table(case, selected),
        "dispatch": tables.dispatch_table(case, every),
        "exchange": tables.exchange_table(case, linked),
        "nodal_injection": tables.nodal_table(feeder, injections),
        "bus_voltage": tables.voltage_table(
            feeder, {**voltages, "without_cmg": upper.without_cmg.v_pu}
        ),
        "loss": tables.loss_table(selected, upper.operation, upper.without_cmg),
        "upstream": tables.upstream_table(case, upper),
        "demand_response": tables.demand_response_table(case, options, feeder, selected, upper),
    }
