"""Leaders over a linear program of followers, as one mixed-integer linear program.

Followers: min c'y, A y + B z = b, l <= y <= u, with multipliers s of the rows and m, n >= 0 of the
bounds. Leaders choose z within rows and bounds of their own and minimise f'z + g'y, less
s'Bz where followers pay them their prices. By strong duality of the followers

    s'Bz = s'b + l'm - u'n - c'y,

which is linear; complementarity of bounds and multipliers is a binary per pair. Both sides of a
pair are bounded by intervals, so that no large constant is guessed; a pair one side of which is
always zero has no binary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray, IntArray
from cmgplan.market.model.boxes import Boxes, reduced_costs
from cmgplan.market.model.program import Program, activity
from cmgplan.solve.array_program import ArrayProgram
from cmgplan.solve.cones import Rows

AT_ZERO = 1e-9
"""Greatest multiplier that is zero for sure."""

MOST = 1e7
"""Distance from a bound that nothing limits."""


Range = tuple[FloatArray, FloatArray]


@dataclass(frozen=True)
class Leaders:
    """What leaders decide: columns z with costs, bounds, rows; and how they reach the followers.

    Attributes
    ----------
    reach
        ``B``: coefficients of z in the followers' rows, shape (m, n of z).
    follower_cost
        ``g``: what leaders pay for the followers' columns, shape (n of y,).
    paid
        Whether the followers pay the prices of what reaches them.
    joint
        Rows over (z, y) that leaders have to keep.
    posted
        ``C``: what z adds to the costs of the followers' columns, shape (n of y, n of z): prices
        that leaders post. Followers then minimise (c + Cz)'y.
    optional
        Columns of y that leaders may take from the followers, and the binary columns of z that
        are 1 where they leave them; what is taken has to be zero by ``joint``.
    integer
        Which columns of z are binary, shape (n of z,); None where none is.
    """

    cost: FloatArray
    lower: FloatArray
    upper: FloatArray
    rows: Rows
    reach: sp.csr_array
    follower_cost: FloatArray
    paid: bool = True
    joint: Rows | None = None
    posted: sp.csr_array | None = None
    optional: tuple[IntArray, IntArray] | None = None
    integer: BoolArray | None = None

    def range_of(self, matrix: sp.csr_array) -> Range:
        """Return the least and the greatest of a matrix times z."""
        up, down = matrix.maximum(0.0), matrix.minimum(0.0)
        return (
            np.asarray(up @ self.lower + down @ self.upper),
            np.asarray(up @ self.upper + down @ self.lower),
        )


@dataclass(frozen=True)
class Pairs:
    """Pairs of a bound of a follower's column and its multiplier.

    Attributes
    ----------
    column
        The column of each pair, shape (p,).
    at_upper
        Whether the pair is of the upper bound.
    slack_max, multiplier_max
        Greatest distance from the bound and greatest multiplier, each of shape (p,).
    binary
        Which pairs need a binary: both sides may be positive.
    """

    column: IntArray
    at_upper: BoolArray
    slack_max: FloatArray
    multiplier_max: FloatArray

    @property
    def binary(self) -> BoolArray:
        """Which pairs may have either side positive."""
        return (self.multiplier_max > AT_ZERO) & (self.slack_max > AT_ZERO)


def pairs_of(program: Program, rest: Range, reach: Range) -> Pairs:
    """Return all pairs of a program.

    ``rest`` bounds the reduced costs of its columns, ``reach`` what its rows get from leaders.
    """
    least, most = rest
    lower, upper = tightened(program, *reach)
    with_lower, with_upper = np.isfinite(program.lower), np.isfinite(program.upper)
    column = np.concatenate([np.flatnonzero(with_lower), np.flatnonzero(with_upper)])
    at_upper = np.arange(len(column)) >= with_lower.sum()
    # Tightened bounds are implied by rows; the distance is from the bound itself.
    distance = np.where(
        at_upper,
        np.minimum(program.upper[column] - lower[column], MOST),
        np.minimum(upper[column] - program.lower[column], MOST),
    )
    multiplier = np.where(at_upper, np.maximum(-least, 0.0)[column], np.maximum(most, 0.0)[column])
    return Pairs(column, at_upper, distance, multiplier)


def tightened(
    program: Program, reach_low: FloatArray, reach_high: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return bounds of the columns, each of shape (n,), where endless ones get those of rows.

    Two endless columns of one row each that undo one another (to buy and to sell) are not both
    used in some optimum, so that each is bounded as if the other were at zero.
    """
    lower, upper = program.lower.copy(), program.upper.copy()
    columns = sp.csc_array(program.matrix)
    single = np.diff(columns.indptr) == 1
    up, down = ~np.isfinite(upper), ~np.isfinite(lower)
    held = replace(
        program,
        lower=np.where(down & single, upper, lower),
        upper=np.where(up & single, lower, upper),
    )
    least, most = activity(held)
    for k in np.flatnonzero(up != down):
        bound = lower[k] if up[k] else upper[k]
        span = slice(columns.indptr[k], columns.indptr[k + 1])
        for row, value in zip(columns.indices[span], columns.data[span], strict=True):
            mine = value * bound
            if (value > 0.0) == up[k]:
                room = program.high[row] - reach_low[row] - (least[row] - mine)
            else:
                room = program.low[row] - reach_high[row] - (most[row] - mine)
            if np.isfinite(room) and up[k]:
                upper[k] = min(upper[k], max(room / value, bound))
            elif np.isfinite(room):
                lower[k] = max(lower[k], min(room / value, bound))
    return lower, upper


