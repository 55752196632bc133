"""Checks of Levels 1 to 4: what each left over, where switches could close next, its totals."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices.base import energy_value
from cmgplan.devices.load import Load
from cmgplan.planning.case.records import Microgrid
from cmgplan.planning.record.levels import AllowedHours, LevelRecord
from cmgplan.planning.record.values import or_nan
from cmgplan.planning.report import checks_switches as switches
from cmgplan.planning.report.checks_microgrid import unbalanced
from cmgplan.planning.report.checks_objectives import Objectives, tie_loss_kw
from cmgplan.planning.report.goal import bounds_of
from cmgplan.planning.report.roles import roles_of
from cmgplan.planning.report.subject import Subject
from cmgplan.run.findings import (
    ENERGY,
    POWER_KW,
    CheckResult,
    Finding,
    apart_hourly,
    differs,
    over,
    over_hourly,
    unequal,
)

LEVELS = (1, 2, 3, 4)
LEFT_OVER_KW = 0.1
"""Shortage and surplus over this count."""

BEYOND_MARGIN = 1.5
"""Shortage that counts before Level 4, in margins of the unserved energy."""

OF_KIND = {"microgrid": 1, "cluster": 2, "grid": 3}
"""Level whose left-over lets switches of a kind close at the next."""

TANGENTS = 2e-2
"""kVA and kW by which the cuts of Levels 1 to 3 may leave ratings and losses of ties open."""

PROVED = 1e-3
"""Share of its value by which the bound of a goal solved to optimality may be less."""

Mask = dict[str, BoolArray]


def check_levels(run: Subject) -> list[CheckResult]:
    """Check shortage.csv and the levels of plan.json against dispatch, exchange and case."""
    masks = level_masks(run)
    results = []
    for level in LEVELS:
        told = [*_left_over(run, level), *(_islanded(run, level, masks) if level < 4 else [])]
        results += [
            CheckResult(f"level {level}: shortage and surplus follow", tuple(told)),
            CheckResult(f"level {level}: totals follow", tuple(_totals(run, level, masks[level]))),
        ]
    closed = switches.closed_switches(run)
    found = outside_mask(run, closed, masks[4], "switch_schedule.csv")
    return [*results, CheckResult("switches close only where the levels let them", tuple(found))]


def margin(reached: float) -> float:
    """Return by how much a level's later goals may exceed one that was reached."""
    return 1e-2 + 1e-5 * abs(reached)


def _names(run: Subject) -> list[str]:
    return [mg.id for mg in run.case.microgrids]


def _left(run: Subject, level: int, column: str) -> FloatArray:
    """Return a column of shortage.csv, shape (T, microgrids)."""
    return run.hourly(run.rows("shortage", level), column, "microgrid", _names(run))


def level_masks(run: Subject) -> dict[int, Mask]:
    """Return by level the hours in which each switch may close, from what the levels left over."""
    kinds: dict[str, str] = {tie.id: tie.kind for tie in run.case.ties}
    kinds |= {mg.pcc.id: "grid" for mg in run.case.microgrids}
    masks: dict[int, Mask] = {1: {s: np.zeros(run.hours, dtype=bool) for s in kinds}}
    for level in (1, 2, 3):
        anyone, within = _anyone(run, level)
        masks[level + 1] = {
            s: (within.get(s, anyone) if OF_KIND[kind] == level else masks[level][s])
            for s, kind in kinds.items()
        }
    if run.options.hierarchy == "joint":
        masks[4] = {s: np.ones(run.hours, dtype=bool) for s in kinds}
    return masks


def _anyone(run: Subject, level: int) -> tuple[BoolArray, Mask]:
    """Return when anyone was left something, and when anyone in the cluster of a tie within it."""
    short = _left(run, level, "shortage_kw")
    least = LEFT_OVER_KW
    if level == 3:
        unserved_kwh = float(np.nansum(short)) * run.dt_h
        least = min(LEFT_OVER_KW, BEYOND_MARGIN * margin(unserved_kwh) / run.dt_h)
    left = (short > least) | (_left(run, level, "surplus_kw") > LEFT_OVER_KW)
    at = {name: k for k, name in enumerate(_names(run))}
    within: Mask = {}
    if level == 1:
        for tie in run.case.ties:
            members = [at[mg] for mg in run.case.cluster_of(tie.from_microgrid).microgrids]
            within[tie.id] = np.asarray(left[:, members].any(axis=1))
    return np.asarray(left.any(axis=1)), within


