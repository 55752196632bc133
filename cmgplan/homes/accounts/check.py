"""Whether a ledger balances: with itself, with the energy exchanged, and with the incomes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.accounts.ledger import (
    AMOUNT_ONLY,
    GAS,
    INCOME_COLUMNS,
    OWN,
    RETAILER,
    Carrier,
    Reason,
    income_table,
)
from cmgplan.plurals import counted
from cmgplan.run.findings import Finding

ENERGY_KWH = 1e-5
"""Tolerance of the energy that a home trades in an hour, kWh."""

MONEY = 1e-6
"""Tolerance of an amount in the case's currency."""

ROUNDING = 1e-8
"""Relative tolerance of what was rounded when it was written."""

PRICE = 1e-9
"""Tolerance of a price per kWh."""

EXCHANGED: Mapping[str, tuple[Reason, Carrier]] = {
    "import_kw": ("purchase", "electricity"),
    "export_kw": ("sale", "electricity"),
    "pool_kw": ("pool", "electricity"),
    "pool_heat_kw": ("pool", "heat"),
}
"""Columns of exchange.csv, and the reason and carrier of the payments for them."""

KEYS = ["way", "hour", "home"]

PARTIES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "purchase": ("home", RETAILER, ("electricity",)),
    "sale": (RETAILER, "home", ("electricity",)),
    "gas": ("home", GAS, ("fuel",)),
    "pool": ("home", "home", ("electricity", "heat")),
    "shift": ("home", OWN, ("electricity", "heat")),
    "unserved": ("home", OWN, ("electricity", "heat")),
    "emission": ("home", OWN, ("electricity", "heat", "fuel")),
    "peak": ("home", RETAILER, ("electricity",)),
    "value": ("home", OWN, ("electricity", "heat")),
}
"""By reason: who pays, who is paid, and for which carriers."""


def check_balance(
    entries: pd.DataFrame,
    incomes: pd.DataFrame,
    exchange: pd.DataFrame,
    homes: Mapping[str, Sequence[str]],
    dt_h: float,
) -> list[Finding]:
    """Return what does not balance in the ledger of a run; empty where all does.

    Every row's amount is its energy times its price, and is paid between parties that fit its
    reason; what a home buys and sells in an hour is what ``exchange`` (``exchange.csv``) says; the
    incomes follow from the ledger; and over homes, retailer, gas and own they sum to 0. Each
    finding is about the first row of its kind and tells how many more there are.

    Parameters
    ----------
    entries, incomes, exchange
        The tables as they are read: hours are whole numbers, amounts and powers numbers.
    homes
        Homes that took part in every way.
    dt_h
        Length of an interval, h.
    """
    return [
        *_check_rows(entries, homes),
        *_check_exchange(entries, exchange, dt_h),
        *_check_incomes(entries, incomes, homes),
        *_check_sums(entries, incomes, homes),
    ]


def check_prices(
    entries: pd.DataFrame, way: str, prices: Mapping[tuple[Reason, Carrier], FloatArray]
) -> list[Finding]:
    """Return the rows of a way whose price is not that of their hour.

    ``prices`` are arrays of shape (T,) in money per kWh, by reason and carrier; rows of other
    reasons and carriers are passed over.
    """
    found = []
    for (reason, carrier), price in prices.items():
        rows = entries[
            (entries["way"] == way)
            & (entries["reason"] == reason)
            & (entries["carrier"] == carrier)
        ]
        hour = rows["hour"].to_numpy(int)
        known = (hour >= 0) & (hour < len(price))
        due = np.where(known, price[np.where(known, hour, 0)], np.nan)
        found += _differing(rows, "price_per_kwh", due, PRICE)
    return found


def _check_rows(entries: pd.DataFrame, homes: Mapping[str, Sequence[str]]) -> list[Finding]:
    """Return rows whose amount is wrong, or that are paid between the wrong parties."""
    numbers = entries[["kwh", "price_per_kwh", "amount"]].to_numpy(float)
    finite = np.isfinite(numbers).all(axis=1)
    sound = entries[finite]
    alone = sound["reason"].isin(AMOUNT_ONLY).to_numpy(bool)
    paid, bare = sound[~alone], sound[alone]
    due = (paid["kwh"] * paid["price_per_kwh"]).to_numpy(float)
    fits = np.asarray([_fits(row, homes) for row in entries.to_dict("records")], dtype=bool)
    return [
        *_refused(entries, ~finite, "numbers", "finite numbers"),
        *_differing(sound, "kwh", np.abs(sound["kwh"].to_numpy(float)), 0.0, "kWh"),
        *_differing(paid, "amount", due, MONEY),
        *_differing(bare, "kwh", np.zeros(len(bare)), 0.0, "kWh"),
        *_differing(bare, "price_per_kwh", np.zeros(len(bare)), 0.0),
        *_refused(entries, ~fits, "parties and carrier", "those of its reason"),
    ]


def _fits(row: Mapping[Hashable, object], homes: Mapping[str, Sequence[str]]) -> bool:
    """Return whether a row is paid between the parties that its reason has."""
    listed = homes.get(str(row["way"]))
    if listed is None or row["reason"] not in PARTIES or row["from"] == row["to"]:
        return False
    payer, payee, carriers = PARTIES[str(row["reason"])]
    parties = ((payer, row["from"]), (payee, row["to"]))
    known = all(named in listed if kind == "home" else named == kind for kind, named in parties)
    return known and row["carrier"] in carriers


