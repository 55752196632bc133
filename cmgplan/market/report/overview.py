"""The first screen of a run of the market: is it proven, who earns what."""

from __future__ import annotations

from typing import Any

from cmgplan.homes.accounts.ledger import RETAILER
from cmgplan.market.report.leaders_section import is_equilibrium
from cmgplan.market.report.run_record import MarketRecord, StructureRecord
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Box, Overview
from cmgplan.page.wording import amount, named
from cmgplan.run.tables import Tables

STOPPED = {
    "time": "time ran out in {}",
    "rounds": "in {} every round of the search came to its end with more open than was asked for",
    "": "the gap asked for was not reached in {}",
}
"""What ended the search of structures that are not proven, in words."""

ENDED = {"gap": "gap reached", "time": "time", "rounds": "rounds", "": None}
"""The same in a table."""


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
    gap = Box("Worst gap", f"{_percent(worst)} of the surplus", good)
    verdict = (
        f"Every structure is proven: no leaders can earn more than {_percent(worst)} of the "
        "surplus beyond what is shown."
        if good
        else what_stopped(record)
    )
    chosen = best(record)
    name, total = chosen.structure, chosen.leader_income + chosen.follower_income
    if not led and (several := record.equilibrium) is not None:
        name, total = several.structure, sum(several.income.values())
        good, verdict = several.status == "equilibrium", is_equilibrium(record)
        most = amount(max(several.gain.values()), record.currency)
        gap = Box("Gain from deviating, at most", most, good)
    against = f"In {name} all homes earn {amount(total, record.currency)}"
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
            gap,
            Box("Prices that are unique", share, bool(len(unique)) and bool(unique.all())),
        ),
        totals=structure_table(record, tables),
        faults=(),
        warnings=tuple(f"{text[0].upper()}{text[1:]}." for text in record.warnings if text),
    )


def what_stopped(record: MarketRecord) -> str:
    """Say in which structures the gap asked for was not reached, and what ended their search."""
    told = []
    for stopped, words in STOPPED.items():
        names = [
            s.structure for s in record.structures if s.stopped == stopped and s.status != "optimal"
        ]
        if names:
            told.append(words.format(named(names)))
    text = "; ".join(told)
    return f"{text[0].upper()}{text[1:]}. Their gaps are stated."


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
                "ended": ENDED[s.stopped],
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
        Column("ended", "Ended by"),
        Column("method", "By"),
    )
    caption = "Structures: leaders before the bar, followers behind it"
    return data_table("structures", caption, columns, records)


def _percent(share: float) -> str:
    return f"{100.0 * share:.2f}".rstrip("0").rstrip(".") + "\N{NO-BREAK SPACE}%"
