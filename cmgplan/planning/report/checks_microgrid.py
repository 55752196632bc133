"""Checks of a run's microgrids: devices, balances, demand response, and totals."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.report.checks_switches import switch_ids
from cmgplan.planning.report.subject import OperatedCase
from cmgplan.run.findings import (
    ENERGY,
    POWER_KW,
    CheckResult,
    Finding,
    apart_hourly,
    over,
    over_hourly,
)

LEVELS = (4, 5)


def check_microgrids(run: OperatedCase) -> list[CheckResult]:
    """Check everything that needs neither the feeder's voltages nor single switches."""
    results = [
        CheckResult("every table keeps to the hours", tuple(_hours(run))),
        CheckResult("no demand is left unserved", tuple(_unserved(run))),
        CheckResult("demand response of the microgrids agrees", tuple(wrong_lower_response(run))),
        CheckResult(
            "demand response of the feeder keeps its limits", tuple(wrong_upper_response(run))
        ),
    ]
    for level in LEVELS:
        results += [
            CheckResult(
                f"level {level}: devices keep their limits", tuple(broken_devices(run, level))
            ),
            CheckResult(f"level {level}: microgrids balance", tuple(unbalanced(run, level))),
        ]
    return results


def _hours(run: OperatedCase) -> list[Finding]:
    """Find rows outside the hours of the case."""
    found = []
    for stem, table in run.tables.items():
        if "hour" in table.columns:
            outside = table["hour"][~table["hour"].between(0, run.hours - 1)]
            found += [Finding(f"{stem}.csv", np.nan, "", int(t)) for t in set(outside)]
    return found


def _unserved(run: OperatedCase) -> list[Finding]:
    """Find shortages that remain at Level 4."""
    rows = run.rows("shortage", 4)
    names = [mg.id for mg in run.case.microgrids]
    return [
        *over(run.hourly(rows, "shortage_kw", "microgrid", names), names, POWER_KW, "kW"),
        *over(run.hourly(rows, "shortage_kvar", "microgrid", names), names, POWER_KW, "kvar"),
    ]


def broken_devices(run: OperatedCase, level: int) -> list[Finding]:
    """Step every device through its dispatch and find the limits that it breaks."""
    h = run.case.horizon(run.options)
    known = {(mg.id, device.id) for mg in run.case.microgrids for device in mg.devices()}
    rows = run.rows("dispatch", level)
    given = set(zip(rows["microgrid"], rows["device"], strict=True))
    found = [
        Finding(f"unknown device {' '.join(pair)}", np.nan, "") for pair in sorted(given - known)
    ]
    p_kw, q_kvar, soc_kwh = (run.devices(level, c) for c in ("p_kw", "q_kvar", "soc_kwh"))
    for mg in run.case.microgrids:
        for device in mg.devices():
            key, place = (mg.id, device.id), f"{mg.id} {device.id}"
            p, q = p_kw[key], q_kvar[key]
            missing = np.where(np.isnan(p + q), np.nan, 0.0)
            if np.isnan(missing).any():
                found += over_hourly(missing, place, 0.0, "kW")
                continue
            trace = device.simulate(h, p, q)
            found += [Finding(f"{place} {b.limit}", b.excess, "", b.hour) for b in trace.breaches]
            due = np.full(run.hours, np.nan) if trace.soc_kwh is None else trace.soc_kwh
            found += apart_hourly(soc_kwh[key], due, f"{place} soc_kwh", ENERGY, "kWh")
    return found


def unbalanced(run: OperatedCase, level: int) -> list[Finding]:
    """Sum devices and exchange of every microgrid; the sum must vanish, eqs. (7), (8).

    At Level 1 nothing is exchanged.
    """
    ids = switch_ids(run)
    found: list[Finding] = []
    for unit, out, into in (("kW", "p_kw", "p_to_kw"), ("kvar", "q_kvar", "q_kvar")):
        leaves, arrives = (_exchange(run, level, column, ids) for column in (out, into))
        given = run.devices(level, out)
        for mg in run.case.microgrids:
            total = np.zeros(run.hours) - leaves[mg.pcc.id]
            for device in mg.devices():
                total = total + given[mg.id, device.id]
            for tie in run.case.ties:
                if tie.from_microgrid == mg.id:
                    total = total - leaves[tie.id]
                if tie.to_microgrid == mg.id:
                    total = total + arrives[tie.id]
            found += over_hourly(np.abs(total), mg.id, POWER_KW, unit)
    return found


def _exchange(run: OperatedCase, level: int, column: str, ids: list[str]) -> dict[str, FloatArray]:
    """Return the flow over every switch, shape (T,)."""
    if level == 1:
        return dict.fromkeys(ids, np.zeros(run.hours))
    values = run.hourly(run.rows("exchange", level), column, "switch", ids)
    return dict(zip(ids, values.T, strict=True))


def wrong_lower_response(run: OperatedCase) -> list[Finding]:
    """Compare the microgrids' demand with the case before response, with the dispatch after."""
    rows = run.rows("demand_response", "lower")
    names = [mg.id for mg in run.case.microgrids]
    before = run.hourly(rows, "p_before_kw", "place", names)
    after = run.hourly(rows, "p_after_kw", "place", names)
    found: list[Finding] = []
    for k, mg in enumerate(run.case.microgrids):
        p_kw = run.devices(4, "p_kw")
        served = sum((-p_kw[mg.id, load.id] for load in mg.load), start=np.zeros(run.hours))
        due = run.case.microgrid_load_kva(mg.id).real
        found += apart_hourly(before[:, k], due, f"{mg.id} before", POWER_KW, "kW")
        found += apart_hourly(after[:, k], served, f"{mg.id} after", POWER_KW, "kW")
    return found


def wrong_upper_response(run: OperatedCase) -> list[Finding]:
    """Step the feeder's responsive loads through their demand after response."""
    h = run.case.horizon(run.options)
    rows = run.rows("demand_response", "upper")
    loads = {load.id: load for load in run.case.feeder_load()}
    names = list(dict.fromkeys([*loads, *rows["place"]]))
    after = run.hourly(rows, "p_after_kw", "place", names)
    before = run.hourly(rows, "p_before_kw", "place", names)
    found: list[Finding] = []
    for k, name in enumerate(names):
        if name not in loads:
            found.append(Finding(f"demand_response.csv: {name} is no bus with load", np.nan, ""))
            continue
        load = loads[name]
        found += apart_hourly(before[:, k], load.base_kw(h), f"bus {name} before", POWER_KW, "kW")
        if not np.isnan(after[:, k]).any():
            trace = load.simulate(h, -after[:, k], -load.kvar_per_kw * after[:, k])
            found += [
                Finding(f"bus {name} {b.limit}", b.excess, "kW", b.hour) for b in trace.breaches
            ]
    return found
