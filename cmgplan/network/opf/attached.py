"""Columns that stand beside a grid over T hours and inject power into its buses.

Microgrids are linear but for the ratings of what joins them, circles in active and reactive
power, and the losses of ties, eq. (3). Their columns and rows follow those of the grid; what
they inject enters the balances of its buses, eqs. (32), (33).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.opf.model import Layout
from cmgplan.solve.cones import Rows
from cmgplan.solve.templates import Copies, Instance, TemplateModel


@dataclass(frozen=True)
class Circles:
    """``p^2 + q^2 <= rating^2`` of two columns each, shape (d,).

    In the circles at positions ``far`` it is ``p - less`` that counts, with a third column each:
    the power at the far end of a tie.
    """

    p: IntArray
    q: IntArray
    rating: FloatArray
    far: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    less: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


@dataclass(frozen=True)
class Losses:
    """``loss = coefficient * (p^2 + q^2)`` of three columns each, shape (l,)."""

    loss: IntArray
    p: IntArray
    q: IntArray
    coefficient: FloatArray


@dataclass(frozen=True)
class Attached:
    """Columns beside a grid of n buses and g generators, k in all.

    Attributes
    ----------
    unit_pu
        Power of one unit of a column that injects, in pu of the grid: 1e-3 for kW on 1 MVA.
        Balances are stated in that unit, so that a solver's tolerance is one on it.
    rows
        Linear rows, matrix of shape (rows, k).
    circles, losses
        Quadratic rows.
    p_injection, q_injection
        What each column injects, shape (T * n, k); bus i in hour t at row ``t * n + i``.
    output
        For each column the generator whose active output it is, ``t * g + generator``; -1 for
        those of its own, shape (k,).
    lower, upper, price, start
        Bounds, prices in the objective and starting values, shape (k,).
    """

    unit_pu: float
    rows: Rows
    circles: Circles
    losses: Losses
    p_injection: sp.csr_array
    q_injection: sp.csr_array
    output: IntArray
    lower: FloatArray
    upper: FloatArray
    price: FloatArray
    start: FloatArray
    own: IntArray = field(init=False)

    def __post_init__(self) -> None:
        """Find the columns that are not the grid's."""
        object.__setattr__(self, "own", np.flatnonzero(self.output < 0))

    def view(self, layout: Layout) -> sp.csr_array:
        """Return the matrix that reads the columns from those of the whole, shape (k, whole)."""
        first = layout.hours * layout.width
        count = len(layout.grid.generators)
        column = np.empty(len(self.output), dtype=np.int64)
        factor = np.ones(len(self.output))
        column[self.own] = first + np.arange(len(self.own))
        shared = np.flatnonzero(self.output >= 0)
        hour, generator = np.divmod(self.output[shared], max(count, 1))
        column[shared] = hour * layout.width + layout.at("p").start + generator
        factor[shared] = 1.0 / self.unit_pu
        shape = (len(self.output), first + len(self.own))
        return sp.csr_array((factor, (np.arange(len(self.output)), column)), shape=shape)

    def drawn_pu(self, layout: Layout, columns: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return what the columns' values draw at each bus, active and reactive, (T, n)."""
        shape = (layout.hours, layout.grid.n_bus)
        p, q = (-self.unit_pu * (m @ columns) for m in (self.p_injection, self.q_injection))
        return p.reshape(shape), q.reshape(shape)


def share_of_rating(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return the square of the share of a rating that active and reactive power take."""
    return [(x[0] / p[0]) ** 2 + (x[1] / p[0]) ** 2]


def far_share_of_rating(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return the same at the far end, where the loss, the third, is missing."""
    return [((x[0] - x[2]) / p[0]) ** 2 + (x[1] / p[0]) ** 2]


def square_loss(x: Sequence[Any], p: Sequence[Any], ops: Any) -> list[Any]:
    """Return the loss of a tie at nominal voltage, eq. (3)."""
    return [p[0] * (x[0] * x[0] + x[1] * x[1])]


def attach(model: TemplateModel, layout: Layout, attached: Attached) -> TemplateModel:
    """Return the grid's model with the columns, their rows and their share of the balances."""
    view = attached.view(layout)
    scale = sp.diags_array(_row_scale(layout, attached))
    height, width = layout.hours * layout.height, view.shape[1]
    grid = _widened(sp.csr_array(scale @ model.linear), (height, width))
    lines = len(attached.rows.lower)
    circles, losses = attached.circles, attached.losses
    first_loss = height + lines + len(circles.rating)
    total = first_loss + len(losses.coefficient)
    quadratic = sp.csr_array((total - height - lines, width))
    linear = sp.vstack(
        [grid + _injected(layout, attached) @ view, attached.rows.matrix @ view, quadratic],
        format="csr",
    )
    at = _positions(view)
    loss_rows = first_loss + np.arange(len(losses.coefficient))
    ones = np.ones(len(loss_rows))
    linear = linear + sp.csr_array((ones, (loss_rows, at[losses.loss])), shape=linear.shape)
    copies = [_lengthened(part, scale, total) for part in model.copies]
    copies += [
        *_circle_copies(circles, at, height + lines, total),
        Copies(
            square_loss,
            np.array([at[losses.p], at[losses.q]]),
            losses.coefficient[None, :],
            _onto(loss_rows, total, -1.0),
        ),
    ]
    return TemplateModel(sp.csr_array(linear), tuple(copies))


def _circle_copies(circles: Circles, at: IntArray, first: int, total: int) -> list[Copies]:
    """Return the circles from row ``first`` on, those of far ends apart."""
    far = circles.far
    near = np.setdiff1d(np.arange(len(circles.rating)), far)
    p, q, rating = at[circles.p], at[circles.q], circles.rating
    copies = [
        Copies(
            share_of_rating,
            np.array([p[near], q[near]]),
            rating[None, near],
            _onto(first + near, total, 1.0),
        )
    ]
    if len(far):
        columns = np.array([p[far], q[far], at[circles.less]])
        copies.append(
            Copies(far_share_of_rating, columns, rating[None, far], _onto(first + far, total, 1.0))
        )
    return copies


def attached_instance(instance: Instance, layout: Layout, attached: Attached) -> Instance:
    """Return the grid's bounds, prices and start with those of the columns behind."""
    view, scale, own = attached.view(layout), _row_scale(layout, attached), attached.own
    circles, losses = len(attached.circles.rating), len(attached.losses.coefficient)
    zero = np.zeros(losses)
    lbx, ubx = (
        np.concatenate([given, more[own]])
        for given, more in ((instance.lbx, attached.lower), (instance.ubx, attached.upper))
    )
    shared = np.flatnonzero(attached.output >= 0)
    at = _positions(view)[shared]
    lbx[at] = np.maximum(lbx[at], attached.unit_pu * attached.lower[shared])
    ubx[at] = np.minimum(ubx[at], attached.unit_pu * attached.upper[shared])
    blank = np.zeros(len(own))
    return replace(
        instance,
        lbx=lbx,
        ubx=ubx,
        lbg=np.concatenate(
            [scale * instance.lbg, attached.rows.lower, np.full(circles, -np.inf), zero]
        ),
        ubg=np.concatenate([scale * instance.ubg, attached.rows.upper, np.ones(circles), zero]),
        linear=np.concatenate([instance.linear, blank]) + view.T @ attached.price,
        quadratic=np.concatenate([instance.quadratic, blank]),
        start=np.concatenate([instance.start, attached.start[own]]),
    )


def _positions(view: sp.csr_array) -> IntArray:
    """Return the column of the whole that each column is."""
    return np.asarray(view.indices, dtype=np.int64)


def _row_scale(layout: Layout, attached: Attached) -> FloatArray:
    """Return the factors that state the grid's balances in the columns' unit."""
    scale = np.ones((layout.hours, layout.height))
    for kind in ("p", "q"):
        first = layout.row(kind)
        scale[:, first : first + layout.rows[kind]] = 1.0 / attached.unit_pu
    return scale.ravel()


def _injected(layout: Layout, attached: Attached) -> sp.csr_array:
    """Return what the columns add to the rows of the grid."""
    n = layout.grid.n_bus
    total = sp.csr_array((layout.hours * layout.height, len(attached.output)))
    for kind, injection in (("p", attached.p_injection), ("q", attached.q_injection)):
        entries = injection.tocoo()
        hour, bus = np.divmod(entries.row, n)
        row = hour * layout.height + layout.row(kind) + bus
        total = total + sp.csr_array((entries.data, (row, entries.col)), shape=total.shape)
    return sp.csr_array(total)


def _lengthened(part: Copies, scale: sp.dia_array, rows: int) -> Copies:
    """Return the copies with their rows scaled and rows behind that they do not enter."""
    scatter = sp.csr_array(scale @ part.scatter)
    return replace(part, scatter=_widened(scatter, (rows, scatter.shape[1])))


def _widened(matrix: sp.csr_array, shape: tuple[int, int]) -> sp.csr_array:
    """Return the matrix with empty rows below and empty columns to the right."""
    entries = matrix.tocoo()
    return sp.csr_array((entries.data, (entries.row, entries.col)), shape=shape)


def _onto(places: IntArray, rows: int, weight: float) -> sp.csr_array:
    """Return the matrix that adds copy k to row ``places[k]``."""
    count = len(places)
    return sp.csr_array((np.full(count, weight), (places, np.arange(count))), shape=(rows, count))
