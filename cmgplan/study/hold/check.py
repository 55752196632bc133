"""A plan held in a scenario, checked from the files of its run alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.network.feeder import Feeder, build_feeder
from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.levels.held_feeder import loaded_feeder
from cmgplan.planning.report.checks_feeder import upper_demand
from cmgplan.planning.report.checks_microgrid import (
    broken_devices,
    unbalanced,
    wrong_lower_response,
    wrong_upper_response,
)
from cmgplan.planning.report.checks_objectives import (
    UNITS,
    Injection,
    exchange_injection,
    feeder_demand,
    lower_objectives,
    solve_all,
)
from cmgplan.planning.report.checks_points import beyond_limits, wrong_switching, wrong_ties
from cmgplan.planning.report.checks_text import wrong_texts
from cmgplan.planning.report.checks_upper import not_held
from cmgplan.planning.report.complete import faults, names_of_case, wanted_of_point, wanted_rows
from cmgplan.planning.report.table_forms import POINT_TABLES
from cmgplan.run.findings import (
    POWER_KW,
    TOTAL,
    VOLTAGE_PU,
    CheckResult,
    Finding,
    differs,
    over_hourly,
    unequal,
)
from cmgplan.run.folder import case_sha256
from cmgplan.study.hold.folder import AFTER, BEFORE, LEVEL, UPPER
from cmgplan.study.hold.given import check_given
from cmgplan.study.hold.read import HeldOperation, HeldRun, damaged, read_held
from cmgplan.study.hold.sums import check_sums

Find = Callable[[HeldOperation], list[Finding]]


def verify_held(folder: Path) -> list[CheckResult]:
    """Check a held plan against its copy of the case, hour by hour and device by device.

    Every operation, as held, at least cost and with switches of the day's own, is held against
    the limits of switches, ties, devices and loads, the balances of the microgrids, and its power
    flow; cost, emission cost, losses and unserved load are worked out again, and the limits that
    the loaded feeder breaks are counted again before and after the response of Levels 5 and 6.
    ``hold.marker.NOT_CHECKED`` says what is not.

    Raises
    ------
    InputError, CaseError
        A file is missing or damaged.
    """
    run = read_held(folder)
    try:
        sums = check_sums(run)
        feeder = build_feeder(run.case)
        flows = solve_all(feeder, _injections(run, feeder))
        return [
            _copy_is_unchanged(run),
            *sums,
            *check_given(run),
            *_schedules(run),
            _check("voltages and currents within limits", _beyond(run, feeder, flows)),
            _check("cost, emission and losses follow from the tables", _values(run, flows)),
            _check("unserved load follows from the tables", _unserved_sums(run)),
            *_responses(run),
            _check("limits broken are those of the power flow", _broken(run, feeder, flows)),
        ]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise damaged(folder, error) from error


def _check(name: str, findings: Iterator[Finding]) -> CheckResult:
    return CheckResult(name, tuple(findings))


def _at(operation: HeldOperation, finding: Finding) -> Finding:
    return Finding(
        f"{operation.name}: {finding.place}",
        finding.amount,
        finding.unit,
        finding.hour,
        finding.told,
        finding.due,
    )


def _injections(run: HeldRun, feeder: Feeder) -> dict[str, Injection]:
    """Return what is put into the feeder: by exchange alone, and loaded before and after."""
    found = {each.name: exchange_injection(each.told, feeder, LEVEL) for each in run.operations()}
    demand = feeder_demand(run.case, feeder)
    for point in run.points.values():
        p, q = found[point.name]
        found[f"{point.name} {BEFORE}"] = p - demand[0], q - demand[1]
        if UPPER in point.levels:
            p, q = exchange_injection(point.told, feeder, UPPER)
            after = upper_demand(point.told, feeder)
            found[f"{point.name} {AFTER}"] = p - after[0], q - after[1]
    return found


def _copy_is_unchanged(run: HeldRun) -> CheckResult:
    same = run.sha256 == case_sha256(run.folder / "case")
    found = () if same else (Finding("case/ differs from the hash in hold.json", np.nan, ""),)
    return CheckResult("copy of the case is unchanged", found)


def _schedules(run: HeldRun) -> Iterator[CheckResult]:
    """Yield the checks of every operation that need no power flow."""
    found: dict[str, Find] = {
        "every row once": _incomplete,
        "texts are the case's": lambda each: wrong_texts(each.told, POINT_TABLES),
        "switches": lambda each: wrong_switching(each.told),
        "ratings and losses of ties": lambda each: _by_level(each, _ties),
        "unserved load is a part of the demand": _unserved,
        "devices keep their limits": lambda each: _by_level(each, _devices),
        "microgrids balance": lambda each: _by_level(each, _balance),
    }
    for name, find in found.items():
        yield _check(
            name, (_at(each, finding) for each in run.operations() for finding in find(each))
        )


def _by_level(
    each: HeldOperation, find: Callable[[HeldOperation, int], list[Finding]]
) -> list[Finding]:
    return [finding for level in each.levels for finding in find(each, level)]


def _ties(each: HeldOperation, level: int) -> list[Finding]:
    return wrong_ties(each.told, level)


def _devices(each: HeldOperation, level: int) -> list[Finding]:
    return broken_devices(each.demanded, level)


def _balance(each: HeldOperation, level: int) -> list[Finding]:
    return unbalanced(each.told, level)


def _incomplete(each: HeldOperation) -> list[Finding]:
    names = names_of_case(each.told.case)
    wanted = wanted_of_point(names, each.levels)
    if UPPER in each.levels:
        wanted["demand_response"] = wanted_rows(names)["demand_response"]
    return [
        Finding(f"{place}: {told}", np.nan, "")
        for stem, rows in wanted.items()
        for place, told in faults(stem, each.told.tables[stem], rows)
    ]


def _unserved(each: HeldOperation) -> list[Finding]:
    """Find unserved load that is below 0, above the demand, or not told."""
    found: list[Finding] = []
    served, demanded = (part.devices(LEVEL, "p_kw") for part in (each.told, each.demanded))
    for mg in each.told.case.microgrids:
        for load in mg.load:
            key = (mg.id, load.id)
            unserved = served[key] - demanded[key]
            excess = np.maximum(-unserved, served[key])
            found += over_hourly(excess, f"unserved.csv {' '.join(key)}", POWER_KW, "kW")
    return found


def _beyond(run: HeldRun, feeder: Feeder, flows: dict[str, PowerFlow]) -> Iterator[Finding]:
    """Find limits that an operation breaks on the feeder without loads, as Level 4 has it."""
    for each in run.operations():
        for finding in beyond_limits(feeder, flows[each.name]):
            yield _at(each, finding)


def _values(run: HeldRun, flows: dict[str, PowerFlow]) -> Iterator[Finding]:
    """Compare f1, f2, f3 of every operation with held.csv and wait_and_see.csv."""
    price = run.options.unserved_usd_per_kwh
    for number, each in run.points.items():
        due = lower_objectives(each.demanded, LEVEL, flows[each.name])
        for name, unit in UNITS.items():
            place = f"held.csv point {number}, {name}"
            yield from unequal(run.number(number, name), getattr(due, name), place, unit)
    for number, each in run.least.items():
        due = lower_objectives(each.demanded, LEVEL, flows[each.name])
        total = due.gc_usd + due.ec_usd + price * run.number(number, "least_unserved_kwh")
        place = f"held.csv point {number}, least_total_usd"
        yield from unequal(run.number(number, "least_total_usd"), total, place, "$")
    if run.own is not None and run.own_operation is not None:
        due = lower_objectives(run.own_operation.demanded, LEVEL, flows["own"])
        for name, unit in UNITS.items():
            place = f"wait_and_see.csv {name}"
            yield from unequal(float(run.own[name]), getattr(due, name), place, unit)


def _unserved_sums(run: HeldRun) -> Iterator[Finding]:
    for column, operations in (("unserved_kwh", run.points), ("least_unserved_kwh", run.least)):
        for number, each in operations.items():
            place = f"held.csv point {number}, {column}"
            told = run.number(number, column)
            yield from unequal(told, _unserved_kwh(each), place, "kWh", 2 * POWER_KW)
    if run.own_operation is not None:
        yield from unequal(0.0, _unserved_kwh(run.own_operation), "own: unserved", "kWh", POWER_KW)


def _unserved_kwh(each: HeldOperation) -> float:
    return float(each.told.tables["unserved"]["unserved_kw"].sum()) * each.told.dt_h


def _responses(run: HeldRun) -> Iterator[CheckResult]:
    """Yield the checks of what Levels 5 and 6 did: what they held, and the feeder's loads."""
    responding = [each for each in run.points.values() if UPPER in each.levels]
    for name, find in (
        ("Levels 5 and 6 held what they were given", not_held),
        ("the microgrids' demand before and after response", wrong_lower_response),
        ("the feeder's loads respond within their limits", wrong_upper_response),
    ):
        yield _check(
            name, (_at(each, finding) for each in responding for finding in find(each.told))
        )


