"""The first screen of a building's page: what the coalition saves, who loses, how far it is."""

from __future__ import annotations

from typing import Any

from cmgplan.building.report.feeder_sections import feeder_warnings
from cmgplan.building.report.run_record import OptimumTotals, Totals
from cmgplan.building.report.view import BuildingView
from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.parts import Box, Overview
from cmgplan.page.wording import amount, change, named, number

ROWS = {
    "cost": "Cost without unserved load",
    "unserved_value": "Value of unserved load",
    "value": "Cost with unserved load",
    "grid_kwh": "Bought, kWh",
    "chp_kwh": "CHP output with sales, kWh",
    "chp_sold_kwh": "CHP output sold, kWh",
    "spare_chp_kwh": "Spare CHP output before batteries are charged, kWh",
    "battery_charge_kwh": "Batteries charged, kWh",
    "battery_discharge_kwh": "Batteries to loads, kWh",
    "battery_sold_kwh": "Battery energy sold, kWh",
    "renewable_sold_kwh": "Wind and sun sold, kWh",
    "electricity_unserved_kwh": "Electricity unserved, kWh",
    "heat_short_1_kwh": "Heat short before exchange, kWh",
    "heat_short_2_kwh": "Heat short after exchange, kWh",
    "boiler_kwh": "Heat of boilers, kWh",
    "heat_unserved_kwh": "Heat unserved, kWh",
    "heat_dumped_kwh": "Heat dumped, kWh",
}
"""Totals in the order of the table."""

MONEY = ("cost", "unserved_value", "value")
"""Those in the currency of the case."""

USE = {
    "battery_used_share": ("Batteries: given of what was charged, %", 100.0, 1),
    "battery_charging_h": ("Batteries: time charging, h", 1.0, 1),
    "battery_discharging_h": ("Batteries: time discharging, h", 1.0, 1),
    "battery_discharge_kw": ("Batteries: mean discharge while any does, kW", 1.0, 2),
    "battery_mean_soc": ("Batteries: mean state of charge, %", 100.0, 1),
    "battery_left_kwh": ("Batteries: left at the end, kWh", 1.0, 2),
    "sold_kwh": ("Sold by CHPs and batteries, kWh", 1.0, 2),
    "offered_kwh": ("Offered by CHPs and batteries, kWh", 1.0, 2),
    "sold_share": ("Sold of what was offered, %", 100.0, 1),
    "car_kwh": ("Given by cars, kWh", 1.0, 2),
    "car_dearest_share": ("Of it in their dearest hour, %", 100.0, 1),
    "car_second_share": ("Of it in the next dearest hour, %", 100.0, 1),
    "chp_heat_kwh": ("Heat of CHPs, kWh", 1.0, 2),
    "heat_exchanged_kwh": ("Surplus heat to other units, kWh", 1.0, 2),
    "boiler_own_kwh": ("Boilers for their own unit, kWh", 1.0, 2),
    "boiler_others_kwh": ("Boilers for others, kWh", 1.0, 2),
    "tank_others_kwh": ("Heat stores for others, kWh", 1.0, 2),
}
"""How the plant was used: name, factor and digits of each item, in the order of the table."""

NEAR = 5.0
"""Distance to the optimum, %, up to which the rules do well."""

ALIKE = 0.005
"""Share, %, under which a saving is none."""


def percent(value: float, digits: int = 2) -> str:
    """Return a percentage as the page writes it."""
    return f"{number(value, digits)}\N{NO-BREAK SPACE}%"


def saving_percent(view: BuildingView) -> float | None:
    """Return by how much less all units pay together than alone, %; None where nobody pays."""
    alone = view.record.alone.cost
    return 100.0 * (alone - view.record.coalition.cost) / abs(alone) if alone else None


def over_optimum(told: Totals, best: OptimumTotals) -> float | None:
    """Return how far the rules are above the optimum, %, unserved load priced in both."""
    if abs(best.value) < 1e-9:
        return None
    return 100.0 * (told.value - best.value) / abs(best.value)


