"""A finished run of demand response checked again from its files alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.errors import CaseError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.verify_case import check_copy
from cmgplan.homes.day.verify_day import FOLLOWS, Verification, compare_tables, verify_days
from cmgplan.response.report.claims import claims_of
from cmgplan.response.report.read_run import CARRIERS, ResponseRun
from cmgplan.response.report.under_emax import under_emax
from cmgplan.response.tables import (
    TABLES,
    intervals_again,
    market_again,
    market_summary,
    mcp_table,
    objectives_again,
    prices_told,
    profit_again,
    statistics_again,
)
from cmgplan.run.findings import CheckResult, Finding, differs, unequal

SAME = 1e-6
"""Tolerance of a number that is worked out again: money, kg, kWh or a share."""

PRICE = 2e-4
"""Tolerance of an end of an interval of prices that is solved again, currency/kWh."""

CAP_KG = 1e-4
"""Emission over Emax up to which it counts as kept, kg/h."""


def verify_response(run: ResponseRun) -> Verification:
    """Check a run of demand response against its copy of the case, method by method.

    Devices are stepped, balances, trade and accounts checked; profits, objectives, emissions,
    markets, statistics and claims are worked out again from the tables, and the intervals of
    prices solved again.

    Raises
    ------
    CaseError
        The copy of the case cannot be used any more.
    """
    case = run.load_case()
    days = run.days(case)
    return Verification(
        (
            check_copy(case, run.folder, run.record),
            *verify_days(case, run.tables, days),
            _check_profits(case, run, days),
            _check_policies(case, run),
            _check_emissions(case, run, days),
            _check_statistics(run),
            _check_prices(case, run, days),
            _check_markets(case, run, days),
            _check_compared(run),
            _check_uncertainty(run),
            _check_claims(case, run),
        )
    )


def _check_profits(case: HomesCase, run: ResponseRun, days: Sequence[Day]) -> CheckResult:
    """Work out what every day comes to, and compare it with the ledger and the bound."""
    found: list[Finding] = []
    bound = run.record.bound
    for day in days:
        told, profit = run.record.methods[day.way], profit_again(case, day.dispatch)
        for key, value in told.profit.model_dump().items():
            due = getattr(profit, key)
            found += unequal(value, due, f"methods.{day.way}.profit.{key}", "", _slack(due))
        place = f"methods.{day.way}: profit over the bound"
        if profit.total > bound + _slack(bound):
            found.append(Finding(place, profit.total - bound, ""))
        price = prices_told(run.of_way("mcp", day.way))
        for key, due in asdict(objectives_again(case, day.dispatch, price)).items():
            value = getattr(told.objectives, key)
            found += unequal(value, due, f"methods.{day.way}.objectives.{key}", "", _slack(due))
        due = profit.served + _net_income(run, day.way)
        found += unequal(profit.total, due, f"income.csv {day.way}: profit", "", _slack(due))
    return CheckResult(
        "profits and objectives follow from the days, none over the bound", (*found,)
    )


def _net_income(run: ResponseRun, way: str) -> float:
    """Return what all homes earn in a way, costs negative: the ledger's part of the profit."""
    rows = run.of_way("income", way)
    return float(rows.loc[rows["home"].isin(run.record.case.homes), "total"].sum())


def _slack(value: float) -> float:
    return 10.0 * SAME * max(1.0, abs(value))


def _check_policies(case: HomesCase, run: ResponseRun) -> CheckResult:
    """Check that Emax holds where it is a limit, and what is told of policies."""
    record = run.record
    due = {home.id: str(home.policy) for home in case.homes}
    found = differs(record.policies, due, "policies")
    limits = {home.id: home.emission_max_kg_per_h for home in case.homes}
    found += differs(record.emax_kg_per_h, limits, "emax_kg_per_h")
    for way in run.ways:
        rows = run.of_way("dispatch", way)
        own = rows.groupby(["home", "hour"])["emission_kg"].sum() / case.dt_h
        for home in case.homes:
            limit = home.emission_max_kg_per_h
            if limit is None or home.policy not in ("emission", "both"):
                continue
            for hour, kg in own[home.id].items() if home.id in own else ():
                if kg > limit + CAP_KG:
                    place = f"{way}, home {home.id}: emission over Emax"
                    found.append(Finding(place, kg - limit, "kg/h", int(hour)))
    return CheckResult("no home that Emax binds emits more", tuple(found))


