"""A day of homes checked from its tables alone: devices, balances, limits of trade, accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.homes.accounts.check import check_balance, check_prices
from cmgplan.homes.accounts.ledger import Carrier, Reason
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.tables import TABLES, homes_tables
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.run.findings import ROUNDING, CheckResult, Finding, over
from cmgplan.run.tables import Tables

BALANCE_KW = 1e-6
"""Tolerance of every balance, kW."""

DIGITS = 5e-10
"""Half a unit of the last digit that tables keep, as a share of a number."""

LIMIT_KW = 1e-4
"""Excess of traded power over a limit up to which none counts as broken, kW."""

FOLLOWS = 1e-6
"""Tolerance of a number that follows from others: kW, kWh, kg or money."""


@dataclass(frozen=True)
class Verification:
    """Every check of a run."""

    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.passed)


def verify_days(case: HomesCase, tables: Tables, days: Sequence[Day]) -> tuple[CheckResult, ...]:
    """Check the tables of a run and the days that were read from them.

    Every device is stepped through the day; electricity and heat balance in every home and in
    the pool within 1e-6 kW; trade keeps its limits; every number of every table that follows
    from others does; the accounts balance, at the prices of the case.

    Parameters
    ----------
    tables
        The tables as they are read, every row of the case in them.
    days
        The days that they hold, with the prices that the ledger was kept by.
    """
    found: list[CheckResult] = []
    for day in days:
        found += [
            *check_devices(case, day),
            *check_balances(case, day),
            check_trade(case, day),
        ]
    return (*found, check_following(case, tables, days), *check_ledger(case, tables, days))


def check_balances(case: HomesCase, day: Day) -> tuple[CheckResult, ...]:
    """Check the balances of electricity and heat of every home, and of the pool, kW."""
    homes, traded = day.homes(case), day.dispatch.exchange
    none, nowhere = np.zeros(case.hours), np.zeros((2, case.hours))
    electric, heat = _backstops(day), list[Finding]()
    for home in homes:
        backstop = day.dispatch.backstop_kw.get(home.id, nowhere)
        flows, e = [day.dispatch.flows[home.id, d.id] for d in home.devices()], traded[home.id]
        dumped = day.dispatch.dumped_kw.get(home.id, none)
        terms = [*(f.p_kw for f in flows), e.import_kw, -e.export_kw, -e.pool_kw, backstop[0]]
        electric += _unbalanced(terms, f"{day.way}, home {home.id}: electricity")
        terms = [*(f.heat_kw for f in flows), -dumped, -e.pool_heat_kw, backstop[1]]
        heat += _unbalanced(terms, f"{day.way}, home {home.id}: heat")
        heat += over(-dumped[:, None], [f"{day.way}, home {home.id}: dumped"], BALANCE_KW, "kW")
    pools = {
        "electricity": [traded[home.id].pool_kw for home in homes],
        "heat": [traded[home.id].pool_heat_kw for home in homes],
    }
    pool = [
        finding
        for carrier, terms in pools.items()
        for finding in _unbalanced(terms, f"{day.way}, pool of {carrier}")
    ]
    return (
        CheckResult(f"{day.way}: electricity balances in every home", tuple(electric)),
        CheckResult(f"{day.way}: heat balances in every home", tuple(heat)),
        CheckResult(f"{day.way}: what homes put into the pool others take", tuple(pool)),
    )


def _backstops(day: Day) -> list[Finding]:
    """Return the backstops of homes that may have none, and those that take power."""
    found: list[Finding] = []
    for home, backstop in day.dispatch.backstop_kw.items():
        place = f"{day.way}, home {home}: backstop"
        if home not in day.backstopped:
            most = float(np.abs(backstop).max())
            found.append(Finding(f"{place} of a home that has a day without", most, "kW"))
        found += over(-backstop.T, [f"{place} of electricity", f"{place} of heat"], 0.0, "kW")
    return found


def _unbalanced(terms: Sequence[FloatArray], place: str) -> list[Finding]:
    """Return the hours in which terms do not sum to 0, beyond what rounding of each leaves."""
    if not terms:
        return []
    allowed = DIGITS * np.sum(np.abs(terms), axis=0)
    missed = np.abs(np.sum(terms, axis=0)) - allowed
    return over(missed[:, None], [place], BALANCE_KW, "kW")


def check_trade(case: HomesCase, day: Day) -> CheckResult:
    """Check what homes trade: signs, limits of the retailer, and a pool that is not there."""
    homes = day.homes(case)
    places = [f"{day.way}, home {home.id}" for home in homes]
    retailer, pool = case.file.retailer, case.file.pool
    bought, sold, put, put_heat = (
        _matrix(case, day, homes, key)
        for key in ("import_kw", "export_kw", "pool_kw", "pool_heat_kw")
    )
    found: list[Finding] = []

    def check(excess: FloatArray, words: str, tolerance: float = BALANCE_KW) -> None:
        named = [f"{place}: {words}" for place in places]
        found.extend(over(excess, named, tolerance, "kW"))

    check(-bought, "import_kw below 0")
    check(-sold, "export_kw below 0")
    check(np.minimum(bought, sold), "import_kw and export_kw at once")
    if not pool.electricity:
        check(np.abs(put), "pool_kw without a pool of electricity")
    if not pool.heat:
        check(np.abs(put_heat), "pool_heat_kw without a pool of heat")
    if retailer is None:
        check(bought + sold, "trade without a retailer")
        return CheckResult(f"{day.way}: trade keeps its limits", tuple(found))
    if (most := retailer.power_max_kw) is not None:
        check(np.maximum(bought, sold) - most, "over power_max_kw of the retailer", LIMIT_KW)
    if (most := retailer.power_max_total_kw) is not None:
        for name, traded in (("import", bought), ("export", sold)):
            excess = traded.sum(axis=1)[:, None] - most
            place = f"{day.way}, {name} of all homes: over power_max_total_kw of the retailer"
            found += over(excess, [place], LIMIT_KW, "kW")
    return CheckResult(f"{day.way}: trade keeps its limits", tuple(found))


def _matrix(case: HomesCase, day: Day, homes: Sequence[HomeBase], key: str) -> FloatArray:
    """Return a column of the exchange of all homes, shape (T, homes)."""
    arrays = [getattr(day.dispatch.exchange[home.id], key) for home in homes]
    return np.column_stack(arrays) if arrays else np.zeros((case.hours, 0))


def check_following(case: HomesCase, tables: Tables, days: Sequence[Day]) -> CheckResult:
    """Check every number of the tables by making the tables again from the days."""
    name = "every number that follows from others does"
    try:
        due = homes_tables(case, days)
    except ValueError as error:
        return CheckResult(name, (Finding(f"accounts.csv: {error}", np.nan, ""),))
    found = []
    for stem, form in TABLES.items():
        values = [column for column in form.columns if column not in form.key]
        found += compare_tables(stem, tables[stem], due[stem], list(form.key), values)
    return CheckResult(name, tuple(found))


def compare_tables(
    stem: str, told: pd.DataFrame, due: pd.DataFrame, keys: Sequence[str], values: Sequence[str]
) -> list[Finding]:
    """Return a finding for every number in which two tables differ.

    A row that only one of them has counts as zeros in the other: payments of next to nothing
    have no row.
    """
    if told.empty or due.empty:  # of no rows pandas knows no types
        told, due = (table.astype(dict.fromkeys(keys, object)) for table in (told, due))
    both = told.merge(due, on=list(keys), how="outer", suffixes=("", "_due"), indicator=True)
    alone = (both["_merge"] != "both").to_numpy()
    found: list[Finding] = []
    for column in values:
        a, b = both[column].to_numpy(float), both[f"{column}_due"].to_numpy(float)
        if column == "price_per_kwh":  # what no energy is paid by is no difference
            a, b = np.where(alone, 0.0, a), np.where(alone, 0.0, b)
        a, b = (np.where(alone & np.isnan(x), 0.0, x) for x in (a, b))
        off = ~(np.abs(a - b) <= FOLLOWS + ROUNDING * np.abs(b)) & ~(np.isnan(a) & np.isnan(b))
        for k in np.flatnonzero(off):
            row = both.iloc[int(k)]
            named = ", ".join(f"{key} {row[key]}" for key in keys if key != "hour")
            hour = int(row["hour"]) if "hour" in keys else None
            gap = abs(float(a[k] - b[k]))
            place = f"{stem}.csv {named}: {column}"
            found.append(Finding(place, gap, "", hour, float(a[k]), float(b[k])))
    return found


def check_ledger(
    case: HomesCase, tables: Tables, days: Sequence[Day]
) -> tuple[CheckResult, CheckResult]:
    """Check that the accounts balance and that their prices are those of the case."""
    took_part = {day.way: [home.id for home in day.homes(case)] for day in days}
    exchange = tables["exchange"].copy()
    priced = {day.way: set(day.pool_per_kwh or {}) for day in days}
    for column, carrier in (("pool_kw", "electricity"), ("pool_heat_kw", "heat")):
        free = exchange["way"].map(lambda way, c=carrier: c not in priced[way])
        exchange.loc[free, column] = 0.0  # traded without payment
    entries = tables["accounts"]
    balance = check_balance(entries, tables["income"], exchange, took_part, case.dt_h)
    prices = [
        finding for day in days for finding in check_prices(entries, day.way, _prices(case, day))
    ]
    return (
        CheckResult("accounts balance, and incomes follow from them", tuple(balance)),
        CheckResult("prices of the accounts are those of the case", tuple(prices)),
    )


def _prices(case: HomesCase, day: Day) -> Mapping[tuple[Reason, Carrier], FloatArray]:
    """Return the prices of a way by reason and carrier, each of shape (T,)."""
    retailer, gas = case.file.retailer, case.file.gas
    found: dict[tuple[Reason, Carrier], FloatArray] = {
        ("unserved", carrier): value for carrier, value in day.unserved_values(case).items()
    }
    if retailer is not None:
        found["purchase", "electricity"] = case.series(retailer.buy_per_kwh)
        found["sale", "electricity"] = case.series(retailer.sell_per_kwh)
    if gas is not None:
        found["gas", "fuel"] = case.series(gas.price_per_kwh)
    for carrier, price in (day.pool_per_kwh or {}).items():
        found["pool", carrier] = price
    return found