def _broken(run: HeldRun, feeder: Feeder, flows: dict[str, PowerFlow]) -> Iterator[Finding]:
    """Compare broken_limits.csv, and the least voltages, with the power flow of each point."""
    answered = [(number, BEFORE) for number in run.points]
    answered += [(number, AFTER) for number, each in run.points.items() if UPPER in each.levels]
    told_of = zip(run.broken["point"], run.broken["response"], strict=True)
    for number, response in sorted({*told_of} - {*answered}):
        place = f"broken_limits.csv point {number:g}, {response}: of no operation"
        yield Finding(place, np.nan, "")
    for number, each in run.points.items():
        rows = run.broken[run.broken["point"] == number]
        told = [(BEFORE, "v_min_before_response_pu")]
        told += [(AFTER if UPPER in each.levels else BEFORE, "v_min_pu")]
        for response, column in told:
            due = loaded_feeder(feeder, flows[f"{each.name} {response}"])
            mine = rows[rows["response"] == response]
            place = f"broken_limits.csv point {number}, {response} the response"
            limits = sorted((b.kind, b.hour, b.place) for b in due.broken)
            yield from differs(_limits(mine), limits, place)
            if _limits(mine) == limits:
                yield from _amounts(mine, due.broken, place)
            v_min = run.number(number, column)
            place = f"held.csv point {number}, {column}"
            yield from unequal(v_min, due.v_min_pu, place, "pu", VOLTAGE_PU)


def _amounts(rows: pd.DataFrame, due: Sequence[BrokenLimit], place: str) -> Iterator[Finding]:
    """Compare amounts, limits and units of the same limits."""
    told = rows.assign(hour=rows["hour"].astype(int)).sort_values(["kind", "hour", "place"])
    limits = sorted(due, key=lambda b: (b.kind, b.hour, b.place))
    for row, limit in zip(told.to_dict("records"), limits, strict=True):
        where = f"{place}, {limit.kind} {limit.place} hour {limit.hour}"
        yield from differs(row["unit"], limit.unit, f"{where}, unit")
        tolerance = VOLTAGE_PU if limit.unit == "pu" else TOTAL
        for name in ("amount", "limit"):
            value = getattr(limit, name)
            number = np.nan if value is None else float(value)
            yield from unequal(row[name], number, f"{where}, {name}", limit.unit, tolerance)


def _limits(rows: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Return kind, hour and place of limits as told, sorted."""
    cells = zip(rows["kind"], rows["hour"], rows["place"], strict=True)
    return sorted((str(kind), int(hour), str(place)) for kind, hour, place in cells)
