"""A finished optimum checked again from its files alone."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.read_tables import read_dispatch
from cmgplan.homes.day.tables import TABLES, homes_tables
from cmgplan.homes.day.verify_case import check_copy
from cmgplan.homes.day.verify_day import (
    FOLLOWS,
    Verification,
    check_balances,
    check_trade,
    compare_tables,
    verify_days,
)
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.homes.optimum.read_run import WAY, OptimumRun
from cmgplan.homes.optimum.run_record import FrontPoint
from cmgplan.run.findings import CheckResult, Finding, differs, unequal
from cmgplan.run.tables import Tables
from cmgplan.search.fuzzy import choose

UNITY = 1e-9
"""Tolerance of a membership and of a gap."""

CAP = 1e-6
"""Share of a cap, or kg, by which an emission may be over it."""


def verify_optimum(run: OptimumRun) -> Verification:
    """Check an optimum against its copy of the case, device by device and hour by hour.

    Raises
    ------
    CaseError
        The copy of the case cannot be used any more.
    """
    case = run.load_case()
    day = _day(case, run, run.tables)
    return Verification(
        (
            check_copy(case, run.folder, run.record),
            *verify_days(case, run.tables, [day]),
            _check_totals(run),
            _check_proof(run),
            *(_check_front(case, run) if run.record.front is not None else ()),
        )
    )


def cost_of(tables: Tables) -> float:
    """Return the cost of a day from its ledger: what homes pay less what they are paid.

    The price that was put on emissions is no cost.
    """
    rows = tables["accounts"]
    rows = rows[rows["reason"] != "emission"]
    sales = rows["reason"] == "sale"
    pool = rows["reason"] == "pool"  # between homes
    paid = rows.loc[~sales & ~pool, "amount"].sum()
    return float(paid - rows.loc[sales, "amount"].sum())


def emission_of(tables: Tables) -> float:
    """Return the emission of a day from its tables: of plants and of what homes buy, kg."""
    plants = tables["dispatch"]["emission_kg"].sum()
    return float(plants + tables["exchange"]["emission_kg"].sum())


def _day(case: HomesCase, run: OptimumRun, tables: Tables) -> Day:
    """Return the day that tables hold."""
    dispatch = read_dispatch(case, tables, WAY, case.ids)
    return Day(WAY, dispatch, emission_weight=run.record.options.emission_weight)


def _check_totals(run: OptimumRun) -> CheckResult:
    """Work cost and emission out from the tables."""
    record, tables = run.record, run.tables
    found = [
        *unequal(record.cost, cost_of(tables), "run.json cost", record.currency, FOLLOWS),
        *unequal(record.emission_kg, emission_of(tables), "run.json emission_kg", "kg", FOLLOWS),
    ]
    return CheckResult("cost and emission follow from the tables", tuple(found))


def _check_proof(run: OptimumRun) -> CheckResult:
    """Work objective, gap and status out, and compare the bound with the objective."""
    record, unit = run.record, run.record.currency
    due = record.cost + record.options.emission_weight * record.emission_kg
    found = unequal(record.objective, due, "run.json objective", unit, FOLLOWS)
    found += _proof("run.json", record.objective, record.bound, record.gap, unit)
    found += _status("run.json", record.status, record.gap, record.options.gap)
    asked = record.options.front is not None
    found += differs(record.front is not None, asked, "run.json front is there")
    found += differs(record.point is not None, asked, "run.json point is there")
    return CheckResult("objective, bound and gap agree", tuple(found))


def _proof(
    place: str, objective: float, bound: float | None, gap: float | None, unit: str
) -> list[Finding]:
    """Return what is wrong with a bound and a gap."""
    if bound is None or gap is None:
        return differs(gap, bound, f"{place}: gap without bound, or bound without gap")
    slack = FOLLOWS * max(abs(objective), 1.0)
    found = []
    if not bound <= objective + slack:
        found.append(
            Finding(f"{place}: bound over the objective", bound - objective, unit, None, bound)
        )
    due = max(objective - bound, 0.0) / max(abs(objective), 1.0)
    return [*found, *unequal(gap, due, f"{place}: gap", "", UNITY)]


def _status(place: str, status: str, gap: float | None, wanted: float) -> list[Finding]:
    due = "optimal" if gap is not None and gap <= wanted + UNITY else "feasible"
    return differs(status, due, f"{place}: status")


def _check_front(case: HomesCase, run: OptimumRun) -> tuple[CheckResult, ...]:
    """Check every point of the front, and the choice among them."""
    same = _same_front(run)
    return (
        CheckResult("run.json and front.csv tell the same front", tuple(same)),
        *_check_points(case, run),
        _check_efficient(run),
        _check_choice(run),
    )


def _same_front(run: OptimumRun) -> list[Finding]:
    """Return where front.csv is not what run.json tells of the front."""
    told, rows = run.record.front or [], run.tables["front"].to_dict("records")
    if len(told) != len(rows):
        return differs(len(told), len(rows), "run.json front: points")
    found: list[Finding] = []
    for point, row in zip(told, rows, strict=True):
        for key in FrontPoint.model_fields:
            place, value = f"front.csv point {point.point}: {key}", row[key]
            wanted = getattr(point, key)
            if isinstance(wanted, str):
                found += differs(value, wanted, place)
            else:
                number = np.nan if wanted is None else float(wanted)
                found += unequal(float(value), number, place, "", UNITY)
    return found


def _check_points(case: HomesCase, run: OptimumRun) -> tuple[CheckResult, ...]:
    """Check the day of every point: devices, balances, trade, cost, emission, gap."""
    limits: list[Finding] = []
    numbers: list[Finding] = []
    unit = run.record.currency
    for point in run.record.front or []:
        place, tables = f"point {point.point}", run.points[point.point]
        day = _day(case, run, tables)
        checks = (*check_devices(case, day), *check_balances(case, day), check_trade(case, day))
        limits += [_at(place, finding) for check in checks for finding in check.findings]
        try:
            due = homes_tables(case, [day])
        except ValueError as error:
            numbers.append(Finding(f"{place}: {error}", np.nan, ""))
            continue
        numbers += [_at(place, finding) for finding in _apart(tables, due)]
        place, kg, cap = f"front {place}", point.emission_kg, point.emission_cap_kg
        numbers += unequal(point.cost, cost_of(due), f"{place}: cost", unit, FOLLOWS)
        numbers += unequal(kg, emission_of(due), f"{place}: emission_kg", "kg", FOLLOWS)
        numbers += _proof(place, point.cost, point.bound, point.gap, unit)
        numbers += _status(place, point.status, point.gap, run.record.options.gap)
        if cap is not None and kg > cap + CAP * max(abs(cap), 1.0):
            numbers.append(Finding(f"{place}: over emission_cap_kg", kg - cap, "kg"))
    return (
        CheckResult("every point is a day that devices and homes can have", tuple(limits)),
        CheckResult("cost, emission and gap of every point follow from its tables", tuple(numbers)),
    )


def _at(place: str, finding: Finding) -> Finding:
    """Return a finding with the point that it is about."""
    named = f"{place}, {finding.place}"
    return Finding(named, finding.amount, finding.unit, finding.hour, finding.told, finding.due)


def _apart(told: Tables, due: Tables) -> list[Finding]:
    """Return every number in which the tables of a point are not those due."""
    found = []
    for stem, table in told.items():
        form = TABLES[stem]
        values = [column for column in form.columns if column not in form.key]
        found += compare_tables(stem, table, due[stem], list(form.key), values)
    return found


def _goals(run: OptimumRun) -> FloatArray:
    """Return cost and emission of every point, shape (points, 2)."""
    return np.array([(point.cost, point.emission_kg) for point in run.record.front or []])


def _check_efficient(run: OptimumRun) -> CheckResult:
    """Check that no point is as good as another in both goals and better in one."""
    goals = _goals(run)
    slack = FOLLOWS * np.maximum(np.abs(goals), 1.0).max(axis=0)
    found = []
    for k, mine in enumerate(goals):
        others = np.delete(goals, k, axis=0)
        beaten = (others <= mine).all(axis=1) & (others < mine - slack).any(axis=1)
        if beaten.any():
            found.append(Finding(f"front point {k + 1}: another is better", np.nan, ""))
    return CheckResult("no point of the front is dominated", tuple(found))


def _check_choice(run: OptimumRun) -> CheckResult:
    """Work the memberships out, and whether the chosen point is the best of them."""
    record, choice = run.record, choose(_goals(run))
    points, least = record.front or [], choice.row_mu_min
    found: list[Finding] = []
    for k, point in enumerate(points):
        due = (*choice.memberships[k], least[k])
        for key, value in zip(("mu_cost", "mu_emission", "mu_min"), due, strict=True):
            place = f"front point {k + 1}: {key}"
            found += unequal(getattr(point, key), float(value), place, "", UNITY)
        place = f"front point {k + 1}: selected"
        found += differs(point.selected, int(point.point == record.point), place)
    chosen = points[(record.point or 1) - 1]
    if chosen.mu_min < choice.mu_min - UNITY:  # of equals any may be chosen
        found += differs(record.point, choice.row + 1, "run.json point")
    for key in ("cost", "emission_kg", "bound", "gap", "status"):
        place = f"run.json {key} and that of point {record.point}"
        found += differs(getattr(record, key), getattr(chosen, key), place)
    found += _apart(run.points[chosen.point], run.tables)
    return CheckResult("the chosen point is the fuzzy compromise", tuple(found))
