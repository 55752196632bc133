"""Tables of a run of the building: those of every run of homes, and ``steps``.

The ledger is kept at the prices of each step, so that ``accounts`` and ``income`` are made here;
all other tables are made from the dispatch as in every run of homes.
"""

from __future__ import annotations

import pandas as pd

from cmgplan.building.result import WAYS, BuildingResult
from cmgplan.building.rules.totals import MORE_COLUMNS, STEP_COLUMNS
from cmgplan.homes.accounts.ledger import income_table, ledger
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.tables import TABLES as HOMES_TABLES
from cmgplan.homes.day.tables import dispatch_table, exchange_table, response_table
from cmgplan.run.tables import TableForm, table_form

TABLES: dict[str, TableForm] = {
    **HOMES_TABLES,
    "steps": table_form(
        "way step hour unit",
        " ".join([*STEP_COLUMNS[4:], *MORE_COLUMNS]),
        ints="hour",
        texts="way step unit",
    ),
}
"""Form of every table of a run of the building, by file stem."""


def building_tables(result: BuildingResult) -> dict[str, pd.DataFrame]:
    """Return every table of a run, in the order of ``TABLES``: the case's day, both ways."""
    case = result.case
    days = [Day(way, result.dispatch[way]) for way in WAYS]
    accounts = ledger(result.ledger(way) for way in WAYS)
    made = {
        "dispatch": dispatch_table,
        "exchange": exchange_table,
        "demand_response": response_table,
    }
    return {
        **{
            stem: pd.concat([table(case, day) for day in days], ignore_index=True)
            for stem, table in made.items()
        },
        "accounts": accounts,
        "income": income_table(accounts, {way: list(case.ids) for way in WAYS}),
        "steps": result.steps(),
    }
