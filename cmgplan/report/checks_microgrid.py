"""Checks of a run's microgrids: devices, balances, demand response, and totals."""

from __future__ import annotations

import numpy as np

from cmgplan.devices.base import FloatArray, energy_value
from cmgplan.report.checks_switches import closed_switches, operation_counts, switch_ids
from cmgplan.report.findings import (
    ENERGY,
    POWER_KW,
    CheckResult,
    Finding,
    Subject,
    over,
    over_hourly,
    unequal,
)

LEVELS = (4, 5)


def check_microgrids(run: Subject) -> list[CheckResult]:
    """Check everything that needs neither the feeder's voltages nor single switches."""
    results = [
        CheckResult("every table keeps to the hours", tuple(_hours(run))),
        CheckResult("no demand is left unserved", tuple(_unserved(run))),
        CheckResult("demand response of the microgrids agrees", tuple(_lower_response(run))),
        CheckResult("demand response of the feeder keeps its limits", tuple(_upper_response(run))),
    ]
    for level in LEVELS:
        results += [
            CheckResult(f"level {level}: devices keep their limits", tuple(_devices(run, level))),
            CheckResult(f"level {level}: microgrids balance", tuple(_balance(run, level))),
        ]
    return [*results, CheckResult("totals follow from the tables", tuple(_totals(run)))]


def _hours(run: Subject) -> list[Finding]:
    """Find rows outside the hours of the case."""
    found = []
    for stem, table in run.tables.items():
        if "hour" in table.columns:
            outside = table["hour"][~table["hour"].between(0, run.hours - 1)]
            found += [Finding(f"{stem}.csv", np.nan, "", int(t)) for t in set(outside)]
    return found


def _unserved(run: Subject) -> list[Finding]:
    """Find shortages that remain at Level 4."""
    rows = run.rows("shortage", 4)
    names = [mg.id for mg in run.case.microgrids]
    return [
        *over(run.hourly(rows, "shortage_kw", "microgrid", names), names, POWER_KW, "kW"),
        *over(run.hourly(rows, "shortage_kvar", "microgrid", names), names, POWER_KW, "kvar"),
    ]


def _dispatch(run: Subject, level: int, microgrid: str, column: str) -> dict[str, FloatArray]:
    """Return a column of a microgrid's dispatch for each device of the case, shape (T,)."""
    rows = run.rows("dispatch", level)
    rows = rows[rows["microgrid"] == microgrid]
    names = [device.id for device in run.case.microgrid(microgrid).devices()]
    return dict(zip(names, run.hourly(rows, column, "device", names).T, strict=True))


def _devices(run: Subject, level: int) -> list[Finding]:
    """Step every device through its dispatch and find the limits that it breaks."""
    h = run.case.horizon(run.options)
    known = {(mg.id, device.id) for mg in run.case.microgrids for device in mg.devices()}
    rows = run.rows("dispatch", level)
    given = set(zip(rows["microgrid"], rows["device"], strict=True))
    found = [
        Finding(f"unknown device {' '.join(pair)}", np.nan, "") for pair in sorted(given - known)
    ]
    for mg in run.case.microgrids:
        p_kw, q_kvar, soc_kwh = (
            _dispatch(run, level, mg.id, column) for column in ("p_kw", "q_kvar", "soc_kwh")
        )
        for device in mg.devices():
            place = f"{mg.id} {device.id}"
            p, q = p_kw[device.id], q_kvar[device.id]
            missing = np.where(np.isnan(p + q), np.nan, 0.0)
            if np.isnan(missing).any():
                found += over_hourly(missing, place, 0.0, "kW")
                continue
            trace = device.simulate(h, p, q)
            found += [Finding(f"{place} {b.limit}", b.excess, "", b.hour) for b in trace.breaches]
            if trace.soc_kwh is not None:
                gap = np.abs(trace.soc_kwh - soc_kwh[device.id])
                found += over_hourly(gap, f"{place} soc_kwh", ENERGY, "kWh")
    return found


def _balance(run: Subject, level: int) -> list[Finding]:
    """Sum devices and exchange of every microgrid; the sum must vanish, eqs. (7), (8)."""
    exchange = run.rows("exchange", level)
    ids = switch_ids(run)
    found: list[Finding] = []
    for unit, out, into in (("kW", "p_kw", "p_to_kw"), ("kvar", "q_kvar", "q_kvar")):
        leaves = dict(zip(ids, run.hourly(exchange, out, "switch", ids).T, strict=True))
        arrives = dict(zip(ids, run.hourly(exchange, into, "switch", ids).T, strict=True))
        for mg in run.case.microgrids:
            total = sum(_dispatch(run, level, mg.id, out).values()) - leaves[mg.pcc.id]
            for tie in run.case.ties:
                if tie.from_microgrid == mg.id:
                    total = total - leaves[tie.id]
                if tie.to_microgrid == mg.id:
                    total = total + arrives[tie.id]
            found += over_hourly(np.abs(total), mg.id, POWER_KW, unit)
    return found


