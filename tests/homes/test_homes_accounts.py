"""The ledger of homes: who paid whom, by hand for two to four homes, and what must always hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from cmgplan.homes.accounts.check import PARTIES, check_balance, check_prices
from cmgplan.homes.accounts.ledger import (
    COLUMNS,
    INCOME_OF,
    REASONS,
    emission_costs,
    gas_purchases,
    income_table,
    ledger,
    no_entries,
    own_costs,
    pool_trades,
    retailer_trades,
)


def payments(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the amounts by payer and payee, one row each."""
    assert not table.duplicated(["from", "to"]).any()
    return {(row["from"], row["to"]): row["amount"] for _, row in table.iterrows()}


def pool(kw: Sequence[float], price: float, dt_h: float = 1.0) -> pd.DataFrame:
    homes = list("ABCDEF")[: len(kw)]
    return pool_trades("w", homes, np.array([kw]), np.array([price]), "electricity", dt_h)


def test_one_seller_and_one_buyer() -> None:
    table = pool([4.0, -4.0], 0.1, dt_h=0.5)
    assert list(table.columns) == list(COLUMNS)
    (row,) = table.to_dict("records")
    assert (row["way"], row["from"], row["to"], row["hour"]) == ("w", "B", "A", 0)
    assert (row["carrier"], row["reason"]) == ("electricity", "pool")
    assert row["kwh"] == 2.0
    assert row["amount"] == pytest.approx(0.2, abs=1e-15)


def test_two_sellers_and_two_buyers_share_pro_rata() -> None:
    # Of 8 kW sold A has 6 and B has 2, so that each buyer has three quarters from A.
    table = pool([6.0, 2.0, -5.0, -3.0], 0.2)
    assert payments(table) == pytest.approx(
        {("C", "A"): 0.75, ("C", "B"): 0.25, ("D", "A"): 0.45, ("D", "B"): 0.15}
    )


def test_one_seller_feeds_two_homes_and_a_third_stands_by() -> None:
    table = pool([-1.0, 3.0, 0.0, -2.0], 0.3)
    assert payments(table) == pytest.approx({("A", "B"): 0.3, ("D", "B"): 0.6})


def test_at_a_negative_price_the_seller_pays() -> None:
    table = pool([4.0, -4.0], -0.05)
    assert payments(table) == {("B", "A"): pytest.approx(-0.2)}
    incomes = income_table(table, {"w": ["A", "B"]}).set_index("home")["total"]
    assert incomes.to_dict() == pytest.approx({"A": -0.2, "B": 0.2, "retailer": 0.0})


def test_an_hour_without_trade_has_no_row_and_needs_no_price() -> None:
    kw = np.array([[0.0, 0.0], [1e-10, -1e-10], [2.0, -2.0]])
    price = np.array([np.nan, np.nan, 0.1])
    table = pool_trades("w", ["A", "B"], kw, price, "heat", 1.0)
    assert table["hour"].tolist() == [2]
    assert len(pool_trades("w", ["A", "B"], kw[:2], price[:2], "heat", 1.0)) == 0
    with pytest.raises(ValueError, match=r"no price of heat \(pool\) in hour 2"):
        pool_trades("w", ["A", "B"], kw, np.array([0.1, 0.1, np.nan]), "heat", 1.0)


def test_rounding_of_a_balance_is_shared_and_a_gap_is_refused() -> None:
    table = pool([1.0, -1.0 - 5e-7], 1.0)
    assert table["kwh"].tolist() == pytest.approx([1.0], abs=6e-7)
    assert len(pool([1e-7, 0.0], 1.0)) == 0
    with pytest.raises(ValueError, match=r"electricity is off by 0.1 kW in hour 0"):
        pool([1.0, -0.9], 1.0)
    with pytest.raises(ValueError, match="off by nan kW"):
        pool([1.0, np.nan], 1.0)


def test_the_retailer_is_paid_for_imports_and_pays_for_exports() -> None:
    table = retailer_trades(
        "w",
        ["A", "B"],
        np.array([[3.0, 0.0], [0.0, -1e-9]]),
        np.array([[0.0, 2.0], [0.0, 1.0]]),
        np.array([0.3, 0.4]),
        np.array([[0.1, 0.05], [0.1, -0.02]]),
        0.5,
    )
    rows = table[["from", "to", "hour", "reason", "kwh", "amount"]].to_numpy().tolist()
    assert rows == [
        ["A", "retailer", 0, "purchase", 1.5, pytest.approx(0.45)],
        ["retailer", "B", 0, "sale", 1.0, pytest.approx(0.05)],
        ["retailer", "B", 1, "sale", 0.5, pytest.approx(-0.01)],
    ]
    with pytest.raises(ValueError, match="import of home A in hour 0 is -3 kW"):
        retailer_trades("w", ["A"], np.array([[-3.0]]), np.zeros((1, 1)), 0.3, 0.1, 1.0)