def _check_exchange(entries: pd.DataFrame, exchange: pd.DataFrame, dt_h: float) -> list[Finding]:
    """Return where the energy that a home trades is not what it exchanges."""
    told = exchange.groupby(KEYS)[list(EXCHANGED)].sum() * dt_h
    found = []
    for column, (reason, carrier) in EXCHANGED.items():
        rows = entries[(entries["reason"] == reason) & (entries["carrier"] == carrier)]
        both = pd.concat([told[column], _traded(rows, reason)], axis=1).fillna(0.0)
        exchanged, traded = both[column].to_numpy(float), both["kwh"].to_numpy(float)
        off = ~_same(exchanged, traded, ENERGY_KWH)
        if off.any():
            way, hour, home = both.reset_index().loc[off, KEYS].iloc[0]
            place = f"exchange.csv {way}, {home}: {column} in kWh{_more(off)}"
            found.append(_finding(place, exchanged[off][0], traded[off][0], "kWh", int(hour)))
    return found


def _traded(rows: pd.DataFrame, reason: Reason) -> pd.Series[float]:
    """Return the kWh by way, hour and home: bought, sold, or sold less bought in the pool."""
    by_payer = rows.rename(columns={"from": "home"}).groupby(KEYS)["kwh"].sum()
    by_payee = rows.rename(columns={"to": "home"}).groupby(KEYS)["kwh"].sum()
    if reason == "pool":
        return by_payee.sub(by_payer, fill_value=0.0)
    return by_payer if reason == "purchase" else by_payee


def _check_incomes(
    entries: pd.DataFrame, incomes: pd.DataFrame, homes: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Return incomes that do not follow from the ledger."""
    due = income_table(entries, homes)
    parties = [sorted(map(tuple, table[["way", "home"]].to_numpy())) for table in (incomes, due)]
    if parties[0] != parties[1]:
        told, wanted = counted(len(incomes), "row"), "one for each home of a way and its retailer"
        return [Finding("income.csv: way and home", np.nan, "", told=told, due=wanted)]
    both = incomes.merge(due, on=["way", "home"], suffixes=("", "_due"))
    found = []
    for column in (*INCOME_COLUMNS, "total"):
        told_of, due_of = both[column].to_numpy(float), both[f"{column}_due"].to_numpy(float)
        off = ~_same(told_of, due_of, _money_tolerance(entries))
        if off.any():
            row = both[off].iloc[0]
            place = f"income.csv {row['way']}, {row['home']}: {column}{_more(off)}"
            found.append(_finding(place, told_of[off][0], due_of[off][0]))
    return found


def _check_sums(
    entries: pd.DataFrame, incomes: pd.DataFrame, homes: Mapping[str, Sequence[str]]
) -> list[Finding]:
    """Return ways in which the incomes of all parties do not sum to 0."""
    found = []
    for way in homes:
        rows = entries[entries["way"] == way]
        received = rows.loc[rows["to"].isin([GAS, OWN]), "amount"].sum()
        paid = rows.loc[rows["from"].isin([GAS, OWN]), "amount"].sum()
        total = float(incomes.loc[incomes["way"] == way, "total"].sum() + received - paid)
        if not abs(total) <= _money_tolerance(rows):
            found.append(_finding(f"income.csv {way}: sum of all parties", total, 0.0))
    return found


def _money_tolerance(entries: pd.DataFrame) -> float:
    """Return the tolerance of a sum of amounts."""
    return MONEY + ROUNDING * float(entries["amount"].abs().sum())


def _same(value: FloatArray, other: FloatArray, tolerance: float) -> BoolArray:
    """Return where two arrays agree; what is no number agrees with nothing."""
    least = np.minimum(np.abs(value), np.abs(other))
    return np.asarray(np.abs(value - other) <= tolerance + ROUNDING * least)


def _differing(
    rows: pd.DataFrame, column: str, due: FloatArray, tolerance: float, unit: str = ""
) -> list[Finding]:
    """Return a finding about the first row whose number is not what is due."""
    told = rows[column].to_numpy(float)
    off = ~_same(told, due, tolerance)
    if not off.any():
        return []
    row = rows[off].iloc[0]
    place = f"{_place(row)}: {column}{_more(off)}"
    return [_finding(place, told[off][0], due[off][0], unit, int(row["hour"]))]


def _refused(rows: pd.DataFrame, off: BoolArray, what: str, due: str) -> list[Finding]:
    """Return a finding about the first row that is wrong in words rather than in a number."""
    if not off.any():
        return []
    row = rows[off].iloc[0]
    told = f"{row['kwh']:g} kWh at {row['price_per_kwh']:g}, {row['amount']:g}"
    place = f"{_place(row)}: {what}{_more(off)}"
    return [Finding(place, np.nan, "", int(row["hour"]), told=told, due=due)]


def _finding(
    place: str, told: float, due: float, unit: str = "", hour: int | None = None
) -> Finding:
    """Return a finding about a number."""
    return Finding(place, abs(float(told) - float(due)), unit, hour, float(told), float(due))


def _place(row: pd.Series[Any]) -> str:
    """Return where a row of the ledger stands, apart from its hour."""
    parties = f"{row['from']} to {row['to']}"
    return f"accounts.csv {row['way']}, {parties}, {row['reason']} of {row['carrier']}"


def _more(off: BoolArray) -> str:
    """Return how many further rows a finding is about."""
    count = int(np.sum(off)) - 1
    return f" (and {counted(count, 'more row')})" if count else ""
