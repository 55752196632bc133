"""Tables of a run of the building: those of every run of homes, ``steps``, and the feeder's.

The ledger is kept at the prices of each step, so that ``accounts`` and ``income`` are made here;
all other tables are made from the dispatch as in every run of homes. The rules are a calculation
without choices: what a finished run tells can be made again from its case, and compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pandas as pd

from cmgplan.building.days.draw import stochastic_day
from cmgplan.building.feeder.whole import Summary, feeder_forms, feeder_results
from cmgplan.building.model.plant import read_plant
from cmgplan.building.model.state import DayState
from cmgplan.building.priced.optimum import priced_days
from cmgplan.building.priced.worth import values_by_rules
from cmgplan.building.result import WAYS, BuildingResult
from cmgplan.building.rules.day import apart, together
from cmgplan.building.rules.dispatch import as_dispatch
from cmgplan.building.rules.indicators import indicators
from cmgplan.building.rules.money import day_ledger
from cmgplan.building.rules.paying import run_by
from cmgplan.building.rules.totals import (
    MORE_COLUMNS,
    STEP_COLUMNS,
    cost_by_unit,
    steps_table,
    totals,
)
from cmgplan.homes.accounts.ledger import income_table, ledger
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.tables import TABLES as HOMES_TABLES
from cmgplan.homes.day.tables import dispatch_table, exchange_table, response_table
from cmgplan.run.tables import TableForm, table_form

Rules = Literal["paper", "paying"]

TABLES: dict[str, TableForm] = {
    **HOMES_TABLES,
    "steps": table_form(
        "way step hour unit",
        " ".join([*STEP_COLUMNS[4:], *MORE_COLUMNS]),
        ints="hour",
        texts="way step unit",
    ),
}
"""Form of every table that each run of the building has, by file stem."""


def forms_of(case: HomesCase) -> dict[str, TableForm]:
    """Return the form of every table of a run of a case: with buildings on a feeder, more."""
    return {**TABLES, **feeder_forms(case)}


def building_tables(result: BuildingResult) -> dict[str, pd.DataFrame]:
    """Return every table of a run, in the order of ``forms_of``: the case's day, both ways."""
    days = [Day(way, result.dispatch[way]) for way in WAYS]
    return {**_tables(result.case, days, result.days), **result.feeder_tables}


def tables_again(case: HomesCase, rules: Rules) -> dict[str, pd.DataFrame]:
    """Return every table of a run from its case alone: the rules run the day again.

    Raises
    ------
    ValueError
        The ledger cannot be kept: a power that is paid for is negative, or a pool does not
        balance.
    """
    states = days_again(case, rules)
    days = [Day(way, as_dispatch(case, state)) for way, state in states.items()]
    return _tables(case, days, states)


def days_again(case: HomesCase, rules: Rules) -> dict[str, DayState]:
    """Return the case's day by the rules, by way."""
    plant = read_plant(case)
    groups = {"coalition": together(plant), "alone": apart(plant)}
    return {way: run_by(rules, plant, groups[way]) for way in WAYS}


def indicators_again(case: HomesCase, rules: Rules) -> dict[str, dict[str, float | None]]:
    """Return by way how the plant was used, run again."""
    return {way: indicators(day) for way, day in days_again(case, rules).items()}


def stochastic_again(
    case: HomesCase, rules: Rules, seed: int, number: int
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Return the totals of a stochastic day, and what units pay in it, by way, run again."""
    pool, days = case.file.pool, days_again(stochastic_day(case, seed, number), rules)
    return (
        {way: totals(day, pool) for way, day in days.items()},
        {way: cost_by_unit(day, pool) for way, day in days.items()},
    )


def feeder_again(
    case: HomesCase, exchange: pd.DataFrame, rules: Rules
) -> tuple[dict[str, pd.DataFrame], Summary]:
    """Return the feeder's tables and its keys of run.json from what units buy and sell."""
    return feeder_results(case, exchange, rules)


def optima_again(
    case: HomesCase, gap: float, time_limit_s: float, seed: int, number: int | None
) -> dict[str, dict[str, float]]:
    """Return the optima of the case's day, or of a stochastic one, sought again, by way.

    Raises as ``priced_days`` does.
    """
    day = case if number is None else stochastic_day(case, seed, number)
    found = priced_days(day, gap, time_limit_s, tidy=number is None)
    return {way: priced.totals() for way, priced in found.items()}


def values_again(case: HomesCase, rules: Rules) -> dict[str, float]:
    """Return v(S) of every coalition of units, run again; empty with too many units."""
    return values_by_rules(case, rules)


def _tables(
    case: HomesCase, days: list[Day], states: Mapping[str, DayState]
) -> dict[str, pd.DataFrame]:
    """Return every table of days, from their dispatch and from what every step did."""
    pool = case.file.pool
    accounts = ledger(day_ledger(state, way, pool) for way, state in states.items())
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
        "income": income_table(accounts, {way: list(case.ids) for way in states}),
        "steps": steps_table(states),
    }
