"""What a page says of several leaders at once."""

from __future__ import annotations

from typing import Any

from cmgplan.market.report.run_record import MarketRecord
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.parts import Note, Section
from cmgplan.page.wording import amount, counted

ENDS = {
    "time": "time ran out",
    "rounds": "no more responses are taken",
    "repeated": "the responses repeat themselves",
    "stuck": "no leader has a response that is known to gain",
}
"""Why no better point of several leaders was sought."""


def several(record: MarketRecord) -> Section:
    """Return what several leaders at once earn, and what each would gain by deviating."""
    told, unit = record.equilibrium, record.currency
    rows: list[dict[str, Any]] = []
    for group in told.leaders if told is not None else []:
        name = "+".join(sorted(group))
        rows.append(
            {
                "group": name,
                "income": sum(told.income[home] for home in group) if told else None,
                "gain": told.gain.get(name) if told else None,
            }
        )
    if told is not None:
        income = sum(told.income[home] for home in told.following)
        rows.append({"group": f"{'+'.join(told.following)} (following)", "income": income})
    columns = (
        Column("group", "Group"),
        Column("income", f"Income at common prices, {unit}", 2),
        Column("gain", f"Gain from deviating, at most, {unit}", 2),
    )
    filled = [{"gain": None, **row} for row in rows]
    table = data_table("leaders", "Several leaders at once", columns, filled)
    note = Note("Is it an equilibrium?", (is_equilibrium(record),))
    return Section("several", "Several leaders at once", (table, note))


def is_equilibrium(record: MarketRecord) -> str:
    """Say whether the point is an equilibrium, and how far from one it is."""
    told = record.equilibrium
    if told is None:
        return ""
    most = amount(max(told.gain.values()), record.currency)
    enough = amount(told.enough, record.currency)
    if told.status == "equilibrium":
        return f"{told.structure}: nobody gains more than {most} by deviating, within {enough}."
    why = f"; the search ended because {ENDS[told.stopped]}" if told.stopped in ENDS else ""
    return (
        f"{told.structure}: no equilibrium was found. After {counted(told.rounds, 'response')} "
        f"somebody would still gain up to {most} by deviating; this is the best point passed{why}."
    )
