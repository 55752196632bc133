"""What plan.json says of a plan: options, levels, certificate, choice, upper level."""

from __future__ import annotations

import platform
from importlib.metadata import version

import numpy as np

from cmgplan.case.records import SwitchKind
from cmgplan.network.feeder import Feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.front_points import Front, FrontPoint
from cmgplan.planning.levels.islanded import (
    LEFT_OVER_KW,
    LevelResult,
)
from cmgplan.planning.levels.selection import Selection
from cmgplan.planning.levels.upper import Totals, UpperResult
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import all_switches
from cmgplan.planning.record.front import Cell, Certificate, Payoff, PointProof, Range
from cmgplan.planning.record.headroom import Headroom, Replay
from cmgplan.planning.record.levels import (
    AllowedHours,
    FeederTotals,
    Goal,
    LevelRecord,
    Objectives,
    Scales,
    Selected,
    Upper,
    Weights,
)
from cmgplan.planning.record.plan import About, Options, PlanRecord, Times
from cmgplan.planning.record.values import finite
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
    *,
    headroom: Headroom,
    replay: Replay,
    wall_s: Times,
) -> PlanRecord:
    """Return plan.json; the hash of the case follows when its copy is written."""
    return PlanRecord(
        case=_about(case),
        versions=_versions(),
        options=_options(options),
        v_slack_pu=feeder.v_slack_pu,
        payoff=payoff_of(front),
        levels=[level_summary(case, level, LEFT_OVER_KW) for level in levels],
        selected=_selected(front, selection),
        upper=_upper_summary(upper),
        certificate=certificate_of(front),
        notes=_notes(case, options, front, upper),
        headroom=headroom,
        replay=replay,
        wall_s=wall_s,
    )


def _about(case: Case) -> About:
    time = case.file.time
    return About(
        name=case.name,
        title=case.file.title,
        hours=time.hours,
        dt_h=time.dt_h,
        begins_h=case.begins_h,
        day=None if time.day is None else time.day.isoformat(),
        sha256=None,
    )


def _versions() -> dict[str, str | None]:
    return {
        "cmgplan": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in SOLVERS},
    }


def _options(options: PlanOptions) -> Options:
    return Options(
        points=options.points,
        sweep=options.sweep,
        select=options.select,
        hierarchy=options.hierarchy,
        minlp=options.minlp,
        gap=options.gap,
        time_limit_s=options.time_limit_s,
        radial=options.radial,
        operation_cost_usd=options.operation_cost_usd,
        operation_limit=options.operation_limit,
        soc_balance=options.soc_balance,
        zeta=options.zeta.model_dump(),
        normalise=options.normalise,
        upper_emissions=options.upper_emissions,
        coupling=options.coupling,
        jobs=options.jobs,
    )


def _selected(front: Front, selection: Selection) -> Selected:
    chosen = operation_of(front, selection)
    return Selected(
        point=selection.number,
        rule=selection.rule,
        mu_min=finite(selection.mu_min),
        gc_usd=finite(chosen.gc_usd),
        ec_usd=finite(chosen.ec_usd),
        loss_kwh=finite(chosen.loss_kwh),
    )


def _notes(case: Case, options: PlanOptions, front: Front, upper: UpperResult) -> list[str]:
    """Return what is to be said of the objectives, their scales and the case, in sentences."""
    trade = front.trade.note()
    return [
        *([] if trade is None else [trade]),
        *(upper.scales.notes if options.normalise else ()),
        *(str(fault) for fault in case.warnings),
    ]


def _upper_summary(upper: UpperResult) -> Upper:
    totals, weights, by = upper.totals, upper.weights, upper.scales.by
    return Upper(
        status=str(Stop.LOCAL_OPTIMUM) if upper.opf.solved else upper.opf.status,
        objective=finite(upper.opf.objective),
        iterations=upper.opf.iterations,
        gc_usd=finite(totals.gc_usd),
        ec_usd=finite(totals.ec_usd),
        loss_kwh=finite(totals.loss_kwh),
        upstream_kwh=finite(totals.upstream_kwh),
        v_min_pu=finite(totals.v_min_pu),
        weights=Weights(
            gc_usd=weights["gc_usd"], ec_usd=weights["ec_usd"], loss_kwh=weights["loss_kwh"]
        ),
        scales=Scales(gc_usd=by["gc_usd"], ec_usd=by["ec_usd"], loss_kwh=by["loss_kwh"]),
        lower_after_upper=Objectives(
            gc_usd=finite(upper.lower_after["gc_usd"]),
            ec_usd=finite(upper.lower_after["ec_usd"]),
            loss_kwh=finite(upper.lower_after["loss_kwh"]),
        ),
        without_cmg=_feeder_totals(upper.without_cmg_totals),
        without_microgrid_loads=_feeder_totals(upper.without_microgrid_loads),
    )


