"""What a page says of coalitions: their values, ways to share, who would leave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cmgplan.market.report import figures
from cmgplan.market.report.run_record import RULES, MarketRecord
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.parts import Chart, Note, Section
from cmgplan.page.wording import amount
from cmgplan.search.coalitions import Game, core_check

NOTHING = 0.005
"""Money under which nothing is said of a difference."""

NAMES = {
    "shapley": "Shapley value",
    "nucleolus": "nucleolus",
    "owen": "settlement at the prices of all together",
    "least_core": "a point of the least core",
}


def coalitions(record: MarketRecord) -> Section:
    """Return the values of coalitions, ways to share them, and who would leave."""
    unit = record.currency
    values = data_table(
        "values",
        "What each group earns on its own, with the retailer alone",
        (Column("group", "Group"), Column("value", f"Value, {unit}", 2)),
        [{"group": group, "value": value} for group, value in record.values.items()],
        folded=len(record.values) > 15,
    )
    if not record.games:
        note = Note("Games", ("With so many homes values of all groups were not worked out.",))
        return Section("coalitions", "Coalitions", (values, note))
    homes = list(record.case.homes)
    shares = data_table(
        "games",
        "Ways to share what all homes earn together",
        (
            Column("rule", "Rule"),
            *(Column(home, f"{home}, {unit}", 2) for home in homes),
            Column("least", f"Least excess of a group, {unit}", 2),
        ),
        [
            {
                "rule": NAMES[rule],
                **record.games[rule],
                "least": record.games["least_excess"].get(rule),
            }
            for rule in RULES
        ],
    )
    notes = Note("Who would leave", tuple(_who_would_leave(record)))
    triangle = figures.core_triangle(record)
    parts: list[Any] = [values, shares, notes]
    if triangle is not None:
        sentence = (
            "Each point shares what three homes save together; in the core no group does better "
            "on its own."
        )
        parts.append(Chart("core", "The core of three homes", sentence, triangle))
    return Section("coalitions", "Coalitions", tuple(parts))


def _who_would_leave(record: MarketRecord) -> Iterator[str]:
    """Yield for each rule which group would leave, and what it would gain."""
    game = Game.of(tuple(record.case.homes), record.values)
    slack = max(NOTHING, 1e-5 * abs(game.total))
    for rule in RULES:
        checked = core_check(game, record.games[rule], tolerance=slack)
        rule_name = NAMES[rule][0].upper() + NAMES[rule][1:]
        if checked.stable:
            yield f"{rule_name}: nobody gains by leaving."
        else:
            gain = amount(checked.gain, record.currency)
            yield f"{rule_name}: {checked.worst} would gain {gain} by leaving."
