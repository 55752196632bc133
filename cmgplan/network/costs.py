"""Generation costs in MATPOWER's tabular form, as polynomials and convex segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.grid import FloatArray, PiecewiseCost

MODEL, NCOST, COST = 0, 3, 4
PIECEWISE, POLYNOMIAL = 1, 2
SLOPE_TOLERANCE = 1e-9


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
    source: str, tables: Sequence[FloatArray], base_mva: float, names: Sequence[str]
) -> CostTable:
    """Return the costs of ``gencost`` rows: of the active output, then of the reactive one.

    ``names`` are the generators' for messages.

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
            if int(row[MODEL]) == POLYNOMIAL:
                polynomials[which][gen] = _polynomial(place, values, base_mva)
            elif int(row[MODEL]) == PIECEWISE:
                pieces.append(_segments(place, gen, bool(which), values, base_mva))
            else:
                raise InputError(f"{place}: model {row[MODEL]:g} is neither 1 nor 2; correct it")
    return CostTable(polynomials[0], polynomials[1], tuple(pieces))


def _values(place: str, row: FloatArray) -> FloatArray:
    count = int(row[NCOST]) * (2 if int(row[MODEL]) == PIECEWISE else 1)
    values = row[COST : COST + count]
    if len(values) < count or not np.isfinite(values).all():
        raise InputError(f"{place}: {count} numbers are announced and not all given; add them")
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
    place: str, gen: int, reactive: bool, values: FloatArray, base_mva: float
) -> PiecewiseCost:
    x, y = values[0::2] / base_mva, values[1::2]
    if len(x) < 2 or not np.all(np.diff(x) > 0):
        raise InputError(f"{place}: the break points do not rise; give them in rising order")
    slope = np.diff(y) / np.diff(x)
    if np.any(np.diff(slope) < -SLOPE_TOLERANCE * np.maximum(1.0, np.abs(slope[:-1]))):
        raise InputError(f"{place}: the segments are not convex; give rising marginal costs")
    return PiecewiseCost(gen, reactive, slope, y[:-1] - slope * x[:-1])
