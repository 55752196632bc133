"""The page of a run of the market."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from cmgplan.homes.accounts.ledger import RETAILER
from cmgplan.homes.report.day_sections import day_sections
from cmgplan.homes.report.figures.view import DayView
from cmgplan.market.report import figures
from cmgplan.market.report.run_record import RULES, MarketRecord, StructureRecord
from cmgplan.market.report.suggestion import suggestion
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.page import render
from cmgplan.page.parts import Box, Chart, Note, Overview, Part, Section
from cmgplan.page.wording import amount, counted, named
from cmgplan.run.tables import Tables
from cmgplan.search.coalitions import Game, core_check

NOTHING = 0.005
"""Money under which nothing is said of a difference."""

MOST_DAYS = 20
"""Structures whose day a page shows."""

NAMES = {
    "shapley": "Shapley value",
    "nucleolus": "nucleolus",
    "owen": "settlement at the prices of all together",
    "least_core": "a point of the least core",
}

MODEL = (
    ("Leaders", "choose what they put into the pool, knowing how the followers answer."),
    ("Followers", "take the price; their joint day of least cost clears the pool."),
    (
        "Prices",
        "The clearing price is what one kWh more is worth to the followers. Quantities are moved "
        "by a small step so that no other price clears.",
    ),
    ("Income", "Negative is a net cost. A constant tariff of own consumers is left out."),
    (
        "Bound",
        "The better of the search's own and of what all homes can earn together less what the "
        "followers earn alone.",
    ),
)
"""What the model assumes, as the page says it."""


def render_page(record: MarketRecord, tables: Tables, sources: str = "") -> str:
    """Return the page of a run of the market.

    Parameters
    ----------
    record
        Content of run.json.
    tables
        Tables of the run by file stem.
    sources
        Text of the case's SOURCES.md.
    """
    case = record.case
    about = (
        f"Case {case.name}, {counted(case.hours, 'interval')} of {case.dt_h:g} h, counted from 0. "
        f"{counted(len(case.homes), 'home')}: {named(case.homes)}. Coalitions of homes that lead "
        "and follow in a market of electricity and heat."
    )
    views = {
        s.structure: DayView.of(tables, s.structure, case.hours, case.dt_h, record.currency)
        for s in record.structures
    }
    return render(
        case.title or case.name,
        about,
        overview(record, tables),
        (
            _incomes(record, tables),
            _prices(record, tables),
            _moved(record, views),
            _coalitions(record),
            *((led,) if (led := suggestion(record, tables)) is not None else ()),
            *((_several(record),) if record.equilibrium is not None else ()),
            *((_scenarios(record),) if record.scenarios else ()),
            *_days(record, views),
            _assumptions(),
        ),
        sources,
        "The day of structure"
        if len(views) <= MOST_DAYS
        else f"The day of structure (of {len(views)}, {MOST_DAYS} are here)",
    )


def _days(record: MarketRecord, views: dict[str, DayView]) -> Iterator[Section]:
    """Yield what a page shows of the day of each structure, the best one first."""
    shown = best(record).structure
    names = [shown, *(s.structure for s in record.structures if s.structure != shown)]
    for k, way in enumerate(names[:MOST_DAYS]):
        for section in day_sections(views[way]):
            parts = tuple(_numbered(part, k) for part in section.parts)
            yield replace(section, name=f"{section.name}-{k}", parts=parts, view=way)


def _numbered(part: Part, k: int) -> Part:
    """Return a part whose name is its own among those of other days."""
    return part if isinstance(part, Note) else replace(part, name=f"{part.name}-{k}")


def best(record: MarketRecord) -> StructureRecord:
    """Return the structure with followers in which all homes earn most, else the first."""
    led = [s for s in record.structures if s.following] or list(record.structures)
    return max(led, key=lambda s: s.leader_income + s.follower_income)


def of_everyone(record: MarketRecord) -> float | None:
    """Return what all homes together would earn as one owner."""
    return record.values.get("+".join(sorted(record.case.homes)))


def overview(record: MarketRecord, tables: Tables) -> Overview:
    """Return the first screen: is every structure proven, and who earns what."""
    led = [s for s in record.structures if s.following]
    good = all(s.status == "optimal" for s in record.structures)
    worst = max((s.gap_share for s in led), default=0.0)
    verdict = (
        f"Every structure is proven: no leaders can earn more than {_percent(worst)} of the "
        "surplus beyond what is shown."
        if good
        else "Time ran out in "
        + named([s.structure for s in record.structures if s.status != "optimal"])
        + "; their gaps are stated."
    )
    chosen = best(record)
    total = chosen.leader_income + chosen.follower_income
    against = f"In {chosen.structure} all homes earn {amount(total, record.currency)}"
    everyone = of_everyone(record)
    if everyone is not None:
        lost = amount(everyone - total, record.currency)
        against += f", {lost} less than one owner of everything would"
    unique = tables["mcp"]["unique"]
    share = _percent(float(unique.mean())) if len(unique) else "none"
    return Overview(
        good=good,
        verdict=f"{verdict} Verified: devices, balances, accounts, incomes and games.",
        against=f"{against}.",
        boxes=(
            Box("Verified", "passed", True),
            Box("Structures", str(len(record.structures)), True),
            Box("Worst gap", f"{_percent(worst)} of the surplus", good),
            Box("Prices that are unique", share, bool(len(unique)) and bool(unique.all())),
        ),
        totals=structure_table(record, tables),
        faults=(),
        warnings=tuple(f"{text[0].upper()}{text[1:]}." for text in record.warnings if text),
    )


def structure_table(record: MarketRecord, tables: Tables) -> DataTable:
    """Return incomes, bounds and gaps of every structure."""
    unit, everyone = record.currency, of_everyone(record)
    income = tables["income"].set_index(["way", "home"])["total"]
    records: list[dict[str, Any]] = []
    for s in record.structures:
        total = s.leader_income + s.follower_income
        whole = len(s.leading) + len(s.following) == len(record.case.homes)
        records.append(
            {
                "structure": s.structure,
                "leading": s.leader_income,
                "following": s.follower_income if s.following else None,
                "total": total,
                "lost": everyone - total if everyone is not None and whole else None,
                "retailer": float(income.get((s.structure, RETAILER), 0.0)),
                "bound": s.bound,
                "gap": s.gap,
                "share": 100.0 * s.gap_share,
                "pessimistic": s.pessimistic_income,
                "status": s.status,
                "method": s.method,
            }
        )
    columns = (
        Column("structure", "Structure"),
        Column("leading", f"Leaders, {unit}", 2),
        Column("following", f"Followers, {unit}", 2),
        Column("total", f"Both, {unit}", 2),
        Column("lost", f"Less than one owner, {unit}", 2),
        Column("retailer", f"Retailer, {unit}", 2),
        Column("bound", f"Bound of leaders, {unit}", 2),
        Column("gap", f"Gap, {unit}", 3),
        Column("share", "Gap, % of surplus", 2),
        Column("pessimistic", f"Leaders at worst prices before shading, {unit}", 2),
        Column("status", "Status"),
        Column("method", "By"),
    )
    caption = "Structures: leaders before the bar, followers behind it"
    return data_table("structures", caption, columns, records)


def _incomes(record: MarketRecord, tables: Tables) -> Section:
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
    """Say in which structure each home earns most, and least."""
    told = []
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


def _prices(record: MarketRecord, tables: Tables) -> Section:
    mcp, charts = tables["mcp"], []
    for carrier in ("electricity", "heat"):
        figure = figures.prices(mcp, tables["exchange"], record, carrier)
        means = mcp[mcp["carrier"] == carrier].groupby("way")["price_per_kwh"].mean()
        led = [s.structure for s in record.structures if s.following and s.structure in means.index]
        if not led:
            sentence = f"Homes trade no {carrier} in any structure with followers."
        else:
            low = min(led, key=lambda way, m=means: m[way])  # type: ignore[misc]
            high = max(led, key=lambda way, m=means: m[way])  # type: ignore[misc]
            unit = record.currency
            sentence = (
                f"On the mean of the day {carrier} is cheapest in {low} ({means[low]:.4f} "
                f"{unit}/kWh) and dearest in {high} ({means[high]:.4f} {unit}/kWh). Structures "
                "without followers are in the legend."
            )
        charts.append(
            Chart(f"mcp_{carrier}", f"Clearing price of {carrier} by hour", sentence, figure)
        )
    return Section("prices", "Prices", tuple(charts))


def _moved(record: MarketRecord, views: dict[str, DayView]) -> Section:
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


def _coalitions(record: MarketRecord) -> Section:
    unit = record.currency
    values = data_table(
        "values",
        "What each group earns on its own, with the retailer alone",
        (Column("group", "Group"), Column("value", f"Value, {unit}", 2)),
        [{"group": group, "value": value} for group, value in record.values.items()],
        folded=len(record.values) > 15,
    )
    if not record.games:
        note = Note("Games", ("With so many homes values of all groups were not worked out.",))
        return Section("coalitions", "Coalitions", (values, note))
    homes = list(record.case.homes)
    shares = data_table(
        "games",
        "Ways to share what all homes earn together",
        (
            Column("rule", "Rule"),
            *(Column(home, f"{home}, {unit}", 2) for home in homes),
            Column("least", f"Least excess of a group, {unit}", 2),
        ),
        [
            {
                "rule": NAMES[rule],
                **record.games[rule],
                "least": record.games["least_excess"].get(rule),
            }
            for rule in RULES
        ],
    )
    notes = Note("Who would leave", tuple(_who_would_leave(record)))
    triangle = figures.core_triangle(record)
    parts: list[Any] = [values, shares, notes]
    if triangle is not None:
        sentence = (
            "Each point shares what three homes save together; in the core no group does better "
            "on its own."
        )
        parts.append(Chart("core", "The core of three homes", sentence, triangle))
    return Section("coalitions", "Coalitions", tuple(parts))


def _several(record: MarketRecord) -> Section:
    """Return what several leaders at once earn, and what each would gain by deviating."""
    told, unit = record.equilibrium, record.currency
    rows: list[dict[str, Any]] = []
    for group in told.leaders if told is not None else []:
        name = "+".join(sorted(group))
        rows.append(
            {
                "group": name,
                "income": sum(told.income[home] for home in group) if told else None,
                "gain": told.gain.get(name) if told else None,
            }
        )
    if told is not None:
        income = sum(told.income[home] for home in told.following)
        rows.append({"group": f"{'+'.join(told.following)} (following)", "income": income})
    columns = (
        Column("group", "Group"),
        Column("income", f"Income at common prices, {unit}", 2),
        Column("gain", f"Gain from deviating, at most, {unit}", 2),
    )
    filled = [{"gain": None, **row} for row in rows]
    table = data_table("leaders", "Several leaders at once", columns, filled)
    note = Note("Is it an equilibrium?", (_is_equilibrium(record),))
    return Section("several", "Several leaders at once", (table, note))


def _is_equilibrium(record: MarketRecord) -> str:
    """Say whether the point is an equilibrium, and how far from one it is."""
    told = record.equilibrium
    if told is None:
        return ""
    most = amount(max(told.gain.values()), record.currency)
    enough = amount(told.enough, record.currency)
    if told.status == "equilibrium":
        return f"{told.structure}: nobody gains more than {most} by deviating, within {enough}."
    return (
        f"{told.structure}: no equilibrium was found. After {counted(told.rounds, 'response')} "
        f"somebody would still gain up to {most} by deviating; this is the best point passed."
    )


def _scenarios(record: MarketRecord) -> Section:
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


def _who_would_leave(record: MarketRecord) -> Iterator[str]:
    """Yield for each rule which group would leave, and what it would gain."""
    game = Game.of(tuple(record.case.homes), record.values)
    slack = max(NOTHING, 1e-5 * abs(game.total))
    for rule in RULES:
        checked = core_check(game, record.games[rule], tolerance=slack)
        rule_name = NAMES[rule][0].upper() + NAMES[rule][1:]
        if checked.stable:
            yield f"{rule_name}: nobody gains by leaving."
        else:
            gain = amount(checked.gain, record.currency)
            yield f"{rule_name}: {checked.worst} would gain {gain} by leaving."


def _assumptions() -> Section:
    rows = [{"what": what, "how": how} for what, how in MODEL]
    columns = (Column("what", "What"), Column("how", "How it is taken"))
    return Section("model", "What is assumed", (data_table("model", "The model", columns, rows),))


def _percent(share: float) -> str:
    return f"{100.0 * share:.2f}".rstrip("0").rstrip(".") + "\N{NO-BREAK SPACE}%"
