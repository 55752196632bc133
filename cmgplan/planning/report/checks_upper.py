"""Checks of Levels 5 and 6: totals, weights, what was held, and the replay told in plan.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import energy_value
from cmgplan.devices.load import Load
from cmgplan.devices.storage import Storage
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.record.levels import FeederTotals
from cmgplan.planning.record.values import or_nan
from cmgplan.planning.report.checks_feeder import Replay
from cmgplan.planning.report.checks_objectives import (
    Injection,
    Objectives,
    device_values,
    exchange_injection,
    feeder_demand,
    lower_objectives,
    tie_loss_kw,
)
from cmgplan.planning.report.subject import OperatedCase, Subject
from cmgplan.run.findings import (
    POWER_KW,
    VOLTAGE_PU,
    CheckResult,
    Finding,
    apart_hourly,
    differs,
    unequal,
)

LEVEL = 5
SOLVED = "local optimum"
HELD_ONLY = "limit"
"""Status of an answer that holds every limit and was not proven a local optimum."""

LOSS_KW = 1e-3
NOTHING_SHARE = 0.05
"""Share of what its parts come to under which a cost or an emission cost counts as nothing."""

NOTHING_LOST = 1e-4
"""Share of the energy delivered under which losses count as nothing."""

LEAST = 1e-6
RELATIVE = 1e-6
"""Tolerance of the objective, a weighted sum of shares, relative."""


def check_upper(
    run: Subject, flows: Mapping[str, PowerFlow], replays: Sequence[Replay]
) -> list[CheckResult]:
    """Check the totals of plan.json, those of the chosen point too, and what Level 5 held."""
    given = {replay.level: replay for replay in replays}
    return [
        CheckResult("totals follow from the tables", tuple(_totals(run, given))),
        CheckResult("weights and objective of the upper level", tuple(_weights(run))),
        CheckResult("lower objectives after the upper level", tuple(_after(run, flows))),
        CheckResult("totals without microgrids", tuple(_without(run, flows))),
        CheckResult("the upper level held what it was given", tuple(not_held(run))),
        CheckResult("losses of ties by hour", tuple(_tie_losses(run))),
        CheckResult("the replay tells what it found", tuple(_replay(run, given))),
    ]


def upper_injections(run: Subject, feeder: Feeder) -> dict[str, Injection]:
    """Return the microgrids' exchange at Level 5 alone, and the feeder's own demand alone."""
    p, q = feeder_demand(run.case, feeder)
    return {"after": exchange_injection(run, feeder, LEVEL), "bare": (-p, -q)}


def _totals(run: Subject, given: dict[str, Replay]) -> list[Finding]:
    """Compare f1, f2, f3 of the lower and of the upper level with what the tables give."""
    found: list[Finding] = []
    if "lower" in given:
        found += lower_objectives(run, 4, given["lower"].flow).unlike(
            run.summary.selected, "selected"
        )
    found += upper_objectives(run).unlike(run.summary.upper, "upper")
    drawn_kwh = float(run.series("upstream", "with_cmg_kw").sum()) * run.dt_h
    told = run.summary.upper.upstream_kwh
    found += unequal(told, drawn_kwh, "plan.json upper.upstream_kwh", "kWh")
    rows = run.rows("bus_voltage", "upper")
    least = float(rows["v_pu"].min()) if len(rows) else float("nan")
    v_min = run.summary.upper.v_min_pu
    return [*found, *unequal(v_min, least, "plan.json upper.v_min_pu", "pu", VOLTAGE_PU)]


def upper_objectives(run: Subject) -> Objectives:
    """Return eqs. (29)-(31) from the tables."""
    h = run.case.horizon(run.options)
    price = h.price_usd_per_kwh("market")
    drawn_kw = run.series("upstream", "with_cmg_kw")
    names = [mg.pcc.id for mg in run.case.microgrids]
    exported = run.hourly(run.rows("exchange", LEVEL), "p_kw", "switch", names).sum(axis=1)
    rate = h.price_usd_per_kwh(run.case.grid_emission_usd_per_mwh)
    emission = energy_value(rate, drawn_kw, h.dt_h)
    if run.options.upper_emissions == "all":
        emission += device_values(run, LEVEL)[1]
    lost = run.series("loss", "upper_feeder_kw") + tie_loss_kw(run, LEVEL)
    return Objectives(
        gc_usd=energy_value(price, drawn_kw + exported, h.dt_h),
        ec_usd=emission,
        loss_kwh=float(lost.sum()) * h.dt_h,
    )


def due_weights(run: Subject) -> dict[str, float]:
    """Return zeta, divided by the values without microgrids where the options say so."""
    zeta = run.options.zeta
    found = {"gc_usd": zeta.cost, "ec_usd": zeta.emission, "loss_kwh": zeta.loss}
    if not run.options.normalise:
        return found
    by = scales(run)
    return {name: z / by[name] for name, z in found.items()}


def scales(run: Subject) -> dict[str, float]:
    """Return what f1, f2, f3 are divided by: their values without microgrids, unless nothing.

    A cost that cancels out is divided by the sum of its hours' absolute amounts, emissions that
    are nothing like the cost, losses that are nothing by the energy delivered.
    """
    h = run.case.horizon(run.options)
    drawn_kwh = np.abs(run.series("upstream", "without_cmg_kw")) * h.dt_h
    traded_usd = float(np.abs(h.price_usd_per_kwh("market")) @ drawn_kwh)
    energy_kwh = float(drawn_kwh.sum())
    told = run.summary.upper.without_cmg.by_objective()
    without = {name: abs(or_nan(value)) for name, value in told.items()}
    emits = without["ec_usd"] > max(NOTHING_SHARE * _emission_parts_usd(run, energy_kwh), LEAST)
    if without["gc_usd"] > max(NOTHING_SHARE * traded_usd, LEAST):
        cost = without["gc_usd"]
    else:
        cost = traded_usd if traded_usd > LEAST else without["ec_usd"] if emits else 1.0
    if without["loss_kwh"] > max(NOTHING_LOST * energy_kwh, LEAST):
        lost = without["loss_kwh"]
    else:
        lost = energy_kwh if energy_kwh > LEAST else 1.0
    return {"gc_usd": cost, "ec_usd": without["ec_usd"] if emits else cost, "loss_kwh": lost}


def _emission_parts_usd(run: Subject, energy_kwh: float) -> float:
    """Return what upstream energy and, where they count, turbines at full power would emit, $."""
    h = run.case.horizon(run.options)
    total = float(np.max(np.abs(h.price_usd_per_kwh(run.case.grid_emission_usd_per_mwh))))
    total *= energy_kwh
    if run.options.upper_emissions == "all":
        for mt in (mt for mg in run.case.microgrids for mt in mg.mt):
            rate = sum(mt.emission_usd_per_mwh.values()) / 1000.0
            total += rate * mt.p_max_kw * run.hours * run.dt_h
    return total


def _weights(run: Subject) -> list[Finding]:
    """Compare the weights with the options, and the objective with the weighted sum."""
    found: list[Finding] = []
    upper = run.summary.upper
    by, weights = upper.scales.by_objective(), upper.weights.by_objective()
    for name, due in scales(run).items():
        found += unequal(by[name], due, f"plan.json upper.scales.{name}", "", RELATIVE * due)
    for name, due in due_weights(run).items():
        place = f"plan.json upper.weights.{name}"
        found += unequal(weights[name], due, place, "", RELATIVE * abs(due))
    total = sum(weights[name] * or_nan(value) for name, value in upper.by_objective().items())
    tolerance = RELATIVE * (1.0 + abs(total))
    found += unequal(upper.objective, float(total), "plan.json upper.objective", "", tolerance)
    if upper.status != HELD_ONLY:
        found += differs(upper.status, SOLVED, "plan.json upper.status")
    return found


def _after(run: Subject, flows: Mapping[str, PowerFlow]) -> list[Finding]:
    """Compare the lower objectives at Level 5 with the power flow of its exchange alone."""
    told = run.summary.upper.lower_after_upper
    return lower_objectives(run, LEVEL, flows["after"]).unlike(told, "upper.lower_after_upper")


def _without(run: Subject, flows: Mapping[str, PowerFlow]) -> list[Finding]:
    """Compare the totals of the feeder with the microgrids' loads, and with its own alone."""
    upper = run.summary.upper
    return [
        *_flow_totals(run, flows["without_cmg"], upper.without_cmg, "upper.without_cmg"),
        *_flow_totals(
            run, flows["bare"], upper.without_microgrid_loads, "upper.without_microgrid_loads"
        ),
    ]


