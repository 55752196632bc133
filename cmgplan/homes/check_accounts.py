"""Whether a ledger balances: with itself, with the energy exchanged, and with the incomes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.homes.accounts import (
    GAS,
    INCOME_COLUMNS,
    OWN,
    RETAILER,
    Carrier,
    Reason,
    income_table,
)

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

PARTIES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "purchase": ("home", RETAILER, ("electricity",)),
    "sale": (RETAILER, "home", ("electricity",)),
    "gas": ("home", GAS, ("fuel",)),
    "pool": ("home", "home", ("electricity", "heat")),
    "shift": ("home", OWN, ("electricity", "heat")),
    "unserved": ("home", OWN, ("electricity", "heat")),
    "emission": ("home", OWN, ("electricity", "heat", "fuel")),
}
"""By reason: who pays, who is paid, and for which carriers."""


def check_balance(
    entries: pd.DataFrame,
    incomes: pd.DataFrame,
    exchange: pd.DataFrame,
    homes: Mapping[str, Sequence[str]],
    dt_h: float,
) -> list[str]:
    """Return what does not balance in the ledger of a run, in words; empty where all does.

    Every row's amount is its energy times its price, and is paid between parties that fit its
    reason; what a home buys and sells in an hour is what ``exchange`` (``exchange.csv``) says; the
    incomes follow from the ledger; and over homes, retailer, gas and own they sum to 0.

    Parameters
    ----------
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
) -> list[str]:
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
        due = np.asarray(price, dtype=np.float64)[rows["hour"].to_numpy(int)]
        off = ~_same(rows["price_per_kwh"].to_numpy(float), due, PRICE)
        found += _told(rows, off, "its price is not that of the hour")
    return found


def _check_rows(entries: pd.DataFrame, homes: Mapping[str, Sequence[str]]) -> list[str]:
    """Return rows whose amount is wrong, or that are paid between the wrong parties."""
    kwh, price, amount = (
        entries[column].to_numpy(float) for column in ("kwh", "price_per_kwh", "amount")
    )
    emission = (entries["reason"] == "emission").to_numpy(bool)
    finite = np.isfinite(kwh) & np.isfinite(price) & np.isfinite(amount)
    bare = emission & finite & ((kwh != 0.0) | (price != 0.0))
    wrong = ~emission & finite & ~_same(amount, kwh * price, MONEY)
    fits = np.asarray([_fits(row, homes) for row in entries.to_dict("records")], dtype=bool)
    return [
        *_told(entries, ~finite, "a number is missing or not finite"),
        *_told(entries, finite & (kwh < 0.0), "its energy is negative"),
        *_told(entries, wrong, "its amount is not kwh times price_per_kwh"),
        *_told(entries, bare, "an amount for emissions has neither kwh nor price_per_kwh"),
        *_told(entries, ~fits, "payer, payee or carrier do not fit its reason"),
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


def _check_exchange(entries: pd.DataFrame, exchange: pd.DataFrame, dt_h: float) -> list[str]:
    """Return where the energy that a home trades is not what it exchanges."""
    keys = ["way", "hour", "home"]
    told = exchange.groupby(keys)[list(EXCHANGED)].sum() * dt_h
    found = []
    for column, (reason, carrier) in EXCHANGED.items():
        rows = entries[(entries["reason"] == reason) & (entries["carrier"] == carrier)]
        by_payer = rows.rename(columns={"from": "home"}).groupby(keys)["kwh"].sum()
        by_payee = rows.rename(columns={"to": "home"}).groupby(keys)["kwh"].sum()
        if reason == "pool":
            traded = by_payee.sub(by_payer, fill_value=0.0)
        else:
            traded = by_payer if reason == "purchase" else by_payee
        both = pd.concat([told[column], traded.rename("traded")], axis=1).fillna(0.0)
        off = ~_same(both["traded"].to_numpy(float), both[column].to_numpy(float), ENERGY_KWH)
        if off.any():
            row = both[off].reset_index().iloc[0]
            found.append(
                f"exchange.csv {row['way']}, hour {row['hour']}, home {row['home']}: {column} is "
                f"{row[column]:g} kWh where accounts.csv has {row['traded']:g} kWh{_more(off)}"
            )
    return found


def _check_incomes(
    entries: pd.DataFrame, incomes: pd.DataFrame, homes: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return incomes that do not follow from the ledger."""
    due = income_table(entries, homes)
    named = [tuple(pair) for pair in incomes[["way", "home"]].to_numpy()]
    if sorted(named) != sorted(tuple(pair) for pair in due[["way", "home"]].to_numpy()):
        return ["income.csv: it does not have one row for each way and home, and the retailer"]
    both = incomes.merge(due, on=["way", "home"], suffixes=("", "_due"))
    found = []
    tolerance = _money_tolerance(entries)
    for column in (*INCOME_COLUMNS, "total"):
        off = ~_same(both[column].to_numpy(float), both[f"{column}_due"].to_numpy(float), tolerance)
        if off.any():
            row = both[off].iloc[0]
            found.append(
                f"income.csv {row['way']}, {row['home']}: {column} is {row[column]:g} where "
                f"accounts.csv gives {row[f'{column}_due']:g}{_more(off)}"
            )
    return found


def _check_sums(
    entries: pd.DataFrame, incomes: pd.DataFrame, homes: Mapping[str, Sequence[str]]
) -> list[str]:
    """Return ways in which the incomes of all parties do not sum to 0."""
    found = []
    for way in homes:
        rows = entries[entries["way"] == way]
        received = rows.loc[rows["to"].isin([GAS, OWN]), "amount"].sum()
        paid = rows.loc[rows["from"].isin([GAS, OWN]), "amount"].sum()
        total = float(incomes.loc[incomes["way"] == way, "total"].sum() + received - paid)
        if not abs(total) <= _money_tolerance(rows):
            found.append(f"income.csv {way}: all parties together have {total:g} instead of 0")
    return found


def _money_tolerance(entries: pd.DataFrame) -> float:
    """Return the tolerance of a sum of amounts."""
    return MONEY + ROUNDING * float(entries["amount"].abs().sum())


def _told(rows: pd.DataFrame, off: BoolArray, words: str) -> list[str]:
    """Return what is wrong with rows of the ledger, told of the first one."""
    if not off.any():
        return []
    row = rows[off].iloc[0]
    place = f"accounts.csv {row['way']}, hour {row['hour']}, {row['from']} to {row['to']}"
    numbers = f"{row['kwh']:g} kWh, {row['price_per_kwh']:g} per kWh, {row['amount']:g}"
    return [f"{place}, {row['reason']} of {row['carrier']} ({numbers}): {words}{_more(off)}"]


def _more(off: BoolArray) -> str:
    """Return how many further rows a finding is about."""
    count = int(np.sum(off)) - 1
    return f" (and {count} more rows)" if count else ""


def _same(value: FloatArray, other: FloatArray, tolerance: float) -> BoolArray:
    """Return where two arrays agree; what is no number agrees with nothing."""
    least = np.minimum(np.abs(value), np.abs(other))
    return np.asarray(np.abs(value - other) <= tolerance + ROUNDING * least)
