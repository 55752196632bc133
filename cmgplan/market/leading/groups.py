"""Leaders and followers of a case as arrays: their problems, answers at given quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InfeasibleError, SolverError
from cmgplan.market.model.bilevel import Bilevel, Leaders
from cmgplan.market.model.boxes import Boxes, followers_program
from cmgplan.market.model.plant import Plant
from cmgplan.market.model.program import Program, activity
from cmgplan.solve.array_program import ArrayProgram, ArraySolver
from cmgplan.solve.cones import Rows
from cmgplan.solve.outcome import Stop

SAME_COST = 1e-10
"""Share of a cost by which two are the same."""

AT_BOUND = 1e-7
"""Distance from a bound, kW, within which a column is at it."""


@dataclass(frozen=True)
class Face:
    """All optimal multipliers of the followers' rows at a quantity, within the boxes.

    ``low <= rows <= high`` over the multipliers is dual feasibility with what complements an
    optimum of the followers held at zero.
    """

    program: ArrayProgram

    @cached_property
    def _solver(self) -> ArraySolver:
        return ArraySolver(self.program)

    def best(self, weight: FloatArray) -> FloatArray | None:
        """Return the multipliers of greatest ``weight @ multipliers``; None where there is none."""
        found = self._solver.solve(-weight)
        return found.values() if found.stop is Stop.OPTIMAL else None


@dataclass(frozen=True)
class Both:
    """A day of both groups at a quantity.

    Attributes
    ----------
    cost, x
        Of the leaders: cost and columns.
    y
        The followers' columns.
    vertex
        The followers' columns at a vertex of their optima, exact to the last digit.
    """

    cost: float
    x: FloatArray
    y: FloatArray
    vertex: FloatArray


class Groups:
    """One leading and one following group of a case.

    Attributes
    ----------
    plant
        The homes.
    leading, following
        Ids of the homes of each group.
    bilevel
        The leaders' problem; its z are the leaders' columns and then what they put into the
        market, kW by traded row.

    Where ``others`` put quantities into the market beside (kW by traded row), the followers'
    balances have them.
    """

    def __init__(
        self,
        plant: Plant,
        leading: Sequence[str],
        following: Sequence[str],
        wide: BoolArray | None = None,
        most_kw: float | None = None,
        others: FloatArray | None = None,
    ) -> None:
        self.plant, self.leading, self.following = plant, tuple(leading), tuple(following)
        self.wide = np.zeros(plant.case.hours, dtype=bool) if wide is None else wide
        self.followers, self.boxes = followers_program(plant, self.following, self.wide)
        if others is not None:
            self.followers = self.followers.at(others)
        self.leaders = plant.reduced_group(self.leading)
        self.most_kw = plant.case.file.market.quantity_max_kw if most_kw is None else most_kw
        self.bilevel = Bilevel(self._leaders(), self.followers, self.boxes)

    @property
    def traded(self) -> int:
        """Number of quantities: hours of the carriers that are traded."""
        return len(self.followers.traded)

    @property
    def constant(self) -> float:
        """What the leaders' cost has beside that of the columns, in the programs' unit."""
        return self.leaders.constant

    def _leaders(self) -> Leaders:
        own, count = self.leaders, len(self.leaders.traded)
        put = (-np.ones(count), (own.traded, np.arange(count)))
        into = sp.csr_array(put, shape=(own.m, count))
        matrix = sp.csr_array(sp.hstack([own.matrix, into], format="csr"))
        low, high = quantity_bounds(own, self.most_kw)
        reach = (np.ones(count), (self.followers.traded, own.n + np.arange(count)))
        return Leaders(
            cost=np.concatenate([own.cost, np.zeros(count)]),
            lower=np.concatenate([own.lower, low]),
            upper=np.concatenate([own.upper, high]),
            rows=Rows(matrix, own.low, own.high),
            reach=sp.csr_array(reach, shape=(self.followers.m, own.n + count)),
            follower_cost=np.zeros(self.followers.n),
            joint=self._joint(count),
        )

    def _joint(self, count: int) -> Rows | None:
        """Return the retailer's limits of all trade, over the leaders' and followers' columns."""
        own, f, limit = self.leaders, self.followers, self.plant.case.file.retailer
        if limit is None or limit.power_max_total_kw is None:
            return None
        whole = np.full(int(own.total.sum()), limit.power_max_total_kw)
        trade = f.matrix[f.total].tolil()
        trade[:, self.boxes.slack_begins :] = 0.0
        blank = sp.csr_array((len(whole), count))
        matrix = sp.hstack([own.matrix[own.total], blank, trade.tocsr()], format="csr")
        high = own.high[own.total] + self.boxes.total_high - whole
        return Rows(sp.csr_array(matrix), np.full(len(whole), -np.inf), high)

    def quantity(self, z: FloatArray) -> FloatArray:
        """Return what leaders put into the market, kW by traded row."""
        return z[self.leaders.n :]

    def leaders_at(self, quantity: FloatArray) -> tuple[float, FloatArray] | None:
        """Return the leaders' least cost and columns at a quantity; None where they cannot."""
        return least(self.leaders.at(-quantity))

    def followers_at(self, quantity: FloatArray) -> tuple[float, FloatArray] | None:
        """Return the followers' least cost and columns at a quantity; None where they cannot."""
        return least(self.followers.at(quantity))

    def both_at(self, quantity: FloatArray) -> Both | None:
        """Return the best day of leaders and followers at a quantity; None where there is none.

        Followers are at an optimum of their own; where the retailer limits all trade, at one
        that suits the leaders.
        """
        led, followed = self.leaders_at(quantity), self.followers_at(quantity)
        if led is None or followed is None:
            return None
        lead, f = self.bilevel.leaders, self.followers
        if lead.joint is None:
            return Both(led[0], led[1], followed[1], followed[1])
        n_z, own = len(lead.cost), self.leaders.n
        lower, upper = lead.lower.copy(), lead.upper.copy()
        lower[own:] = upper[own:] = quantity
        cost = sp.csr_array(np.concatenate([np.zeros(n_z), f.cost])[None, :])
        height = lead.rows.matrix.shape[0]
        parts = [
            sp.hstack([lead.rows.matrix, sp.csr_array((height, f.n))]),
            sp.hstack([lead.reach, f.matrix]),
            lead.joint.matrix,
            cost,
        ]
        most = followed[0] - f.constant + SAME_COST * max(abs(followed[0]), 1.0)
        rows = Rows(
            sp.csr_array(sp.vstack(parts, format="csr")),
            np.concatenate([lead.rows.lower, f.low, lead.joint.lower, [-np.inf]]),
            np.concatenate([lead.rows.upper, f.high, lead.joint.upper, [most]]),
        )
        program = ArrayProgram(
            np.concatenate([lead.cost, np.zeros(f.n)]),
            np.concatenate([lower, f.lower]),
            np.concatenate([upper, f.upper]),
            rows,
        )
        found = ArraySolver(program).solve()
        if not found.accepted or found.value is None:
            return None
        x = found.values()
        return Both(self.constant + found.value, x[:own], x[n_z:], followed[1])

    def face(self, y: FloatArray) -> Face:
        """Return the optimal multipliers that complement an optimum of the followers."""
        return face_of(self.followers, self.boxes, y)


