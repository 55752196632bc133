"""Sections of a building's page about other ways to share, and about its stochastic days."""

from __future__ import annotations

from typing import Any

from cmgplan.building.report import figures
from cmgplan.building.report.view import BuildingView, largest
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.parts import Chart, Note, Section
from cmgplan.page.wording import amount, counted, number

SHARING_NAMES = {
    "rules": "internal prices of the rules",
    "shapley": "Shapley value",
    "nucleolus": "nucleolus",
}


def sharing(view: BuildingView) -> tuple[Section, ...]:
    """Return ways to share what the units are worth together, and who would leave."""
    record = view.record
    if not record.sharings:
        return ()
    unit, homes = record.currency, list(record.case.homes)
    names = {name: SHARING_NAMES.get(name, name) for name in record.sharings}
    table = data_table(
        "sharings",
        "Ways to share what all units are worth together; net costs are negative",
        (
            Column("rule", "By"),
            *(Column(home, f"{home}, {unit}", 2) for home in homes),
            Column("least", f"Least excess of a group, {unit}", 3),
        ),
        [
            {"rule": names[name], **told.share, "least": told.least_excess}
            for name, told in record.sharings.items()
        ],
    )
    told = []
    together = record.values["+".join(sorted(homes))]
    alone = sum(record.values[home] for home in homes)
    if together < alone - 1e-6 * max(abs(alone), 1.0):
        told.append(
            f"By the rules all units are worth {amount(alone - together, unit)} less together "
            "than alone, unserved load priced: no way to share pleases all."
        )
    for name, shared in record.sharings.items():
        title = f"{names[name][0].upper()}{names[name][1:]}"
        if not shared.leaving:
            told.append(f"{title}: nobody gains by leaving.")
            continue
        worst = largest(shared.leaving)
        gain = amount(shared.leaving[worst], unit)
        groups = len(shared.leaving)
        text = f"{title}: {groups} {'group' if groups == 1 else 'groups'} would gain by leaving"
        told.append(f"{text}, {worst} most ({gain}).")
    columns = [Column("group", "Group"), Column("value", f"Value, {unit}", 2)]
    if record.optimal_values:
        columns.append(Column("best", f"As one owner, {unit}", 2))
    values = data_table(
        "values",
        "What each group of units is worth by the rules, unserved load priced",
        columns,
        [
            {"group": group, "value": value, "best": record.optimal_values.get(group)}
            for group, value in record.values.items()
        ],
        folded=len(record.values) > 15,
    )
    note = Note("Who would leave", tuple(told))
    return (Section("sharing", "Ways to share", (table, note, values)),)


def stochastic(view: BuildingView) -> tuple[Section, ...]:
    """Return the stochastic days; no section without any."""
    record = view.record
    if not record.days:
        return ()
    better, records = record.improvements(), []
    for key, name in figures.QUANTITIES.items():
        row: dict[str, Any] = {"what": name if key != "cost" else f"cost, {record.currency}"}
        for way in view.ways:
            row[way] = sum(getattr(getattr(day, way), key) for day in record.days)
            best = [getattr(day.optimum, way) for day in record.days]
            there = all(told is not None for told in best)
            row[f"best_{way}"] = sum(getattr(told, key) for told in best) if there else None
        share = better[key]
        row["less"] = None if share is None else 100.0 * share
        records.append(row)
    columns = [
        Column("what", "Over all days"),
        Column("coalition", "Coalition", 2),
        Column("alone", "Alone", 2),
        Column("less", "Less in the coalition, %", 2),
    ]
    if any(row["best_coalition"] is not None for row in records):
        columns += [
            Column("best_coalition", "Optimum", 2),
            Column("best_alone", "Optimum without trade", 2),
        ]
    table = data_table("month", "All stochastic days together", columns, records)
    dearer = sum(day.coalition.cost > day.alone.cost + 1e-9 for day in record.days)
    losing = sum(bool(day.losers) for day in record.days)
    share = better["cost"]
    sentence = f"{counted(len(record.days), 'day')} with seed {record.options.seed}. "
    if share is not None:
        sentence += f"Together the units pay {number(100.0 * share, 2)} % less over them. "
    sentence += (
        f"The coalition is dearer on {dearer or 'none'} of the days; on {losing or 'none'} of them "
        "some unit pays more in it."
    )
    chart = Chart("days", "Stochastic days", sentence, figures.stochastic_days(view))
    return (Section("days", "Stochastic days", (chart, table)),)