def _feeder_totals(totals: Totals) -> FeederTotals:
    return FeederTotals(
        gc_usd=finite(totals.gc_usd),
        ec_usd=finite(totals.ec_usd),
        loss_kwh=finite(totals.loss_kwh),
        upstream_kwh=finite(totals.upstream_kwh),
        v_min_pu=finite(totals.v_min_pu),
    )


def certificate_of(front: Front) -> Certificate:
    """Return what is proven of every point, and the worst gap of the front."""
    gaps = [point.gap for point in front.points if point.gap is not None]
    trade, ranges = front.trade, front.payoff.ranges
    symbol = SYMBOLS[trade.minimised]
    unit = trade.unit if front.absolute else f"share of the range of {symbol} in the payoff table"
    return Certificate(
        range_ec_usd=finite(front.ec_range_usd),
        absolute=front.absolute,
        minimised=trade.minimised,
        unit=trade.unit,
        range=finite(ranges[trade.minimised].width),
        without_range=list(trade.flat),
        worst_gap=finite(max(gaps, default=None)),
        statement=(
            "Each bound is the dual bound of a convex mixed-integer relaxation that contains every "
            "AC-feasible schedule under the same epsilons; each value is that of the AC problem "
            f"with the switches chosen, a local optimum. Gap: (value - bound), {unit}."
        ),
        points=[_proof_of(point, in_usd=trade.unit == "$") for point in front.points],
        cells=[
            Cell(
                eps_gc_usd=cell.caps["gc_usd"],
                eps_loss_kwh=cell.caps["loss_kwh"],
                point=cell.point,
            )
            for cell in front.cells
        ],
    )


def _proof_of(point: FrontPoint, *, in_usd: bool) -> PointProof:
    return PointProof(
        point=point.number,
        status=str(point.status),
        gap=finite(point.gap),
        gap_usd=finite(point.amount) if in_usd else None,
        bound=finite(point.bound),
        amount=finite(point.amount),
        reason=point.answer.reason,
        explanation=list(point.explanation),
        wall_s=point.answer.wall_s,
        history=list(point.answer.history),
    )


def level_summary(case: Case, result: LevelResult, threshold_kw: float) -> LevelRecord:
    """Return a level's entry in plan.json."""
    op = result.operation
    dt_h = case.file.time.dt_h
    short = np.stack([op.unserved_kw[mg.id] for mg in case.microgrids])
    surplus = np.stack([op.curtailed_kw[mg.id] for mg in case.microgrids])
    return LevelRecord(
        level=result.level,
        status=str(next(reversed(list(result.outcomes.values()))).stop),
        stopped={name: outcome.message for name, outcome in result.outcomes.items()},
        goals={
            name: Goal(value=finite(outcome.value), bound=finite(outcome.bound))
            for name, outcome in result.outcomes.items()
        },
        wall_s=result.wall_s,
        gc_usd=finite(op.gc_usd),
        ec_usd=finite(op.ec_usd),
        loss_kwh=finite(op.loss_kwh),
        unserved_kwh=finite(float(short.sum() * dt_h)),
        surplus_kwh=finite(float(surplus.sum() * dt_h)),
        short_hours=_hours(short > threshold_kw),
        surplus_hours=_hours(surplus > threshold_kw),
        short_microgrids=[
            mg.id for k, mg in enumerate(case.microgrids) if (short[k] > threshold_kw).any()
        ],
        switch_hours_allowed=_allowed(case, result),
    )


def _allowed(case: Case, result: LevelResult) -> AllowedHours:
    def hours(kind: SwitchKind) -> int:
        return int(sum(result.mask[s.id].sum() for s in all_switches(case) if s.kind == kind))

    return AllowedHours(microgrid=hours("microgrid"), cluster=hours("cluster"), grid=hours("grid"))


def _hours(found: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> list[int]:
    return [int(t) for t in np.flatnonzero(found.any(axis=0))]


def payoff_of(front: Front) -> Payoff:
    """Return least and greatest value of every objective in the payoff table."""
    told = {
        name: Range(min=finite(found.min), max=finite(found.max))
        for name, found in front.payoff.ranges.items()
    }
    return Payoff(gc_usd=told["gc_usd"], ec_usd=told["ec_usd"], loss_kwh=told["loss_kwh"])


def operation_of(front: Front, selection: Selection) -> Operation:
    """Return the operation of the selected point."""
    operation = front.points[selection.number - 1].operation
    if operation is None:
        raise ValueError("the selected point holds no schedule")
    return operation
