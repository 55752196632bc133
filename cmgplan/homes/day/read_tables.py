"""Days of homes read back from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from cmgplan.devices import Flows, HomeLoad
from cmgplan.errors import InputError
from cmgplan.homes.accounts.ledger import RETAILER
from cmgplan.homes.case.records import HomeBase, HomesCase
from cmgplan.homes.day.dispatch import DeviceKey, Dispatch, Exchange, Shift
from cmgplan.homes.day.tables import BACKSTOP, DUMP, TABLES, knows_heat
from cmgplan.plurals import counted
from cmgplan.run.tables import Tables

Ways = Mapping[str, Sequence[str]]
"""Homes that took part in every way."""


def require_rows(case: HomesCase, tables: Tables, ways: Ways) -> None:
    """Raise InputError unless every table has exactly the rows that the case asks for.

    The ledger has rows only for what was paid; only its ways and hours are looked at.
    """
    due: dict[str, set[tuple[object, ...]]] = {
        stem: set() for stem in ("dispatch", "exchange", "demand_response", "income")
    }
    for way, listed in ways.items():
        due["income"].update((way, name) for name in (*listed, RETAILER))
        for home in _homes(case, listed):
            for t in range(case.hours):
                due["exchange"].add((way, t, home.id))
                due["dispatch"].update((way, t, *names) for names in _device_names(case, home))
                due["demand_response"].update(
                    (way, t, home.id, carrier) for carrier in sorted(_load_carriers(home))
                )
    dispatch = tables["dispatch"]
    rows = dispatch[dispatch["kind"] == BACKSTOP]
    for way, name in set(rows[["way", "home"]].itertuples(index=False, name=None)):
        if name in ways.get(way, ()):  # a backstop has a row in every hour, or in none
            due["dispatch"].update((way, t, name, BACKSTOP, BACKSTOP) for t in range(case.hours))
    for stem, keys in due.items():
        columns = list(TABLES[stem].key)
        told = set(tables[stem][columns].itertuples(index=False, name=None))
        _refuse(stem, columns, told - keys, "does not belong to the case")
        _refuse(stem, columns, keys - told, "is missing")
    stray = tables["accounts"]
    stray = stray[~stray["way"].isin(list(ways)) | ~stray["hour"].between(0, case.hours - 1)]
    found = set(stray[["way", "hour", "from", "to"]].itertuples(index=False, name=None))
    _refuse("accounts", ["way", "hour", "from", "to"], found, "does not belong to the case")


def _device_names(case: HomesCase, home: HomeBase) -> list[tuple[str, str, str]]:
    """Return home, device and kind of every row that a home has in an hour of ``dispatch``."""
    found = [(home.id, device.id, device.kind) for device in home.devices()]
    return [*found, (home.id, DUMP, DUMP)] if knows_heat(case) else found


def _load_carriers(home: HomeBase) -> set[str]:
    return {device.carrier for device in home.devices() if isinstance(device, HomeLoad)}


def _homes(case: HomesCase, listed: Sequence[str]) -> list[HomeBase]:
    """Return the homes of a way, in the order of the case."""
    return [home for home in case.homes if home.id in listed]


def _refuse(stem: str, columns: Sequence[str], keys: set[tuple[object, ...]], words: str) -> None:
    """Raise InputError about the first of some rows, if there are any."""
    if not keys:
        return
    first = min(keys, key=lambda key: tuple(map(str, key)))
    place = ", ".join(f"{name} {part}" for name, part in zip(columns, first, strict=True))
    more = f" (and {counted(len(keys) - 1, 'more row')})" if len(keys) > 1 else ""
    raise InputError(f"{stem}.csv: the row of {place} {words}{more}; run the case again")


def read_dispatch(case: HomesCase, tables: Tables, way: str, homes: Sequence[str]) -> Dispatch:
    """Return the day that the tables of a run hold; every row must be there."""
    flows: dict[DeviceKey, Flows] = {}
    state, shifts, dumped, backstop = {}, {}, {}, {}
    rows = _by_hour(tables["dispatch"], way, ["home", "device", "kind"])
    for home in _homes(case, homes):
        for device in home.devices():
            part = rows[home.id, device.id, device.kind]
            series = {name: part[name].to_numpy(dtype=float) for name in part.columns[:9]}
            key = (home.id, device.id)
            flows[key] = Flows.of(
                case.hours,
                p_kw=series["p_kw"],
                heat_kw=series["heat_kw"],
                fuel_kw=series["fuel_kw"],
            )
            if device.stores:
                state[key] = series["soc_kwh"]
            if isinstance(device, HomeLoad):
                shifts[key] = Shift(series["up_kw"], series["down_kw"], series["unserved_kw"])
        if knows_heat(case):
            dumped[home.id] = 0.0 - rows[home.id, DUMP, DUMP]["heat_kw"].to_numpy(dtype=float)
        if (nowhere := rows.get((home.id, BACKSTOP, BACKSTOP))) is not None:
            backstop[home.id] = np.array([nowhere["p_kw"], nowhere["heat_kw"]], dtype=float)
    traded = _by_hour(tables["exchange"], way, ["home"])
    names = ("import_kw", "export_kw", "pool_kw", "pool_heat_kw")
    exchange = {
        home.id: Exchange(*(traded[home.id,][name].to_numpy(dtype=float) for name in names))
        for home in _homes(case, homes)
    }
    return Dispatch(flows, state, shifts, exchange, dumped, backstop)


def _by_hour(
    table: pd.DataFrame, way: str, names: list[str]
) -> dict[tuple[object, ...], pd.DataFrame]:
    """Return the rows of a way by what they are about, each from hour 0 on, numbers alone."""
    rows = table[table["way"] == way].sort_values("hour", kind="stable")
    drop = ["way", "hour", *names]
    groups = rows.groupby(names, sort=False)
    return {
        key if isinstance(key, tuple) else (key,): part.drop(columns=drop) for key, part in groups
    }
