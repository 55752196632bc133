"""Section of a study's page about quantities that its runs tell in parts: structures, homes, ..."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Note, Part, Section
from cmgplan.page.wording import counted, number
from cmgplan.study import figures
from cmgplan.study.key_figures import BY_PART, Breakdown
from cmgplan.study.view import StudyView

TITLE = "Within the runs"
SHOWN_WAYS = 8
SHOWN_PARTS = 40
"""Groups and parts that one figure draws; the table has all."""

IDS = ("task", "figure", "group", "part")

NOTHING = 1e-9
"""Amount under which a quantity counts as none."""

QUARTILES = ("least", "q1", "median", "q3", "greatest")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)

TIES = 1e-6
"""Share of the best value by which a part may miss it and still stand best."""

HEADINGS = {
    "most": "stands highest, % of tasks",
    "least": "stands lowest, % of tasks",
    "positive": "above 0, % of tasks",
}


def parts_section(view: StudyView) -> Section:
    """Return the section; empty where no run tells anything in parts."""
    parts: list[Part] = []
    if not (view.folder / f"{BY_PART}.csv").is_file():
        return Section("parts", TITLE, ())
    table, nothing = _read(view), []
    for breakdown in view.system.reported.breakdowns:
        rows = _of(breakdown, table, view)
        if rows.empty:
            continue
        if (rows["value"].abs() < NOTHING).all():
            nothing.append(breakdown.heading)
        else:
            parts += _parts(view, breakdown, rows)
    if nothing:
        parts.append(Note("None in any task", tuple(_capital(text) for text in nothing)))
    return Section("parts", TITLE, tuple(parts))


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _read(view: StudyView) -> pd.DataFrame:
    """Return by_part.csv; ids are categories, since a study of many days has many rows."""
    ids = dict.fromkeys(IDS, "category")
    return pd.read_csv(
        view.folder / f"{BY_PART}.csv",
        usecols=[*ids, "value"],
        dtype=ids,
        keep_default_na=False,
        na_values={"value": [""]},
    )


def _of(breakdown: Breakdown, table: pd.DataFrame, view: StudyView) -> pd.DataFrame:
    """Return the rows of a quantity with weight and way of each task."""
    rows = table[table["figure"] == breakdown.name].astype(dict.fromkeys(IDS, str))
    return rows.merge(view.done[["task", "weight", "way"]], on="task", validate="many_to_one")


def _parts(view: StudyView, breakdown: Breakdown, rows: pd.DataFrame) -> list[Part]:
    heading = _capital(breakdown.heading)
    unit = breakdown.unit.replace("{currency}", view.currency)
    rows = _by_group(_counted(breakdown, rows))
    told = _summary(rows)
    found: list[Part] = []
    if max(row["tasks"] for row in told) > 1:
        ways = view.ways[:SHOWN_WAYS]
        drawn = figures.parts(told, ways, f"{heading}, {unit}".rstrip(", "), SHOWN_PARTS)
        sentence = _sentence(breakdown, told, len(view.ways) > len(ways))
        found.append(Chart(f"part-{breakdown.name}", heading, sentence, drawn))
    return [*found, _table(breakdown, f"{heading}, {unit}".rstrip(", "), told)]


def _by_group(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with those of a group beside each other, otherwise as they come."""
    order = {name: k for k, name in enumerate(dict.fromkeys(rows["group"]))}
    return rows.sort_values("group", key=lambda names: names.map(order), kind="stable")


def _counted(breakdown: Breakdown, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with whether each counts: the best of its group, or above 0."""
    value, counts = rows["value"], np.zeros(len(rows), dtype=bool)
    if breakdown.counted == "positive":
        counts = (value > TIES).to_numpy()
    elif breakdown.counted:
        by = rows.groupby(["task", "group"])["value"]
        best = by.transform("max" if breakdown.counted == "most" else "min")
        counts = ((value - best).abs() <= TIES * best.abs().clip(lower=1.0)).to_numpy()
    return rows.assign(counts=counts)


def _summary(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return weighted mean, spread and count of each way, group and part, in their order."""
    found = []
    tasks = rows.drop_duplicates("task")
    for (way, group, part), mine in rows.groupby(["way", "group", "part"], sort=False):
        share = mine["weight"] / mine["weight"].sum()
        mean = float((share * mine["value"]).sum())
        whole = float(tasks.loc[tasks["way"] == way, "weight"].sum())
        found.append(
            {
                "way": way,
                "group": group,
                "part": part,
                "mean": mean,
                "sd": float((share * (mine["value"] - mean) ** 2).sum() ** 0.5),
                **dict(zip(QUARTILES, map(float, mine["value"].quantile(SHARES)), strict=True)),
                "percent": 100.0 * float(mine.loc[mine["counts"], "weight"].sum()) / whole,
                "tasks": len(mine),
            }
        )
    return found


def _table(breakdown: Breakdown, caption: str, rows: list[dict[str, Any]]) -> DataTable:
    digits = breakdown.digits
    several = len({row["way"] for row in rows}) > 1
    columns = (
        *((Column("way", "case and options"),) if several else ()),
        *((Column("group", breakdown.group),) if breakdown.group else ()),
        Column("part", breakdown.part),
        Column("mean", "weighted mean", digits),
        Column("sd", "standard deviation", digits),
        Column("least", "least", digits),
        Column("greatest", "greatest", digits),
        *((Column("percent", HEADINGS[breakdown.counted], 1),) if breakdown.counted else ()),
        Column("tasks", "tasks", 0),
    )
    return data_table(f"parts-{breakdown.name}", caption, columns, rows)


def _sentence(breakdown: Breakdown, rows: list[dict[str, Any]], more: bool) -> str:
    """Return what the count says of the parts, and what the figure leaves out."""
    told = _standing(breakdown, rows) if breakdown.counted in ("most", "least") else []
    kinds = len({(row["group"], row["part"]) for row in rows})
    if kinds > SHOWN_PARTS:
        told.append(f"the first {SHOWN_PARTS} of {counted(kinds, 'part')} are drawn")
    if more:
        told.append(f"the first {SHOWN_WAYS} combinations are drawn")
    told.append("whiskers reach from the least to the greatest task, boxes hold the middle half")
    text = "; ".join(told)
    return f"{_capital(text)}."


def _standing(breakdown: Breakdown, rows: list[dict[str, Any]]) -> list[str]:
    """Return which part stands best most often, of each way and group of several parts."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    of_group = Counter((row["way"], row["group"]) for row in rows)
    for row in rows:
        key = row["way"], row["group"]
        if of_group[key] > 1 and row["percent"] > best.get(key, {"percent": -1.0})["percent"]:
            best[key] = row
    several = len({row["way"] for row in rows}) > 1
    what = "highest" if breakdown.counted == "most" else "lowest"
    told = []
    for (way, group), row in list(best.items())[:SHOWN_WAYS]:
        of = [way] if several else []
        of += [f"{breakdown.group} {group}"] if group else []
        told.append(
            f"{', '.join(of)}{': ' if of else ''}{row['part']} stands {what} most often, in "
            f"{number(row['percent'], 0)} % of the tasks by weight"
        )
    return told
