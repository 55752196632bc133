"""The first screen of a page of demand response: what is earned, emitted, and proven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Box, Overview
from cmgplan.page.wording import amount, number
from cmgplan.response.report.run_record import ResponseRecord
from cmgplan.response.report.view import NAMES, ResponseView, short


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share as the page writes it, per cent."""
    return f"{number(None if share is None else 100.0 * share, digits)}\N{NO-BREAK SPACE}%"


def behind(record: ResponseRecord, name: str) -> float:
    """Return by how much the mean of a method stays behind the exact answer, currency."""
    return record.methods["exact"].profit.total - record.methods[name].profit_mean


def overview(view: ResponseView) -> Overview:
    """Return the first screen."""
    record, unit = view.record, view.record.currency
    exact = record.methods["exact"]
    proven = exact.status == "optimal"
    verdict = (
        f"The exact answer earns {amount(exact.profit.total, unit)} over the day; no day that "
        f"keeps the policies can earn more than {amount(record.bound, unit)}"
    )
    if not proven:
        verdict += ", the best that was proven in the time given"
    return Overview(
        good=proven,
        verdict=f"{verdict}. Verified: devices, balances, accounts, profits, prices and bids.",
        against=_against(record),
        boxes=_boxes(record, proven),
        totals=method_table(record),
        faults=(),
        warnings=tuple(f"{text[0].upper()}{text[1:]}." for text in record.warnings if text),
    )


def _against(record: ResponseRecord) -> str:
    """Say how far the other methods stay behind the exact answer."""
    unit = record.currency
    others = {name: behind(record, name) for name in record.methods if name != "exact"}
    if not others:
        return "No other method was run."
    told = [f"the {NAMES.get(name, name)} {amount(far, unit)}" for name, far in others.items()]
    text = f"Behind it stay {', '.join(told)}"
    searches = {name: far for name, far in others.items() if name != "rules"}
    if "rules" in others and searches:
        beaten = [short(name) for name, far in searches.items() if far > others["rules"]]
        text += (
            f". The rules, which search nothing, beat the mean of {', '.join(beaten)}"
            if beaten
            else ". No search stays behind the rules on the mean"
        )
    return f"{text}."


def _boxes(record: ResponseRecord, proven: bool) -> tuple[Box, ...]:
    exact, shares = record.methods["exact"], record.share_under_emax["exact"]
    price: Mapping[str, Any] = record.claims["price"]["exact"]["electricity"]
    boxes = [
        Box("Verified", "passed", True),
        Box("Gap to the bound", percent(exact.gap_mean, 2), proven),
        Box("Emission", amount(record.emission_kg["exact"], "kg"), True),
    ]
    if shares.own is not None:
        boxes.append(Box("Hours within Emax, own", percent(shares.own), shares.own >= 0.9))
        boxes.append(Box("with what is bought", percent(shares.total), (shares.total or 0) >= 0.9))
    boxes.append(
        Box(
            "Hours with a price below the forecast (bids at random)",
            f"{percent(price['below'], 0)} ({percent(price['drawn_below'], 0)})",
            True,
        )
    )
    return tuple(boxes)


def method_table(record: ResponseRecord) -> DataTable:
    """Return the statistics of every method: the paper's Table 1 with gaps."""
    unit = record.currency
    records: list[dict[str, Any]] = [
        {
            "method": short(name),
            **told.model_dump(),
            "gap": 100.0 * told.gap_mean,
            "emission_kg": record.emission_kg[name],
        }
        for name, told in record.methods.items()
    ]
    columns = (
        Column("method", "Method"),
        Column("runs", "Runs", 0),
        Column("evaluations", "Evaluations", 0),
        Column("profit_min", f"Least, {unit}", 2),
        Column("profit_max", f"Greatest, {unit}", 2),
        Column("profit_mean", f"Mean, {unit}", 2),
        Column("profit_sd", "Deviation", 2),
        Column("gap", "Mean gap to the bound, %", 2),
        Column("emission_kg", "Emission of the best, kg", 1),
        Column("wall_s", "Time of a run, s", 2),
    )
    return data_table("methods", "Profit by method", columns, records)
