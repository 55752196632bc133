"""Costs of a pandapower network: its two tables as rows of MATPOWER's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.files.costs import CostTable, costs_of_rows, uniform_price

CONSUMERS = ("load", "storage")
"""Tables whose power is drawn, so that a generator's output is its negative."""

FREE = [2.0, 0.0, 0.0, 1.0, 0.0]

Element = tuple[str, int]


@dataclass(frozen=True)
class CostReading:
    """Costs of the sources of a network, in their order.

    Attributes
    ----------
    table
        Costs in $/h over output in pu; none if there are faults.
    faults, notes
        What cannot be honoured, and what is not as pandapower's optimum has it.
    """

    table: CostTable
    faults: list[str]
    notes: list[str]


def read_costs(
    net: Any,
    sources: Sequence[Element],
    base_mva: float,
    *,
    price_usd_per_mwh: float | None,
    file: str,
) -> CostReading:
    """Return the costs of sources, given by table and index.

    Parameters
    ----------
    net
        Network with its tables completed.
    price_usd_per_mwh
        Cost of active output where none is given; without it that is a fault.
    file
        Name of the file for messages.

    Raises
    ------
    InputError
        A cost is neither convex segments nor a convex polynomial.
    """
    own = _Own(net)
    faults = [*_segment_faults(net), *_cost_faults(net, own, sources)]
    if faults:
        return CostReading(uniform_price(len(sources), 0.0, base_mva), faults, [])
    active, reactive = [], []
    for kind, index in sources:
        name, sign = f"{kind} {index}", -1.0 if kind in CONSUMERS else 1.0
        poly, pieces = own(kind, index)
        has_price = len(poly) or (pieces.power_type == "p").any() or kind == "xward"
        if not has_price and price_usd_per_mwh is None:
            faults.append(
                f"{name} has no cost; give it in poly_cost or pwl_cost, or one price for "
                "all that lack one (--price)"
            )
        row = [2.0, 0, 0, 2, sign * (price_usd_per_mwh or 0.0), 0.0]
        active.append(_row(poly, pieces, "p", sign) if has_price else row)
        reactive.append(_row(poly, pieces, "q", sign))
    if faults:
        return CostReading(uniform_price(len(sources), 0.0, base_mva), faults, [])
    names = [f"{kind} {index}" for kind, index in sources]
    table = costs_of_rows(file, [_table(active), _table(reactive)], base_mva, names)
    return CostReading(table, [], [*_idle(net, sources), *_turned(own, sources)])


class _Own:
    """Rows of the two tables of costs by the element that they price."""

    def __init__(self, net: Any) -> None:
        self._rows = []
        for table in (net.poly_cost, net.pwl_cost):
            groups = dict(iter(table.groupby(["et", "element"])))
            self._rows.append((groups, table.iloc[:0]))

    def __call__(self, kind: str, index: int) -> list[Any]:
        """Return an element's rows of polynomials and of segments."""
        return [groups.get((kind, index), none) for groups, none in self._rows]


def _cost_faults(net: Any, own: _Own, sources: Sequence[Element]) -> Iterator[str]:
    for name in ("poly_cost", "pwl_cost"):
        for row in net[name].itertuples():
            kind, index = row.et, row.element
            if kind in net and index not in net[kind].index:
                yield f"{name} {row.Index}: there is no {kind} {index}; correct the row"
    for kind, index in sources:
        poly, pieces = own(kind, index)
        active, reactive = (int((pieces.power_type == letter).sum()) for letter in "pq")
        if len(poly) + active > 1 or reactive > 1:
            yield f"{kind} {index} has more than one cost; leave one"
        if (
            reactive
            and len(poly)
            and poly[["cq1_eur_per_mvar", "cq2_eur_per_mvar2"]].any(axis=None)
        ):
            yield f"{kind} {index} has more than one cost of reactive power; leave one"