def outside_mask(run: Subject, closed: FloatArray, mask: Mask, table: str) -> list[Finding]:
    """Return the hours in which switches are closed, shape (T, switches), without being let."""
    ids = switches.switch_ids(run)
    let = np.column_stack([mask[s] for s in ids])
    found = np.where(let, 0.0, np.nan_to_num(closed))
    return over(found, [f"{table}, {s} closed outside its mask" for s in ids], 0.0, "")


def _left_over(run: Subject, level: int) -> list[Finding]:
    """Compare surplus with the forecast, and shortage with demand, of every microgrid."""
    h = run.case.horizon(run.options)
    p_kw, q_kvar = run.devices(level, "p_kw"), run.devices(level, "q_kvar")
    surplus, short, short_q = (
        _left(run, level, c) for c in ("surplus_kw", "shortage_kw", "shortage_kvar")
    )
    found: list[Finding] = []
    for k, mg in enumerate(run.case.microgrids):
        place = f"shortage.csv level {level}, {mg.id}"
        due = np.zeros(run.hours)
        for plant in mg.renewables():
            due += plant.p_max_kw * h.profile(plant.forecast) - p_kw[mg.id, plant.id]
        found += apart_hourly(surplus[:, k], due, f"{place} surplus_kw", POWER_KW, "kW")
        served = -sum((p_kw[mg.id, load.id] for load in mg.load), start=np.zeros(run.hours))
        found += _demand(run, mg, served, short[:, k], f"{place} shortage_kw")
        found += _reactive(mg, short[:, k], short_q[:, k], f"{place} shortage_kvar")
        for load in mg.load:
            key, name = (mg.id, load.id), f"dispatch.csv level {level}, {mg.id} {load.id}"
            due_q = load.kvar_per_kw * p_kw[key] if load.p_kw > 0.0 else -load.base_kvar(h)
            found += apart_hourly(q_kvar[key], due_q, f"{name} q_kvar", POWER_KW, "kvar")
    return found


def _demand(
    run: Subject, mg: Microgrid, served: FloatArray, short: FloatArray, place: str
) -> list[Finding]:
    """Demand is what is served and what is short; it keeps its limits and its sum, eq. (24)."""
    h = run.case.horizon(run.options)
    demand = served + short
    base, low, high = (np.zeros(run.hours) for _ in range(3))
    for load in mg.load:
        kw = load.base_kw(h)
        base, low = base + kw, low + (1.0 - load.responsive_share) * kw
        high = high + (1.0 + load.share_up) * kw
    beyond = np.maximum(low - demand, demand - high)
    found = [
        *over_hourly(beyond, f"{place}: demand beyond its response", POWER_KW, "kW"),
        *over_hourly(-short, f"{place}: below zero", POWER_KW, "kW"),
        *over_hourly(-served, f"{place}: served below zero", POWER_KW, "kW"),
    ]
    if np.array_equal(low, high):
        return [*found, *apart_hourly(short, base - served, place, POWER_KW, "kW")]
    sums = float(demand.sum()), float(base.sum())
    return [*found, *unequal(*sums, f"{place}: demand summed over the hours", "kW", ENERGY)]


def _reactive(mg: Microgrid, short: FloatArray, short_q: FloatArray, place: str) -> list[Finding]:
    """Unserved load sheds P and Q in the load's ratio."""
    ratios = [load.kvar_per_kw for load in mg.load if load.p_kw > 0.0] or [0.0]
    ends = np.array([min(ratios), max(ratios)])[:, None] * short
    beyond = np.maximum(ends.min(axis=0) - short_q, short_q - ends.max(axis=0))
    if min(ratios) == max(ratios):
        return apart_hourly(short_q, ends[0], place, POWER_KW, "kvar")
    return over_hourly(beyond, place, POWER_KW, "kvar")


def _islanded(run: Subject, level: int, masks: dict[int, Mask]) -> list[Finding]:
    """Check dispatch and exchange of Levels 1 to 3: devices, balance, ties, masks."""
    found = [*_devices(run, level), *unbalanced(run, level)]
    if level > 1:
        ids = switches.switch_ids(run)
        exchange = run.rows("exchange", level)
        kva = np.maximum(*switches.apparent_kva(run, exchange))
        carries = np.where(kva > POWER_KW, 1.0, np.where(np.isnan(kva), np.nan, 0.0))
        found += outside_mask(run, carries, masks[level], f"exchange.csv level {level}")
        ratings = np.array(
            [
                *(tie.rating_kva for tie in run.case.ties),
                *(mg.pcc.rating_kva for mg in run.case.microgrids),
            ]
        )
        places = [f"exchange.csv level {level}, {s} rating" for s in ids]
        found += over((kva - ratings) / np.maximum(ratings, 1.0), places, TANGENTS, "of its rating")
        found += _losses(run, level, ids)
    return [_named(finding, level) for finding in found]