def _flow_totals(run: Subject, flow: PowerFlow, told: FeederTotals, place: str) -> list[Finding]:
    h = run.case.horizon(run.options)
    drawn_kwh = float(flow.slack_p_kw.sum()) * h.dt_h
    rate = h.price_usd_per_kwh(run.case.grid_emission_usd_per_mwh)
    due = Objectives(
        gc_usd=energy_value(h.price_usd_per_kwh("market"), flow.slack_p_kw, h.dt_h),
        ec_usd=energy_value(rate, flow.slack_p_kw, h.dt_h),
        loss_kwh=float(flow.loss_kw.sum()) * h.dt_h,
    )
    v_min = float(flow.v_pu.min())
    return [
        *due.unlike(told, place),
        *unequal(told.upstream_kwh, drawn_kwh, f"plan.json {place}.upstream_kwh", "kWh"),
        *unequal(told.v_min_pu, v_min, f"plan.json {place}.v_min_pu", "pu", VOLTAGE_PU),
    ]


def not_held(run: OperatedCase) -> list[Finding]:
    """Find storage, vehicles and loads that do not do at Level 5 what they did at Level 4."""
    found: list[Finding] = []
    for column in ("p_kw", "q_kvar", "soc_kwh"):
        before, now = run.devices(4, column), run.devices(LEVEL, column)
        for mg in run.case.microgrids:
            for device in mg.devices():
                if isinstance(device, Load | Storage):
                    key = (mg.id, device.id)
                    place = f"dispatch.csv level 5, {' '.join(key)} {column}"
                    found += apart_hourly(now[key], before[key], place, POWER_KW, "")
    if run.options.coupling == "fixed":
        for mg in run.case.microgrids:
            for column in ("p_kw", "q_kvar"):
                told, due = (
                    run.hourly(run.rows("exchange", level), column, "switch", [mg.pcc.id])[:, 0]
                    for level in (LEVEL, 4)
                )
                place = f"exchange.csv level 5, {mg.pcc.id} {column}"
                found += apart_hourly(told, due, place, POWER_KW, "")
    return found


