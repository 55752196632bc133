"""The page of a study: what came out over all days, scenarios and options, and what failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cmgplan.page.data_table import Column, DataTable, Link, data_table
from cmgplan.page.lookup import records
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Chart, Note, Overview, Part, Section
from cmgplan.page.wording import amount, counted, named, number
from cmgplan.plurals import noun
from cmgplan.study import figures
from cmgplan.study.hold.view import HELD_FILE, held_section, held_summary
from cmgplan.study.key_figures import Figure
from cmgplan.study.parts_view import parts_section
from cmgplan.study.store import PAGE, TASKS_TABLE, write_json, write_text
from cmgplan.study.task_run import TASKS
from cmgplan.study.view import StudyView, duration_curves, read_view, switch_use

SHOWN_TASKS = 10
"""Tasks in the lists of the slowest and the worst."""

SHOWN_FAILURES = 200
ALL_OF = {1: "The task", 2: "Both tasks"}
TOLD_WAYS = 4
"""Combinations of case and options that the first sentence tells one by one."""

SHOWN_WAYS = 8
"""Combinations of case and options that one figure can tell apart."""

CALENDAR_DAYS = 8
"""Days from which a calendar shows more than a table does."""

NOTHING = 1e-9
"""Amount under which a key figure counts as none."""

LEAST_TASKS = 2
"""Tasks from which there is a distribution."""


def write_study_page(folder: Path) -> Path:
    """Write the page of a study from its files and return its path."""
    path, view = folder / PAGE, read_view(folder)
    summary = held_summary(view) if view.system.of_plans else None
    if summary is not None:
        write_json(folder / HELD_FILE, summary)
    write_text(path, render_study(view, summary))
    return path


def render_study(view: StudyView, held: Mapping[str, Any] | None = None) -> str:
    """Return the page of a study; ``held`` is what held.json tells of a study of held plans."""
    cases = [str(case["name"]) for case in view.about["cases"]]
    about = (
        f"{counted(len(view.tasks), 'task')} of the system {view.system.name} over "
        f"{counted(len(cases), 'case')}: {named(cases)}. "
        f"{f'All have {view.common}. ' if view.common else ''}Every number of a task stands in "
        f"{TASKS_TABLE} and in the long tables beside this page."
    )
    sections = [
        section
        for section in (
            held_section(view, held or {"plans": []}),
            _calendar(view),
            _distributions(view),
            parts_section(view),
            _durations(view),
            _switches(view),
            _lists(view),
            _failures(view),
        )
        if section.parts
    ]
    return render(f"Study {view.about['name']}", about, _overview(view), sections)


def unit_of(figure: Figure, view: StudyView, case: str | None = None) -> str:
    """Return the unit of a key figure, of one case or of all."""
    currency = view.currency if case is None else view.currency_of(case)
    return figure.unit.replace("{currency}", currency)


def said(value: float, figure: Figure, unit: str) -> str:
    """Return a key figure with its digits and unit."""
    return f"{number(value, figure.digits)}\N{NO-BREAK SPACE}{unit}".rstrip()


def _overview(view: StudyView) -> Overview:
    """Return the first screen: how many tasks came to an answer, and what they say."""
    counts = view.tasks["state"].value_counts()
    done, total = int(counts.get("done", 0)), len(view.tasks)
    answered = done + int(counts.get("infeasible", 0))
    good = answered == total
    verdict = (
        f"{ALL_OF.get(total, f'All {total} tasks')} came to an answer."
        if good
        else f"{answered} of {counted(total, 'task')} came to an answer; why the others did not "
        "stands below."
    )
    boxes = [
        Box(state.capitalize(), f"{int(counts.get(state, 0)):,}", not bad)
        for state, bad in (
            ("done", done == 0),
            ("infeasible", False),
            ("failed", bool(counts.get("failed", 0))),
            ("waiting", bool(counts.get("waiting", 0))),
        )
    ]
    longest = view.tasks["wall_s"].max()
    boxes.append(Box("Longest task", amount(float(longest), "s"), True))
    notes = tuple(f"{note[0].upper()}{note[1:]}." for note in view.about.get("notes") or ())
    return Overview(good, verdict, _first_figure(view), tuple(boxes), _totals(view), (), notes)


def _first_figure(view: StudyView) -> str:
    """Return the mean of the first key figure; one for each way, since their mean says nothing."""
    first, means = view.system.shown[0], []
    for way in view.ways:
        done = view.done[view.done["way"] == way]
        mean = _mean(done, first.name)
        if mean is not None:
            unit = unit_of(first, view, str(done["case"].iloc[0]))
            means.append((mean, unit, f"{amount(mean, unit)} ({way})"))
    if not means:
        return ""
    heading = f"{first.heading[0].upper()}{first.heading[1:]}, weighted mean of the finished tasks"
    if len(view.ways) == 1:
        return f"{heading}: {amount(*means[0][:2])}."
    if len(means) <= TOLD_WAYS:
        return f"{heading}: {', '.join(told for _, _, told in means)}."
    if len({unit for _, unit, _ in means}) > 1:
        return ""
    return f"{heading}: from {min(means)[2]} to {max(means)[2]}."


def _totals(view: StudyView) -> DataTable:
    """Return weighted mean, least and greatest of every key figure, its ways below each other."""
    rows: list[dict[str, Any]] = []
    for figure in view.system.shown:
        for way in view.ways:
            done = view.done[view.done["way"] == way]
            values = done[figure.name].dropna()
            if values.empty:
                continue
            unit = unit_of(figure, view, str(done["case"].iloc[0]))
            rows.append(
                {
                    "way": way,
                    "figure": f"{figure.heading}, {unit}" if unit else figure.heading,
                    "mean": _mean(done, figure.name),
                    "sd": _deviation(done, figure.name),
                    "least": float(values.min()),
                    "greatest": float(values.max()),
                    "tasks": len(values),
                }
            )
    columns = (
        Column("figure", "of a task"),
        *((Column("way", "case and options"),) if len(view.ways) > 1 else ()),
        Column("mean", "weighted mean", 4),
        Column("sd", "standard deviation", 4),
        Column("least", "least", 4),
        Column("greatest", "greatest", 4),
        Column("tasks", "tasks", 0),
    )
    return data_table("key-figures", "Key figures", columns, rows)


def _calendar(view: StudyView) -> Section:
    """Return a calendar of each key figure for the first way."""
    done = view.done[view.done["day"] != ""]
    parts: list[Part] = []
    for way in view.ways[:1]:
        mine = done[done["way"] == way]
        for figure in view.system.shown:
            by_day = _by_day(mine, figure.name)
            if len(by_day) < CALENDAR_DAYS or _nothing(by_day):
                continue
            unit = unit_of(figure, view)
            which = f" With {way}." if len(view.ways) > 1 else ""
            mean = " Mean over scenarios." if mine["scenario"].nunique() > 1 else ""
            worst = by_day.idxmax()
            sentence = (
                f"Most on {worst}: {said(float(by_day.max()), figure, unit)}; least on "
                f"{by_day.idxmin()}: {said(float(by_day.min()), figure, unit)}.{which}{mean}"
            )
            drawn = figures.calendar(by_day, unit)
            title = f"{figure.heading[0].upper()}{figure.heading[1:]} by day"
            parts.append(Chart(f"calendar-{figure.name}", title, sentence, drawn, half=True))
    return Section("calendar", "Days", tuple(parts))


def _distributions(view: StudyView) -> Section:
    """Return a distribution of each key figure by way."""
    ways, parts = view.ways[:SHOWN_WAYS], []
    counts = "A box holds the middle half of the tasks."
    if view.done["weight"].nunique() > 1:
        counts = f"{counts} Each counts once, whatever its weight."
    for figure in view.system.shown:
        values = view.done[figure.name].dropna()
        if len(values) < LEAST_TASKS or _nothing(values):
            continue
        drawn = figures.distribution(view.done, ways, figure, unit_of(figure, view))
        left = len(view.ways) - len(ways)
        more = ""
        if left:
            are = noun(left, "is", "are")
            more = f" The first {len(ways)} combinations; {left} more {are} in the tables."
        sentence = f"{counts}{more}"
        title = f"{figure.heading[0].upper()}{figure.heading[1:]}"
        parts.append(Chart(f"spread-{figure.name}", title, sentence, drawn, half=True))
    return Section("distributions", "Distributions", tuple(parts))


def _durations(view: StudyView) -> Section:
    curves = duration_curves(view)[:SHOWN_WAYS]
    if not curves:
        return Section("durations", "Duration curves", ())
    peak = max(curves, key=lambda curve: float(curve.kw[0]))
    sentence = (
        f"The greatest import is {amount(float(peak.kw[0]), 'kW')}; hours count by the weight of "
        "their task. Below zero is export."
    )
    chart = Chart("durations", "Import from upstream", sentence, figures.durations(curves))
    return Section("durations", "Duration curves", (chart,))


def _switches(view: StudyView) -> Section:
    """Return which switch is closed how long, and how often it moves."""
    ways = view.ways[:SHOWN_WAYS]
    uses = [use for use in switch_use(view) if use.way in ways]
    if not uses:
        return Section("switches", "Switches", ())
    idle = sorted({use.switch for use in uses} - {use.switch for use in uses if use.closed_h > 0})
    told = f"Never closed: {named(idle)}." if idle else "Every switch is closed at some time."
    chart = Chart("switches", "How long switches are closed", told, figures.switches(uses, ways))
    columns = (
        *((Column("way", "case and options"),) if len(ways) > 1 else ()),
        Column("switch", "switch"),
        Column("kind", "kind"),
        Column("closed_h", "closed, h", 1),
        Column("percent", "closed, % of the time", 1),
        Column("operations_per_day", "operations a day", 2),
    )
    rows = [{**vars(use), "percent": 100.0 * use.closed_share} for use in uses]
    caption = "Switches: hours count by the weight of their task, days begin with all open"
    return Section("switches", "Switches", (chart, data_table("switches", caption, columns, rows)))


def _lists(view: StudyView) -> Section:
    """Return the worst and the slowest tasks with links to their pages."""
    done, first = view.done, view.system.shown[0]
    if done.empty:
        return Section("tasks", "Tasks", ())
    worst = done.sort_values(first.name, ascending=False, kind="stable").head(SHOWN_TASKS)
    slow = done.sort_values("wall_s", ascending=False, kind="stable").head(SHOWN_TASKS)
    tables = (
        _task_table(view, "worst", f"Tasks of greatest {first.heading}", worst),
        _task_table(view, "slowest", "Tasks that took longest", slow),
    )
    return Section("tasks", "Worst and slowest tasks", tables)


def _task_table(view: StudyView, name: str, caption: str, rows: pd.DataFrame) -> DataTable:
    """Return tasks with their key figures; those that are none in every task are left out."""
    shown = [
        Column(f.name, f"{f.heading}, {unit_of(f, view)}".rstrip(", "), f.digits)
        for f in view.system.shown
        if not _nothing(view.done[f.name].dropna())
    ]
    columns = (
        Column("link", "task"),
        *_told_columns(view),
        *shown,
        Column("wall_s", "time, s", 1),
    )
    return data_table(name, caption, columns, (_linked(row) for row in records(rows)))


def _told_columns(view: StudyView) -> tuple[Column, ...]:
    """Return the columns of day, scenario and options, those of which the study has any."""
    names = ("day", "scenario", "options")
    return tuple(Column(name, name) for name in names if (view.tasks[name] != "").any())


def _linked(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "link": Link(str(row["task"]), f"{TASKS}/{row['task']}/report.html")}


def _failures(view: StudyView) -> Section:
    """Return the tasks without an answer, each with its reason."""
    rows = view.tasks[view.tasks["state"].isin(("failed", "infeasible", "waiting"))]
    if rows.empty:
        return Section("failures", "Without an answer", ())
    columns = (
        Column("told", "task"),
        *_told_columns(view),
        Column("state", "state"),
        Column("attempts", "attempts", 0),
        Column("reason", "reason"),
    )
    found = list(_explained(view, rows.head(SHOWN_FAILURES)))
    parts: list[Part] = [data_table("failures", "Tasks that are not done", columns, found)]
    if len(rows) > SHOWN_FAILURES:
        stand = noun(len(rows) - SHOWN_FAILURES, "stands", "stand")
        left = number(len(rows) - SHOWN_FAILURES, 0)
        parts.append(Note("", (f"{left} more {stand} in {TASKS_TABLE}.",)))
    return Section("failures", "Not done", tuple(parts))


def _explained(view: StudyView, rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield tasks, linked to the page that says why where there is one."""
    for row in records(rows):
        place = f"{TASKS}/{row['task']}.why.html"
        there = row["state"] == "infeasible" and (view.folder / place).is_file()
        yield {**row, "told": Link(str(row["task"]), place) if there else row["task"]}


def _nothing(values: pd.Series[float]) -> bool:
    """Return whether there is nothing to draw; the table of key figures says so."""
    return bool((values.abs() < NOTHING).all())


def _by_day(rows: pd.DataFrame, name: str) -> pd.Series[float]:
    """Return the weighted mean of a key figure by day."""
    known = rows[rows[name].notna()]
    total = (known[name] * known["weight"]).groupby(known["day"]).sum()
    return total / known["weight"].groupby(known["day"]).sum()


def _mean(rows: pd.DataFrame, name: str) -> float | None:
    """Return the weighted mean of a key figure, None where there is none."""
    known = rows[rows[name].notna()]
    weight = float(known["weight"].sum())
    return float((known[name] * known["weight"]).sum()) / weight if weight > 0.0 else None


def _deviation(rows: pd.DataFrame, name: str) -> float | None:
    """Return the weighted population standard deviation of a key figure."""
    mean = _mean(rows, name)
    if mean is None:
        return None
    known = rows[rows[name].notna()]
    squares = (known[name] - mean) ** 2 * known["weight"]
    return float((squares.sum() / known["weight"].sum()) ** 0.5)
