"""Bounds of the followers' multipliers, and what follows from them for the followers' program.

Prices are bounded by the retailer's band and the ceiling of heat. The multiplier of any other row
(a store's balance, a load's total) is pinned, at a vertex of the dual, by a chain of columns whose
reduced cost is zero, and the chain ends in a column with prices alone. The hull over all chains
bounds it; it holds where chains are unique, which is where rows and columns make a tree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.devices import HomeLoad
from cmgplan.homes.case.records import HomesCase
from cmgplan.market.case.ceilings import unserved_heat_price
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import (
    NOWHERE,
    Program,
    merged,
    reduced,
    with_fixed,
)

SURE = 1e-9
"""Reduced cost over which a column surely is at its bound."""

UNPROVEN = 10.0
"""Multiple of the greatest price that bounds a multiplier where chains are not unique."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Boxes:
    """Bounds of the multipliers of all rows.

    Attributes
    ----------
    low, high
        Shape (m,), in the programs' unit of money.
    proven
        Whether there always is a dual optimum within them.
    slack_begins
        Column at which the slacks of the program's inequalities begin.
    total_high
        Upper limits of the rows that are the retailer's limits of all trade.
    """

    low: FloatArray
    high: FloatArray
    proven: bool
    slack_begins: int
    total_high: FloatArray