HOMES = {"optimum": ["A", "B"], "idle": ["A"]}


def day() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return ledger and exchange of two homes over two hours, in money and kWh by hand."""
    way, homes, zero = "optimum", ["A", "B"], np.zeros((2, 2))
    bought, sold = np.array([[10.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 0.0], [2.0, 0.0]])
    power, heat = np.array([[-4.0, 4.0], [1.0, -1.0]]), np.array([[5.0, -5.0], [0.0, 0.0]])
    buy, sell = np.array([0.2, 0.3]), np.array([0.05, 0.1])
    parts = [
        retailer_trades(way, homes, bought, sold, buy, sell, 1.0),
        pool_trades(way, homes, power, np.array([0.1, 0.2]), "electricity", 1.0),
        pool_trades(way, homes, heat, np.array([0.04, np.nan]), "heat", 1.0),
        gas_purchases(way, homes, np.array([[8.0, 0.0], [0.0, 20.0]]), 0.05, 1.0),
        own_costs(way, homes, np.array([[2.0, 0.0], [0.0, 0.0]]), 0.01, "electricity", "shift", 1),
        own_costs(way, homes, np.array([[0.0, 0.0], [0.0, 0.5]]), 1.0, "heat", "unserved", 1.0),
        emission_costs(way, homes, np.array([[0.07, 0.0], [0.0, -0.02]]), "fuel"),
        own_costs("idle", ["A"], zero[:, :1], 1.0, "heat", "unserved", 1.0),
    ]
    exchange = pd.DataFrame(
        {
            "way": way,
            "hour": np.repeat([0, 1], 2),
            "home": homes * 2,
            "import_kw": bought.ravel(),
            "export_kw": sold.ravel(),
            "pool_kw": power.ravel(),
            "pool_heat_kw": heat.ravel(),
        }
    )
    return ledger(parts), exchange


def test_incomes_of_a_day_by_hand() -> None:
    entries, _ = day()
    assert len(entries) == 12  # 2 purchases, 1 sale, 3 pool, 2 gas, 1 shift, 1 unserved, 2 emission
    incomes = income_table(entries, HOMES).set_index(["way", "home"])
    expected = {
        # pool: -4 * 0.1 + 1 * 0.2 + 5 * 0.04; retailer: -10 * 0.2 + 2 * 0.1
        ("optimum", "A"): [0.0, -1.8, -0.4, -0.07, -0.02, -2.29],
        ("optimum", "B"): [0.0, -0.3, -1.0, 0.02, -0.5, -1.78],
        ("optimum", "retailer"): [0.0, 2.1, 0.0, 0.0, 0.0, 2.1],
        ("idle", "A"): [0.0] * 6,
        ("idle", "retailer"): [0.0] * 6,
    }
    assert list(incomes.columns) == ["pool", "retailer", "gas", "emission", "other", "total"]
    assert list(incomes.index) == list(expected)
    for party, row in expected.items():
        assert incomes.loc[party].tolist() == pytest.approx(row, abs=1e-12), party


def test_a_day_that_balances_has_no_findings() -> None:
    entries, exchange = day()
    assert check_balance(entries, income_table(entries, HOMES), exchange, HOMES, 1.0) == []
    price = {
        ("purchase", "electricity"): np.array([0.2, 0.3]),
        ("pool", "heat"): np.array([0.04, np.nan]),
    }
    assert check_prices(entries, "optimum", price) == []


def test_powers_of_half_hours_are_halved() -> None:
    entries, exchange = day()
    incomes = income_table(entries, HOMES)
    powers = ["import_kw", "export_kw", "pool_kw", "pool_heat_kw"]
    doubled = exchange.assign(**{column: 2.0 * exchange[column] for column in powers})
    assert check_balance(entries, incomes, doubled, HOMES, 0.5) == []
    found = check_balance(entries, incomes, exchange, HOMES, 0.5)
    assert [finding.place.split(": ")[1].split()[0] for finding in found] == powers


@pytest.mark.parametrize(
    ("reason", "column", "value", "message"),
    [
        (
            "gas",
            "amount",
            99.0,
            "A to gas, gas of fuel: amount, hour 0: 98.6 (told 99, computed 0.4)",
        ),
        (
            "gas",
            "amount",
            np.nan,
            "gas of fuel: numbers, hour 0: told 8 kWh at 0.05, nan, computed finite numbers",
        ),
        ("sale", "from", "B", "computed those of its reason"),
        ("pool", "to", "A", "computed those of its reason"),
        ("pool", "to", "nobody", "computed those of its reason"),
        ("gas", "carrier", "heat", "computed those of its reason"),
        ("shift", "reason", "gift", "computed those of its reason"),
        ("emission", "kwh", 3.0, "emission of fuel: kwh, hour 0: 3 kWh (told 3, computed 0)"),
        ("purchase", "kwh", 9.0, "A: import_kw in kWh, hour 0: 1 kWh (told 10, computed 9)"),
        ("sale", "kwh", 1.0, "A: export_kw in kWh, hour 1: 1 kWh (told 2, computed 1)"),
        ("pool", "kwh", -4.0, "pool of electricity: kwh, hour 0: 8 kWh (told -4, computed 4)"),
        ("pool", "kwh", 3.0, "A: pool_kw in kWh (and 1 more row), hour 0: 1 kWh (told -4, comp"),
        (
            "pool",
            "hour",
            1,
            "pool_kw in kWh (and 3 more rows), hour 0: 4 kWh (told -4, computed 0)",
        ),
    ],
)
def test_an_altered_row_is_found(reason: str, column: str, value: object, message: str) -> None:
    entries, exchange = day()
    incomes = income_table(entries, HOMES)
    row = entries.index[entries["reason"] == reason][0]
    assert entries.loc[row, column] != value
    entries.loc[row, column] = value
    found = check_balance(entries, incomes, exchange, HOMES, 1.0)
    assert any(message in str(finding) for finding in found), found


def test_altered_incomes_and_prices_are_found() -> None:
    entries, exchange = day()
    incomes = income_table(entries, HOMES)
    for column in ("pool", "retailer", "gas", "emission", "other", "total"):
        altered = incomes.copy()
        altered.loc[1, column] += 0.01
        found = check_balance(entries, altered, exchange, HOMES, 1.0)
        assert any(f.place == f"income.csv optimum, B: {column}" for f in found)
        sums = [f for f in found if f.place == "income.csv optimum: sum of all parties"]
        assert len(sums) == (column == "total")
    (short,) = check_balance(entries, incomes[:-1], exchange, HOMES, 1.0)
    assert str(short).startswith("income.csv: way and home: told 4 rows, computed one for each")
    (told,) = check_prices(entries, "optimum", {("gas", "fuel"): np.array([0.05, 0.06])})
    assert told.place == "accounts.csv optimum, B to gas, gas of fuel: price_per_kwh"
    assert (told.hour, told.told, told.due) == (1, 0.05, 0.06)
    (beyond,) = check_prices(entries, "optimum", {("gas", "fuel"): np.array([0.05])})
    assert beyond.hour == 1 and np.isnan(beyond.amount)


def test_trade_that_the_exchange_does_not_list_is_found() -> None:
    entries, exchange = day()
    found = check_balance(
        entries, income_table(entries, HOMES), exchange[exchange["home"] != "B"], HOMES, 1.0
    )
    assert any("B: pool_kw in kWh (and 1 more row), hour 0: 4 kWh" in str(f) for f in found)


def test_a_ledger_without_rows_balances() -> None:
    _, exchange = day()
    empty, none = no_entries(), exchange[:0]
    assert list(ledger([empty]).columns) == list(COLUMNS)
    assert check_balance(empty, income_table(empty, HOMES), none, HOMES, 1.0) == []
    assert set(INCOME_OF) == set(PARTIES) == set(REASONS)


@pytest.mark.parametrize("seed", range(20))
def test_random_exchanges_conserve_energy_and_money(seed: int) -> None:
    rng = np.random.default_rng(seed)
    homes = [f"H{k}" for k in range(int(rng.integers(2, 7)))]
    kw = rng.normal(size=(24, len(homes))) * rng.integers(0, 2, size=(24, len(homes)))
    kw[:, 0] -= kw.sum(axis=1)
    price = rng.normal(0.1, 0.1, 24)
    table = pool_trades("w", homes, kw, price, "heat", 0.5)
    for k, home in enumerate(homes):
        sign = (table["to"] == home).astype(float) - (table["from"] == home).astype(float)
        for column, due in (("kwh", kw[:, k] * 0.5), ("amount", kw[:, k] * 0.5 * price)):
            net = (table[column] * sign).groupby(table["hour"]).sum().reindex(range(24))
            np.testing.assert_allclose(net.fillna(0.0), due, atol=1e-8)
    totals = income_table(table, {"w": homes})["total"]
    assert totals.sum() == pytest.approx(0.0, abs=1e-9)
    # Nobody both buys and sells in an hour, and no row is empty.
    assert not (table["from"] == table["to"]).any()
    assert (table["kwh"] > 0.0).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_homes_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    homes, kw = list("ABCDE"), rng.normal(size=(6, 5))
    kw -= kw.mean(axis=1, keepdims=True)
    price, order = rng.uniform(0.0, 0.3, 6), rng.permutation(5)
    key = ["hour", "from", "to"]
    first = pool_trades("w", homes, kw, price, "electricity", 1.0)
    other = pool_trades("w", [homes[k] for k in order], kw[:, order], price, "electricity", 1.0)
    first, other = (table.sort_values(key, ignore_index=True) for table in (first, other))
    pd.testing.assert_frame_equal(first, other, rtol=1e-12)
