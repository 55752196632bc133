"""Quantities moved a little so that the prices that are best for the leaders are the only ones.

The best quantity lies at a kink of the followers' cost, where prices are not unique. The price
that is best for the leaders is the slope of one side of the kink: a small step to that side makes
it the only one. A linear program takes the step: it keeps tight what a positive multiplier keeps
tight and gives all else room.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray
from cmgplan.market.leading.groups import Groups
from cmgplan.solve.array_program import ArrayProgram, ArraySolver, optimal_face
from cmgplan.solve.cones import Rows

PART = 0.05
"""Share of the step that is room enough when it is sought which quantities have to move."""

KEPT = 0.5
"""Share of that room which stays when the quantities that have to move make the whole step."""

MOVED = 1e-3
"""Share of the step from which a quantity counts as moved."""

THRIFT = 1e-4
"""Weight of the leaders' income beside room, in kW per unit of money: it decides among equals."""

ZERO_COST = 1e-7
"""Reduced cost, in units in which prices are about ten, that is none."""


@dataclass(frozen=True)
class Shaded:
    """Quantities after the step, kW by traded row, and the followers' columns there."""

    quantity: FloatArray
    y: FloatArray


def shade(groups: Groups, quantity: FloatArray, price: FloatArray, step_kw: float) -> Shaded | None:
    """Return quantities at most a step away with room where no multiplier forbids it.

    First as few quantities as possible move, as little as possible; then those make the step.

    Parameters
    ----------
    price
        Multipliers of the followers' rows that are to become the only ones.
    """
    step = _Step(groups, price)
    low, high = quantity - step_kw, quantity + step_kw
    first = step.taken(low, high, PART * step_kw)
    if first is None:
        return None
    shaded, room = first
    move = shaded.quantity - quantity
    rests = np.abs(move) <= MOVED * step_kw
    low = np.where(rests | (move > 0.0), np.minimum(quantity, shaded.quantity), low)
    high = np.where(rests | (move < 0.0), np.maximum(quantity, shaded.quantity), high)
    second = step.taken(low, high, step_kw, KEPT * room)
    return shaded if second is None else second[0]


def leanest(groups: Groups, quantity: FloatArray, price: FloatArray) -> FloatArray:
    """Return the least quantities among those that earn most at given multipliers, kW.

    To buy from the retailer and to sell at the same price earns nothing; it is left out.
    """
    step = _Step(groups, price)
    lead = groups.bilevel.leaders
    n_z, own, count = len(lead.cost), groups.leaders.n, len(quantity)
    program = step.program(lead.lower[own:], lead.upper[own:], 0.0)
    program = replace(
        program, cost=np.concatenate([step.earned, np.zeros(len(program.cost) - n_z)])
    )
    found = ArraySolver(program).solve()
    if not found.accepted or found.multipliers is None:
        return quantity
    face = optimal_face(program, found.values(), found.multipliers)
    every = np.arange(count)
    q = sp.csr_array((np.ones(count), (every, own + every)), shape=(count, len(program.cost)))
    size = sp.eye_array(count, format="csr")
    matrix = sp.vstack(
        [
            sp.hstack([face.rows.matrix, sp.csr_array((len(face.rows.lower), count))]),
            sp.hstack([q, -size]),
            sp.hstack([q, size]),
        ],
        format="csr",
    )
    endless = np.full(count, np.inf)
    rows = Rows(
        sp.csr_array(matrix),
        np.concatenate([face.rows.lower, -endless, np.zeros(count)]),
        np.concatenate([face.rows.upper, np.zeros(count), endless]),
    )
    lean = ArraySolver(
        ArrayProgram(
            np.concatenate([np.zeros(len(program.cost)), np.ones(count)]),
            np.concatenate([face.lower, np.zeros(count)]),
            np.concatenate([face.upper, endless]),
            rows,
        ),
        {"primal_feasibility_tolerance": 1e-9},
    ).solve()
    return groups.quantity(lean.values()[:n_z]) if lean.accepted else quantity


