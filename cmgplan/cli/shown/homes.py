"""What is printed of days of homes: optimum, market, building, response, comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from cmgplan.cli.console import NONE, new_table, number, plain, print_table, say
from cmgplan.plurals import counted

if TYPE_CHECKING:
    from pandas import DataFrame

    from cmgplan.building.report.run_record import BuildingRecord
    from cmgplan.homes.optimum.read_run import OptimumRun
    from cmgplan.homes.report.compare import WrittenDays
    from cmgplan.market.report.run_record import MarketRecord
    from cmgplan.response.report.run_record import ResponseRecord

SHOWN_BESIDE = 3
"""Days of a comparison that stand side by side."""

QUANTITIES_BESIDE = 5
"""Quantities of a comparison in which each day has a row."""

LEAST_SHOWN = 0.005
"""Quantity under which none is shown."""

HOMES_BESIDE = 4
"""Homes whose incomes stand beside those of the groups."""

SHOWN_HOMES = 8
"""Homes whose incomes are listed."""


def print_optimum(run: OptimumRun) -> None:
    """Print what an optimum costs and emits, what it is made of, and how far it is proven."""
    from cmgplan.homes.day.totals import day_totals

    record = run.record
    total = day_totals(run.tables, "optimum", record.case.dt_h)
    unserved_kwh = total.unserved_electricity_kwh + total.unserved_heat_kwh
    table = new_table("", record.currency, "kWh")
    for name, money, kwh in (
        ("purchases", total.purchases, total.import_kwh),
        ("sales", 0.0 - total.sales, total.export_kwh),
        ("gas", total.gas, total.gas_kwh),
        ("load moved", total.shift, total.moved_kwh),
        ("load unserved", total.unserved, unserved_kwh),
        ("peak charge", total.peak, None),
        ("value of jobs and energy left", 0.0 - total.value, None),
        ("cost without unserved load", total.served_cost, None),
        ("cost with unserved load", record.cost, None),
    ):
        if kwh is None and money == 0.0 and not name.startswith("cost"):
            continue
        table.add_row(name, number(money, 2), number(kwh, 1))
    print_table(table)
    say(f"emission: {record.emission_kg:,.2f} kg")
    if record.front is not None:
        say(f"front: {counted(len(record.front), 'point')}, selected: point {record.point} (fuzzy)")
    gap = "no bound is known" if record.gap is None else f"gap {100.0 * record.gap:.4f} %"
    say(f"{record.status}, {gap}; verified")


def print_days(written: WrittenDays) -> None:
    """Print the totals of days that were compared, and what differs.

    Few days stand side by side; of more each has a row, quantities that are nowhere left out.
    """
    totals = written.table
    names = [str(name) for name in totals.columns[2:] if not str(name).startswith("difference, ")]
    if len(names) > SHOWN_BESIDE:
        _print_days_as_rows(totals, names)
    else:
        table = new_table(*("" if name == "quantity" else str(name) for name in totals.columns))
        for row in totals.itertuples(index=False, name=None):
            table.add_row(str(row[0]), str(row[1]), *(number(value, 2) for value in row[2:]))
        print_table(table)
    for note in written.notes:
        say(f"note: {note}")
    say(f"comparison: {written.folder}, page: {written.folder / 'compare.html'}")


def _print_days_as_rows(totals: DataFrame, names: Sequence[str]) -> None:
    """Print a row for each day, a few quantities at a time, so that a narrow screen holds them."""
    columns = []
    for row in totals.to_dict("records"):
        values = [float(row[name]) for name in names]
        if max(map(abs, values)) >= LEAST_SHOWN:
            columns.append((f"{row['quantity']}, {row['unit']}", values))
        if row["quantity"] == "Cost":
            more = [value - values[0] for value in values]
            columns.append((f"more than {names[0]}, {row['unit']}", more))
    for begin in range(0, len(columns), QUANTITIES_BESIDE):
        some = columns[begin : begin + QUANTITIES_BESIDE]
        table = new_table("")
        for head, _ in some:
            table.add_column(Text(plain(head)), justify="right", max_width=12)
        for k, name in enumerate(names):
            table.add_row(plain(name), *(number(values[k], 2) for _, values in some))
        if begin:
            say()
        print_table(table)


def print_market(record: MarketRecord) -> None:
    """Print incomes and gap of every structure of a market."""
    ended = {"time": "time ran out", "rounds": "all rounds done"}
    homes = record.case.homes[:SHOWN_HOMES]
    few = homes if len(homes) <= HOMES_BESIDE else []
    table = new_table("", *few, "leaders", "followers", "gap")
    for told in record.structures:
        gap = f"{100.0 * told.gap_share:.2f} %" if told.following else NONE
        table.add_row(
            told.structure,
            *(number(told.income.get(home), 2) for home in few),
            number(told.leader_income, 2),
            number(told.follower_income if told.following else None, 2),
            gap if told.status == "optimal" else f"{gap} ({ended.get(told.stopped, told.status)})",
        )
    print_table(table)
    if not few:
        table = new_table("income", *homes)
        for told in record.structures:
            incomes = (number(told.income.get(home), 2) for home in homes)
            table.add_row(told.structure, *incomes)
        say()
        print_table(table)
    if (several := record.equilibrium) is not None:
        most = max(several.gain.values())
        earned = ", ".join(f"{home} {income:,.2f}" for home, income in several.income.items())
        what = "an equilibrium" if several.status == "equilibrium" else "no equilibrium found"
        say(f"{several.structure}: {what}, somebody gains up to {most:,.2f}; {earned}")
    say(f"incomes in {record.currency}, gaps as a share of the surplus; verified")


def print_feeder(record: BuildingRecord) -> None:
    """Print what the feeder's scenarios and faults come to; nothing without a feeder."""
    if not record.feeder:
        return
    table = new_table("scenario", "sum of |1 - V|", "least V, pu", "at bus", "losses kWh")
    for told in record.feeder[:SHOWN_HOMES]:
        v_min = number(told.v_min_pu, 4)
        cells = number(told.deviation_pu, 3), v_min, plain(told.v_min_bus or NONE)
        table.add_row(plain(told.scenario), *cells, number(told.loss_kwh, 1))
    print_table(table)
    for told in record.feeder:
        if told.not_converged:
            hours = ", ".join(map(str, told.not_converged))
            say(f"scenario {told.scenario}: no power flow in hours {hours}, which do not count")
    if record.faults:
        table = new_table("fault", "scenario", "kWh not supplied", "with stores", "dissatisfied")
        for fault in record.faults:
            closed = f", {', '.join(fault.close)} closed" if fault.reconfigured else ""
            for scenario in fault.scenarios[:SHOWN_HOMES]:
                total = scenario.total
                kwh = number(total.ens_chp_kwh, 2), number(total.ens_kwh, 2)
                name = plain(f"line {fault.line}{closed}")
                table.add_row(name, plain(scenario.scenario), *kwh, str(total.nodc_chp))
        print_table(table)


