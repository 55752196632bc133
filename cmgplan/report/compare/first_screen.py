"""The first screen of a comparison: are the runs good, what differs, and what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cmgplan.report.compare.asked import Asked, files_asked, keys_asked, options_asked
from cmgplan.report.compare.runs import ComparedRun, Comparison
from cmgplan.report.compare.totals import OF_LEVEL, Difference, Total
from cmgplan.report.data_table import Cell, Column, DataTable, data_table
from cmgplan.report.overview import SOLVED, gap_text, section
from cmgplan.report.wording import MINUS, amount, counted, named, number

VERDICTS = {
    "same": "the same",
    "within the gap": "within the gap: not a difference",
    "different": "",
    "not comparable": "other horizon",
}


@dataclass(frozen=True)
class FirstScreen:
    """What stands at the top of the page; ``good`` is whether every run is confirmed."""

    good: bool
    verdicts: tuple[str, ...]
    notes: tuple[str, ...]
    tables: tuple[DataTable, ...]


def first_screen(comparison: Comparison, totals: Sequence[Total]) -> FirstScreen:
    """Return the first screen of a comparison."""
    faults = [text for run in comparison.runs for text in _faults(run)]
    verdicts = [_verdict(comparison, totals, k) for k in range(len(comparison.others))]
    asked = _asked_tables(comparison)
    return FirstScreen(
        good=not faults,
        verdicts=(*faults, *verdicts),
        notes=(*comparison.obstacles(), _case_sentence(comparison)),
        tables=(totals_table(comparison, totals), runs_table(comparison), *asked),
    )


def totals_table(comparison: Comparison, totals: Sequence[Total]) -> DataTable:
    """Return the totals of every run, differences to the first and what they say."""
    columns = [Column("quantity", "Over the horizon")]
    columns += [Column(f"value[{run.name}]", run.name, 2) for run in comparison.runs]
    for run in comparison.others:
        columns += [
            Column(f"difference[{run.name}]", f"difference, {run.name}", 2),
            Column(f"relative[{run.name}]", "%", 2),
            Column(f"says[{run.name}]", "which is"),
        ]
    rows: list[tuple[Cell, ...]] = []
    for total in totals:
        shown = [_in_digits(column, total.quantity.digits) for column in columns]
        rows += data_table("row", "", shown, [_record(comparison, total)]).rows
    caption = f"Totals, differences to {comparison.first.name}"
    return DataTable("totals", caption, tuple(columns), tuple(rows))


def _in_digits(column: Column, digits: int) -> Column:
    of_quantity = column.numeric and column.heading != "%"
    return Column(column.key, column.heading, digits) if of_quantity else column


def _record(comparison: Comparison, total: Total) -> dict[str, Any]:
    record: dict[str, Any] = {"quantity": total.quantity.title}
    for run, value in zip(comparison.runs, total.values, strict=True):
        record[f"value[{run.name}]"] = value
    for run, d in zip(comparison.others, total.differences, strict=True):
        record[f"difference[{run.name}]"] = d.amount
        record[f"relative[{run.name}]"] = None if d.relative is None else 100.0 * d.relative
        record[f"says[{run.name}]"] = _says(total, d)
    return record


def _says(total: Total, d: Difference) -> str:
    """Return what a difference says, with the amount that the proofs leave open."""
    if d.verdict is None:
        return "no value to compare"
    if d.verdict != "different":
        return VERDICTS[d.verdict]
    if d.open_by is None:
        return "more than rounding; nothing is proven" if total.quantity.sums else "more"
    unit = total.quantity.unit
    return f"beyond the gap of {amount(d.open_by, unit)}"


def runs_table(comparison: Comparison) -> DataTable:
    """Return what each run planned, and how good it is."""
    columns = (
        Column("run", "Run"),
        Column("case", "Case"),
        Column("points", "Points"),
        Column("chosen", "Chosen"),
        Column("chosen_gap", "Its gap"),
        Column("worst_gap", "Worst gap"),
        Column("replay", "Replay"),
        Column("feeder", "Feeder (Levels 5, 6)"),
        Column("time", "Time, s", 1),
    )
    records = [_about(run) for run in comparison.runs]
    return data_table("runs", "Runs", columns, records)


def _about(run: ComparedRun) -> dict[str, Any]:
    front = run.tables["pareto"]
    counts = front["status"].value_counts(sort=False)
    chosen = section(run.summary, "selected")
    rows = front[front["selected"] == 1]
    gap = None if rows.empty else float(rows["gap"].iloc[0])
    absolute = bool(section(run.summary, "certificate").get("absolute"))
    shown = None if gap is None else amount(gap, "$") if absolute else f"{number(100 * gap, 2)} %"
    status = "" if rows.empty else f", {rows['status'].iloc[0]}"
    return {
        "run": run.name,
        "case": section(run.summary, "case").get("name"),
        "points": ", ".join(f"{count} {name}" for name, count in counts.items()),
        "chosen": f"point {chosen.get('point')} ({chosen.get('rule')}{status})",
        "chosen_gap": shown,
        "worst_gap": gap_text(run.summary),
        "replay": "passed" if section(run.summary, "replay").get("passed") else "FAILED",
        "feeder": str(section(run.summary, "upper").get("status") or "not solved"),
        "time": run.value("wall_s", "total"),
    }


def _faults(run: ComparedRun) -> list[str]:
    """Return what keeps a run from being relied on."""
    found = []
    if not section(run.summary, "replay").get("passed"):
        found.append(f"{named([run.name])} is not confirmed: its replay FAILED.")
    status = str(section(run.summary, "upper").get("status") or "not solved")
    if status not in SOLVED:
        found.append(f"In {named([run.name])} the feeder's power flow ended {status}.")
    return found


def _verdict(comparison: Comparison, totals: Sequence[Total], which: int) -> str:
    """Say what a run has more or less than the first, and what the proofs do not tell apart."""
    told = []
    for level in ("lower", "upper"):
        of_level = [t for t in totals if t.quantity.level == level]
        parts = [_part(t, t.differences[which]) for t in of_level]
        row = [part for part in parts if part]
        if row:
            told.append(f"{OF_LEVEL[level]}: {', '.join(row)}")
    other, first = comparison.others[which], comparison.first
    head = f"{named([other.name])} against {named([first.name])}"
    return f"{head}. {'. '.join(told)}." if told else f"{head}: the totals are the same."


def _part(total: Total, d: Difference) -> str:
    """Return one quantity of the verdict, empty where it is the same or not told."""
    if d.amount is None or d.verdict == "same":
        return ""
    q = total.quantity
    digits = q.digits if q.unit == "pu" else None
    size = amount(abs(d.amount), q.unit) if digits is None else f"{abs(d.amount):.{digits}f} pu"
    sign = "+" if d.amount > 0.0 else MINUS
    if d.verdict == "within the gap":
        return f"{q.name} within the gap of the proofs ({sign}{size})"
    percent = "" if d.relative is None else f", {sign}{number(abs(100 * d.relative), 1)} %"
    return f"{q.name} {sign}{size}{percent}"


def _case_sentence(comparison: Comparison) -> str:
    """Say whether the runs planned the same files, and if not which differ."""
    files = files_asked(comparison)
    if not files:
        return "All runs planned the same case, file by file."
    names = named([row.name for row in files])
    keys = keys_asked(comparison)
    inside = f", in {counted(len(keys), 'key')} of case.toml besides its plan options"
    return f"The cases differ in {names}{inside if keys else ''}."


def _asked_tables(comparison: Comparison) -> list[DataTable]:
    """Return tables of the options, keys and files that differ; none for what is alike."""
    found = []
    for name, caption, head, rows in (
        ("options", "Options that differ", "Option", options_asked(comparison)),
        ("keys", "Keys of case.toml that differ", "Key", keys_asked(comparison)),
        ("files", "Files of the case that differ (SHA-256)", "File", files_asked(comparison)),
    ):
        if rows:
            found.append(_asked_table(comparison, name, caption, head, rows))
    return found


def _asked_table(
    comparison: Comparison, name: str, caption: str, head: str, rows: Sequence[Asked]
) -> DataTable:
    columns = [Column("item", head)]
    columns += [Column(f"value[{run.name}]", run.name) for run in comparison.runs]
    keys = [column.key for column in columns]
    records = [dict(zip(keys, (row.name, *row.values), strict=True)) for row in rows]
    return data_table(name, caption, columns, records)
