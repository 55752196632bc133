"""Checks of what a run says of its case, its options and its times, in words and ids."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from cmgplan.planning.case.records import Case
from cmgplan.planning.report.complete import faults, names_of_case, wanted_rows
from cmgplan.planning.report.subject import OperatedCase, Subject
from cmgplan.run.findings import CheckResult, Finding, apart_hourly, differs, unequal

VERSIONED = ("cmgplan", "python", "pyomo", "casadi", "highspy", "pandapower", "numpy")
"""What every plan tells the version of."""

_VERSION = re.compile(r"\d+(\.\w+)*")

OVERHEAD_S = 1.0
"""What may pass between the parts of a plan that are timed."""


def check_texts(run: Subject) -> list[CheckResult]:
    """Hold ids, kinds and ends of every table and the head of plan.json against the case."""
    return [
        CheckResult("every table has every row once", tuple(_incomplete(run))),
        CheckResult(
            "texts of the tables are the case's", tuple(wrong_texts(run, tuple(run.tables)))
        ),
        CheckResult("plan.json tells of this case", tuple(_about(run))),
        CheckResult("times are times", tuple(_times(run))),
    ]


def _incomplete(run: Subject) -> list[Finding]:
    return [
        Finding(f"{place}: {told}", float("nan"), "")
        for stem, rows in wanted_rows(names_of_case(run.case)).items()
        for place, told in faults(stem, run.tables[stem], rows)
    ]


def wrong_texts(run: OperatedCase, stems: Sequence[str]) -> list[Finding]:
    """Return kinds of devices, and kinds and ends of switches, that are not the case's."""
    kinds = {(mg.id, d.id): (d.kind,) for mg in run.case.microgrids for d in mg.devices()}
    ends = {(switch,): told for switch, told in _switches(run.case).items()}
    found: list[Finding] = []
    for stem, key, columns, due in (
        ("dispatch", ("microgrid", "device"), ("kind",), kinds),
        ("exchange", ("switch",), ("kind", "from", "to"), ends),
        ("switch_schedule", ("switch",), ("kind", "from", "to"), ends),
    ):
        if stem not in stems:
            continue
        table = run.tables[stem]
        names = zip(*(table[name].tolist() for name in key), strict=True)
        texts = zip(*(table[name].tolist() for name in columns), strict=True)
        for row, (name, told) in enumerate(zip(names, texts, strict=True), start=2):
            for column, text, wanted in zip(columns, told, due.get(name, told), strict=True):
                found += differs(text, wanted, f"{stem}.csv row {row}, {column}")
    return found


def _switches(case: Case) -> dict[str, tuple[str, str, str]]:
    """Return kind and ends of every switch."""
    ties = {tie.id: (tie.kind, tie.from_microgrid, tie.to_microgrid) for tie in case.ties}
    return {**ties, **{mg.pcc.id: ("grid", mg.id, mg.bus) for mg in case.microgrids}}


def _about(run: Subject) -> list[Finding]:
    """Compare the head of plan.json and the prices with the case."""
    file, about = run.case.file, run.summary.case
    day = None if file.time.day is None else file.time.day.isoformat()
    v_slack = file.network.v_slack_pu
    found = [
        *differs(about.name, run.case.name, "plan.json case.name"),
        *differs(about.title, file.title, "plan.json case.title"),
        *differs(about.hours, run.hours, "plan.json case.hours"),
        *differs(about.day, day, "plan.json case.day"),
        *unequal(about.dt_h, run.dt_h, "plan.json case.dt_h", "h", 1e-12),
        *unequal(about.begins_h, run.case.begins_h, "plan.json case.begins_h", "h", 1e-12),
        *unequal(run.summary.v_slack_pu, v_slack, "plan.json v_slack_pu", "pu", 1e-12),
        *_versions(run.summary.versions),
    ]
    price = np.asarray(run.case.price_usd_per_mwh, dtype=np.float64)
    told = run.series("upstream", "price_usd_per_mwh")
    return found + apart_hourly(told, price, "upstream.csv, price_usd_per_mwh", 1e-9, "$/MWh")


def _versions(told: Mapping[str, str | None]) -> list[Finding]:
    """Find versions that are missing or no versions."""
    every = {**dict.fromkeys(VERSIONED), **told}
    return [
        finding
        for name, text in sorted(every.items())
        if not _VERSION.match(str(text))
        for finding in differs(text, "a version", f"plan.json versions.{name}")
    ]


def _times(run: Subject) -> list[Finding]:
    """No time is negative, the parts add up, and levels and points take no more than theirs."""
    told = run.summary.wall_s
    parts = sum(told.parts().values()) - told.total
    levels = [level.wall_s for level in run.summary.levels]
    points = [point.wall_s for point in run.summary.certificate.points]
    return [
        *unequal(told.total, parts, "plan.json wall_s.total", "s", OVERHEAD_S),
        *_within(levels, told.levels_1_to_3, "plan.json levels[].wall_s"),
        *_within(points, told.level_4, "plan.json certificate.points[].wall_s"),
    ]


def _within(times: Sequence[float], whole: float, place: str) -> list[Finding]:
    spent = sum(times)
    if spent <= whole + OVERHEAD_S:
        return []
    return [Finding(place, spent - whole, "s", None, spent, whole)]
