"""Tables of a day of homes, made from its dispatch and the case alone.

Each table begins with the columns that every run of homes has; columns after these say more of the
same rows. Powers are in kW and rounded to 1e-9 kW, energies in kWh, emissions in kg, money in the
currency of the case. Rows come by way, hour, home, then by device in the order of the case.

``dispatch``
    One row for every device of a home and hour, injection positive. Loads have in ``p_kw`` or
    ``heat_kw`` what is served of them (negative), and in ``unserved_kw``, ``up_kw`` and
    ``down_kw`` what nothing serves, what arrives from other hours and what leaves to them. Plants
    under a forecast have ``curtailed_kw``, what burns gas has ``emission_kg``, stores have
    ``soc_kwh``; these cells are empty elsewhere. Where the case knows heat, every home has a row
    of kind ``dump`` beside: the heat that nothing takes, negative in ``heat_kw``. A home that
    could not do what it must without has a row of kind ``backstop``: power from nowhere.
``exchange``
    Trade of a home with the retailer and with the pool, the prices of the hour (empty without a
    retailer) and the emission of what it buys.
``demand_response``
    What of the loads of a home moves, by carrier: before and after, and what is not served.
``accounts``, ``income``
    The ledger, one row for each hour, pair of parties, carrier and reason, and what follows from
    it; see ``cmgplan.homes.accounts``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.devices import Device, HomeLoad
from cmgplan.homes.accounts.ledger import income_table
from cmgplan.homes.accounts.money import emission_of_device, emission_of_imports
from cmgplan.homes.accounts.payments import accounts_table
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.day import Day, by_home, loads_of
from cmgplan.run.tables import TableForm, table_form

TABLES: dict[str, TableForm] = {
    "dispatch": table_form(
        "way hour home device kind",
        "p_kw heat_kw fuel_kw soc_kwh unserved_kw up_kw down_kw curtailed_kw emission_kg",
        ints="hour",
        texts="way home device kind",
        empty="soc_kwh unserved_kw up_kw down_kw curtailed_kw emission_kg",
        may_lack_rows=True,
    ),
    "exchange": table_form(
        "way hour home",
        "import_kw export_kw pool_kw pool_heat_kw buy_per_kwh sell_per_kwh emission_kg",
        ints="hour",
        texts="way home",
        empty="buy_per_kwh sell_per_kwh",
    ),
    "demand_response": table_form(
        "way hour home carrier",
        "before_kw after_kw up_kw down_kw unserved_kw",
        ints="hour",
        texts="way home carrier",
        may_lack_rows=True,
    ),
    "accounts": table_form(
        "way from to hour carrier reason",
        "kwh price_per_kwh amount",
        ints="hour",
        texts="way from to carrier reason",
        may_lack_rows=True,
    ),
    "income": table_form("way home", "pool retailer gas emission other total", texts="way home"),
}
"""Form of every table that all runs of homes have, by file stem."""

DUMP = "dump"
"""Kind, and name in place of a device, of the rows of heat that nothing takes."""

BACKSTOP = "backstop"
"""Kind, and name in place of a device, of the rows of power from nowhere."""

DECIMALS = 9
"""Decimals of powers and energies in the tables."""


def homes_tables(case: HomesCase, days: Sequence[Day]) -> dict[str, pd.DataFrame]:
    """Return every table of the days, in the order of ``TABLES``.

    Raises
    ------
    ValueError
        The ledger cannot be kept: a trade has no price, a power that is paid for is negative, or
        a pool with a price does not balance.
    """
    accounts = accounts_table(case, days)
    took_part = {day.way: [home.id for home in day.homes(case)] for day in days}
    return {
        "dispatch": pd.concat([dispatch_table(case, day) for day in days], ignore_index=True),
        "exchange": pd.concat([exchange_table(case, day) for day in days], ignore_index=True),
        "demand_response": pd.concat(
            [response_table(case, day) for day in days], ignore_index=True
        ),
        "accounts": accounts,
        "income": income_table(accounts, took_part),
    }


def knows_heat(case: HomesCase) -> bool:
    """Return whether any device of the case gives or takes heat."""
    return any("heat" in device.carriers for home in case.homes for device in home.devices())


def dispatch_table(case: HomesCase, day: Day) -> pd.DataFrame:
    """Return ``dispatch``: what every device does, and heat that nothing takes."""
    names: list[tuple[str, str, str]] = []
    columns: list[dict[str, FloatArray]] = []
    for home in day.homes(case):
        for device in home.devices():
            names.append((home.id, device.id, device.kind))
            columns.append(_device_columns(case, day, home, device))
        if knows_heat(case):
            dumped = day.dispatch.dumped_kw.get(home.id, np.zeros(case.hours))
            names.append((home.id, DUMP, DUMP))
            columns.append({"heat_kw": -dumped})
        if (backstop := day.dispatch.backstop_kw.get(home.id)) is not None:
            names.append((home.id, BACKSTOP, BACKSTOP))
            columns.append({"p_kw": backstop[0], "heat_kw": backstop[1]})
    by_name = {
        key: _hourly([of.get(key, _missing(key, case.hours)) for of in columns], case.hours)
        for key in TABLES["dispatch"].columns
        if key not in TABLES["dispatch"].key
    }
    keys = _keys(day.way, case.hours, ("home", "device", "kind"), names)
    return pd.DataFrame({**keys, **by_name})[list(TABLES["dispatch"].columns)]


def exchange_table(case: HomesCase, day: Day) -> pd.DataFrame:
    """Return ``exchange``: trade of every home with the retailer and the pool."""
    homes, retailer = day.homes(case), case.file.retailer
    none = np.full(case.hours, np.nan)
    buy = none if retailer is None else case.series(retailer.buy_per_kwh)
    sell = none if retailer is None else case.series(retailer.sell_per_kwh)
    traded = [day.dispatch.exchange[home.id] for home in homes]
    emitted = [emission_of_imports(case, home.id, day.dispatch) for home in homes]
    series = {
        name: [getattr(exchange, name) for exchange in traded]
        for name in ("import_kw", "export_kw", "pool_kw", "pool_heat_kw")
    }
    series |= {"buy_per_kwh": [buy] * len(homes), "sell_per_kwh": [sell] * len(homes)}
    series["emission_kg"] = emitted
    keys = _keys(day.way, case.hours, ("home",), [(home.id,) for home in homes])
    values = {name: _hourly(arrays, case.hours) for name, arrays in series.items()}
    return pd.DataFrame({**keys, **values})


def response_table(case: HomesCase, day: Day) -> pd.DataFrame:
    """Return ``demand_response``: what of the loads of every home moves, by carrier."""
    h, zeros = case.forecasts(), np.zeros(case.hours)
    names: list[tuple[str, str]] = []
    values: dict[str, list[FloatArray]] = {
        name: [] for name in ("before_kw", "after_kw", "up_kw", "down_kw", "unserved_kw")
    }
    for home in day.homes(case):
        for carrier in ("electricity", "heat"):
            loads = [load for load in loads_of(home) if load.carrier == carrier]
            if not loads:
                continue
            names.append((home.id, carrier))
            moved = [day.dispatch.shifts[home.id, load.id] for load in loads]
            before = sum((load.base_kw(h) for load in loads), zeros)
            up, down = (sum((getattr(s, k) for s in moved), zeros) for k in ("up_kw", "down_kw"))
            unserved = sum((s.unserved_kw for s in moved), zeros)
            found = (before, before + up - down, up, down, unserved)
            for name, array in zip(values, found, strict=True):
                values[name].append(array)
    keys = _keys(day.way, case.hours, ("home", "carrier"), names)
    return pd.DataFrame({**keys, **{k: _hourly(v, case.hours) for k, v in values.items()}})


def _device_columns(
    case: HomesCase, day: Day, home: HomeBase, device: Device
) -> dict[str, FloatArray]:
    """Return the columns that a device fills, each of shape (T,)."""
    key = (home.id, device.id)
    flows = day.dispatch.flows[key]
    found = {"p_kw": flows.p_kw, "heat_kw": flows.heat_kw, "fuel_kw": flows.fuel_kw}
    if device.stores:
        found["soc_kwh"] = day.dispatch.state[key]
    if isinstance(device, HomeLoad):
        shift = day.dispatch.shifts[key]
        found |= {"unserved_kw": shift.unserved_kw, "up_kw": shift.up_kw, "down_kw": shift.down_kw}
    if device.can_curtail:
        h = case.forecasts()
        most = device.heat_range(h)[1] + device.power_range(h)[1]
        found["curtailed_kw"] = most - flows.heat_kw - flows.p_kw
    if "fuel" in device.carriers:
        found["emission_kg"] = emission_of_device(case, home.id, device, day.dispatch)
    return found


def _missing(key: str, hours: int) -> FloatArray:
    """Return what stands where a device has nothing of a column: 0 for a flow, else no cell."""
    return np.full(hours, 0.0 if key in ("p_kw", "heat_kw", "fuel_kw") else np.nan)


def _hourly(arrays: Sequence[FloatArray], hours: int) -> FloatArray:
    """Return arrays of shape (T,) as one column, hours first, rounded and without minus zeros."""
    return np.round(by_home(arrays, hours).ravel(), DECIMALS) + 0.0


def _keys(
    way: str, hours: int, columns: Sequence[str], names: Sequence[tuple[str, ...]]
) -> dict[str, object]:
    """Return the key columns of a table: way, hour, then names that repeat in every hour."""
    parts = [[name[k] for name in names] * hours for k in range(len(columns))]
    hour = np.repeat(np.arange(hours), len(names))
    return {"way": [way] * len(hour), "hour": hour, **dict(zip(columns, parts, strict=True))}
