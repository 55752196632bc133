"""What plan.json says of a plan: options, levels, certificate, choice, upper level."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from cmgplan.network.feeder import Feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.islanded import (
    LEFT_OVER_KW,
    LevelResult,
)
from cmgplan.planning.levels.robustness import headroom, replay_under_error
from cmgplan.planning.levels.selection import Selection
from cmgplan.planning.levels.upper import UpperResult
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import all_switches
from cmgplan.solve import Stop
from cmgplan.version import __version__

SYMBOLS = {"gc_usd": "f1", "ec_usd": "f2", "loss_kwh": "f3"}
SOLVERS = ("pyomo", "casadi", "highspy", "pandapower", "numpy")


def summary_of(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    levels: tuple[LevelResult, ...],
    front: Front,
    selection: Selection,
    upper: UpperResult,
) -> dict[str, Any]:
    """Return plan.json but for the replay and the times."""
    chosen = operation_of(front, selection)
    return {
        "case": {
            "name": case.name,
            "title": case.file.title,
            "hours": case.file.time.hours,
            "dt_h": case.file.time.dt_h,
            "begins_h": case.begins_h,
            "day": None if case.file.time.day is None else case.file.time.day.isoformat(),
            "sha256": None,
        },
        "versions": {
            "cmgplan": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in SOLVERS},
        },
        "options": options.model_dump(mode="json"),
        "v_slack_pu": feeder.v_slack_pu,
        "payoff": payoff_of(front),
        "levels": [level_summary(case, level, LEFT_OVER_KW) for level in levels],
        "selected": {
            "point": selection.number,
            "rule": selection.rule,
            "mu_min": selection.mu_min,
            "gc_usd": chosen.gc_usd,
            "ec_usd": chosen.ec_usd,
            "loss_kwh": chosen.loss_kwh,
        },
        "upper": _upper_summary(upper),
        "certificate": certificate_of(front),
        "notes": _notes(case, options, front, upper),
        "headroom": {
            "hourly": headroom(case, options, upper.operation),
            "forecast_error": replay_under_error(case, options, feeder, upper),
        },
    }


def _notes(case: Case, options: PlanOptions, front: Front, upper: UpperResult) -> list[str]:
    """Return what is to be said of the objectives, their scales and the case, in sentences."""
    trade = front.trade.note()
    return [
        *([] if trade is None else [trade]),
        *(upper.scales.notes if options.normalise else ()),
        *(str(fault) for fault in case.warnings),
    ]


def _upper_summary(upper: UpperResult) -> dict[str, Any]:
    return {
        "status": str(Stop.LOCAL_OPTIMUM) if upper.opf.solved else upper.opf.status,
        "objective": upper.opf.objective,
        "iterations": upper.opf.iterations,
        **upper.totals.as_dict(),
        "weights": dict(upper.weights),
        "scales": dict(upper.scales.by),
        "lower_after_upper": dict(upper.lower_after),
        "without_cmg": upper.without_cmg_totals.as_dict(),
        "without_microgrid_loads": upper.without_microgrid_loads.as_dict(),
    }


def certificate_of(front: Front) -> dict[str, Any]:
    """Return what is proven of every point, and the worst gap of the front."""
    gaps = [point.gap for point in front.points if point.gap is not None]
    trade, ranges = front.trade, front.payoff.ranges
    symbol = SYMBOLS[trade.minimised]
    unit = trade.unit if front.absolute else f"share of the range of {symbol} in the payoff table"
    return {
        "range_ec_usd": front.ec_range_usd,
        "absolute": front.absolute,
        "minimised": trade.minimised,
        "unit": trade.unit,
        "range": ranges[trade.minimised].width,
        "without_range": list(trade.flat),
        "worst_gap": max(gaps, default=None),
        "statement": (
            "Each bound is the dual bound of a convex mixed-integer relaxation that contains every "
            "AC-feasible schedule under the same epsilons; each value is that of the AC problem "
            f"with the switches chosen, a local optimum. Gap: (value - bound), {unit}."
        ),
        "points": [
            {
                "point": point.number,
                "status": str(point.status),
                "gap": point.gap,
                "gap_usd": point.amount if trade.unit == "$" else None,
                "bound": point.bound,
                "amount": point.amount,
                "reason": point.answer.reason,
                "explanation": list(point.explanation),
                "wall_s": point.answer.wall_s,
                "history": [dict(step) for step in point.answer.history],
            }
            for point in front.points
        ],
        "cells": [
            {"eps_gc_usd": c.caps["gc_usd"], "eps_loss_kwh": c.caps["loss_kwh"], "point": c.point}
            for c in front.cells
        ],
    }


def level_summary(case: Case, result: LevelResult, threshold_kw: float) -> dict[str, object]:
    """Return a level's entry in plan.json."""
    op = result.operation
    dt_h = case.file.time.dt_h
    short = np.stack([op.unserved_kw[mg.id] for mg in case.microgrids])
    surplus = np.stack([op.curtailed_kw[mg.id] for mg in case.microgrids])
    allowed = {
        kind: int(sum(result.mask[s.id].sum() for s in all_switches(case) if s.kind == kind))
        for kind in ("microgrid", "cluster", "grid")
    }
    return {
        "level": result.level,
        "status": str(next(reversed(list(result.outcomes.values()))).stop),
        "stopped": {name: outcome.message for name, outcome in result.outcomes.items()},
        "goals": {
            name: {"value": outcome.value, "bound": outcome.bound}
            for name, outcome in result.outcomes.items()
        },
        "wall_s": result.wall_s,
        "gc_usd": op.gc_usd,
        "ec_usd": op.ec_usd,
        "loss_kwh": op.loss_kwh,
        "unserved_kwh": float(short.sum() * dt_h),
        "surplus_kwh": float(surplus.sum() * dt_h),
        "short_hours": _hours(short > threshold_kw),
        "surplus_hours": _hours(surplus > threshold_kw),
        "short_microgrids": [
            mg.id for k, mg in enumerate(case.microgrids) if (short[k] > threshold_kw).any()
        ],
        "switch_hours_allowed": allowed,
    }


def _hours(found: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Sequence[int]:
    return [int(t) for t in np.flatnonzero(found.any(axis=0))]


def payoff_of(front: Front) -> dict[str, dict[str, float]]:
    """Return least and greatest value of every objective in the payoff table."""
    ranges = front.payoff.ranges
    return {name: {"min": found.min, "max": found.max} for name, found in ranges.items()}


def operation_of(front: Front, selection: Selection) -> Operation:
    """Return the operation of the selected point."""
    operation = front.points[selection.number - 1].operation
    if operation is None:
        raise ValueError("the selected point holds no schedule")
    return operation
