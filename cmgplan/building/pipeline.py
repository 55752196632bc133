"""A building from its case to a result: the day by the rules, stochastic days, the optima."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Literal

import numpy as np
import pandas as pd

from cmgplan.building.case.check import require_building
from cmgplan.building.days.draw import stochastic_day
from cmgplan.building.feeder.whole import Summary, feeder_results
from cmgplan.building.model.plant import read_plant
from cmgplan.building.model.state import DayState
from cmgplan.building.priced.games import Sharing, sharings
from cmgplan.building.priced.optimum import PricedDay, priced_days
from cmgplan.building.priced.worth import values_by_optimum, values_by_rules
from cmgplan.building.result import WAYS, BuildingOptions, BuildingResult, MonthDay, solver_versions
from cmgplan.building.rules.day import apart, short_stores, together
from cmgplan.building.rules.dispatch import as_dispatch
from cmgplan.building.rules.indicators import indicators
from cmgplan.building.rules.money import unit_money
from cmgplan.building.rules.paying import run_by
from cmgplan.building.rules.totals import cost_by_unit, totals
from cmgplan.errors import InfeasibleError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.day.tables import exchange_table
from cmgplan.progress import ProgressEvent, telling
from cmgplan.version import __version__

Tell = Callable[[ProgressEvent], None]
Rules = Literal["paper", "paying"]

UNMET_KW = 1e-6
"""Power that devices lack up to which none counts as lacking."""

MONTH_FROM = 0.4
"""Share of a run that is done when the stochastic days begin."""


def run_building(
    case: HomesCase, options: BuildingOptions | None = None, progress: Tell | None = None
) -> BuildingResult:
    """Run a building's day by the rules, together and alone, and what is asked for beside.

    Raises
    ------
    CaseError
        Keys of ``[building]`` are out of range, all of them told at once.
    InfeasibleError
        The rules leave a device short that cannot do without; the message names it.
    LimitError, SolverError
        An optimum was not found.
    """
    require_building(case)
    options = options or BuildingOptions()
    rules, pool = options.rules or case.file.building.rules, case.file.pool
    tell, begun = telling(progress), time.perf_counter()
    wall_s: dict[str, float] = {}
    with _timed(wall_s, "rules"):
        days = _ruled_days(case, rules, tell)
    with _timed(wall_s, "optimum"):
        optimum = _optimum(case, options, tell)
    with _timed(wall_s, "values"):
        worth = _worth(case, options, rules, days["coalition"], tell)
    with _timed(wall_s, "feeder"):
        dispatch = {way: as_dispatch(case, day) for way, day in days.items()}
        feeder_tables, feeder = _feeder(case, dispatch, rules)
    with _timed(wall_s, "days"):
        month = tuple(_month(case, options, rules, tell))
    costs = {way: cost_by_unit(day, pool) for way, day in days.items()}
    return BuildingResult(
        case=case,
        options=options,
        rules=rules,
        days=days,
        dispatch=dispatch,
        totals={way: totals(day, pool) for way, day in days.items()},
        indicators={way: indicators(day) for way, day in days.items()},
        units={unit: {way: costs[way][unit] for way in WAYS} for unit in case.ids},
        losers=losers(costs),
        optimum=optimum,
        values=worth.by_rules,
        optimal_values=worth.by_optimum,
        sharings=worth.sharings,
        month=month,
        feeder_tables=feeder_tables,
        feeder=feeder,
        wall_s={**wall_s, "total": time.perf_counter() - begun},
        versions={"cmgplan": __version__, **solver_versions()},
    )


@contextmanager
def _timed(wall_s: dict[str, float], part: str) -> Iterator[None]:
    """Note the seconds that a part of a run takes."""
    begun = time.perf_counter()
    yield
    wall_s[part] = time.perf_counter() - begun


def _ruled_days(case: HomesCase, rules: Rules, tell: Tell) -> dict[str, DayState]:
    """Return the case's day by the rules, by way; InfeasibleError where a device goes short."""
    tell(ProgressEvent("rules", "running the day by the rules", fraction=0.0))
    days = days_by_rules(case, rules)
    _refuse_short(days)
    return days


def _optimum(case: HomesCase, options: BuildingOptions, tell: Tell) -> dict[str, PricedDay]:
    """Return the one-owner optima of the day, by way; none where they are not sought."""
    if not options.priced:
        return {}
    tell(ProgressEvent("optimum", "pricing the rules against one owner", fraction=0.1))
    return priced_days(case, options.gap, options.time_limit_s)


