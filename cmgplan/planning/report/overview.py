"""The first screen: is the plan good, and what does it cost, emit and lose."""

from __future__ import annotations

from typing import Any

from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Box, Overview
from cmgplan.page.wording import amount, change, counted, number
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.goal import goal_in_words
from cmgplan.run.tables import Tables

SOLVED = {"optimal", "local optimum"}
QUANTITIES = (
    ("gc_usd", "Generation cost, $", 2),
    ("ec_usd", "Emission cost, $", 2),
    ("loss_kwh", "Losses, kWh", 2),
    ("upstream_kwh", "Import from upstream, kWh", 1),
    ("v_min_pu", "Lowest voltage, pu", 4),
)


def overview(summary: PlanRecord, tables: Tables) -> Overview:
    """Return the first screen of a run."""
    faults = tuple(_faults(summary, tables))
    good = not faults
    gap = gap_text(summary)
    verdict = (
        f"The plan is good: an independent power flow confirms every hour, and every point of the "
        f"front is proven to within {gap}{_of_range(summary)}."
        if good
        else f"The plan needs a look: {'; '.join(faults)}."
    )
    return Overview(
        good=good,
        verdict=verdict,
        against=_against(summary),
        boxes=tuple(_boxes(summary, tables)),
        totals=totals(summary),
        faults=faults,
        warnings=tuple(_warnings(summary)),
    )


def gap_text(summary: PlanRecord) -> str:
    """Return the worst gap of the front with its unit."""
    gap = summary.certificate.worst_gap
    if gap is None:
        return "not known"
    if summary.certificate.absolute:
        return amount(gap, summary.certificate.unit)
    return f"{100.0 * gap:.2f}\N{NO-BREAK SPACE}%"


def _of_range(summary: PlanRecord) -> str:
    """Say what a relative gap is a share of."""
    absolute = summary.certificate.absolute
    return "" if absolute else f" of the range of {goal_in_words(summary)}"


def totals(summary: PlanRecord) -> DataTable:
    """Return the totals of the situations, one row for each quantity."""
    upper = summary.upper
    now, without, bare = (
        told.totals() for told in (upper, upper.without_cmg, upper.without_microgrid_loads)
    )
    chosen = summary.selected.by_objective()
    records: list[dict[str, Any]] = [
        {
            "quantity": name,
            "with": now[key],
            "without": without[key],
            "change": _difference(key, now[key], without[key]),
            "bare": bare[key],
            "microgrids": chosen.get(key),
            "digits": digits,
        }
        for key, name, digits in QUANTITIES
    ]
    columns = (
        Column("quantity", "Over the horizon"),
        Column("with", "With microgrids", 2),
        Column("without", "Their loads only", 2),
        Column("change", "Change"),
        Column("bare", "Feeder's loads only", 2),
        Column("microgrids", "Microgrids (chosen point)", 2),
    )
    table = data_table("totals", "Totals", columns, records)
    rows = tuple(
        data_table("row", "", [_with_digits(c, record["digits"]) for c in columns], [record]).rows[
            0
        ]
        for record in records
    )
    return DataTable(table.name, table.caption, table.columns, rows)


def _with_digits(column: Column, digits: int) -> Column:
    return Column(column.key, column.heading, digits) if column.numeric else column


def _difference(key: str, now: float | None, before: float | None) -> str:
    if key != "v_min_pu":
        return change(now, before)
    if now is None or before is None:
        return change(None, None)
    return f"{'+' if now > before else ''}{number(now - before, 4)} pu"


def _against(summary: PlanRecord) -> str:
    """Say what the microgrids bring against their loads alone."""
    upper, without = summary.upper, summary.upper.without_cmg
    told = []
    for verb, now, before in (
        ("costs", upper.gc_usd, without.gc_usd),
        ("emits", upper.ec_usd, without.ec_usd),
        ("loses", upper.loss_kwh, without.loss_kwh),
    ):
        if now is None or not before:
            continue
        percent = 100.0 * (now - before) / abs(before)
        more = "more" if percent > 0.0 else "less"
        told.append(f"{verb} {abs(percent):.1f}\N{NO-BREAK SPACE}% {more}")
    if not told:
        return "The run has no totals without microgrids to compare with."
    row = ", ".join(told[:-1]) + f" and {told[-1]}" if len(told) > 1 else told[0]
    return (
        f"With the microgrids' generation, storage and response the feeder {row} than with their "
        "loads alone."
    )


def _boxes(summary: PlanRecord, tables: Tables) -> list[Box]:
    """Return the boxes at the top: replay, gap, points, upper level, choice."""
    passed, upper, selected = summary.replay.passed, summary.upper.status, summary.selected
    gap = summary.certificate.worst_gap
    counts = tables["pareto"]["status"].value_counts(sort=False)
    points = ", ".join(f"{count} {status}" for status, count in counts.items()) or "none"
    return [
        Box("Replay", "passed" if passed else "FAILED", passed),
        Box("Worst gap", gap_text(summary), gap is not None and gap <= summary.options.gap),
        Box("Points", points, set(counts.index) == {"optimal"}),
        Box("Feeder (Levels 5, 6)", upper, upper in SOLVED),
        Box("Chosen", f"point {selected.point} ({selected.rule})", True),
    ]


def _faults(summary: PlanRecord, tables: Tables) -> list[str]:
    """Return what keeps a plan from being called good."""
    found = []
    if not summary.replay.passed:
        found.append("the independent power flow does not confirm it (replay FAILED)")
    gap = summary.certificate.worst_gap
    if gap is None:
        found.append("no gap is known")
    elif gap > summary.options.gap:
        found.append(f"the worst gap is {gap_text(summary)}, more than was asked for")
    if summary.upper.status not in SOLVED:
        found.append(f"the feeder's power flow ended {summary.upper.status}")
    counts = tables["pareto"]["status"].value_counts(sort=False)
    limits = int(counts.get("limit", 0))
    if limits:
        found.append(
            f"{counted(limits, 'point')} of the front stopped at a limit without a schedule"
        )
    return found


def _warnings(summary: PlanRecord) -> list[str]:
    """Return what a reader should know besides the faults."""
    found = [
        f"Level {level.level} ended {level.status}."
        for level in summary.levels
        if level.status not in SOLVED | {"feasible"}
    ]
    left = [
        f"Level {level.level} proves no better than its answer within the gap."
        for level in summary.levels
        if level.status == "feasible"
    ]
    broken = summary.headroom.forecast_error.broken_limits
    if broken:
        found.append(
            f"Forecast error would break {counted(len(broken), 'limit')}: see headroom below."
        )
    return [*found, *left, *notes(summary)]


def notes(summary: PlanRecord) -> list[str]:
    """Return what the plan itself says of its objectives and its case, as sentences."""
    return [f"{text[0].upper()}{text[1:]}." for text in summary.notes if text]