def print_building(record: BuildingRecord) -> None:
    """Print totals of both ways beside the optimum, what units pay, and the stochastic days."""
    optima = record.optima()
    table = new_table("", "cost", "optimum", "grid kWh", "heat unserved kWh")
    for way, told in record.ways().items():
        best = optima.get(way)
        table.add_row(
            way,
            number(told.cost, 2),
            number(None if best is None else best.cost, 2),
            number(told.grid_kwh, 2),
            number(told.heat_unserved_kwh, 2),
        )
    print_table(table)
    table = new_table("unit", "coalition", "alone")
    shown = list(record.units.items())[:SHOWN_HOMES]
    for unit, costs in shown:
        table.add_row(unit, number(costs.coalition, 2), number(costs.alone, 2))
    print_table(table)
    if len(shown) < len(record.units):
        say(f"and {counted(len(record.units) - len(shown), 'more unit')}")
    losers = ", ".join(record.losers)
    say(f"pay more in the coalition than alone: {losers or 'none'}")
    if record.days:
        say(f"{counted(len(record.days), 'stochastic day')}, coalition against alone:")
        for key, change in record.improvements().items():
            told_change = NONE if change is None else f"{100.0 * change:.2f} % less"
            say(f"  {key}: {told_change}")
    print_feeder(record)
    what = f"costs in {record.currency}, without the value of unserved load"
    say(f"{what}; rules: {record.rules}; verified")


def print_response(record: ResponseRecord) -> None:
    """Print what every method earns, how far it stays behind, and prices and emissions."""
    table = new_table("", "runs", "least", "greatest", "mean", "sd", "gap", "kg", "s")
    for name, told in record.methods.items():
        table.add_row(
            name if told.status != "feasible" else f"{name} (limit)",
            str(told.runs),
            number(told.profit_min, 2),
            number(told.profit_max, 2),
            number(told.profit_mean, 2),
            number(told.profit_sd, 2),
            f"{100.0 * told.gap_mean:.2f} %",
            number(record.emission_kg[name], 1),
            number(told.wall_s, 1),
        )
    print_table(table)
    price = record.claims["price"]["exact"]["electricity"]
    below = f"clearing price below the forecast in {100.0 * price['below']:.0f} % of hours"
    drawn = price["drawn_below"]
    say(below if drawn is None else f"{below}, with bids at random in {100.0 * drawn:.0f} %")
    shares = record.share_under_emax["exact"]
    if shares.own is not None:
        say(
            f"own emission within Emax in {100.0 * shares.own:.0f} % of hours, with what is "
            f"bought in {100.0 * (shares.total or 0.0):.0f} %"
        )
    if (spread := record.toat) is not None:
        exact, plan = spread.exact, spread.plan
        say(
            f"under uncertainty ({exact.array}): {exact.mean:.2f}, sd {exact.sd:.2f} planned "
            f"knowing it; {plan.mean:.2f}, sd {plan.sd:.2f} with one plan"
        )
    if (rolling := record.rolling) is not None:
        say(
            f"a drawn day: {rolling.once:.2f} planned once, {rolling.rolled:.2f} replanned every "
            f"hour, {rolling.perfect:.2f} foreseen"
        )
    say(f"profit in {record.currency}, at most {record.bound:,.2f} in any day; verified")
