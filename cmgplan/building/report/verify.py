"""A finished run of the building checked again from its files alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from cmgplan.building.report.read_run import BuildingRun
from cmgplan.building.report.run_record import (
    OptimumTotals,
    SharingRecord,
    Totals,
    optima_of,
)
from cmgplan.building.report.verify_feeder import check_feeder
from cmgplan.building.report.verify_optima import check_optima_again
from cmgplan.building.report.verify_steps import check_steps
from cmgplan.building.report.verify_totals import check_totals, check_units, who_loses
from cmgplan.building.result import WAYS
from cmgplan.building.tables import (
    TABLES,
    indicators_again,
    stochastic_again,
    tables_again,
    values_again,
)
from cmgplan.errors import InputError
from cmgplan.homes.accounts.check import check_balance, check_prices
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.verify_case import check_copy
from cmgplan.homes.day.verify_day import Verification, check_balances, check_trade, compare_tables
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.run.findings import CheckResult, Finding, differs, unequal
from cmgplan.search.coalitions import Game, core_check, nucleolus, shapley

MONEY = 1e-5
"""Tolerance of shares of a game, as a share of what all units are worth."""

SAME = 1e-6
"""Tolerance of a total that is worked out again: kWh or money."""

MOST_DAYS = 31
"""Stochastic days that are run again; of more, so many spread evenly."""


def verify_building(run: BuildingRun) -> Verification:
    """Check a run of the building against its copy of the case.

    Devices are stepped, balances, trade and accounts checked, steps, totals and what units pay
    worked out from the tables; then the rules are run again, and every number of every table,
    the values of coalitions and the stochastic days must come out the same.

    Raises
    ------
    CaseError
        The copy of the case cannot be used any more.
    """
    case = run.load_case()
    checks = [check_copy(case, run.folder, run.record)]
    for day in run.days(case):
        checks += [*check_devices(case, day), *check_balances(case, day), check_trade(case, day)]
    return Verification(
        (
            *checks,
            _check_accounts(case, run),
            check_steps(case, run.tables),
            check_totals(case, run),
            check_units(run),
            _check_optima(run),
            check_optima_again(case, run),
            _check_tables_again(case, run),
            _check_indicators(case, run),
            _check_values(case, run),
            check_sharings(case, run),
            _check_days(case, run),
            *check_feeder(case, run),
        )
    )


def _check_accounts(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Check that the ledger balances, and those of its prices that the case has.

    What units pay each other follows from the steps, and is checked with them.
    """
    entries, file = run.tables["accounts"], case.file
    took_part = {way: list(case.ids) for way in WAYS}
    found = check_balance(
        entries, run.tables["income"], run.tables["exchange"], took_part, case.dt_h
    )
    for way in WAYS:
        prices = {
            ("unserved", "electricity"): case.series(file.pool.unserved_electricity_per_kwh),
            ("unserved", "heat"): case.series(file.pool.unserved_heat_per_kwh),
        }
        if file.retailer is not None:
            prices["purchase", "electricity"] = case.series(file.retailer.buy_per_kwh)
        if file.gas is not None:
            prices["gas", "fuel"] = case.series(file.gas.price_per_kwh)
        found += check_prices(entries, way, prices)  # type: ignore[arg-type]
    return CheckResult("accounts balance, and incomes follow from them", tuple(found))


def _check_optima(run: BuildingRun) -> CheckResult:
    """Check that bounds are under optima, and no day by the rules is under an optimum."""
    record = run.record
    found = [*_of_optima(record.optima(), record.ways(), "", record.options.gap)]
    for day in record.days:
        ways = {"coalition": day.coalition, "alone": day.alone}
        optima = optima_of(day.optimum)
        found += _of_optima(optima, ways, f"day {day.day}: ", record.options.gap)
    return CheckResult("no day by the rules is better than the optimum", tuple(found))


def _of_optima(
    optima: Mapping[str, OptimumTotals], ways: Mapping[str, Totals], where: str, gap: float
) -> Iterator[Finding]:
    """Yield what is wrong with the optima of a day."""
    for way, best in optima.items():
        place, scale = f"{where}optimum.{way}", max(abs(best.value), 1.0)
        if best.cost > best.value + SAME * scale:
            yield Finding(f"{place}: cost over value", best.cost - best.value, "")
        if best.bound > best.value + SAME * scale:
            yield Finding(f"{place}: bound over value", best.bound - best.value, "")
        if best.bound > ways[way].value + SAME * scale:
            told = best.bound - ways[way].value
            yield Finding(f"{place}: bound over what the rules reach", told, "")
        if best.value > ways[way].value + (gap + SAME) * scale:
            told = best.value - ways[way].value
            yield Finding(f"{place}: dearer than the rules", told, "")
        due = max(best.value - best.bound, 0.0) / max(abs(best.value), 1e-9)
        if abs(due - best.gap) > max(SAME, 0.01 * due):
            yield Finding(f"{place}: gap", abs(due - best.gap), "", None, best.gap, due)
    if len(optima) == len(WAYS):
        together, apart = optima["coalition"], optima["alone"]
        slack = (gap + SAME) * max(abs(apart.value), 1.0)
        if together.bound > apart.value + slack:
            told = together.bound - apart.value
            yield Finding(f"{where}optimum: trade makes it dearer", told, "")