def _tie_losses(run: Subject) -> list[Finding]:
    found: list[Finding] = []
    for column, level in (("lower_ties_kw", 4), ("upper_ties_kw", LEVEL)):
        told = run.series("loss", column)
        found += apart_hourly(told, tie_loss_kw(run, level), f"loss.csv, {column}", POWER_KW, "kW")
    return found


def _replay(run: Subject, given: dict[str, Replay]) -> list[Finding]:
    """Compare the differences that the plan's own replay told with those found again."""
    replay, allowed = run.summary.replay, run.summary.replay.tolerance
    place = "plan.json replay.tolerance"
    found = [
        *unequal(allowed.dv_pu, VOLTAGE_PU, f"{place}.dv_pu", "", 1e-15),
        *unequal(allowed.dloss_kw, LOSS_KW, f"{place}.dloss_kw", "", 1e-15),
    ]
    good = True
    for level, told in (("lower", replay.lower), ("upper", replay.upper)):
        place = f"plan.json replay.{level}"
        found += differs(told.hours, run.hours, f"{place}.hours")
        if level not in given:
            continue
        due = given[level]
        converged = bool(due.flow.converged.all())
        dv_pu, dloss_kw = _greatest(due.dv_pu), _greatest(due.dloss_kw)
        found += differs(told.converged, converged, f"{place}.converged")
        found += unequal(told.max_dv_pu, dv_pu, f"{place}.max_dv_pu", "", VOLTAGE_PU)
        found += unequal(told.max_dloss_kw, dloss_kw, f"{place}.max_dloss_kw", "", LOSS_KW)
        near = or_nan(told.max_dv_pu) <= VOLTAGE_PU and or_nan(told.max_dloss_kw) <= LOSS_KW
        good = good and converged and near
    return [*found, *differs(replay.passed, good, "plan.json replay.passed")]


def _greatest(values: FloatArray) -> float:
    return float(np.max(values)) if values.size else float("nan")
