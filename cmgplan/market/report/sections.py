"""Sections of the page of a market: incomes, prices, load that moved, scenarios."""

from __future__ import annotations

from collections.abc import Mapping

from cmgplan.homes.report.figures.view import DayView
from cmgplan.market.report import figures
from cmgplan.market.report.run_record import MarketRecord
from cmgplan.page.data_table import Column, data_table
from cmgplan.page.parts import Chart, Section
from cmgplan.page.wording import amount
from cmgplan.run.tables import Tables


def incomes(record: MarketRecord, tables: Tables) -> Section:
    """Return what every home earns in every structure."""
    names = list(record.case.homes)
    unit = record.currency
    records = [{"structure": s.structure, **s.income} for s in record.structures]
    columns = (
        Column("structure", "Structure"),
        *(Column(home, f"{home}, {unit}", 2) for home in names),
    )
    filled = [{**dict.fromkeys(names), **row} for row in records]
    chart = Chart(
        "incomes", "Income by structure and home", _income_sentence(record), figures.incomes(record)
    )
    table = data_table("income_by_home", "Income of each home", columns, filled)
    return Section("incomes", "Who earns what", (chart, table))


def _income_sentence(record: MarketRecord) -> str:
    """Say in which structure each home earns most, and least; of one structure what each earns."""
    told = []
    if len(record.structures) == 1:
        (only,) = record.structures
        told = [
            f"{home} earns {amount(only.income[home], record.currency)}" for home in only.income
        ]
        return f"In {only.structure} {', '.join(told)}."
    for home in record.case.homes:
        with_home = [s for s in record.structures if home in s.income]
        if len(with_home) < 2:
            continue
        most = max(with_home, key=lambda s, home=home: s.income[home])  # type: ignore[misc]
        least = min(with_home, key=lambda s, home=home: s.income[home])  # type: ignore[misc]
        told.append(
            f"{home} earns most in {most.structure} ({amount(most.income[home], record.currency)}) "
            f"and least in {least.structure} ({amount(least.income[home], record.currency)})"
        )
    return f"{'; '.join(told)}." if told else "Each home takes part in one structure."


def _price_sentence(record: MarketRecord, carrier: str, means: Mapping[str, float]) -> str:
    """Say in which structure the mean price of the day is least, and greatest."""
    unit = f"{record.currency}/kWh"
    led = [s.structure for s in record.structures if s.following and s.structure in means]
    if not led:
        return f"Homes trade no {carrier} in any structure with followers."
    low, high = min(led, key=means.__getitem__), max(led, key=means.__getitem__)
    told = (
        f"On the mean of the day {carrier} costs {means[low]:.4f} {unit} in {low}."
        if len(led) == 1
        else f"On the mean of the day {carrier} costs least in {low} ({means[low]:.4f} {unit}) and "
        f"most in {high} ({means[high]:.4f} {unit})."
    )
    if all(s.following for s in record.structures):
        return told
    return f"{told} A click in the legend shows structures without followers."


def prices(record: MarketRecord, tables: Tables) -> Section:
    """Return clearing prices by hour, structures beside each other."""
    mcp, charts = tables["mcp"], []
    for carrier in ("electricity", "heat"):
        figure = figures.prices(mcp, tables["exchange"], record, carrier)
        means = mcp[mcp["carrier"] == carrier].groupby("way")["price_per_kwh"].mean()
        sentence = _price_sentence(record, carrier, dict(means))
        charts.append(
            Chart(f"mcp_{carrier}", f"Clearing price of {carrier} by hour", sentence, figure)
        )
    return Section("prices", "Prices", tuple(charts))


def moved(record: MarketRecord, views: dict[str, DayView]) -> Section:
    """Return load before and after it moved, of all homes and of each."""
    charts = []
    choices: list[str | None] = [None, *(record.case.homes if len(record.case.homes) <= 8 else ())]
    for home in choices:
        whose = "all homes" if home is None else f"home {home}"
        figure = figures.load_moved(views, home)
        if figure is None and home is not None:
            continue
        sentence = (
            "Choose a structure; DR+ arrives in an hour, DR- leaves it."
            if figure is not None
            else "No load of electricity moves in any structure."
        )
        name = "moved_all" if home is None else f"moved_{record.case.homes.index(home)}"
        charts.append(Chart(name, f"Load before and after, {whose}", sentence, figure))
    return Section("moved", "Demand moved by structure", tuple(charts))


def scenarios(record: MarketRecord) -> Section:
    """Return expected incomes, and those of each scenario."""
    unit, homes = record.currency, list(record.case.homes)
    by_home = tuple(Column(home, f"{home}, {unit}", 2) for home in homes)
    expected = data_table(
        "expected",
        "Expected income of each home over the scenarios",
        (Column("structure", "Structure"), *by_home),
        [
            {**dict.fromkeys(homes), "structure": way, **incomes}
            for way, incomes in record.expected.items()
        ],
    )
    each = data_table(
        "scenarios",
        "Income of each home in every scenario",
        (
            Column("scenario", "Scenario"),
            Column("weight", "Weight", 3),
            Column("structure", "Structure"),
            *by_home,
            Column("gap", "Gap, % of surplus", 2),
        ),
        [
            {
                **dict.fromkeys(homes),
                "scenario": scenario.id,
                "weight": scenario.weight,
                "structure": way,
                **incomes,
                "gap": 100.0 * scenario.gap_share[way],
            }
            for scenario in record.scenarios
            for way, incomes in scenario.income.items()
        ],
        folded=True,
    )
    return Section("scenarios", "Scenarios", (expected, each))
