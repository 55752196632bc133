"""The ledger of a run: who paid whom, for what, in which hour.

Every payment is one row of a long table, ``accounts.csv``: ``from`` pays ``to`` the ``amount``,
which is negative where the price is. Powers come as arrays of shape (T, homes) in kW, prices as a
number or arrays of shape (T,) or (T, homes) in money per kWh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cmgplan.arrays import FloatArray, IntArray

Carrier = Literal["electricity", "heat", "fuel"]

CARRIERS: tuple[Carrier, ...] = get_args(Carrier)

Reason = Literal[
    "purchase", "sale", "gas", "pool", "shift", "unserved", "emission", "peak", "value"
]
"""What a payment is for.

``purchase`` and ``sale`` are trade of electricity with the retailer, ``gas`` is fuel, ``pool`` is
trade between homes, ``peak`` the retailer's charge for the greatest import. The others are no
payments: ``shift`` is what moving load costs, ``unserved`` the value of load that nothing served,
``emission`` the price put on emissions, ``value`` what optional jobs and energy left in stores are
worth, a negative amount.
"""

AMOUNT_ONLY = frozenset({"emission", "peak", "value"})
"""Reasons whose rows hold an amount and neither energy nor a price."""

REASONS: tuple[Reason, ...] = get_args(Reason)

OwnReason = Literal["shift", "unserved"]

RETAILER, GAS, OWN = "retailer", "gas", "own"

RESERVED = (RETAILER, GAS, OWN)
"""Parties that are no homes; no home may have one of these ids."""

COLUMNS = ("way", "from", "to", "hour", "carrier", "reason", "kwh", "price_per_kwh", "amount")

INCOME_COLUMNS = ("pool", "retailer", "gas", "emission", "other")

INCOME_OF: Mapping[str, str] = {
    "purchase": "retailer",
    "sale": "retailer",
    "gas": "gas",
    "pool": "pool",
    "shift": "other",
    "unserved": "other",
    "emission": "emission",
    "peak": "retailer",
    "value": "other",
}
"""Column of the table of incomes that a reason counts in."""

POOL_KW = 1e-6
"""Tolerance of the balance of the pool in an hour, kW for each home, and of powers below 0."""

NEGLIGIBLE = 1e-9
"""kWh and money under which a row is left out: what a solver's rounding leaves."""

Names = npt.NDArray[np.object_]


def no_entries() -> pd.DataFrame:
    """Return a ledger without rows."""
    numbers = np.empty(0)
    return _entries("", _names([]), _names([]), np.empty(0, int), "heat", "pool", numbers, numbers)