class _Step:
    """The linear program of a step: columns z, y, and the room of each pair."""

    def __init__(self, groups: Groups, price: FloatArray) -> None:
        self._groups = groups
        f, lead = groups.followers, groups.bilevel.leaders
        rest = f.cost - f.matrix.T @ price
        self._lower = np.where(rest < -ZERO_COST, f.upper, f.lower)
        self._upper = np.where(rest > ZERO_COST, f.lower, f.upper)
        self.earned = lead.cost - lead.reach.T @ price
        loose = np.abs(rest) <= ZERO_COST
        at_lower = np.flatnonzero(loose & np.isfinite(f.lower))
        at_upper = np.flatnonzero(loose & np.isfinite(f.upper))
        self._columns = np.concatenate([at_lower, at_upper])
        self._sign = np.where(np.arange(len(self._columns)) < len(at_lower), 1.0, -1.0)
        bound = np.concatenate([f.lower[at_lower], f.upper[at_upper]])
        self._rows = self._all_rows(self._sign * bound)

    def _all_rows(self, bound: FloatArray) -> Rows:
        """Return rows of leaders and followers, and ``room <= sign * (y - bound)`` of pairs."""
        f, lead = self._groups.followers, self._groups.bilevel.leaders
        count, n_z = len(bound), len(lead.cost)
        of_y = sp.csr_array((self._sign, (np.arange(count), self._columns)), shape=(count, f.n))
        parts = [
            (lead.rows.matrix, None, None, lead.rows.lower, lead.rows.upper),
            (lead.reach, f.matrix, None, f.low, f.high),
            (None, of_y, -sp.eye_array(count), bound, np.full(count, np.inf)),
        ]
        if lead.joint is not None:
            joint = lead.joint
            split = joint.matrix[:, :n_z], joint.matrix[:, n_z:]
            parts.append((*split, None, joint.lower, joint.upper))
        widths = (n_z, f.n, count)
        matrices = [
            sp.hstack(
                [
                    sp.csr_array((len(low), width)) if block is None else block
                    for block, width in zip(blocks, widths, strict=True)
                ],
                format="csr",
            )
            for *blocks, low, _ in parts
        ]
        return Rows(
            sp.csr_array(sp.vstack(matrices, format="csr")),
            np.concatenate([part[3] for part in parts]),
            np.concatenate([part[4] for part in parts]),
        )

    def program(
        self,
        low: FloatArray,
        high: FloatArray,
        enough: float,
        least: FloatArray | None = None,
    ) -> ArrayProgram:
        """Return the program of a step with quantities between ``low`` and ``high``."""
        lead, f, count = self._groups.bilevel.leaders, self._groups.followers, len(self._columns)
        z_low, z_high, n_own = lead.lower.copy(), lead.upper.copy(), self._groups.leaders.n
        z_low[n_own:] = np.maximum(z_low[n_own:], low)
        z_high[n_own:] = np.minimum(z_high[n_own:], high)
        return ArrayProgram(
            np.concatenate([THRIFT * self.earned, np.zeros(f.n), -np.ones(count)]),
            np.concatenate([z_low, self._lower, np.zeros(count) if least is None else least]),
            np.concatenate([z_high, self._upper, np.full(count, enough)]),
            self._rows,
        )

    def taken(
        self,
        low: FloatArray,
        high: FloatArray,
        enough: float,
        least: FloatArray | None = None,
    ) -> tuple[Shaded, FloatArray] | None:
        """Return the best step with quantities between ``low`` and ``high``, and its room."""
        f, n_z = self._groups.followers, len(self.earned)
        program = self.program(low, high, enough, least)
        found = ArraySolver(program, {"primal_feasibility_tolerance": 1e-9}).solve()
        if not found.accepted:
            return None
        x = found.values()
        shaded = Shaded(self._groups.quantity(x[:n_z]), x[n_z : n_z + f.n])
        return shaded, x[n_z + f.n :]