def _segment_faults(net: Any) -> Iterator[str]:
    """Yield segments that are not ``[from, to, slope]`` each beginning where the last ends."""
    for row in net.pwl_cost.itertuples():
        place, points = f"pwl_cost {row.Index}: points", row.points
        shaped = isinstance(points, list | tuple | np.ndarray) and len(points) > 0
        if not shaped or not all(_is_segment(point) for point in points):
            yield f"{place} are not a list of [from, to, slope] in numbers; correct them"
        elif any(not a < b for a, b, _ in points):
            yield f"{place}: a segment does not end above where it begins; order its ends"
        elif any(last[1] != one[0] for last, one in pairwise(points)):
            yield (
                f"{place}: a segment does not begin where the one before ends; give them in rising "
                "order without gap or overlap"
            )


def _is_segment(point: Any) -> bool:
    if not isinstance(point, list | tuple | np.ndarray) or len(point) != 3:
        return False
    return all(isinstance(v, Real) and np.isfinite(float(v)) for v in point)


def _idle(net: Any, sources: Sequence[Element]) -> Iterator[str]:
    """Yield a note on costs of elements whose power is not chosen."""
    chosen = set(sources)
    named = list(
        dict.fromkeys(
            f"{kind} {index}"
            for name in ("poly_cost", "pwl_cost")
            for kind, index in zip(net[name].et, net[name].element, strict=True)
            if (kind, int(index)) not in chosen
        )
    )
    if named:
        more = f" and {len(named) - 5} more" if len(named) > 5 else ""
        yield (
            f"the cost of {', '.join(named[:5])}{more} is left out: not in service or not "
            "controllable"
        )


def _turned(own: _Own, sources: Sequence[Element]) -> Iterator[str]:
    """Yield a note on costs of consumers that ``runopp`` counts otherwise than the tables say."""
    named = []
    for kind, index in sources:
        if kind in CONSUMERS:
            poly, pieces = own(kind, index)
            columns = ["cp0_eur", "cp2_eur_per_mw2", "cq0_eur", "cq2_eur_per_mvar2"]
            if poly[columns].any(axis=None) or any(len(p) > 1 for p in pieces.points):
                named.append(f"{kind} {index}")
    if named:
        yield (
            f"the cost of {', '.join(named[:5])} is that of its own p_mw and q_mvar as the tables "
            "have it; pandapower's runopp turns the sign of its square and constant, and of its "
            "segments"
        )


def _row(poly: Any, pieces: Any, letter: str, sign: float) -> list[float]:
    for points in pieces[pieces.power_type == letter].points:
        return _segment_row(points, sign)
    if not len(poly):
        return FREE
    unit = {"p": "mw", "q": "mvar"}[letter]
    names = (f"c{letter}2_eur_per_{unit}2", f"c{letter}1_eur_per_{unit}", f"c{letter}0_eur")
    c2, c1, c0 = (float(poly.iloc[0].get(name, 0.0)) for name in names)
    return [2.0, 0, 0, 3, c2, sign * c1, c0]


def _segment_row(points: Any, sign: float) -> list[float]:
    """Return break points from segments ``[from, to, slope]``.

    As in ``runopp`` the first slope holds from zero on: the cost where the first segment begins
    is its slope times that power. Powers of consumers turn round with their costs in place.
    """
    x = np.array([points[0][0], *(b for _, b, _ in points)], dtype=np.float64)
    steps = [points[0][0] * points[0][2], *((b - a) * c for a, b, c in points)]
    y = np.cumsum(np.array(steps, dtype=np.float64))
    if sign < 0.0:
        x, y = -x[::-1], y[::-1]
    return [1.0, 0, 0, float(len(x)), *(value for pair in zip(x, y, strict=True) for value in pair)]


def _table(rows: list[list[float]]) -> FloatArray:
    width = max((len(row) for row in rows), default=4)
    return np.array([row + [0.0] * (width - len(row)) for row in rows]).reshape(len(rows), width)