def ledger(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return one table of all parts in their order, its rows numbered from 0."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else no_entries()


def pool_trades(
    way: str,
    homes: Sequence[str],
    pool_kw: FloatArray,
    price_per_kwh: float | FloatArray,
    carrier: Carrier,
    dt_h: float,
) -> pd.DataFrame:
    """Return who bought how much from whom in the pool: every buyer pays every seller.

    Buyer j takes from seller i the share of what j buys that i has of all that is sold in the
    hour: ``kwh_ij = sold_i * bought_j / sum(sold)``.

    Parameters
    ----------
    way, homes
        What ran, and the homes that took part.
    pool_kw
        Net injection of every home, positive into the pool, shape (T, homes).
    price_per_kwh
        One price an hour, shape (T,), or one for each seller, shape (T, homes). It may be no
        number in hours without trade.

    Raises
    ------
    ValueError
        The injections of an hour do not sum to 0, or an hour with trade has no price.
    """
    off = pool_kw.sum(axis=1)
    unbalanced = np.flatnonzero(~(np.abs(off) <= POOL_KW * len(homes)))
    if unbalanced.size:
        first = unbalanced[0]
        raise ValueError(f"the pool of {carrier} is off by {off[first]:g} kW in hour {first}")
    sold, bought = np.clip(pool_kw, 0.0, None), np.clip(-pool_kw, 0.0, None)
    # Where rounding makes both sums differ, the greater one keeps anyone from trading too much.
    volume = np.maximum(sold.sum(axis=1), bought.sum(axis=1))
    shares = sold / np.where(volume > 0.0, volume, 1.0)[:, None]
    kwh = bought[:, :, None] * shares[:, None, :] * dt_h
    hour, buyer, seller = np.nonzero(kwh > NEGLIGIBLE)
    price = _by_home(price_per_kwh, pool_kw.shape)[hour, seller]
    names = _names(homes)
    return _entries(
        way, names[buyer], names[seller], hour, carrier, "pool", kwh[hour, buyer, seller], price
    )


def retailer_trades(
    way: str,
    homes: Sequence[str],
    import_kw: FloatArray,
    export_kw: FloatArray,
    buy_per_kwh: float | FloatArray,
    sell_per_kwh: float | FloatArray,
    dt_h: float,
) -> pd.DataFrame:
    """Return what homes pay the retailer for imports, and the retailer pays them for exports.

    Raises
    ------
    ValueError
        An import or export is negative, or has no price.
    """
    hour, home, bought, price = _flat(homes, import_kw, buy_per_kwh, dt_h, "import")
    retailer = _names([RETAILER] * len(home))
    purchases = _entries(way, home, retailer, hour, "electricity", "purchase", bought, price)
    hour, home, sold, price = _flat(homes, export_kw, sell_per_kwh, dt_h, "export")
    sales = _entries(way, retailer, home, hour, "electricity", "sale", sold, price)
    return ledger([purchases, sales])


def gas_purchases(
    way: str,
    homes: Sequence[str],
    fuel_kw: FloatArray,
    price_per_kwh: float | FloatArray,
    dt_h: float,
) -> pd.DataFrame:
    """Return what homes pay for the gas that they burn.

    Raises
    ------
    ValueError
        A fuel power is negative, or has no price.
    """
    hour, home, kwh, price = _flat(homes, fuel_kw, price_per_kwh, dt_h, "fuel")
    return _entries(way, home, _names([GAS] * len(home)), hour, "fuel", "gas", kwh, price)


def own_costs(
    way: str,
    homes: Sequence[str],
    power_kw: FloatArray,
    price_per_kwh: float | FloatArray,
    carrier: Carrier,
    reason: OwnReason,
    dt_h: float,
) -> pd.DataFrame:
    """Return what load that was moved or left unserved counts for, though nobody is paid.

    Raises
    ------
    ValueError
        A power is negative, or has no price.
    """
    hour, home, kwh, price = _flat(homes, power_kw, price_per_kwh, dt_h, reason)
    return _entries(way, home, _names([OWN] * len(home)), hour, carrier, reason, kwh, price)


def emission_costs(
    way: str, homes: Sequence[str], amount: FloatArray, carrier: Carrier
) -> pd.DataFrame:
    """Return what emissions count for: an amount of money alone, shape (T, homes).

    Emissions need not follow energy (a device emits while it idles), so that these rows hold
    neither kWh nor a price.
    """
    return _amounts(way, homes, OWN, amount, carrier, "emission")


def peak_charges(way: str, homes: Sequence[str], amount: FloatArray) -> pd.DataFrame:
    """Return what homes pay for their greatest imports: money alone, shape (T, homes)."""
    return _amounts(way, homes, RETAILER, amount, "electricity", "peak")


def own_values(
    way: str, homes: Sequence[str], amount: FloatArray, carrier: Carrier
) -> pd.DataFrame:
    """Return what homes have of jobs and stored energy: money alone, shape (T, homes)."""
    return _amounts(way, homes, OWN, -amount, carrier, "value")


def _amounts(
    way: str,
    homes: Sequence[str],
    payee: str,
    amount: FloatArray,
    carrier: Carrier,
    reason: Reason,
) -> pd.DataFrame:
    """Return payments that are no energy times a price, shape (T, homes)."""
    hour, home = np.indices(amount.shape).reshape(2, -1)
    none, paid = np.zeros(len(hour)), _names([payee] * len(hour))
    names = _names(homes)[home]
    return _entries(way, names, paid, hour, carrier, reason, none, none, amount.ravel())


def income_table(entries: pd.DataFrame, homes: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Return the income of every home and of the retailer, negative where it is a net cost.

    Parameters
    ----------
    entries
        The ledger.
    homes
        Homes that took part in every way, in the order of the rows. A way without payments has
        incomes of 0.

    Returns
    -------
    pandas.DataFrame
        Columns way, home, pool, retailer, gas, emission, other, total; after the homes of a way
        stands the retailer, whose own income is in the column ``retailer``.
    """
    flows = entries.assign(item=entries["reason"].map(INCOME_OF).fillna("other"))
    received = flows.groupby(["way", "to", "item"])["amount"].sum()
    paid = flows.groupby(["way", "from", "item"])["amount"].sum()
    parties = [(way, home) for way, listed in homes.items() for home in (*listed, RETAILER)]
    data: dict[str, list[str] | FloatArray] = {
        "way": [way for way, _ in parties],
        "home": [home for _, home in parties],
    }
    for item in INCOME_COLUMNS:
        keys = [(*party, item) for party in parties]
        net = [float(received.get(key, 0.0)) - float(paid.get(key, 0.0)) for key in keys]
        data[item] = np.asarray(net, dtype=np.float64)
    table = pd.DataFrame(data)
    return table.assign(total=table[list(INCOME_COLUMNS)].sum(axis=1))


def _names(names: Sequence[str]) -> Names:
    """Return names as an array that can be indexed."""
    return np.asarray(names, dtype=object)


def _by_home(price: float | FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Return prices of shape (T, homes) from a number, or from prices by hour (and home)."""
    prices = np.asarray(price, dtype=np.float64)
    return np.broadcast_to(prices[:, None] if prices.ndim == 1 else prices, shape)


def _flat(
    homes: Sequence[str], power_kw: FloatArray, price: float | FloatArray, dt_h: float, called: str
) -> tuple[IntArray, Names, FloatArray, FloatArray]:
    """Return hour, home, kWh and price of every hour and home, hours first."""
    bad = ~(power_kw >= -POOL_KW)
    if bad.any():
        t, k = np.argwhere(bad)[0]
        raise ValueError(f"{called} of home {homes[k]} in hour {t} is {power_kw[t, k]:g} kW")
    hour, home = np.indices(power_kw.shape).reshape(2, -1)
    kwh = np.clip(power_kw, 0.0, None).ravel() * dt_h
    return hour, _names(homes)[home], kwh, _by_home(price, power_kw.shape).ravel()


def _entries(
    way: str,
    payer: Names,
    payee: Names,
    hour: IntArray,
    carrier: Carrier,
    reason: Reason,
    kwh: FloatArray,
    price_per_kwh: FloatArray,
    amount: FloatArray | None = None,
) -> pd.DataFrame:
    """Return rows of the ledger without those that hold neither energy nor money."""
    traded = kwh > NEGLIGIBLE
    if not np.isfinite(price_per_kwh[traded]).all():
        first = int(hour[traded][~np.isfinite(price_per_kwh[traded])][0])
        raise ValueError(f"there is no price of {carrier} ({reason}) in hour {first}")
    money = np.where(traded, kwh * price_per_kwh, 0.0) if amount is None else amount
    kept = traded | (np.abs(money) > NEGLIGIBLE)
    columns = (payer[kept], payee[kept], hour[kept], carrier, reason)
    numbers = (kwh[kept], price_per_kwh[kept], money[kept])
    data = dict(zip(COLUMNS[1:], (*columns, *numbers), strict=True))
    table = pd.DataFrame({"way": way, **data}, index=range(int(kept.sum())))
    return table[list(COLUMNS)]