def price_bands(
    case: HomesCase, followers: Iterable[str], wide: BoolArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of prices of electricity and heat, currency/kWh, each of shape (2, T).

    ``wide`` tells the hours in which followers' connections may bind, so that the price of
    electricity may leave the retailer's band.
    """
    unserved = case.file.pool.unserved_electricity_per_kwh
    low, high = np.zeros((2, case.hours)), np.zeros((2, case.hours))
    low[0], high[0] = -unserved, unserved
    if (retailer := case.file.retailer) is not None:
        low[0] = np.where(wide, low[0], case.series(retailer.sell_per_kwh))
        high[0] = np.where(wide, high[0], case.series(retailer.buy_per_kwh))
        high[0] = np.maximum(low[0], high[0])
    heat = unserved_heat_price(case)
    high[1] = heat.max() if _loads_heat_later(case, followers) else heat
    return low, high


def followers_program(
    plant: Plant, followers: Iterable[str], wide: BoolArray
) -> tuple[Program, Boxes]:
    """Return the followers' program without columns that no price within the bands moves."""
    followers = tuple(followers)
    program = plant.reduced_group(followers)
    bands = price_bands(plant.case, followers, wide)
    scale = plant.case.dt_h / plant.unit
    bands = bands[0] * scale, bands[1] * scale
    for _ in range(10):
        boxes = dual_boxes(program, *bands)
        least, most = reduced_costs(program, boxes)
        at_lower = (least > SURE) & np.isfinite(program.lower)
        at_upper = (most < -SURE) & np.isfinite(program.upper)
        at_upper |= _disposable(program, boxes)
        if not (at_lower | at_upper).any():
            break
        value = np.where(at_lower, program.lower, program.upper)
        program = reduced(with_fixed(program, at_lower | at_upper, value))
    return with_slacks(program, dual_boxes(program, *bands))


def _disposable(program: Program, boxes: Boxes) -> BoolArray:
    """Return columns that may as well be at their upper bound, for what they give can be dumped.

    Such a column costs nothing, and another one without limit or cost takes just what it gives.
    """
    columns = sp.csc_array(program.matrix)
    free = (program.cost == 0.0) & (np.diff(columns.indptr) == 1)
    taken = set()
    for k in np.flatnonzero(free & ~np.isfinite(program.upper)):
        place = columns.indptr[k]
        taken.add((int(columns.indices[place]), bool(columns.data[place] > 0.0)))
    found = np.zeros(program.n, dtype=bool)
    for k in np.flatnonzero(free & np.isfinite(program.upper)):
        place = columns.indptr[k]
        found[k] = (int(columns.indices[place]), not columns.data[place] > 0.0) in taken
    return found


def reduced_costs(program: Program, boxes: Boxes) -> tuple[FloatArray, FloatArray]:
    """Return bounds of ``cost - matrix' @ multipliers``, each of shape (n,)."""
    up = sp.csr_array(program.matrix.maximum(0.0).T)
    down = sp.csr_array(program.matrix.minimum(0.0).T)
    most = _product(up, boxes.high) + _product(down, boxes.low)
    least = _product(up, boxes.low) + _product(down, boxes.high)
    return program.cost - most, program.cost - least


def _product(matrix: sp.csr_array, vector: FloatArray) -> FloatArray:
    """Return a product with a vector whose infinities all have one sign."""
    finite = np.isfinite(vector)
    product = matrix @ np.where(finite, vector, 0.0)
    endless = matrix @ np.where(finite, 0.0, np.sign(vector))
    product[endless != 0.0] = np.inf * np.sign(endless[endless != 0.0])
    return np.asarray(product, dtype=np.float64)


def dual_boxes(program: Program, band_low: FloatArray, band_high: FloatArray) -> Boxes:
    """Return bounds of all multipliers from those of prices, each of shape (2, T)."""
    low = np.where(np.isfinite(program.high), -np.inf, 0.0)
    high = np.where(np.isfinite(program.low), np.inf, 0.0)
    priced = program.carrier != NOWHERE
    place = (program.carrier[priced], program.hour[priced])
    low[priced], high[priced] = band_low[place], band_high[place]
    chains = _Chains(program, low, high, priced)
    inner_low, inner_high = chains.hull()
    low[~priced] = np.maximum(low, inner_low)[~priced]
    high[~priced] = np.minimum(high, inner_high)[~priced]
    return Boxes(low, np.maximum(low, high), chains.unique, program.n, program.high[program.total])


class _Chains:
    """Rows that are no balances as nodes; columns over two of them as edges."""

    def __init__(
        self, program: Program, low: FloatArray, high: FloatArray, priced: BoolArray
    ) -> None:
        self.unique = True
        self._size, self._priced = program.m, priced
        self._pins: dict[int, list[Interval]] = defaultdict(list)
        self._edges: dict[int, dict[int, list[tuple[float, float, Interval]]]] = defaultdict(dict)
        self._most = float(np.abs(np.concatenate([low[priced], high[priced], [1.0]])).max())
        columns = sp.csc_array(program.matrix)
        for k in range(program.n):
            span = slice(columns.indptr[k], columns.indptr[k + 1])
            rows, values = columns.indices[span], columns.data[span]
            of_price = priced[rows]
            p_low = low[rows[of_price]] * values[of_price]
            p_high = high[rows[of_price]] * values[of_price]
            price = float(np.minimum(p_low, p_high).sum()), float(np.maximum(p_low, p_high).sum())
            rest = program.cost[k] - price[1], program.cost[k] - price[0]
            self._add(rows[~of_price], values[~of_price], rest)
        for row in np.flatnonzero(~priced & (program.low < program.high)):
            self._pins[int(row)].append((0.0, 0.0))

    def _add(self, rows: np.ndarray, values: FloatArray, rest: Interval) -> None:
        """Add a column with its inner rows; ``rest`` bounds its cost less what prices pay."""
        if len(rows) == 1:
            self._pins[int(rows[0])].append(_over(rest, float(values[0])))
        elif len(rows) == 2:
            (r, s), (a, b) = (int(row) for row in rows), (float(value) for value in values)
            self._edges[r].setdefault(s, []).append((a, b, rest))
            self._edges[s].setdefault(r, []).append((b, a, rest))
        elif len(rows) > 2:
            self.unique = False

    def hull(self) -> tuple[FloatArray, FloatArray]:
        """Return bounds of the multipliers, infinite for prices, shape (m,)."""
        low, high = np.full(self._size, np.inf), np.full(self._size, -np.inf)
        inner = np.flatnonzero(~self._priced)
        if not self.unique or self._has_circle(inner):
            self.unique = False
            return (np.full(self._size, x * UNPROVEN * self._most) for x in (-1.0, 1.0))  # type: ignore[return-value]
        for source, pins in self._pins.items():
            seen = {source: (min(p[0] for p in pins), max(p[1] for p in pins))}
            front = [source]
            while front:
                row = front.pop()
                low[row], high[row] = min(low[row], seen[row][0]), max(high[row], seen[row][1])
                for other, ways in self._edges[row].items():
                    if other not in seen:
                        ends = [_through(seen[row], *way) for way in ways]
                        seen[other] = min(e[0] for e in ends), max(e[1] for e in ends)
                        front.append(other)
        unpinned = low > high
        low[unpinned], high[unpinned] = 0.0, 0.0
        return low, high

    def _has_circle(self, inner: np.ndarray) -> bool:
        """Return whether rows are joined in a circle, columns over the same two rows as one."""
        edges = sum(len(others) for others in self._edges.values()) // 2
        touched = {row for row, others in self._edges.items() if others}
        seen: set[int] = set()
        parts = 0
        for row in touched:
            if row in seen:
                continue
            parts += 1
            front = [row]
            while front:
                at = front.pop()
                if at not in seen:
                    seen.add(at)
                    front += self._edges[at]
        return edges > len(touched) - parts


def _over(interval: Interval, by: float) -> Interval:
    ends = interval[0] / by, interval[1] / by
    return min(ends), max(ends)


def _through(known: Interval, a: float, b: float, rest: Interval) -> Interval:
    """Return bounds of the multiplier y in ``a x + b y = rest`` for bounds of x."""
    ends = known[0] * a, known[1] * a
    return _over((rest[0] - max(ends), rest[1] - min(ends)), b)


def with_slacks(program: Program, boxes: Boxes) -> tuple[Program, Boxes]:
    """Return a program whose rows are equalities, each inequality with a slack column."""
    loose = np.flatnonzero(program.low < program.high)
    if not len(loose):
        return program, boxes
    ones = (-np.ones(len(loose)), (loose, np.arange(len(loose))))
    slack = sp.csr_array(ones, shape=(program.m, len(loose)))
    level = program.low.copy()
    level[loose] = 0.0
    return (
        replace(
            program,
            cost=np.concatenate([program.cost, np.zeros(len(loose))]),
            lower=np.concatenate([program.lower, program.low[loose]]),
            upper=np.concatenate([program.upper, program.high[loose]]),
            matrix=sp.csr_array(sp.hstack([program.matrix, slack], format="csr")),
            low=level,
            high=level.copy(),
        ),
        boxes,
    )


__all__ = ["Boxes", "dual_boxes", "followers_program", "merged", "price_bands", "reduced_costs"]


def _loads_heat_later(case: HomesCase, homes: Iterable[str]) -> bool:
    """Return whether heat of a group may move between hours, by a store or a shifted load."""
    wanted = set(homes)
    return any(
        (device.stores and "heat" in device.carriers)
        or (isinstance(device, HomeLoad) and device.carrier == "heat" and device.shiftable)
        for home in case.homes
        if home.id in wanted
        for device in home.devices()
    )