class Bilevel:
    """The mixed-integer program, and how its columns are read.

    Columns: z, y, multipliers of the rows, multipliers of the pairs, reduced costs of columns
    that were taken from the followers, binaries of the pairs. A binary is 1 where the multiplier
    may be positive.
    """

    def __init__(self, leaders: Leaders, followers: Program, boxes: Boxes) -> None:
        self.leaders, self.followers, self.boxes = leaders, followers, boxes
        none = sp.csr_array((followers.n, len(leaders.cost)))
        self.posted = none if leaders.posted is None else leaders.posted
        rest, added = reduced_costs(followers, boxes), leaders.range_of(self.posted)
        self._rest = rest[0] + added[0], rest[1] + added[1]
        self.pairs = pairs_of(followers, self._rest, leaders.range_of(leaders.reach))
        self.binary = np.flatnonzero(self.pairs.binary)
        optional = 0 if leaders.optional is None else len(leaders.optional[0])
        sizes = (len(leaders.cost), followers.n, followers.m, len(self.pairs.column), optional)
        ends = np.cumsum([0, *sizes, len(self.binary)])
        names = ("z", "y", "price", "multiplier", "waived", "on")
        self.at = {name: slice(ends[k], ends[k + 1]) for k, name in enumerate(names)}
        self.n = int(ends[-1])

    @cached_property
    def cost(self) -> FloatArray:
        """What leaders minimise, shape (n,), without constants."""
        cost, p = np.zeros(self.n), self.pairs
        cost[self.at["z"]] = self.leaders.cost
        cost[self.at["y"]] = self.leaders.follower_cost
        if self.leaders.paid:
            cost[self.at["y"]] += self.followers.cost
            cost[self.at["price"]] -= self.followers.low
            bound = np.where(
                p.at_upper, self.followers.upper[p.column], -self.followers.lower[p.column]
            )
            cost[self.at["multiplier"]] = bound
        return cost

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Return bounds of all columns."""
        p, at = self.pairs, self.at
        lower, upper = np.zeros(self.n), np.ones(self.n)
        lower[at["z"]], upper[at["z"]] = self.leaders.lower, self.leaders.upper
        lower[at["y"]], upper[at["y"]] = self.followers.lower, self.followers.upper
        lower[at["price"]], upper[at["price"]] = self.boxes.low, self.boxes.high
        never = p.slack_max > AT_ZERO
        upper[at["multiplier"]] = np.where(p.binary | ~never, p.multiplier_max, 0.0)
        lower[at["waived"]], upper[at["waived"]] = -self._waived_max, self._waived_max
        return lower, upper

    def program(self, relaxed: bool = False) -> ArrayProgram:
        """Return the mixed-integer program."""
        lower, upper = self.bounds()
        integer = np.zeros(self.n, dtype=bool)
        integer[self.at["on"]] = not relaxed
        if self.leaders.integer is not None:
            integer[self.at["z"]] = self.leaders.integer & (not relaxed)
        return ArrayProgram(self.cost, lower, upper, self.rows, integer)

    @cached_property
    def rows(self) -> Rows:
        """All rows: leaders', followers', dual, complementarity."""
        parts = [self._leaders_rows(), self._primal(), self._dual(), *self._complementarity()]
        parts += self._waiving()
        if self.leaders.joint is not None:
            joint, z = self.leaders.joint, len(self.leaders.cost)
            blocks = {"z": joint.matrix[:, :z], "y": joint.matrix[:, z:]}
            parts.append(Rows(self._wide(blocks), joint.lower, joint.upper))
        return Rows(
            sp.csr_array(sp.vstack([part.matrix for part in parts], format="csr")),
            np.concatenate([part.lower for part in parts]),
            np.concatenate([part.upper for part in parts]),
        )

    def _wide(self, blocks: Mapping[str, sp.csr_array]) -> sp.csr_array:
        """Return a matrix over all columns from blocks over some of them."""
        height = next(iter(blocks.values())).shape[0]
        parts = [
            blocks.get(name, sp.csr_array((height, span.stop - span.start)))
            for name, span in self.at.items()
        ]
        return sp.csr_array(sp.hstack(parts, format="csr"))

    def _leaders_rows(self) -> Rows:
        own = self.leaders.rows
        return Rows(self._wide({"z": own.matrix}), own.lower, own.upper)

    def _primal(self) -> Rows:
        f = self.followers
        return Rows(self._wide({"z": self.leaders.reach, "y": f.matrix}), f.low, f.high)

    def _dual(self) -> Rows:
        """Return ``A's + m - n - Cz = c``, with a free term for columns taken away."""
        f, p = self.followers, self.pairs
        sign = np.where(p.at_upper, -1.0, 1.0)
        of_pairs = sp.csr_array((sign, (p.column, np.arange(len(sign)))), shape=(f.n, len(sign)))
        blocks = {"price": sp.csr_array(f.matrix.T), "multiplier": of_pairs, "z": -self.posted}
        if self.leaders.optional is not None:
            column = self.leaders.optional[0]
            ones = (np.ones(len(column)), (column, np.arange(len(column))))
            blocks["waived"] = sp.csr_array(ones, shape=(f.n, len(column)))
        return Rows(self._wide(blocks), f.cost, f.cost)

    @property
    def _waived_max(self) -> FloatArray:
        """Return the greatest reduced cost of a column that followers do not have."""
        if self.leaders.optional is None:
            return np.zeros(0)
        column = self.leaders.optional[0]
        return np.maximum(np.abs(self._rest[0]), np.abs(self._rest[1]))[column]

    def _waiving(self) -> list[Rows]:
        """Return that a reduced cost is free only where the followers do not have the column."""
        if self.leaders.optional is None:
            return []
        most, column = self._waived_max, self.leaders.optional[1]
        count, every = len(most), np.arange(len(most))
        left = sp.csr_array((most, (every, column)), shape=(count, len(self.leaders.cost)))
        parts = []
        for sign in (1.0, -1.0):
            ones = sp.csr_array((np.full(count, sign), (every, every)), shape=(count, count))
            parts.append(
                Rows(self._wide({"waived": ones, "z": left}), np.full(count, -np.inf), most)
            )
        return parts

    def _complementarity(self) -> list[Rows]:
        f, p, which = self.followers, self.pairs, self.binary
        count, every = len(which), np.arange(len(which))
        column, up = p.column[which], p.at_upper[which]
        sign = np.where(up, -1.0, 1.0)
        distance = sp.csr_array((sign, (every, column)), shape=(count, f.n))
        most = sp.csr_array((p.slack_max[which], (every, every)), shape=(count, count))
        bound = np.where(up, -f.upper[column], f.lower[column])
        slack = Rows(
            self._wide({"y": distance, "on": most}),
            np.full(count, -np.inf),
            bound + p.slack_max[which],
        )
        ones = sp.csr_array((np.ones(count), (every, which)), shape=(count, len(p.column)))
        size = sp.csr_array((-p.multiplier_max[which], (every, every)), shape=(count, count))
        paid = Rows(
            self._wide({"multiplier": ones, "on": size}), np.full(count, -np.inf), np.zeros(count)
        )
        both = self._not_both(column, up)
        return [slack, paid, *([both] if both is not None else [])]

    def _not_both(self, column: IntArray, up: BoolArray) -> Rows | None:
        """Return that a column is not at both of its bounds."""
        above = {int(c): k for k, c in enumerate(column) if up[k]}
        twins = [(k, above[int(c)]) for k, c in enumerate(column) if not up[k] and int(c) in above]
        if not twins:
            return None
        row = np.repeat(np.arange(len(twins)), 2)
        matrix = sp.csr_array(
            (np.ones(len(row)), (row, np.ravel(twins))), shape=(len(twins), len(column))
        )
        ones = np.ones(len(twins))
        return Rows(self._wide({"on": matrix}), -np.inf * ones, ones)
