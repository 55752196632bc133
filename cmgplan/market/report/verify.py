"""A finished run of the market checked again from its files alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from cmgplan.case.scenarios import CERTAIN
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.verify_case import check_copy
from cmgplan.homes.day.verify_day import FOLLOWS, Verification, verify_days
from cmgplan.market.report.read_run import MarketRun, members
from cmgplan.market.report.run_record import RULES, StructureRecord
from cmgplan.run.findings import CheckResult, Finding, differs, unequal
from cmgplan.search.coalitions import Game, excesses, least_core, nucleolus, shapley

MONEY = 1e-4
"""Tolerance of theorems that join solved problems, as a share of what a day costs."""

LEAST_SURPLUS = 0.01
"""Surplus under which a gap has no share."""

SAME_PRICE = 1e-6
"""Width of an interval of prices that counts as one price, currency/kWh."""


def verify_market(run: MarketRun) -> Verification:
    """Check a run of the market against its copy of the case, structure by structure.

    Raises
    ------
    CaseError
        The copy of the case cannot be used any more.
    """
    case = run.load_case()
    return Verification(
        (
            check_copy(case, run.folder, run.record),
            *verify_days(case, run.tables, run.days(case)),
            _check_incomes(run),
            _check_gaps(run),
            _check_theorems(case, run),
            _check_prices(run),
            _check_games(case, run),
            _check_scenarios(case, run),
            *(() if run.record.equilibrium is None else (_check_several(run),)),
        )
    )


def _check_incomes(run: MarketRun) -> CheckResult:
    """Compare the incomes of run.json with those that follow from the ledger."""
    found: list[Finding] = []
    table = run.tables["income"].set_index(["way", "home"])["total"]
    for told in run.record.structures:
        way = told.structure
        found += differs(sorted(told.income), sorted(members(told)), f"{way}: homes with income")
        sums = {}
        for group, key in ((told.leading, "leader_income"), (told.following, "follower_income")):
            sums[key] = sum(told.income.get(home, 0.0) for home in group)
            found += unequal(getattr(told, key), sums[key], f"{way}: {key}", "", FOLLOWS)
        for home, income in told.income.items():
            due = float(table.get((way, home), np.nan))
            found += unequal(income, due, f"{way}: income of {home}", "", 10.0 * FOLLOWS)
    return CheckResult("incomes are those of the ledger", tuple(found))


def _surplus(run: MarketRun, told: StructureRecord) -> float:
    """Return v(N) - v(L) - v(F) of a structure."""
    values, homes = run.record.values, members(told)
    parts = (homes, told.leading, told.following)
    both, leading, following = (values.get("+".join(sorted(part)), np.nan) for part in parts)
    return both - leading - following


def _check_gaps(run: MarketRun) -> CheckResult:
    """Work gaps out from bounds, incomes and values."""
    found: list[Finding] = []
    for told in run.record.structures:
        due = max(told.bound - told.leader_income, 0.0)
        found += unequal(told.gap, due, f"{told.structure}: gap", "", FOLLOWS)
        share = 0.0
        if told.following:
            surplus = _surplus(run, told)
            share = told.gap / surplus if surplus >= LEAST_SURPLUS else 0.0
        found += unequal(told.gap_share, share, f"{told.structure}: gap_share", "", 1e-6)
        proven = told.gap_share <= run.record.gap
        if told.status == "optimal" and not proven:
            found.append(Finding(f"{told.structure}: optimal with a larger gap", told.gap, ""))
        if told.stopped and (told.stopped == "gap") != (told.status == "optimal"):
            found.append(Finding(f"{told.structure}: {told.status}, {told.stopped}", told.gap, ""))
    return CheckResult("gaps follow from bounds, incomes and values", tuple(found))


def _check_theorems(case: HomesCase, run: MarketRun) -> CheckResult:
    """Check what holds of every structure: nobody earns what is not there, or less than alone."""
    values, found = run.record.values, []
    for told in run.record.structures:
        by = {
            name: values.get("+".join(sorted(group)))
            for name, group in (
                ("all", members(told)),
                ("leading", told.leading),
                ("following", told.following),
            )
        }
        slack = MONEY * max(1.0, *(abs(value) for value in values.values()))
        total = told.leader_income + told.follower_income
        limits = case.file.retailer
        shared = limits is not None and limits.power_max_total_kw is not None
        rules = [
            ("incomes sum to more than all homes can earn", by["all"], -1.0, total),
            ("leaders earn more than their bound", told.bound, -1.0, told.leader_income),
        ]
        if told.following and not shared:
            rules += [
                ("leaders earn less than alone", by["leading"], 1.0, told.leader_income),
                ("followers earn less than alone", by["following"], 1.0, told.follower_income),
            ]
        for words, limit, sign, income in rules:
            if limit is not None and sign * (limit - income) > slack:
                found.append(Finding(f"{told.structure}: {words}", abs(limit - income), ""))
    return CheckResult("no group earns more than there is, or less than alone", tuple(found))


def _check_prices(run: MarketRun) -> CheckResult:
    """Check that the price lies in its interval, and what is said of the interval."""
    found: list[Finding] = []
    rows: list[dict[Any, Any]] = run.tables["mcp"].to_dict("records")
    for row in rows:
        place, hour = f"mcp.csv {row['way']}, {row['carrier']}", int(row["hour"])
        low, price, high = (float(row[f"{name}_per_kwh"]) for name in ("low", "price", "high"))
        if not low - SAME_PRICE <= price <= high + SAME_PRICE:
            found.append(Finding(f"{place}: price outside its interval", high - low, "", hour))
        width = high - low
        if row["unique"] == 1 and width > 10.0 * SAME_PRICE:
            found.append(Finding(f"{place}: unique over an interval", width, "", hour))
        if row["unique"] not in (0, 1):
            found.append(Finding(f"{place}: unique is {row['unique']}", np.nan, "", hour))
    return CheckResult("prices lie in their intervals", tuple(found))


def _check_games(case: HomesCase, run: MarketRun) -> CheckResult:
    """Work out what rules give each home, from the values of coalitions."""
    games = run.record.games
    if not games:
        return CheckResult("games follow from the values of coalitions", ())
    game = Game.of(tuple(case.ids), run.record.values)
    due = {"shapley": shapley(game), "nucleolus": nucleolus(game)}
    found: list[Finding] = []
    slack = MONEY * max(1.0, abs(game.total))
    for rule, shares in due.items():
        for home, share in shares.items():
            told = games.get(rule, {}).get(home, np.nan)
            found += unequal(told, share, f"games.{rule}: {home}", "", slack)
    found += _of_all(game, games, slack)
    least = games.get("least_excess", {})
    core = least_core(game).least_excess
    found += unequal(least.get("least_core", np.nan), core, "games.least_excess", "", slack)
    return CheckResult("games follow from the values of coalitions", tuple(found))


def _check_several(run: MarketRun) -> CheckResult:
    """Check incomes of several leaders at once, their sum, and what is said of the point."""
    told, found = run.record.equilibrium, list[Finding]()
    assert told is not None  # noqa: S101 - the caller looked
    homes = [home for group in told.leaders for home in group] + told.following
    found += differs(sorted(told.income), sorted(homes), f"{told.structure}: homes with income")
    table = run.tables["income"].set_index(["way", "home"])["total"]
    for home, income in told.income.items():
        due = float(table.get((told.structure, home), np.nan))
        place = f"{told.structure}: income of {home}"
        found += unequal(income, due, place, "", 10.0 * FOLLOWS)
    groups = ["+".join(sorted(group)) for group in told.leaders]
    found += differs(sorted(told.gain), sorted(groups), f"{told.structure}: groups with a gain")
    settled = max(told.gain.values(), default=0.0) <= told.enough
    due_status = "equilibrium" if settled else "none found"
    found += differs(told.status, due_status, f"{told.structure}: status")
    if told.stopped:
        ended = told.stopped == "gap"
        found += differs(ended, settled, f"{told.structure}: stopped by the gap")
    everyone = run.record.values.get("+".join(sorted(homes)))
    total = sum(told.income.values())
    if everyone is not None and total > everyone + MONEY * max(1.0, abs(everyone)):
        words = "incomes sum to more than all homes can earn"
        found.append(Finding(f"{told.structure}: {words}", total - everyone, ""))
    return CheckResult("several leaders earn what there is at common prices", tuple(found))


def _check_scenarios(case: HomesCase, run: MarketRun) -> CheckResult:
    """Compare scenarios with those of the case, and work expected incomes out from them."""
    found: list[Finding] = []
    told = [(scenario.id, scenario.weight) for scenario in run.record.scenarios]
    known = [(scenario.id, scenario.weight) for scenario in case.scenarios]
    due = [] if case.scenarios == CERTAIN else known
    found += differs(told, due, "run.json scenarios")
    due_income: dict[str, dict[str, float]] = {}
    for scenario in run.record.scenarios:
        for way, incomes in scenario.income.items():
            sums = due_income.setdefault(way, dict.fromkeys(incomes, 0.0))
            for home, income in incomes.items():
                sums[home] = sums.get(home, 0.0) + scenario.weight * income
    found += differs(sorted(run.record.expected), sorted(due_income), "run.json expected")
    for way, incomes in due_income.items():
        for home, income in incomes.items():
            stated = run.record.expected.get(way, {}).get(home, np.nan)
            found += unequal(stated, income, f"expected income of {home} in {way}", "", FOLLOWS)
    return CheckResult("expected incomes follow from the scenarios", tuple(found))


def _of_all(game: Game, games: dict[str, dict[str, float]], slack: float) -> Iterator[Finding]:
    """Yield rules that share another sum than there is, or whose least excess is wrong."""
    for rule in RULES:
        shares = games.get(rule, {})
        if set(shares) != set(game.players):
            yield Finding(f"games.{rule}: is not of all homes", np.nan, "")
            continue
        total = sum(shares.values())
        if abs(total - game.total) > slack:
            yield Finding(f"games.{rule}: shares another sum", total - game.total, "")
        due = min(excesses(game, shares).values(), default=0.0)
        told = games.get("least_excess", {}).get(rule, np.nan)
        yield from unequal(told, due, f"games.least_excess: {rule}", "", slack)
