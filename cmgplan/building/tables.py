"""Tables of a building's day, and the same numbers made again from the case alone.

The rules are a calculation without choices, so that a finished run can be checked by running its
case again: what a table tells must follow from the case and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd

from cmgplan.building.days.draw import stochastic_day
from cmgplan.building.model.plant import read_plant
from cmgplan.building.model.state import DayState
from cmgplan.building.priced.worth import values_by_rules
from cmgplan.building.rules.day import apart, run_by, together
from cmgplan.building.rules.dispatch import as_dispatch
from cmgplan.building.rules.money import day_ledger
from cmgplan.building.rules.totals import cost_by_unit, steps_table, totals
from cmgplan.homes.accounts import income_table, ledger
from cmgplan.homes.day import Day
from cmgplan.homes.records import HomesCase
from cmgplan.homes.tables import dispatch_table, exchange_table, response_table

Rules = Literal["paper", "paying"]


def building_tables(case: HomesCase, days: Mapping[str, DayState]) -> dict[str, pd.DataFrame]:
    """Return every table of a run by file stem, the rows of each way after those of the other.

    Parameters
    ----------
    days
        By way: the case's day, all that every step did.

    Raises
    ------
    ValueError
        The ledger cannot be kept: a power that is paid for is negative, or a pool does not
        balance.
    """
    runs = [Day(way, as_dispatch(case, day)) for way, day in days.items()]
    pool = case.file.pool
    accounts = ledger(day_ledger(day, way, pool) for way, day in days.items())
    return {
        "dispatch": pd.concat([dispatch_table(case, run) for run in runs], ignore_index=True),
        "exchange": pd.concat([exchange_table(case, run) for run in runs], ignore_index=True),
        "demand_response": pd.concat(
            [response_table(case, run) for run in runs], ignore_index=True
        ),
        "accounts": accounts,
        "income": income_table(accounts, dict.fromkeys(days, case.ids)),
        "steps": steps_table(days),
    }


def day_again(case: HomesCase, rules: Rules) -> dict[str, DayState]:
    """Return the case's day by the rules, coalition and alone."""
    plant = read_plant(case)
    groups = {"coalition": together(plant), "alone": apart(plant)}
    return {way: run_by(rules, plant, parts) for way, parts in groups.items()}


def totals_again(
    case: HomesCase, rules: Rules, seed: int, number: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Return the totals of stochastic day ``number``, and what units pay, by way, run again."""
    drawn = stochastic_day(case, seed, number)
    pool, days = case.file.pool, day_again(drawn, rules)
    return (
        {way: totals(day, pool) for way, day in days.items()},
        {way: cost_by_unit(day, pool) for way, day in days.items()},
    )


def values_again(case: HomesCase, rules: Rules) -> dict[str, float]:
    """Return v(S) of every coalition of units, run again; empty with too many units."""
    return values_by_rules(case, rules)