def _check_emissions(case: HomesCase, run: ResponseRun, days: Sequence[Day]) -> CheckResult:
    """Work out emissions of every day, and the shares of hours within Emax."""
    record, found = run.record, list[Finding]()
    for day in days:
        due = profit_again(case, day.dispatch).emission_kg
        place = f"emission_kg.{day.way}"
        found += unequal(record.emission_kg[day.way], due, place, "kg", _slack(due))
    shares = under_emax(run.tables, run.ways, record.emax_kg_per_h, case.dt_h)
    told = {way: part.model_dump() for way, part in record.share_under_emax.items()}
    found += _unlike(told, shares, "share_under_emax")
    return CheckResult("emissions, and hours within Emax, follow from the days", tuple(found))


def _check_statistics(run: ResponseRun) -> CheckResult:
    """Work out the statistics of every method from where its runs end."""
    table, found = run.tables["convergence"], list[Finding]()
    found += differs(sorted(set(table["method"])), sorted(run.ways), "convergence.csv: methods")
    for name, told in run.record.methods.items():
        mine = table[table["method"] == name].sort_values(["run", "evaluations"], kind="stable")
        ends = mine.groupby("run")[["evaluations", "best"]].last()
        place = f"methods.{name}"
        if told.status not in (("optimal", "feasible") if name == "exact" else ("found",)):
            found += differs(told.status, "optimal" if name == "exact" else "found", place)
        found += differs(told.runs, len(ends), f"{place}.runs")
        used = int(ends["evaluations"].max())
        found += differs(told.evaluations, used, f"{place}.evaluations")
        profits = ends["best"].to_numpy(float)
        for key, due in statistics_again(profits, run.record.bound).items():
            found += unequal(getattr(told, key), due, f"{place}.{key}", "", _slack(due))
        best = told.profit.total
        found += unequal(float(np.nanmax(profits)), best, f"{place}: best run", "", _slack(best))
        rises = mine.groupby("run")["best"].diff().dropna()
        if (rises < -SAME).any():
            found.append(Finding(f"convergence.csv {name}: falls", float(-rises.min()), ""))
    return CheckResult("statistics follow from the runs", tuple(found))


def _check_prices(case: HomesCase, run: ResponseRun, days: Sequence[Day]) -> CheckResult:
    """Solve the intervals of prices again, and check that prices lie in them."""
    found: list[Finding] = []
    for day in days:
        mcp = run.of_way("mcp", day.way)
        due: dict[str, tuple[FloatArray, FloatArray]] = {
            carrier: (low, high) for carrier, low, high in intervals_again(case, day.dispatch)
        }
        for carrier in CARRIERS:
            rows = mcp[mcp["carrier"] == carrier].sort_values("hour")
            price, low, high = (
                rows[f"{name}_per_kwh"].to_numpy(float) for name in ("price", "low", "high")
            )
            place = f"mcp.csv {day.way}, {carrier}"
            outside = np.fmax(low - price, price - high)
            found += _hours(outside, SAME, f"{place}: price outside its interval")
            ends = zip(("low", "high"), (low, high), due[carrier], strict=True)
            for name, told, again in ends:
                found += _hours(_apart(told, again), PRICE, f"{place}: {name}_per_kwh")
    return CheckResult("prices lie in the intervals that support the day", tuple(found))


def _apart(told: FloatArray, due: FloatArray) -> FloatArray:
    """Return how far ends of intervals are apart: infinitely where only one of them is there."""
    there, wanted = np.isfinite(told), np.isfinite(due)
    apart = np.where(there == wanted, 0.0, np.inf)
    both = there & wanted
    apart[both] = np.abs(told[both] - due[both])
    return np.asarray(apart, dtype=np.float64)


def _hours(excess: FloatArray, tolerance: float, place: str) -> Iterator[Finding]:
    """Yield the hours in which something is over its tolerance."""
    for t in np.flatnonzero(excess > tolerance):
        yield Finding(place, float(excess[t]), "", int(t))


def _check_markets(case: HomesCase, run: ResponseRun, days: Sequence[Day]) -> CheckResult:
    """Clear every market again: crossings, draws, rejected appliances, settlements."""
    name, found = "markets clear at what is told, and settle to zero", list[Finding]()
    again: dict[str, Any] = {}
    for day in days:
        mcp, prices = run.of_way("mcp", day.way), run.of_way("home_prices", day.way)
        try:
            seed = run.record.options.seed
            again[day.way] = market_again(case, day.dispatch, mcp, prices, seed)
        except CaseError as error:
            return CheckResult(name, (Finding(f"bids.csv: {error}", np.nan, ""),))
        told = run.record.market[day.way]
        due = market_summary(case, again[day.way])
        found += _unlike(told.model_dump(), due, f"market.{day.way}")
        total = sum(told.settlement.values())
        found += unequal(total, 0.0, f"market.{day.way}.settlement: sum", "", _slack(total))
    form = TABLES["mcp"]
    values = [column for column in form.columns if column not in form.key]
    found += compare_tables("mcp", run.tables["mcp"], mcp_table(again), list(form.key), values)
    return CheckResult(name, tuple(found))


