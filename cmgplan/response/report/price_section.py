"""Section of a page of demand response about prices and bids."""

from __future__ import annotations

from typing import Any

from cmgplan.homes.report.figures.supply import Carrier
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Chart, Part, Section
from cmgplan.page.wording import in_intervals
from cmgplan.response.report import figures
from cmgplan.response.report.overview import percent
from cmgplan.response.report.view import CARRIERS, ResponseView, short

APPLIANCES = {
    "refrigerator": "Refrigerators",
    "water_heater": "Water heaters",
    "job": "Jobs",
    "ev": "Cars",
}


def prices(view: ResponseView) -> Section:
    """Return clearing prices against the forecast, blocks of the day, and rejected bids."""
    charts = [
        Chart(
            f"mcp_{carrier}",
            in_intervals(f"Clearing price of {carrier} by hour", view.first.dt_h),
            in_intervals(_price_sentence(view, carrier), view.first.dt_h),
            figures.prices(view, carrier),
        )
        for carrier in CARRIERS
    ]
    parts: tuple[Part, ...] = (*charts, _block_table(view), _rejected_table(view))
    return Section("prices", "Prices and bids", parts)


def _price_sentence(view: ResponseView, carrier: Carrier) -> str:
    told = view.record.claims["price"]["exact"][carrier]
    measure = "forecast" if carrier == "electricity" else "value of heat"
    if told["over"] is None:
        return f"The {measure} is nothing to measure the price by."
    text = (
        f"In the exact answer the price is {_over(told['over'])} the {measure} on the mean, and "
        f"below it in {percent(told['below'], 0)} of the hours."
    )
    if told["drawn_over"] is None:
        return text
    text += (
        " Bids drawn at random in the published ranges, for the same quantities, clear "
        f"{_over(told['drawn_over'])} it, and below it in {percent(told['drawn_below'], 0)} of "
        "hours and draws"
    )
    low = told["drawn_over"] < 0.0
    return (
        f"{text}: so much of a low price is in the ranges, not in any method."
        if low
        else f"{text}."
    )


def _over(share: float) -> str:
    return f"{percent(abs(share), 0)} {'above' if share > 0.0 else 'under'}"


def _block_table(view: ResponseView) -> DataTable:
    hours, records = view.record.case.hours, []
    for way, of in view.record.claims["price"].items():
        for carrier, told in of.items():
            records.append(_block_row(f"{short(way)}", carrier, told["over"], told["blocks"]))
    for carrier, told in view.record.claims["price"]["exact"].items():
        drawn = told["drawn_over"], told["drawn_blocks"]
        records.append(_block_row("bids at random", carrier, *drawn))
    columns = (
        Column("what", "Prices of"),
        Column("carrier", "Carrier"),
        Column("all", "Day, %", 0),
        *(Column(f"b{k}", f"{name} quarter, %", 0) for k, name in enumerate(_QUARTERS)),
    )
    caption = (
        "Mean price over mean forecast (of heat: over its value), less 1; "
        f"quarters of {hours / 4:g} intervals"
    )
    return data_table("blocks", caption, columns, records)


_QUARTERS = ("First", "Second", "Third", "Fourth")


def _block_row(
    what: str, carrier: str, whole: float | None, blocks: list[float | None]
) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what, "carrier": carrier}
    row["all"] = None if whole is None else 100.0 * whole
    return row | {f"b{k}": None if b is None else 100.0 * b for k, b in enumerate(blocks)}


def _rejected_table(view: ResponseView) -> DataTable:
    records = []
    for way, told in view.record.market.items():
        for kind, name in APPLIANCES.items():
            asked, rejected = told.asked_kwh.get(kind, 0.0), told.rejected_kwh.get(kind, 0.0)
            if asked > 0.0:
                share = 100.0 * rejected / asked
                row = {"method": short(way), "kind": name, "bids": told.bids}
                records.append({**row, "asked": asked, "rejected": rejected, "share": share})
    columns = (
        Column("method", "Method"),
        Column("kind", "Appliances"),
        Column("bids", "Bids"),
        Column("asked", "Asked for, kWh", 2),
        Column("rejected", "Rejected, kWh", 2),
        Column("share", "Rejected, %", 0),
    )
    caption = "Appliances whose bids do not clear: they run all the same, and buy from the retailer"
    return data_table("rejected", caption, columns, records, folded=True)