def _named(finding: Finding, level: int) -> Finding:
    named = finding.place if "level" in finding.place else f"level {level}, {finding.place}"
    return Finding(named, finding.amount, finding.unit, finding.hour, finding.told, finding.due)


def _losses(run: Subject, level: int, ids: list[str]) -> list[Finding]:
    """Ties between clusters lose at least R I^2 within the cuts, others nothing."""
    exchange = run.rows("exchange", level)
    p, p_to = (run.hourly(exchange, c, "switch", ids) for c in ("p_kw", "p_to_kw"))
    kva = np.minimum(*switches.apparent_kva(run, exchange))
    rates = [*(switches.loss_rate(tie) for tie in run.case.ties), *(0.0 for _ in _names(run))]
    least = np.array(rates) * kva**2
    lossless = np.array(rates) == 0.0
    beyond = np.where(lossless, np.abs(p - p_to), least - (p - p_to))
    places = [f"exchange.csv level {level}, {s} losses" for s in ids]
    tolerance = np.where(lossless, POWER_KW, TANGENTS * np.maximum(1.0, least))
    return over(beyond - tolerance, places, 0.0, "kW")


def _devices(run: Subject, level: int) -> list[Finding]:
    """Step the devices other than loads through a level and find the limits that they break."""
    h = run.case.horizon(run.options)
    p_kw, q_kvar, soc = (run.devices(level, c) for c in ("p_kw", "q_kvar", "soc_kwh"))
    found: list[Finding] = []
    for mg in run.case.microgrids:
        for device in mg.devices():
            key = (mg.id, device.id)
            place = f"dispatch.csv level {level}, {' '.join(key)}"
            due = np.full(run.hours, np.nan)
            if not isinstance(device, Load):
                trace = device.simulate(h, p_kw[key], q_kvar[key])
                found += [
                    Finding(f"{place} {b.limit}", b.excess, "", b.hour)
                    for b in trace.breaches
                    if b.excess > POWER_KW
                ]
                due = due if trace.soc_kwh is None else trace.soc_kwh
            found += apart_hourly(soc[key], due, f"{place} soc_kwh", ENERGY, "kWh")
    return found


def _totals(run: Subject, level: int, mask: Mask) -> list[Finding]:
    """Compare a level's entry in plan.json with the tables."""
    entry = run.summary.levels[level - 1]
    place = f"plan.json levels[{level - 1}]"
    found = differs(entry.level, level, f"{place}.level")
    short, surplus = _left(run, level, "shortage_kw"), _left(run, level, "surplus_kw")
    for name, told, left in (
        ("unserved_kwh", entry.unserved_kwh, short),
        ("surplus_kwh", entry.surplus_kwh, surplus),
    ):
        due = float(left.sum()) * run.dt_h
        found += unequal(told, due, f"{place}.{name}", "kWh")
    names = np.array(_names(run))
    is_short, is_surplus = short > LEFT_OVER_KW, surplus > LEFT_OVER_KW
    due_hours = np.flatnonzero(is_short.any(axis=1)).tolist()
    found += differs(entry.short_hours, due_hours, f"{place}.short_hours")
    due_hours = np.flatnonzero(is_surplus.any(axis=1)).tolist()
    found += differs(entry.surplus_hours, due_hours, f"{place}.surplus_hours")
    due_names = names[is_short.any(axis=0)].tolist()
    found += differs(entry.short_microgrids, due_names, f"{place}.short_microgrids")
    found += _allowed(run, entry.switch_hours_allowed, mask, place)
    objectives = _objectives(run, level)
    found += objectives.unlike(entry, f"levels[{level - 1}]")
    return [*found, *_goals(run, entry, objectives, place)]


def _allowed(run: Subject, told: AllowedHours, mask: Mask, place: str) -> list[Finding]:
    """Compare the number of switch-hours that a level allowed with its mask."""
    due = dict.fromkeys(OF_KIND, 0)
    for tie in run.case.ties:
        due[tie.kind] += int(mask[tie.id].sum())
    due["grid"] += sum(int(mask[mg.pcc.id].sum()) for mg in run.case.microgrids)
    return [
        finding
        for kind, count in (
            ("microgrid", told.microgrid),
            ("cluster", told.cluster),
            ("grid", told.grid),
        )
        for finding in differs(count, due[kind], f"{place}.switch_hours_allowed.{kind}")
    ]