def _check_compared(run: ResponseRun) -> CheckResult:
    """Check what must hold of variants: no profit over its bound, none worse with more."""
    record, found = run.record, list[Finding]()
    for name, told in record.compared.items():
        if told.profit > told.bound + _slack(told.bound):
            found.append(Finding(f"compared.{name}: over its bound", told.profit - told.bound, ""))
    known = record.compared
    for less, more in (("rigid", "moving"), ("rigid", "storing"), ("moving", "unbound")):
        if {less, more} <= set(known) and known[less].profit > known[more].bound + FOLLOWS:
            gap = known[less].profit - known[more].bound
            found.append(Finding(f"compared.{less}: over the bound of {more}", gap, ""))
    best = record.methods["exact"].profit_max if "exact" in record.methods else -np.inf
    if "unbound" in known and best > known["unbound"].bound + _slack(best):
        gap = best - known["unbound"].bound
        found.append(Finding("exact: over the bound without policies", gap, ""))
    return CheckResult(
        "more flexibility earns no less, and nothing more than its bound", tuple(found)
    )


def _check_uncertainty(run: ResponseRun) -> CheckResult:
    """Work out means, spreads and the worth of foresight from what they are made of."""
    found: list[Finding] = []
    if (toat := run.record.toat) is not None:
        for name, told in (("exact", toat.exact), ("plan", toat.plan)):
            results, place = np.array(told.results), f"toat.{name}"
            found += differs(told.runs, len(results), f"{place}.runs")
            found += unequal(told.mean, float(results.mean()), f"{place}.mean", "", SAME)
            found += unequal(told.sd, float(results.std()), f"{place}.sd", "", SAME)
        array, reference = toat.plan.array, toat.reference
        due = toat.plan.mean - reference.mean
        found += unequal(toat.mean_error.get(array, np.nan), due, "toat.mean_error", "", SAME)
        due = toat.plan.sd / reference.sd - 1.0 if reference.sd > 0.0 else 0.0
        found += unequal(toat.sd_error.get(array, np.nan), due, "toat.sd_error", "", SAME)
        due = reference.sd / float(np.sqrt(reference.runs))
        place = "toat.reference.standard_error"
        found += unequal(reference.standard_error, due, place, "", SAME)
    if (rolling := run.record.rolling) is not None:
        due = rolling.perfect - rolling.once
        found += unequal(rolling.worth, due, "rolling.worth", "", SAME)
        share = (rolling.rolled - rolling.once) / due if due > 1e-9 else None
        found += _unlike(rolling.recovered, share, "rolling.recovered")
    return CheckResult("what uncertainty does follows from its runs", tuple(found))


def _check_claims(case: HomesCase, run: ResponseRun) -> CheckResult:
    """Work out the numbers of claims from the tables."""
    record = run.record
    variants = {name: told.model_dump() for name, told in record.compared.items()}
    due = claims_of(run.tables, run.ways, variants, record.emax_kg_per_h, case.dt_h)
    found = _unlike(record.claims, due, "claims")
    return CheckResult("numbers of claims follow from the tables", tuple(found))


def _unlike(told: Any, due: Any, place: str) -> list[Finding]:
    """Return where two nests of mappings, lists, numbers and words differ."""
    if isinstance(due, Mapping) and isinstance(told, Mapping):
        found = differs(sorted(told), sorted(due), f"{place}: keys")
        for key in due:
            found += _unlike(told.get(key), due[key], f"{place}.{key}")
        return found
    if isinstance(due, list) and isinstance(told, list) and len(due) == len(told):
        parts = enumerate(zip(told, due, strict=True))
        return [f for k, (a, b) in parts for f in _unlike(a, b, f"{place}[{k}]")]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (told, due))
    if numbers:
        return list(unequal(float(told), float(due), place, "", _slack(float(due))))
    same = told == due or (pd.isna(told) and pd.isna(due))
    return [] if same else list(differs(told, due, place))