def overview(view: BuildingView) -> Overview:
    """Return the first screen."""
    record = view.record
    together, alone, losers = record.coalition, record.alone, record.losers
    saving = saving_percent(view)
    saved = saving is not None and saving > -ALIKE
    cheaper = "less" if saved else "more"
    verdict = f"Together the units pay {amount(together.cost, record.currency)}"
    if saving is not None and len(record.units) > 1:
        verdict += (
            f", {percent(abs(saving))} {cheaper} than the {amount(alone.cost, record.currency)} "
            "that they pay alone"
        )
    who = (
        f"{named(losers)} {'pays' if len(losers) == 1 else 'pay'} more in the coalition than alone"
        if losers
        else "No unit pays more in the coalition than alone"
    )
    return Overview(
        good=saved and not losers,
        verdict=f"{verdict}. {who}. Verified: devices, balances, accounts, steps and totals.",
        against=_against(view),
        boxes=_boxes(view, saving),
        totals=totals_table(view),
        faults=(),
        warnings=(
            *(f"{text[0].upper()}{text[1:]}." for text in record.warnings if text),
            *feeder_warnings(view),
        ),
    )


def _against(view: BuildingView) -> str:
    """Say how far the rules are from the optimum in money, purchases and unserved heat."""
    record, optima = view.record, view.record.optima()
    if "coalition" not in optima:
        return "No optimum was sought."
    best, told = optima["coalition"], record.coalition
    far = over_optimum(told, best)
    text = (
        f"One owner of everything would pay {amount(best.cost, record.currency)}, buy "
        f"{amount(best.grid_kwh, 'kWh')} and leave {amount(best.heat_unserved_kwh, 'kWh')} of heat "
        "unserved"
    )
    if far is not None:
        text += f"; the coalition is {percent(far)} above that"
    apart = over_optimum(record.alone, optima["alone"]) if "alone" in optima else None
    if apart is not None:
        text += (
            f". Everyone alone is {percent(apart)} above the optimum without trade, "
            f"{amount(record.alone.cost - optima['alone'].cost, record.currency)} of it in money"
        )
    return f"{text}. Unserved load counts at the case's value of it."


def _boxes(view: BuildingView, saving: float | None) -> tuple[Box, ...]:
    record = view.record
    together, alone = record.coalition, record.alone
    best = record.optima().get("coalition")
    far = None if best is None else over_optimum(together, best)
    return (
        Box(
            "Saved by the coalition",
            "none" if saving is None else percent(saving),
            saving is not None and saving > -ALIKE,
        ),
        Box("Pay more in it", named(record.losers) if record.losers else "none", not record.losers),
        Box(
            "Grid energy (alone)",
            f"{amount(together.grid_kwh, 'kWh')} ({amount(alone.grid_kwh, 'kWh')})",
            together.grid_kwh <= alone.grid_kwh + 1e-6,
        ),
        Box(
            "Unserved heat (alone)",
            f"{amount(together.heat_unserved_kwh, 'kWh')} "
            f"({amount(alone.heat_unserved_kwh, 'kWh')})",
            together.heat_unserved_kwh <= alone.heat_unserved_kwh + 1e-6,
        ),
        Box(
            "Above the optimum",
            "not sought" if far is None else percent(far),
            far is not None and far < NEAR,
        ),
    )


def totals_table(view: BuildingView) -> DataTable:
    """Return the totals of both ways beside their optima."""
    record, optima = view.record, view.record.optima()
    records: list[dict[str, Any]] = []
    for key, name in ROWS.items():
        now, before = getattr(record.coalition, key), getattr(record.alone, key)
        money = key in MONEY
        row = {
            "what": f"{name}, {record.currency}" if money else name,
            "coalition": now,
            "alone": before,
            "change": change(now, before) if abs(before) > 1e-6 else None,
        }
        for way, best in optima.items():
            value = best.value - best.cost if key == "unserved_value" else None
            row[f"optimum_{way}"] = getattr(best, key, value)
        records.append(row)
    columns = [
        Column("what", "Over the day"),
        Column("coalition", "Coalition", 2),
        Column("alone", "Alone", 2),
        Column("change", "Change"),
    ]
    if optima:
        columns += [
            Column("optimum_coalition", "Optimum", 2),
            Column("optimum_alone", "Optimum without trade", 2),
        ]
    return data_table("totals", "Coalition against everyone alone", columns, records)


def use_table(view: BuildingView) -> DataTable:
    """Return how the plant was used in both ways."""
    told = view.record.indicators
    records = []
    for key, (name, factor, digits) in USE.items():
        values = told.coalition.get(key), told.alone.get(key)
        shown = [number(None if x is None else factor * x, digits) for x in values]
        records.append({"what": name, "coalition": shown[0], "alone": shown[1]})
    columns = (Column("what", "Plant"), Column("coalition", "Coalition"), Column("alone", "Alone"))
    return data_table("use", "How the plant was used over the day", columns, records, folded=True)
