"""Clearing of bids in merit order: by hand, and against a linear programme on random books."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linprog

from cmgplan.case.folder import CaseFolder
from cmgplan.errors import Fault
from cmgplan.homes.clearing.bids import Bid, Side, books, read_bids
from cmgplan.homes.clearing.merit_order import Clearing, Retailer, clear, clear_hours, mcp_table


def bid(side: Side, kw: float, price: float, home: str = "A", hour: int = 0) -> Bid:
    return Bid(
        home=home,
        hour=hour,
        carrier="electricity",
        side=side,
        quantity_kw=kw,
        price_per_kwh=price,
    )


def book(sell: Sequence[tuple[float, float]], buy: Sequence[tuple[float, float]]) -> list[Bid]:
    """Return a book from (kW, price) of offers and of bids."""
    offers = [bid("sell", *step, home=f"S{k}") for k, step in enumerate(sell)]
    return offers + [bid("buy", *step, home=f"B{k}") for k, step in enumerate(buy)]


BAND = Retailer(buy_per_kwh=0.20, sell_per_kwh=0.05)


@pytest.mark.parametrize(
    ("sell", "buy", "cleared", "price", "low", "high"),
    [
        # Both fully served: every price between clears, the middle is taken.
        ([(3, 0.05)], [(3, 0.30)], [3, 3], 0.175, 0.05, 0.30),
        # The second offer is used in part and sets the price.
        (
            [(3, 0.05), (2, 0.10), (99, 0.20)],
            [(4, 0.30), (2, 0.08), (5, 0.04)],
            [3, 1, 0, 4, 0, 0],
            0.10,
            0.10,
            0.10,
        ),
        # The second bid is served in part and sets the price.
        ([(5, 0.05)], [(4, 0.30), (2, 0.12)], [5, 4, 1], 0.12, 0.12, 0.12),
        # Curves overlap along a vertical line at 4 kW, between the next bid and the next offer.
        ([(4, 0.05), (9, 0.18)], [(4, 0.30), (9, 0.10)], [4, 0, 4, 0], 0.14, 0.10, 0.18),
        # One price for both: it is traded.
        ([(2, 0.1)], [(3, 0.1)], [2, 2], 0.1, 0.1, 0.1),
        # Offers of equal price share pro rata: 1 and 3 of 2 kW.
        ([(1, 0.1), (3, 0.1)], [(2, 0.3)], [0.5, 1.5, 2], 0.1, 0.1, 0.1),
        ([(3, 0.1)], [(4, 0.3), (2, 0.3)], [3, 2, 1], 0.3, 0.3, 0.3),
        # Nothing pays: no trade, and the prices between the best of both would keep it so.
        ([(2, 0.3)], [(2, 0.1)], [0, 0], 0.2, 0.1, 0.3),
        # Sellers may pay to be rid of their power.
        ([(2, -0.2)], [(1, -0.1)], [1, 1], -0.2, -0.2, -0.2),
        # What offers or bids nothing sets no price.
        ([(3, 0.05), (0, 0.10)], [(3, 0.30), (0, 0.20)], [3, 0, 3, 0], 0.175, 0.05, 0.30),
        # One side alone, or none, has no price.
        ([(2, 0.1)], [], [0], nan, nan, nan),
        ([], [(2, 0.1)], [0], nan, nan, nan),
        ([], [], [], nan, nan, nan),
    ],
)
def test_a_book_by_hand(
    sell: list[tuple[float, float]],
    buy: list[tuple[float, float]],
    cleared: list[float],
    price: float,
    low: float,
    high: float,
) -> None:
    found = clear(book(sell, buy))
    assert found.cleared_kw.tolist() == pytest.approx(cleared, abs=1e-12)
    prices = (found.price_per_kwh, found.low_per_kwh, found.high_per_kwh)
    assert prices == pytest.approx((price, low, high), abs=1e-12, nan_ok=True)
    assert found.unique == (low == high)
    assert (found.import_kw, found.export_kw) == (0.0, 0.0)


def test_the_split_takes_a_price_from_the_interval() -> None:
    deal = book([(3, 0.05)], [(3, 0.30)])
    prices = [clear(deal, split=split).price_per_kwh for split in (0.0, 0.5, 1.0)]
    assert prices == pytest.approx([0.05, 0.175, 0.30])
    # A price that is unique leaves nothing to split.
    partly = book([(3, 0.05), (9, 0.1)], [(4, 0.30)])
    assert {clear(partly, split=split).price_per_kwh for split in (0.0, 0.5, 1.0)} == {0.1}
    with pytest.raises(ValueError, match=r"outside 0..1"):
        clear(deal, split=1.5)


@pytest.mark.parametrize(
    ("sell", "buy", "retailer", "cleared", "imported", "exported", "low", "high"),
    [
        # Without homes the retailer's band remains.
        ([], [], BAND, [], 0, 0, 0.05, 0.20),
        # Surplus goes to the retailer and is worth what the retailer pays.
        ([(5, 0.02)], [(3, 0.30)], BAND, [5, 3], 0, 2, 0.05, 0.05),
        # A shortage is bought from the retailer at its price.
        ([(3, 0.02)], [(5, 0.30)], BAND, [3, 5], 2, 0, 0.20, 0.20),
        # Homes that match trade inside the band, whatever they ask.
        ([(3, 0.02)], [(3, 0.30)], BAND, [3, 3], 0, 0, 0.05, 0.20),
        # Neither a dear offer nor a poor bid is needed.
        ([(3, 0.25)], [(3, 0.04)], BAND, [0, 0], 0, 0, 0.05, 0.20),
        # At equal prices homes come before the retailer, on both sides.
        ([(3, 0.20)], [(5, 0.30)], BAND, [3, 5], 2, 0, 0.20, 0.20),
        ([(5, 0.02)], [(3, 0.05)], BAND, [5, 3], 0, 2, 0.05, 0.05),
        # A limit that binds leaves the band.
        ([(3, 0.02)], [(5, 0.30)], Retailer(0.2, 0.05, import_max_kw=1), [3, 4], 1, 0, 0.3, 0.3),
        ([(5, 0.02)], [(3, 0.30)], Retailer(0.2, 0.05, export_max_kw=1), [4, 3], 0, 1, 0.02, 0.02),
        ([(3, 0.02)], [(5, 0.30)], Retailer(0.2, 0.05, import_max_kw=2), [3, 5], 2, 0, 0.2, 0.3),
        ([(1, 0.02)], [(1, 0.30)], Retailer(0.2, 0.05, 0, 0), [1, 1], 0, 0, 0.02, 0.30),
        # At one price for both the retailer does not trade with itself.
        ([(3, 0.02)], [(5, 0.30)], Retailer(0.1, 0.1), [3, 5], 2, 0, 0.1, 0.1),
        ([(5, 0.02)], [(3, 0.30)], Retailer(0.1, 0.1), [5, 3], 0, 2, 0.1, 0.1),
        ([(3, 0.02)], [(3, 0.30)], Retailer(0.1, 0.1), [3, 3], 0, 0, 0.1, 0.1),
    ],
)
def test_the_retailer_is_a_band_of_prices(
    sell: list[tuple[float, float]],
    buy: list[tuple[float, float]],
    retailer: Retailer,
    cleared: list[float],
    imported: float,
    exported: float,
    low: float,
    high: float,
) -> None:
    found = clear(book(sell, buy), retailer)
    assert found.cleared_kw.tolist() == pytest.approx(cleared, abs=1e-12)
    assert (found.import_kw, found.export_kw) == pytest.approx((imported, exported), abs=1e-12)
    assert (found.low_per_kwh, found.high_per_kwh) == pytest.approx((low, high), abs=1e-12)
    assert found.low_per_kwh <= found.price_per_kwh <= found.high_per_kwh


def test_what_is_no_book_or_no_retailer_is_refused() -> None:
    with pytest.raises(ValueError, match="several hours or carriers"):
        clear([bid("sell", 1, 0.1), bid("buy", 1, 0.1, hour=1)])
    with pytest.raises(ValueError, match=r"exports are paid 0.2, over 0.1"):
        Retailer(buy_per_kwh=0.1, sell_per_kwh=0.2)
    with pytest.raises(ValueError, match="negative"):
        Retailer(0.2, 0.1, import_max_kw=-1.0)


def test_sums_that_round_differently_are_exhausted_together() -> None:
    assert 0.1 + 0.2 != 0.3
    found = clear(book([(0.1, 0.05), (0.2, 0.06)], [(0.3, 0.30)]))
    assert (found.low_per_kwh, found.high_per_kwh) == (0.06, 0.30)


def test_a_day_has_every_hour_and_a_table() -> None:
    day = [bid("sell", 2, 0.1), bid("buy", 3, 0.3, "B"), bid("sell", 1, 0.2, hour=2)]
    assert sorted(books(day)) == [(0, "electricity"), (2, "electricity")]
    cleared = clear_hours(day, "electricity", 3, [None, BAND, BAND])
    assert [c.cleared_kw.tolist() for c in cleared] == [[2.0, 2.0], [], [0.0]]
    assert cleared[0].net_kw(["B", "A", "C"]).tolist() == [-2.0, 2.0, 0.0]
    heat = clear_hours(day, "heat", 3)
    table = mcp_table("exact", {"electricity": cleared, "heat": heat})
    prices = ["price_per_kwh", "low_per_kwh", "high_per_kwh", "unique"]
    assert list(table.columns) == ["way", "hour", "carrier", *prices]
    assert table["hour"].tolist() == [0, 0, 1, 1, 2, 2]
    power = table[table["carrier"] == "electricity"]
    assert power["price_per_kwh"].tolist() == pytest.approx([0.3, 0.125, 0.125])
    assert power["unique"].tolist() == [True, False, False]
    assert table.loc[table["carrier"] == "heat", "price_per_kwh"].isna().all()
    with pytest.raises(ValueError, match="zip"):
        clear_hours(day, "electricity", 3, [None])


def random_book(rng: np.random.Generator) -> tuple[list[Bid], Retailer | None]:
    """Return a book of up to ten bids, half of them on a grid that has many ties."""
    grid = bool(rng.integers(2))
    bids = []
    for k in range(int(rng.integers(0, 11))):
        kw = float(rng.integers(0, 5)) if grid else float(rng.uniform(0.1, 5.0))
        price = 0.05 * float(rng.integers(-1, 7)) if grid else float(rng.uniform(-0.05, 0.4))
        side: Side = "sell" if rng.integers(2) else "buy"
        bids.append(bid(side, kw, price, home=f"H{k}"))
    if rng.integers(3) == 0:
        return bids, None
    sell = 0.05 * float(rng.integers(0, 4)) if grid else float(rng.uniform(0.0, 0.2))
    spread = 0.05 * float(rng.integers(0, 3)) if grid else float(rng.uniform(0.0, 0.2))
    limits = [float(rng.integers(0, 6)) if rng.integers(2) else inf for _ in range(2)]
    return bids, Retailer(sell + spread, sell, *limits)


def best_welfare(bids: Sequence[Bid], retailer: Retailer | None, gift_kw: float = 0.0) -> float:
    """Return the most that a book is worth by a linear programme, with a gift of power.

    Not finite where no trade balances the gift.
    """
    signs = [1.0 if each.side == "sell" else -1.0 for each in bids]
    cost = [sign * each.price_per_kwh for sign, each in zip(signs, bids, strict=True)]
    limits: list[tuple[float, float]] = [(0.0, each.quantity_kw) for each in bids]
    if retailer is not None:
        signs += [1.0, -1.0]
        cost += [retailer.buy_per_kwh, -retailer.sell_per_kwh]
        limits += [(0.0, retailer.import_max_kw), (0.0, retailer.export_max_kw)]
    if not signs:
        return 0.0 if gift_kw == 0.0 else -inf
    solved = linprog(cost, A_eq=[signs], b_eq=[-gift_kw], bounds=limits, method="highs")
    return -float(solved.fun) if solved.status == 0 else -inf


def welfare(found: Clearing, retailer: Retailer | None) -> float:
    value = sum(
        (kw if each.side == "buy" else -kw) * each.price_per_kwh
        for each, kw in zip(found.book, found.cleared_kw, strict=True)
    )
    if retailer is not None:
        value += retailer.sell_per_kwh * found.export_kw
        value -= retailer.buy_per_kwh * found.import_kw
    return float(value)


@pytest.mark.parametrize("seed", range(200))
def test_a_random_book_is_worth_what_a_linear_programme_finds(seed: int) -> None:
    bids, retailer = random_book(np.random.default_rng(seed))
    found = clear(bids, retailer)
    sign = np.array([1.0 if each.side == "sell" else -1.0 for each in bids])
    kw = np.array([each.quantity_kw for each in bids])
    assert ((found.cleared_kw >= 0.0) & (found.cleared_kw <= kw)).all()
    bought = float(sign @ found.cleared_kw) + found.import_kw - found.export_kw
    assert bought == pytest.approx(0.0, abs=1e-9)
    assert min(found.import_kw, found.export_kw) == 0.0
    best = best_welfare(bids, retailer)
    assert welfare(found, retailer) == pytest.approx(best, abs=1e-9)
    # One more kW lowers the value of the last by the low end, one less by the high end.
    step = 1e-3
    more, less = (best_welfare(bids, retailer, gift) for gift in (step, -step))
    low, high = (more - best) / step, (best - less) / step
    if isfinite(low) and isfinite(high):
        ends = (found.low_per_kwh, found.high_per_kwh)
        assert ends == pytest.approx((low, high), abs=1e-7)
        assert found.price_per_kwh == pytest.approx(0.5 * (low + high), abs=1e-7)
    else:
        assert isnan(found.price_per_kwh)
        assert not found.cleared_kw.any()
    for each, cleared in zip(bids, found.cleared_kw, strict=True):
        if cleared > 1e-9:
            gain = found.price_per_kwh - each.price_per_kwh
            assert (gain if each.side == "sell" else -gain) >= -1e-12


@pytest.mark.parametrize("seed", range(40))
def test_order_does_not_matter_and_equal_prices_share_alike(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bids, retailer = random_book(rng)
    order = rng.permutation(len(bids))
    found, other = clear(bids, retailer), clear([bids[k] for k in order], retailer)
    np.testing.assert_allclose(other.cleared_kw, found.cleared_kw[order], atol=1e-12)
    assert other.price_per_kwh == pytest.approx(found.price_per_kwh, abs=1e-12, nan_ok=True)
    shares: dict[tuple[str, float], float] = {}
    for each, kw in zip(bids, found.cleared_kw, strict=True):
        if each.quantity_kw > 0.0:
            share = float(kw) / each.quantity_kw
            first = shares.setdefault((each.side, each.price_per_kwh), share)
            assert share == pytest.approx(first, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_more_supply_never_raises_the_price_and_more_demand_never_lowers_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bids, _ = random_book(rng)
    found = clear(bids, BAND)
    kw, price = float(rng.uniform(0.1, 4.0)), float(rng.uniform(0.0, 0.3))
    supplied = clear([*bids, bid("sell", kw, price)], BAND)
    assert supplied.low_per_kwh <= found.low_per_kwh + 1e-12
    assert supplied.high_per_kwh <= found.high_per_kwh + 1e-12
    asked = clear([*bids, bid("buy", kw, price)], BAND)
    assert asked.low_per_kwh >= found.low_per_kwh - 1e-12
    assert asked.high_per_kwh >= found.high_per_kwh - 1e-12


TABLE = """\
home,hour,carrier,side,quantity_kw,price_per_kwh
A,0,electricity,sell,3,0.05
B,0,electricity,buy,2,0.3
007,1,heat,buy,1.5,-0.02
"""


def read(folder: Path, text: str) -> tuple[list[Bid], list[str]]:
    (folder / "bids.csv").write_text(text, encoding="utf-8")
    faults: list[Fault] = []
    bids = read_bids(CaseFolder(folder), ["A", "B", "007"], 2, faults)
    return bids, [str(fault) for fault in faults]


def test_a_table_of_bids_is_read(tmp_path: Path) -> None:
    bids, faults = read(tmp_path, TABLE)
    assert faults == []
    assert [(b.home, b.hour, b.side, b.quantity_kw, b.price_per_kwh) for b in bids] == [
        ("A", 0, "sell", 3.0, 0.05),
        ("B", 0, "buy", 2.0, 0.3),
        ("007", 1, "buy", 1.5, -0.02),
    ]
    assert clear(bids[:2]).cleared_kw.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("A,0", "C,0", "row 2: home C is not in the case; name one of A, B, 007"),
        ("A,0", ",0", "row 2: home is empty; fill in the cell"),
        ("A,0", "A,2", "row 2: hour 2 is not in the case, which has 2; give an hour from 0 to 1"),
        ("A,0", "A,-1", "row 2: hour -1 is negative; give 0 or more"),
        ("A,0", "A,0.5", "row 2: hour 0.5 is not a whole number"),
        ("0,electricity,sell", "0,power,sell", 'row 2: carrier "power" is not known; give \'elec'),
        ("sell", "offer", "row 2: side \"offer\" is not known; give 'sell' or 'buy'"),
        ("sell,3", "sell,-3", "row 2: quantity_kw -3 is negative; give 0 or more in kW"),
        ("sell,3", "sell,3e12", "row 2: quantity_kw 3e+12 is outside 0..1e+09 kW; give powers in"),
        ("3,0.05", "3,nan", "row 2: price_per_kwh nan is not a finite number; give a number in m"),
        ("3,0.05", "3,5e5", "price_per_kwh 500000 is outside -10000..10000 money per kWh; give pr"),
        ("3,0.05", "3", "row 2: it has 5 cells where the header has 6"),
        ("quantity_kw", "quantity_mw", "use quantity_kw and multiply by 1000"),
        ("side", "direction", "row 1: the column side is missing; add side"),
    ],
)
def test_a_fault_in_a_table_of_bids(tmp_path: Path, old: str, new: str, message: str) -> None:
    faults = read(tmp_path, TABLE.replace(old, new, 1))[1]
    assert all(fault.startswith("bids.csv row ") for fault in faults)
    assert any(message in fault for fault in faults), faults


def test_every_fault_of_the_bids_is_told_at_once(tmp_path: Path) -> None:
    text = TABLE.replace("A,0", "C,7").replace("buy,2", "buys,2").replace("1.5", "x")
    bids, faults = read(tmp_path, text)
    assert bids == []
    assert [fault.split(":")[0] for fault in faults] == [
        "bids.csv row 3",
        "bids.csv row 4",
        "bids.csv row 2",
        "bids.csv row 2",
    ]