def _objectives(run: Subject, level: int) -> Objectives:
    """Return f1, f2, f3 of a level; the cost is as told where it hides what each load lacks."""
    if level == 4:
        chosen = run.summary.selected
        return Objectives(or_nan(chosen.gc_usd), or_nan(chosen.ec_usd), or_nan(chosen.loss_kwh))
    h = run.case.horizon(run.options)
    p_kw, q_kvar = run.devices(level, "p_kw"), run.devices(level, "q_kvar")
    cost_usd = emission_usd = 0.0
    for k, mg in enumerate(run.case.microgrids):
        for device in mg.devices():
            if not isinstance(device, Load):
                trace = device.simulate(h, p_kw[mg.id, device.id], q_kvar[mg.id, device.id])
                cost_usd += trace.cost_usd
                emission_usd += trace.emission_usd
        cost_usd += _load_cost(run, level, mg, _left(run, level, "shortage_kw")[:, k])
    told_usd = or_nan(run.summary.levels[level - 1].gc_usd)
    cost_usd = told_usd if np.isnan(cost_usd) else cost_usd + _operations(run, told_usd - cost_usd)
    lost = tie_loss_kw(run, level) if level > 1 else np.zeros(run.hours)
    return Objectives(cost_usd, emission_usd, float(lost.sum()) * h.dt_h)


def _operations(run: Subject, more_usd: float) -> float:
    """Return what switch operations add to the cost that a level tells, of what is left of it, $.

    No table holds the positions at Levels 1 to 3, so that any whole number of operations fits.
    """
    price = run.options.operation_cost_usd
    return price * round(more_usd / price) if price > 0.0 and more_usd > 0.5 * price else 0.0


def _load_cost(run: Subject, level: int, mg: Microgrid, short: FloatArray) -> float:
    """Return what the demand of a microgrid, served or not, costs, $."""
    h = run.case.horizon(run.options)
    p_kw = run.devices(level, "p_kw")
    if all(load.price == "market" for load in mg.load):
        demand = short - sum((p_kw[mg.id, d.id] for d in mg.load), start=np.zeros(run.hours))
        return energy_value(h.price_usd_per_kwh("market"), demand, h.dt_h) if mg.load else 0.0
    if len(mg.load) > 1 and (short > 0.0).any():
        return float("nan")
    total = 0.0
    for load in mg.load:
        demand = short - p_kw[mg.id, load.id] if len(mg.load) == 1 else -p_kw[mg.id, load.id]
        moved = demand if load.price == "market" else np.maximum(demand - load.base_kw(h), 0.0)
        total += energy_value(h.price_usd_per_kwh(load.price), moved, h.dt_h)
    return total


def _goals(run: Subject, entry: LevelRecord, objectives: Objectives, place: str) -> list[Finding]:
    """Each goal's value is what the tables give within its margin, its bound no higher."""
    due = {
        "unserved_kwh": or_nan(entry.unserved_kwh),
        "gc_plus_ec_usd": objectives.gc_usd + objectives.ec_usd,
        "tie_break": float("nan"),
    }
    if entry.level == 4:
        goal = roles_of(run).goal
        due = {goal: getattr(objectives, goal)}
    found = [
        *differs(sorted(entry.goals), sorted(due), f"{place}.goals"),
        *differs(sorted(entry.stopped), sorted(due), f"{place}.stopped"),
    ]
    for name in due:
        if name not in entry.goals:
            continue
        value, bound = or_nan(entry.goals[name].value), or_nan(entry.goals[name].bound)
        where = f"{place}.goals.{name}"
        if not np.isnan(due[name]):
            found += unequal(value, due[name], f"{where}.value", "", 2.0 * margin(due[name]))
        if bound > value + margin(value):
            found.append(
                Finding(f"{where}.bound", bound - value, "over the value", None, bound, value)
            )
        proved = entry.stopped.get(name) == "Optimal"
        if proved and not value - bound <= margin(value) + PROVED * abs(value):
            found.append(
                Finding(f"{where}.bound", value - bound, "under the value", None, bound, value)
            )
    if entry.level == 4:
        found += _level4_bound(run, entry, place)
    return found


def _level4_bound(run: Subject, entry: LevelRecord, place: str) -> list[Finding]:
    """Level 4's bound and status are those of the chosen point."""
    rows = run.tables["pareto"]
    chosen = rows[rows["selected"] == 1]
    goal = roles_of(run).goal
    if len(chosen) != 1 or goal not in entry.goals:
        return []
    row = chosen.iloc[0]
    bound = entry.goals[goal].bound
    due = float(bounds_of(rows)[chosen.index[0]])
    status = "optimal" if row["status"] == "optimal" else "feasible, stopped by a limit"
    return [
        *unequal(bound, due, f"{place}.goals.{goal}.bound", ""),
        *differs(entry.status, status, f"{place}.status"),
    ]
