"""The first screen of a comparison: are the runs good, what differs, and what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cmgplan.page.data_table import Cell, Column, DataTable, data_table
from cmgplan.page.wording import MINUS, amount, counted, named, number, short_name
from cmgplan.planning.report.compare.asked import Asked, files_asked, keys_asked, options_asked
from cmgplan.planning.report.compare.runs import ComparedRun, Comparison
from cmgplan.planning.report.compare.totals import OF_LEVEL, Difference, Total
from cmgplan.planning.report.overview import SOLVED, gap_text

LEAST_PERCENT = 0.05
"""Change that is worth telling in percent."""

GAP_NOTE = (
    "What a chosen point minimises is proven to within its gap; for the other objectives the same "
    "share of their ranges is taken, and the feeder's totals, local optima, are held against the "
    "same amounts. A difference within the gap may be the solver's, not the plans'."
)

ALIKE_NOTE = "Without microgrids' generation, storage and response the totals are the same."

SHOWN_ROWS = 12
"""Rows of a table that are shown before it is folded away."""


@dataclass(frozen=True)
class FirstScreen:
    """What stands at the top of the page; ``good`` is whether every run is confirmed."""

    good: bool
    verdicts: tuple[str, ...]
    notes: tuple[str, ...]
    totals: tuple[DataTable, ...]
    tables: tuple[DataTable, ...]


def first_screen(comparison: Comparison, totals: Sequence[Total]) -> FirstScreen:
    """Return the first screen of a comparison."""
    faults = [text for run in comparison.runs for text in _faults(run)]
    verdicts = [_verdict(comparison, totals, k) for k in range(len(comparison.others))]
    told = _worth_telling(totals)
    alike = (ALIKE_NOTE,) if len(told) < len(totals) else ()
    return FirstScreen(
        good=not faults,
        verdicts=(*faults, *verdicts),
        notes=(GAP_NOTE, *alike, *comparison.obstacles(), _case_sentence(comparison)),
        totals=tuple(totals_table(comparison, told, k) for k in range(len(comparison.others))),
        tables=(runs_table(comparison), *_asked_tables(comparison)),
    )


def totals_table(comparison: Comparison, totals: Sequence[Total], which: int) -> DataTable:
    """Return the totals of the first run and of another, what differs, and what that says."""
    first, other = comparison.first, comparison.others[which]
    columns = (
        Column("quantity", "Over the horizon"),
        Column(f"value[{first.name}]", short_name(first.name), 2),
        Column(f"value[{other.name}]", short_name(other.name), 2),
        Column("difference", "Difference", 2),
        Column("relative", "%", 2),
        Column("says", "Which is"),
    )
    rows: list[tuple[Cell, ...]] = []
    for total in totals:
        d = total.differences[which]
        record = {
            "quantity": total.quantity.title,
            columns[1].key: total.values[0],
            columns[2].key: total.values[which + 1],
            "difference": d.amount,
            "relative": None if d.relative is None else 100.0 * d.relative,
            "says": _says(total, d),
        }
        shown = [_in_digits(column, total.quantity.digits) for column in columns]
        rows += data_table("row", "", shown, [record]).rows
    caption = f"Totals: {short_name(other.name)} against {short_name(first.name)}"
    return DataTable(f"totals_{which + 1}", caption, columns, tuple(rows))


def _in_digits(column: Column, digits: int) -> Column:
    of_quantity = column.numeric and column.key != "relative"
    return Column(column.key, column.heading, digits) if of_quantity else column


def _worth_telling(totals: Sequence[Total]) -> list[Total]:
    """Leave out the totals without microgrids where they are the same in every run."""
    bare = [total for total in totals if total.quantity.level == "without_cmg"]
    alike = all(d.verdict == "same" for total in bare for d in total.differences)
    return [total for total in totals if total not in bare] if alike else list(totals)


def _says(total: Total, d: Difference) -> str:
    """Return what a difference says, with the amount that the proofs leave open."""
    if d.verdict is None:
        return "no value"
    if d.verdict in ("same", "not comparable"):
        return "same" if d.verdict == "same" else "other horizon"
    if d.open_by is None:
        return "different, no proof"
    gap = "the gap" if total.quantity.level == "lower" else "Level 4's gap"
    side = "within" if d.verdict == "within the gap" else "beyond"
    return f"{side} {gap}, {d.open_by:.2g}\N{NO-BREAK SPACE}{total.quantity.unit}"


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
    chosen, certificate = run.summary.selected, run.summary.certificate
    rows = front[front["selected"] == 1]
    gap = None if rows.empty else float(rows["gap"].iloc[0])
    shown = (
        None
        if gap is None
        else amount(gap, certificate.unit)
        if certificate.absolute
        else f"{number(100 * gap, 2)} %"
    )
    status = "" if rows.empty else f", {rows['status'].iloc[0]}"
    return {
        "run": run.name,
        "case": run.summary.case.name,
        "points": ", ".join(f"{count} {name}" for name, count in counts.items()),
        "chosen": f"point {chosen.point} ({chosen.rule}{status})",
        "chosen_gap": shown,
        "worst_gap": gap_text(run.summary),
        "replay": "passed" if run.summary.replay.passed else "FAILED",
        "feeder": run.summary.upper.status,
        "time": run.summary.wall_s.total,
    }


def _faults(run: ComparedRun) -> list[str]:
    """Return what keeps a run from being relied on."""
    found = []
    if not run.summary.replay.passed:
        found.append(f"{named([run.name])} is not confirmed: its replay FAILED.")
    status = run.summary.upper.status
    if status not in SOLVED:
        found.append(f"In {named([run.name])} the feeder's power flow ended {status}.")
    return found


def _verdict(comparison: Comparison, totals: Sequence[Total], which: int) -> str:
    """Say what a run has more or less than the first, and what the proofs do not tell apart."""
    other = comparison.others[which]
    told = [f"{named([other.name])} against {named([comparison.first.name])}"]
    if not comparison.same_horizon(other):
        told.append("Their totals cover different horizons")
    for level in ("lower", "upper"):
        row = [(t, t.differences[which]) for t in totals if t.quantity.level == level]
        parts = [part for t, d in row if (part := _part(t, d))]
        alike = any(d.verdict == "same" for _, d in row)
        if parts or alike:
            told.append(f"{OF_LEVEL[level]}: {', '.join(parts) or 'the same'}")
    return f"{'. '.join(told)}."


def _part(total: Total, d: Difference) -> str:
    """Return one quantity of the verdict, empty where it is the same or not told."""
    if d.amount is None or d.verdict == "same":
        return ""
    q = total.quantity
    size = f"{abs(d.amount):.{q.digits}f} pu" if q.unit == "pu" else amount(abs(d.amount), q.unit)
    sign = "+" if d.amount > 0.0 else MINUS
    if d.verdict == "within the gap":
        return f"{q.name} within the gap of the proofs ({sign}{size})"
    percent = 100.0 * abs(d.relative or 0.0)
    share = f" ({sign}{number(percent, 1)}\N{NO-BREAK SPACE}%)" if percent >= LEAST_PERCENT else ""
    return f"{q.name} {sign}{size}{share}"


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
    columns += [Column(f"value[{run.name}]", short_name(run.name)) for run in comparison.runs]
    keys = [column.key for column in columns]
    records = [dict(zip(keys, (row.name, *row.values), strict=True)) for row in rows]
    return data_table(name, caption, columns, records, folded=len(rows) > SHOWN_ROWS)
