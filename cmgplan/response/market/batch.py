"""Clearing prices of many books at once.

What ``cmgplan.homes.clearing.merit_order.clear`` finds for one book, for thousands: the prices
alone, without what each bid gets. A test holds them against each other.
"""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import BoolArray, FloatArray

SAME_KW = 1e-5
"""Power that counts as none, kW: more than rounding of a day's powers can add up to."""


def clearing_intervals(
    kw: FloatArray, price: FloatArray, sells: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return the least and the greatest price that clears each book, shape (books,).

    No numbers where an interval has no two ends: nobody sells, or nobody buys.

    Parameters
    ----------
    kw, price
        Quantities in kW and prices per kWh, shape (books, lines).
    sells
        Which lines are offers, shape (lines,); the others are bids.
    """
    books, ends = kw.shape[0], (np.inf, -np.inf)
    offers, asked = kw[:, sells], price[:, sells]
    bids, paid = kw[:, ~sells], price[:, ~sells]
    if not sells.any() or sells.all():
        return np.full(books, np.nan), np.full(books, np.nan)
    up_to, before = _cumulated(offers, asked)
    down_to, above = _cumulated(bids, -paid)
    wanted = _at(bids, paid, asked)
    volume = np.max(np.minimum(up_to, wanted), axis=1, initial=0.0)[:, None]
    there, wants = offers > SAME_KW, bids > SAME_KW
    sold, spare = there & (before < volume - SAME_KW), there & (up_to > volume + SAME_KW)
    served, short = wants & (above < volume - SAME_KW), wants & (down_to > volume + SAME_KW)
    low = np.maximum(
        np.max(np.where(sold, asked, ends[1]), axis=1),
        np.max(np.where(short, paid, ends[1]), axis=1),
    )
    high = np.minimum(
        np.min(np.where(spare, asked, ends[0]), axis=1),
        np.min(np.where(served, paid, ends[0]), axis=1),
    )
    found = np.isfinite(low) & np.isfinite(high)
    low, high = np.where(found, low, np.nan), np.where(found, high, np.nan)
    return low, np.maximum(low, high)


def _cumulated(kw: FloatArray, rank: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the power of all lines that rank as well as each line or better, and better."""
    as_well = rank[:, None, :] <= rank[:, :, None]
    better = rank[:, None, :] < rank[:, :, None]
    up_to = np.einsum("bij,bj->bi", as_well, kw)
    return np.asarray(up_to), np.asarray(np.einsum("bij,bj->bi", better, kw))


def _at(kw: FloatArray, paid: FloatArray, asked: FloatArray) -> FloatArray:
    """Return the power that is wanted at the price of each offer, shape (books, offers)."""
    wants = paid[:, None, :] >= asked[:, :, None]
    return np.asarray(np.einsum("bij,bj->bi", wants, kw))