def _lower_response(run: Subject) -> list[Finding]:
    """Compare the microgrids' demand with the case before response, with the dispatch after."""
    rows = run.rows("demand_response", "lower")
    names = [mg.id for mg in run.case.microgrids]
    before = run.hourly(rows, "p_before_kw", "place", names)
    after = run.hourly(rows, "p_after_kw", "place", names)
    found: list[Finding] = []
    for k, mg in enumerate(run.case.microgrids):
        p_kw = _dispatch(run, 4, mg.id, "p_kw")
        served = sum((-p_kw[load.id] for load in mg.load), start=np.zeros(run.hours))
        due = run.case.microgrid_load_kva(mg.id).real
        found += over_hourly(np.abs(before[:, k] - due), f"{mg.id} before", POWER_KW, "kW")
        found += over_hourly(np.abs(after[:, k] - served), f"{mg.id} after", POWER_KW, "kW")
    return found


def _upper_response(run: Subject) -> list[Finding]:
    """Step the feeder's responsive loads through their demand after response."""
    h = run.case.horizon(run.options)
    rows = run.rows("demand_response", "upper")
    loads = {load.id: load for load in run.case.feeder_load()}
    names = list(dict.fromkeys(rows["place"]))
    after = run.hourly(rows, "p_after_kw", "place", names)
    before = run.hourly(rows, "p_before_kw", "place", names)
    found: list[Finding] = []
    for k, name in enumerate(names):
        if name not in loads:
            found.append(Finding(f"demand_response.csv: {name} is no bus with load", np.nan, ""))
            continue
        load = loads[name]
        gap = np.abs(before[:, k] - load.base_kw(h))
        found += over_hourly(gap, f"bus {name} before", POWER_KW, "kW")
        if not np.isnan(after[:, k]).any():
            trace = load.simulate(h, -after[:, k], -load.kvar_per_kw * after[:, k])
            found += [
                Finding(f"bus {name} {b.limit}", b.excess, "kW", b.hour) for b in trace.breaches
            ]
    return found


def _totals(run: Subject) -> list[Finding]:
    """Compare the totals of plan.json with what the tables give."""
    cost_usd, emission_usd = _lower_cost(run)
    lower_kw = run.series("loss", "lower_feeder_kw") + run.series("loss", "lower_ties_kw")
    upper_kw = run.series("loss", "upper_feeder_kw") + run.series("loss", "upper_ties_kw")
    upstream_kw = run.series("upstream", "with_cmg_kw")
    due = (
        ("selected", "gc_usd", cost_usd, "$"),
        ("selected", "ec_usd", emission_usd, "$"),
        ("selected", "loss_kwh", float(lower_kw.sum()) * run.dt_h, "kWh"),
        ("upper", "loss_kwh", float(upper_kw.sum()) * run.dt_h, "kWh"),
        ("upper", "upstream_kwh", float(upstream_kw.sum()) * run.dt_h, "kWh"),
    )
    return [
        finding
        for section, key, value, unit in due
        for finding in unequal(run.total(section, key), value, f"{section}.{key}", unit)
    ]


def _lower_cost(run: Subject) -> tuple[float, float]:
    """Return f1 and f2 of the lower level in $, eqs. (1), (2), from dispatch and exchange."""
    h = run.case.horizon(run.options)
    operations = operation_counts(run, closed_switches(run))
    cost_usd = run.options.operation_cost_usd * float(operations.sum())
    emission_usd = 0.0
    for mg in run.case.microgrids:
        p_kw, q_kvar = (_dispatch(run, 4, mg.id, column) for column in ("p_kw", "q_kvar"))
        for device in mg.devices():
            trace = device.simulate(h, p_kw[device.id], q_kvar[device.id])
            cost_usd += trace.cost_usd
            emission_usd += trace.emission_usd
    switches = [mg.pcc.id for mg in run.case.microgrids]
    export_kw = run.hourly(run.rows("exchange", 4), "p_to_kw", "switch", switches).sum(axis=1)
    drawn_kw = run.series("loss", "lower_feeder_kw") - export_kw
    upstream_rate = h.price_usd_per_kwh(run.case.grid_emission_usd_per_mwh)
    cost_usd += energy_value(h.price_usd_per_kwh("market"), drawn_kw, h.dt_h)
    emission_usd += energy_value(upstream_rate, drawn_kw, h.dt_h)
    return cost_usd, emission_usd