def _check_tables_again(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Run the rules again and compare every number of every table."""
    name = "the rules, run again, give every number of every table"
    try:
        due = tables_again(case, run.record.rules)
    except ValueError as error:
        return CheckResult(name, (Finding(f"accounts.csv: {error}", np.nan, ""),))
    found: list[Finding] = []
    for stem, form in TABLES.items():
        values = [column for column in form.columns if column not in form.key]
        found += compare_tables(stem, run.tables[stem], due[stem], list(form.key), values)
    return CheckResult(name, tuple(found))


def _check_indicators(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Run the rules again and compare how the plant was used."""
    found: list[Finding] = []
    for way, due in indicators_again(case, run.record.rules).items():
        told = getattr(run.record.indicators, way)
        found += differs(sorted(told), sorted(due), f"indicators.{way}")
        for name, value in due.items():
            place, there = f"indicators.{way}.{name}", told.get(name)
            if value is None or there is None:
                found += differs(there, value, place)
            else:
                found += unequal(there, value, place, "", SAME)
    return CheckResult("the plant was used as is told", tuple(found))


def _check_values(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Run every coalition of units again and compare what it is worth."""
    told, due = run.record.values, values_again(case, run.record.rules)
    found = differs(sorted(told), sorted(due), "values: coalitions")
    for name, value in due.items():
        found += unequal(told.get(name, np.nan), value, f"values.{name}", "", SAME)
    if run.record.optimal_values:
        found += _of_optimal_values(run, due)
    return CheckResult("coalitions of units are worth what their days cost", tuple(found))


def _of_optimal_values(run: BuildingRun, by_rules: Mapping[str, float]) -> Iterator[Finding]:
    """Yield coalitions that are worth less in their optimum than by the rules, or wrong ones."""
    best, record = run.record.optimal_values, run.record
    yield from differs(sorted(best), sorted(by_rules), "optimal_values: coalitions")
    for name, value in by_rules.items():
        told, slack = best.get(name, np.nan), (record.options.gap + SAME) * max(abs(value), 1.0)
        if not told >= value - slack:
            yield Finding(f"optimal_values.{name}: under the rules", value - told, "")
    together, everyone = record.optimum.coalition, "+".join(sorted(record.case.homes))
    if together is not None and everyone in best:
        slack = 2.0 * record.options.gap * max(abs(together.value), 1.0) + SAME
        place = f"optimal_values.{everyone}"
        yield from unequal(best[everyone], -together.value, place, "", slack)


def check_sharings(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Work out ways to share, and who would leave, from the values of coalitions."""
    name, record = "ways to share follow from the values of coalitions", run.record
    if not record.values or len(case.ids) < 2:
        return CheckResult(name, tuple(differs(sorted(record.sharings), [], "sharings")))
    try:
        game = Game.of(tuple(case.ids), record.values)
    except InputError as error:
        return CheckResult(name, (Finding(f"values: {error}", np.nan, ""),))
    income = run.tables["income"].set_index(["way", "home"])["total"]
    joins = game.total >= game.alone.sum() - game.tolerance
    due = {
        "rules": {unit: float(income["coalition", unit]) for unit in case.ids},
        "shapley": shapley(game),
        "nucleolus": nucleolus(game, individually_rational=joins),
    }
    found = differs(sorted(record.sharings), sorted(due), "sharings")
    slack = MONEY * max(1.0, abs(game.total))
    for rule in due.keys() & record.sharings.keys():
        found += _of_sharing(game, f"sharings.{rule}", record.sharings[rule], due[rule], slack)
    return CheckResult(name, tuple(found))


def _of_sharing(
    game: Game, place: str, told: SharingRecord, due: Mapping[str, float], slack: float
) -> Iterator[Finding]:
    """Yield what is wrong with one way to share, and with what coalitions have to say to it."""
    for unit, share in due.items():
        yield from unequal(told.share[unit], share, f"{place}.{unit}", "", slack)
    check = core_check(game, due)
    least = f"{place}.least_excess"
    yield from unequal(told.least_excess, check.least_excess, least, "", 2.0 * slack)
    for group in check.leaving.keys() | told.leaving.keys():
        gain, told_gain = check.leaving.get(group, 0.0), told.leaving.get(group, 0.0)
        yield from unequal(told_gain, gain, f"{place}.leaving.{group}", "", 2.0 * slack)


def _check_days(case: HomesCase, run: BuildingRun) -> CheckResult:
    """Run stochastic days again and compare their totals."""
    record = run.record
    numbers = [day.day for day in record.days]
    found = differs(numbers, list(range(record.options.days)), "days")
    count = min(len(record.days), MOST_DAYS)
    chosen = sorted({round(k) for k in np.linspace(0, len(record.days) - 1, count)})
    for k in chosen:
        day = record.days[k]
        due, costs = stochastic_again(case, record.rules, record.options.seed, day.day)
        losers = who_loses(costs["coalition"], costs["alone"])
        found += differs(day.losers, losers, f"day {day.day}: losers")
        for way, told in (("coalition", day.coalition), ("alone", day.alone)):
            for key, value in due[way].items():
                place = f"day {day.day}, {way}: {key}"
                found += unequal(getattr(told, key), value, place, "", SAME)
    of = "" if count == len(record.days) else f" ({count} of {len(record.days)})"
    return CheckResult(f"stochastic days, run again, have the same totals{of}", tuple(found))