@dataclass(frozen=True)
class _Worth:
    """What coalitions of units are worth, by the rules and at best, and ways to share it."""

    by_rules: Mapping[str, float]
    by_optimum: Mapping[str, float]
    sharings: Mapping[str, Sharing]


def _worth(
    case: HomesCase, options: BuildingOptions, rules: Rules, coalition: DayState, tell: Tell
) -> _Worth:
    """Return what every coalition of units is worth beside what the rules give each unit."""
    tell(ProgressEvent("values", "running every coalition of units", fraction=0.3))
    by_rules, by_optimum = values_by_rules(case, rules), {}
    if options.optimal_values:
        by_optimum = values_by_optimum(case, options.gap, options.time_limit_s)
    money = unit_money(coalition, case.file.pool)
    income = -(money.cost + money.unserved).sum(axis=1)
    shared = sharings(by_rules, dict(zip(case.ids, income.tolist(), strict=True)))
    return _Worth(by_rules, by_optimum, shared)


def _feeder(
    case: HomesCase, dispatch: Mapping[str, Dispatch], rules: Rules
) -> tuple[dict[str, pd.DataFrame], Summary]:
    """Return tables and summary of the feeder that a case puts buildings on."""
    exchange = [exchange_table(case, Day(way, day)) for way, day in dispatch.items()]
    return feeder_results(case, pd.concat(exchange, ignore_index=True), rules)


def days_by_rules(case: HomesCase, rules: Rules) -> dict[str, DayState]:
    """Return the case's day by the rules, by way."""
    plant = read_plant(case)
    groups = {"coalition": together(plant), "alone": apart(plant)}
    return {way: run_by(rules, plant, groups[way]) for way in WAYS}


def losers(costs: dict[str, dict[str, float]]) -> tuple[str, ...]:
    """Return the units that pay more in the coalition than alone."""
    alone = costs["alone"]
    return tuple(
        unit
        for unit, cost in costs["coalition"].items()
        if cost > alone[unit] + 1e-9 * max(abs(alone[unit]), 1.0)
    )


def month_day(case: HomesCase, options: BuildingOptions, rules: Rules, number: int) -> MonthDay:
    """Return stochastic day ``number`` of a case."""
    drawn, pool = stochastic_day(case, options.seed, number), case.file.pool
    days = days_by_rules(drawn, rules)
    found: dict[str, dict[str, float]] = {}
    if options.priced:
        try:
            best = priced_days(drawn, options.gap, options.time_limit_s, tidy=False)
            found = {way: optimal.totals() for way, optimal in best.items()}
        except InfeasibleError:
            found = {}
    return MonthDay(
        number,
        {way: totals(day, pool) for way, day in days.items()},
        found,
        losers({way: cost_by_unit(day, pool) for way, day in days.items()}),
    )


def _month(
    case: HomesCase, options: BuildingOptions, rules: Rules, tell: Tell
) -> Iterator[MonthDay]:
    """Yield the stochastic days in their order, by one process or several."""
    one = partial(month_day, case, options, rules)
    workers = min(options.workers, options.days)
    if workers <= 1:
        yield from _told(map(one, range(options.days)), options.days, tell)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from _told(pool.map(one, range(options.days)), options.days, tell)


def _told(days: Iterator[MonthDay], count: int, tell: Tell) -> Iterator[MonthDay]:
    """Tell of every day that is done."""
    for day in days:
        done = MONTH_FROM + (1.0 - MONTH_FROM) * (day.number + 1) / count
        message = f"stochastic day {day.number + 1} of {count}"
        tell(ProgressEvent("days", message, fraction=done))
        yield day


def _refuse_short(days: dict[str, DayState]) -> None:
    """Raise InfeasibleError where a device that cannot do without is left short."""
    for way, day in days.items():
        for (unit, device), kwh in short_stores(day).items():
            raise InfeasibleError(
                f"{way}: the rules leave {device} of home {unit} {kwh:.3g} kWh under the least "
                "that it must hold; let it hold less (soc_end, soc_departure, retention_per_h) or "
                "give the home more to serve it with"
            )
        for carrier, short, load in (
            ("electricity", day.short_kw, day.plant.load_kw),
            ("heat", day.short_heat_kw, day.plant.heat_load_kw),
        ):
            unmet = short - load
            if unmet.max() > UNMET_KW:
                s, t = np.unravel_index(int(np.argmax(unmet)), unmet.shape)
                raise InfeasibleError(
                    f"{way}: home {day.plant.units[s]} lacks {unmet[s, t]:.3g} kW of {carrier} in "
                    f"hour {t} for devices that run by their own rule; give it more {carrier}, or "
                    "raise power_max_kw of [retailer]"
                )
