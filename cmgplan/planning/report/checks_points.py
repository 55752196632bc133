"""Checks of every Pareto point from its own tables: limits, power flow, and its objectives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.report import checks_switches as switches
from cmgplan.planning.report.checks_front import held_points
from cmgplan.planning.report.checks_levels import level_masks, outside_mask
from cmgplan.planning.report.checks_microgrid import broken_devices, unbalanced
from cmgplan.planning.report.checks_objectives import (
    UNITS,
    Injection,
    exchange_injection,
    lower_objectives,
)
from cmgplan.planning.report.checks_text import wrong_texts
from cmgplan.planning.report.complete import faults, names_of_case, wanted_of_point
from cmgplan.planning.report.subject import OperatedCase, Subject
from cmgplan.planning.report.table_forms import POINT_TABLES, read_table
from cmgplan.run.findings import VOLTAGE_PU, CheckResult, Finding, over, unequal

LEVEL = 4


def read_points(run: Subject, folder: Path) -> dict[int, Subject]:
    """Return the points that hold a schedule, each with its own tables.

    InputError names a table of a point that is missing or damaged.
    """
    found = {}
    for number in held_points(run):
        place = folder / "points" / f"{number:02d}"
        if not place.is_dir():
            raise InputError(f"{place}: is missing though point {number} has values")
        tables = {stem: read_table(stem, place) for stem in POINT_TABLES}
        found[number] = replace(run, tables={**run.tables, **tables}, _wide={})
    return found


def check_points(
    run: Subject, points: Mapping[int, Subject], feeder: Feeder, flows: Mapping[str, PowerFlow]
) -> list[CheckResult]:
    """Hold every point against its case, its power flow, and its row of pareto.csv."""
    mask = level_masks(run)[LEVEL]
    schedule: dict[str, Callable[[Subject], list[Finding]]] = {
        "every row once": _incomplete,
        "texts are the case's": lambda p: wrong_texts(p, POINT_TABLES),
        "switches": wrong_switching,
        "closed only where its mask lets": lambda p: outside_mask(
            p, switches.closed_switches(p), mask, "switch_schedule.csv"
        ),
        "ratings and losses of ties": lambda p: wrong_ties(p, LEVEL),
        "devices keep their limits": lambda p: broken_devices(p, LEVEL),
        "microgrids balance": lambda p: unbalanced(p, LEVEL),
    }
    results = [
        CheckResult(f"points: {name}", tuple(_all(points, check)))
        for name, check in schedule.items()
    ]
    limits = [
        _at(number, finding)
        for number in points
        for finding in beyond_limits(feeder, flows[f"point {number}"])
    ]
    values = [
        finding
        for number, point in points.items()
        for finding in _values(point, number, flows[f"point {number}"])
    ]
    return [
        *results,
        CheckResult("points: voltages and currents within limits", tuple(limits)),
        CheckResult("points: objectives follow from their tables", tuple(values)),
        CheckResult("points: the chosen one is that of the tables", tuple(_chosen(run, points))),
    ]


def _all(
    points: Mapping[int, Subject], check: Callable[[Subject], list[Finding]]
) -> Iterator[Finding]:
    for number, point in points.items():
        for finding in check(point):
            yield _at(number, finding)


def _at(number: int, finding: Finding) -> Finding:
    return replace(finding, place=f"points/{number:02d}: {finding.place}")


def point_injections(points: Mapping[int, Subject], feeder: Feeder) -> dict[str, Injection]:
    """Return the exchange of every point alone."""
    return {f"point {n}": exchange_injection(point, feeder, LEVEL) for n, point in points.items()}


def _incomplete(point: Subject) -> list[Finding]:
    wanted = wanted_of_point(names_of_case(point.case))
    return [
        Finding(f"{place}: {told}", float("nan"), "")
        for stem, rows in wanted.items()
        for place, told in faults(stem, point.tables[stem], rows)
    ]


def wrong_switching(point: OperatedCase) -> list[Finding]:
    """Find positions that are none, switches that move too often, and loops."""
    closed = switches.closed_switches(point)
    found = [*switches.wrong_positions(point, closed), *switches.too_many_operations(point, closed)]
    return [*found, *(switches.loops(point, closed) if point.options.radial else [])]


def wrong_ties(point: OperatedCase, level: int) -> list[Finding]:
    """Find power on open switches or over ratings, and losses of ties that are not R I^2."""
    exchange = point.rows("exchange", level)
    closed = switches.closed_switches(point)
    return [
        *switches.power_on_open(point, exchange, closed),
        *switches.over_ratings(point, exchange),
        *switches.wrong_tie_losses(point, exchange),
    ]


def beyond_limits(feeder: Feeder, flow: PowerFlow) -> list[Finding]:
    """Find voltages and currents of a power flow beyond their limits."""
    low = np.maximum(flow.v_pu - feeder.v_max_pu, feeder.v_min_pu - flow.v_pu)
    return [
        *over(low, [f"bus {name}" for name in feeder.bus_ids], VOLTAGE_PU, "pu"),
        *over(
            flow.i_pu - feeder.i_max_pu,
            [f"line {name}" for name in feeder.line_ids],
            VOLTAGE_PU,
            "pu",
        ),
    ]


def _values(point: Subject, number: int, flow: PowerFlow) -> list[Finding]:
    """Compare f1, f2, f3 of a point with its row of pareto.csv."""
    due = lower_objectives(point, LEVEL, flow)
    rows = point.tables["pareto"]
    at = int(np.flatnonzero(rows["point"].to_numpy() == number)[0])
    return [
        finding
        for name, unit in UNITS.items()
        for finding in unequal(
            float(rows[name].iloc[at]), getattr(due, name), f"pareto.csv row {at + 2}, {name}", unit
        )
    ]


def _chosen(run: Subject, points: Mapping[int, Subject]) -> list[Finding]:
    """Compare the tables of the chosen point with those of Level 4."""
    number = run.summary.selected.point
    point = points.get(number)
    if point is None:
        return [Finding("plan.json selected.point", float("nan"), "", None, number, "a point")]
    found: list[Finding] = []
    closed, own = switches.closed_switches(run), switches.closed_switches(point)
    ids = switches.switch_ids(run)
    found += over(np.abs(closed - own), [f"switch_schedule.csv, {s}" for s in ids], 0.0, "")
    for column in ("p_kw", "q_kvar", "p_to_kw"):
        told, due = (
            r.hourly(r.rows("exchange", LEVEL), column, "switch", ids) for r in (run, point)
        )
        places = [f"exchange.csv {column}, {s}" for s in ids]
        found += over(np.abs(told - due), places, VOLTAGE_PU, "")
    for column in ("p_kw", "q_kvar"):
        told_by, due_by = run.devices(LEVEL, column), point.devices(LEVEL, column)
        for key, values in told_by.items():
            apart = np.abs(values - due_by[key])[:, None]
            found += over(apart, [f"dispatch.csv {column}, {' '.join(key)}"], VOLTAGE_PU, "")
    return found
