"""Generation costs in MATPOWER's tabular form, as polynomials and convex segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import InputError
from cmgplan.network.grid import PiecewiseCost
from cmgplan.plurals import counted

MODEL, NCOST, COST = 0, 3, 4
PIECEWISE, POLYNOMIAL = 1, 2
SLOPE_TOLERANCE = 1e-9
FOUR_DIGITS = 1000.0
MAX_DECIMALS = 10
DOUBLE_NOISE = 1e-13
"""Relative error of sums of products of printed numbers."""


@dataclass(frozen=True)
class CostTable:
    """Costs of g generators in $/h over output in pu: ``c2, c1, c0`` of shape (g, 3)."""

    p: FloatArray
    q: FloatArray
    piecewise: tuple[PiecewiseCost, ...] = ()


def uniform_price(count: int, price_usd_per_mwh: float, base_mva: float) -> CostTable:
    """Return one price for the active output of all generators."""
    p = np.zeros((count, 3))
    p[:, 1] = price_usd_per_mwh * base_mva
    return CostTable(p, np.zeros((count, 3)))


def costs_of_rows(
    source: str,
    tables: Sequence[FloatArray],
    base_mva: float,
    names: Sequence[str],
    *,
    points_given: bool = False,
) -> CostTable:
    """Return the costs of ``gencost`` rows: of the active output, then of the reactive one.

    Parameters
    ----------
    names
        The generators' for messages.
    points_given
        Whether the source gives the costs at the break points of segments; else it gives the
        slopes, of which the costs were made.

    Raises
    ------
    InputError
        A row is neither a polynomial of at most the second order nor convex segments.
    """
    count = len(tables[0])
    polynomials = [np.zeros((count, 3)), np.zeros((count, 3))]
    pieces: list[PiecewiseCost] = []
    for which, table in enumerate(tables):
        for gen, row in enumerate(table):
            place = f"{source}: cost of generator {names[gen]}"
            values = _values(place, row)
            with np.errstate(all="ignore"):
                if row[MODEL] == POLYNOMIAL:
                    polynomials[which][gen] = _polynomial(place, values, base_mva)
                else:
                    pieces.append(
                        _segments(place, gen, bool(which), values, base_mva, points_given)
                    )
            if not np.isfinite(polynomials[which][gen]).all():
                raise InputError(f"{place}: a coefficient is too large; correct it")
    return CostTable(polynomials[0], polynomials[1], tuple(pieces))


def _values(place: str, row: FloatArray) -> FloatArray:
    if len(row) <= NCOST:
        raise InputError(f"{place}: only {counted(len(row), 'column')}; give at least {COST + 1}")
    if row[MODEL] not in (PIECEWISE, POLYNOMIAL):
        raise InputError(f"{place}: model {row[MODEL]:g} is neither 1 nor 2; correct it")
    if not (row[NCOST] == np.floor(row[NCOST]) and 0 <= row[NCOST] <= len(row)):
        raise InputError(f"{place}: {row[NCOST]:g} numbers are announced; correct it")
    count = int(row[NCOST]) * (2 if row[MODEL] == PIECEWISE else 1)
    values = row[COST : COST + count]
    if len(values) < count or not np.isfinite(values).all():
        announced = counted(count, "number is", "numbers are")
        raise InputError(f"{place}: {announced} announced and not all given; add them")
    return values


def _polynomial(place: str, values: FloatArray, base_mva: float) -> FloatArray:
    significant = np.trim_zeros(values, "f")
    if len(significant) > 3:
        raise InputError(
            f"{place}: a polynomial of order {len(significant) - 1}; give one of order 2 at most "
            "or segments"
        )
    c = np.zeros(3)
    c[3 - len(significant) :] = significant
    if c[0] < 0:
        raise InputError(f"{place}: the quadratic term is negative; give a convex cost")
    return np.asarray(c * np.array([base_mva**2, base_mva, 1.0]), dtype=np.float64)


def _segments(
    place: str,
    gen: int,
    reactive: bool,
    values: FloatArray,
    base_mva: float,
    points_given: bool,
) -> PiecewiseCost:
    """Return convex segments; where rounding alone makes them otherwise, points are passed over."""
    x, y = values[0::2], values[1::2]
    if len(x) < 2 or not np.all(np.diff(x) > 0):
        raise InputError(f"{place}: the break points do not rise; give them in rising order")
    kept = _lower_hull(x, y)
    over = y - np.interp(x, x[kept], y[kept])
    if np.any(over > _rounding_usd_per_h(x, y, points_given)):
        raise InputError(f"{place}: the segments are not convex; give rising marginal costs")
    x_pu, y = x[kept] / base_mva, y[kept]
    slope = np.diff(y) / np.diff(x_pu)
    if not np.isfinite(slope * x_pu[:-1]).all():
        raise InputError(f"{place}: a break point is too large; correct it")
    return PiecewiseCost(gen, reactive, slope, y[:-1] - slope * x_pu[:-1])


def _lower_hull(x: FloatArray, y: FloatArray) -> list[int]:
    """Return the points of the greatest convex curve below; those on a straight line stay."""
    kept: list[int] = []
    for k in range(len(x)):
        while len(kept) > 1:
            i, j = kept[-2:]
            if (y[j] - y[i]) * (x[k] - x[j]) <= (y[k] - y[j]) * (x[j] - x[i]):
                break
            kept.pop()
        kept.append(k)
    return kept


def _rounding_usd_per_h(x: FloatArray, y: FloatArray, points_given: bool) -> FloatArray:
    """Return how far a point of a convex cost can lie above the curve below by rounding alone.

    With costs printed to within h, outputs to within h' and slopes of up to s, each point is off
    by at most h + s h', and one of a convex curve lies at most twice that above the straight line
    between two others. Where a file gives slopes to within h", the points follow from them and
    lie at most h" times the range of the outputs above it. Whole outputs are exact.
    """
    slope = np.diff(y) / np.diff(x)
    steepest = float(np.abs(slope).max())
    half_x = 0.0 if np.all(x == np.round(x)) else _half_unit(x, float(np.ptp(x)))
    if not points_given:
        printed = _half_unit(slope, steepest) * float(np.ptp(x)) + 2.0 * steepest * half_x
    else:
        printed = 2.0 * (_half_unit(y, float(np.ptp(y))) + steepest * half_x)
    return np.asarray(printed + SLOPE_TOLERANCE * (np.abs(y) + steepest * np.abs(x)))


def _half_unit(values: FloatArray, span: float) -> float:
    """Return half a unit of the last decimal to which numbers are printed.

    It is zero, so that they are exact, where they end nowhere or ``span`` has fewer than four
    digits in that unit.
    """
    noise = DOUBLE_NOISE * float(np.abs(values).max())
    for decimals in range(MAX_DECIMALS + 1):
        if np.all(np.abs(values - np.round(values, decimals)) <= noise):
            unit = 10.0**-decimals
            return unit / 2.0 if span >= FOUR_DIGITS * unit else 0.0
    return 0.0