def face_of(program: Program, boxes: Boxes, y: FloatArray) -> Face:
    """Return the optimal multipliers of a program that complement an optimum of its columns."""
    low = np.where(y < program.upper - AT_BOUND, 0.0, -np.inf)
    high = np.where(y > program.lower + AT_BOUND, 0.0, np.inf)
    rows = Rows(sp.csr_array(program.matrix.T), program.cost - high, program.cost - low)
    return Face(ArrayProgram(np.zeros(program.m), boxes.low, boxes.high, rows))


def least(program: Program) -> tuple[float, FloatArray] | None:
    """Return the least cost of a program with its columns; None where there is none."""
    found = ArraySolver(program.arrays()).solve()
    if found.stop is Stop.INFEASIBLE:
        return None
    if found.stop is not Stop.OPTIMAL or found.value is None:
        raise SolverError(f"a day at given quantities was not solved ({found.message})")
    return program.constant + found.value, found.values()


def quantity_bounds(program: Program, most_kw: float) -> tuple[FloatArray, FloatArray]:
    """Return what a group can put into the market at least and at most, kW by traded row."""
    few, most = activity(program)
    rows = program.traded
    low = np.maximum(few[rows] - program.high[rows], -most_kw)
    high = np.minimum(most[rows] - program.low[rows], most_kw)
    if (low > high).any():
        raise InfeasibleError("the leaders cannot balance an hour within quantity_max_kw")
    return low, high
