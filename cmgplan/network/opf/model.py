"""The AC optimal power flow of a grid over T hours as repeated functions and linear rows.

Polar voltages; the balances of eqs. (32), (33), limits of eqs. (34)-(37) of the planning paper,
with taps, shifts and shunts as in MATPOWER (doi 10.1109/TPWRS.2010.2051168).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.branch_flow_ac import (
    branch_load,
    branch_loads,
    branch_powers,
    shunt_power,
    two_port,
)
from cmgplan.solve.templates import Copies, Instance, TemplateModel

Triplets = tuple[IntArray, IntArray, FloatArray]

V_FREE = (0.3, 1.7)
"""Voltage bounds of the elastic model, pu, within which limits may give."""


@dataclass(frozen=True)
class Layout:
    """Columns of one hour, hour t beginning at ``t * width``; elastic columns only if asked.

    ``low`` and ``high`` are how far a voltage falls below or rises above its limits, ``over`` the
    squared overload of a limited branch, ``behind`` and ``apart`` how far an angle difference
    leaves its limits, ``p_below`` to ``q_above`` how far an output does, ``shed`` the load cut.
    """

    grid: Grid
    elastic: bool = False
    hours: int = 1

    @property
    def widths(self) -> dict[str, int]:
        """Number of columns of each kind in one hour."""
        n, gens = self.grid.n_bus, self.grid.generators
        widths = {"v": n, "angle": n, "p": len(gens), "q": len(gens), "cost": len(gens.piecewise)}
        if self.elastic:
            narrow, count = len(self.narrow), len(gens)
            widths |= {
                "low": n,
                "high": n,
                "over": len(self.limited),
                "apart": narrow,
                "behind": narrow,
            }
            widths |= {"p_below": count, "p_above": count, "q_below": count, "q_above": count}
            widths |= {"shed": n}
        return widths

    @property
    def width(self) -> int:
        """Number of columns of one hour."""
        return sum(self.widths.values())

    def at(self, kind: str) -> slice:
        """Return the columns of a kind within an hour."""
        first = 0
        for name, width in self.widths.items():
            if name == kind:
                return slice(first, first + width)
            first += width
        raise KeyError(kind)

    def part(self, x: FloatArray, kind: str) -> FloatArray:
        """Return the values of a kind, shape (T, its width)."""
        hours = self.hours if len(x) else 0
        return x[: hours * self.width].reshape(hours, self.width)[:, self.at(kind)]

    @property
    def limited(self) -> IntArray:
        """Positions of the branches with a power or current limit."""
        lines = self.grid.branches
        return np.flatnonzero(np.isfinite(lines.s_max_pu) | np.isfinite(lines.i_max_pu))

    @property
    def two_sided(self) -> IntArray:
        """Positions of the limited branches whose ends may not carry the same.

        Without charging and transformer one current flows through a branch, and a limit of
        current at one end is a limit at both.
        """
        lines = self.grid.branches
        plain = np.isinf(lines.s_max_pu) & (lines.tap == 1.0) & (lines.shift_rad == 0.0)
        plain &= (lines.b_pu == 0.0) & (lines.g_pu == 0.0)
        return np.setdiff1d(self.limited, np.flatnonzero(plain))

    @property
    def narrow(self) -> IntArray:
        """Positions of the branches with an angle limit."""
        lines = self.grid.branches
        return np.flatnonzero(np.isfinite(lines.angle_min_rad) | np.isfinite(lines.angle_max_rad))

    @property
    def rows(self) -> dict[str, int]:
        """Number of rows of each kind in one hour."""
        n = self.grid.n_bus
        segments = sum(len(c.slope_usd_per_puh) for c in self.grid.generators.piecewise)
        ends = len(self.limited) + len(self.two_sided)
        rows = {"p": n, "q": n, "load": ends, "angle": len(self.narrow), "cost": segments}
        if self.elastic:
            count = len(self.grid.generators)
            rows |= {"v": n, "p_range": count, "q_range": count}
        return rows

    @property
    def height(self) -> int:
        """Number of rows of one hour."""
        return sum(self.rows.values())

    def row(self, kind: str) -> int:
        """Return the first row of a kind within an hour."""
        names = list(self.rows)
        return sum(self.rows[name] for name in names[: names.index(kind)])

    @property
    def cost_scale(self) -> float:
        """Dollars per unit of a ``cost`` column, so that its rows are of order one."""
        slopes = [np.abs(c.slope_usd_per_puh).max() for c in self.grid.generators.piecewise]
        return float(max([1.0, *slopes]))


def build_model(layout: Layout) -> TemplateModel:
    """Return rows and repeated functions of T hours, without any coupling between them."""
    hours = layout.hours
    linear = sp.block_diag([_linear_rows(layout)] * hours, format="csr")
    copies = [_repeated(part, layout, hours) for part in _hour_copies(layout)]
    return TemplateModel(sp.csr_array(linear), tuple(copies))


def _hour_copies(layout: Layout) -> list[Copies]:
    grid, lines = layout.grid, layout.grid.branches
    n, first_v, first_a = grid.n_bus, layout.at("v").start, layout.at("angle").start
    ends = np.array(
        [
            first_v + lines.from_bus,
            first_v + lines.to_bus,
            first_a + lines.from_bus,
            first_a + lines.to_bus,
        ]
    )
    count = len(lines)
    at = np.array([lines.from_bus, lines.from_bus + n, lines.to_bus, lines.to_bus + n])
    leaving = _scatter(layout, at, np.full((4, count), -1.0))
    admittance = two_port(lines)
    i_max = np.where(np.isfinite(lines.i_max_pu), lines.i_max_pu, 0.0)
    limits = np.vstack([admittance, i_max**2])
    first, both = layout.row("load"), layout.two_sided
    one = np.setdiff1d(layout.limited, both)
    near = first + np.searchsorted(layout.limited, both)
    far = first + len(layout.limited) + np.arange(len(both))
    alone = first + np.searchsorted(layout.limited, one)
    shunted = np.flatnonzero((grid.g_shunt_pu != 0) | (grid.b_shunt_pu != 0))
    shunts = np.array([grid.g_shunt_pu[shunted], grid.b_shunt_pu[shunted]])
    drawn = _scatter(layout, np.array([shunted, shunted + n]), np.full((2, len(shunted)), -1.0))
    return [
        Copies(branch_powers, ends, admittance, leaving),
        Copies(
            branch_loads,
            ends[:, both],
            limits[:, both],
            _scatter(layout, np.array([near, far]), np.ones((2, len(both)))),
        ),
        Copies(
            branch_load,
            ends[:, one],
            limits[:, one],
            _scatter(layout, alone[None, :], np.ones((1, len(one)))),
        ),
        Copies(shunt_power, (first_v + shunted)[None, :], shunts, drawn),
    ]


def _scatter(layout: Layout, rows: IntArray, weights: FloatArray) -> sp.csr_array:
    """Return the matrix that adds output o of copy k to ``rows[o, k]``."""
    outputs, count = rows.shape
    column = np.arange(outputs)[:, None] + outputs * np.arange(count)[None, :]
    return sp.csr_array(
        (weights.ravel(), (rows.ravel(), column.ravel())), shape=(layout.height, outputs * count)
    )


def _repeated(part: Copies, layout: Layout, hours: int) -> Copies:
    shift = layout.width * np.arange(hours)
    columns = part.columns[:, None, :] + shift[None, :, None]
    return Copies(
        part.function,
        columns.reshape(part.columns.shape[0], -1),
        np.tile(part.parameters, (1, hours)),
        sp.csr_array(sp.block_diag([part.scatter] * hours, format="csr")),
    )


def _linear_rows(layout: Layout) -> sp.csr_array:
    gens, lines = layout.grid.generators, layout.grid.branches
    count, narrow = len(gens), layout.narrow
    g, one = np.arange(count), np.ones(count)
    angle, apart = layout.at("angle").start, np.arange(len(narrow))
    parts: list[Triplets] = [
        (layout.row("p") + gens.bus, layout.at("p").start + g, one),
        (layout.row("q") + gens.bus, layout.at("q").start + g, one),
        (layout.row("angle") + apart, angle + lines.from_bus[narrow], np.ones(len(narrow))),
        (layout.row("angle") + apart, angle + lines.to_bus[narrow], -np.ones(len(narrow))),
        *_segment_rows(layout),
    ]
    if layout.elastic:
        parts += _elastic_rows(layout)
    row, column, value = (np.concatenate(part) for part in zip(*parts, strict=True))
    shape = (layout.height, layout.width)
    return sp.csr_array((value, (row.astype(np.int64), column.astype(np.int64))), shape=shape)


def _segment_rows(layout: Layout) -> list[Triplets]:
    """Rows ``slope * output - scale * cost <= -intercept`` of the piecewise costs."""
    parts: list[Triplets] = []
    row = layout.row("cost")
    for k, cost in enumerate(layout.grid.generators.piecewise):
        count = len(cost.slope_usd_per_puh)
        rows = np.arange(row, row + count)
        row += count
        output = layout.at("q" if cost.reactive else "p").start + cost.gen
        slope = cost.slope_usd_per_puh / layout.cost_scale
        parts.append((rows, np.full(count, output), slope))
        parts.append((rows, np.full(count, layout.at("cost").start + k), -np.ones(count)))
    return parts


def _elastic_rows(layout: Layout) -> list[Triplets]:
    grid = layout.grid
    n, count = grid.n_bus, len(grid.generators)
    i, g = np.arange(n), np.arange(count)
    limited, narrow = np.arange(len(layout.limited)), np.arange(len(layout.narrow))
    overs = np.concatenate([limited, np.searchsorted(layout.limited, layout.two_sided)])
    loads, over = layout.row("load") + np.arange(len(overs)), layout.at("over").start + overs
    ratio = np.divide(grid.q_load_pu, grid.p_load_pu, out=np.zeros(n), where=grid.p_load_pu > 0)

    def entry(kind: str, at: IntArray, column: str, weight: FloatArray | float) -> Triplets:
        value = np.broadcast_to(np.asarray(weight, dtype=np.float64), at.shape)
        return layout.row(kind) + at, layout.at(column).start + at, value

    return [
        entry("v", i, "v", 1.0),
        entry("v", i, "low", 1.0),
        entry("v", i, "high", -1.0),
        entry("p", i, "shed", 1.0),
        entry("q", i, "shed", ratio),
        (loads, over, np.full(len(overs), -1.0)),
        entry("angle", narrow, "apart", -1.0),
        entry("angle", narrow, "behind", 1.0),
        entry("p_range", g, "p", 1.0),
        entry("p_range", g, "p_below", 1.0),
        entry("p_range", g, "p_above", -1.0),
        entry("q_range", g, "q", 1.0),
        entry("q_range", g, "q_below", 1.0),
        entry("q_range", g, "q_above", -1.0),
    ]


def build_instance(layout: Layout, horizon: GridHours) -> Instance:
    """Return bounds, prices and flat start of T hours; the objective is in $ over the horizon."""
    low, high = _variable_bounds(layout, horizon)
    row_low, row_high = _row_bounds(layout, horizon)
    linear, quadratic, constant = _objective(layout, horizon)
    return Instance(
        lbx=low.ravel(),
        ubx=high.ravel(),
        lbg=row_low.ravel(),
        ubg=row_high.ravel(),
        linear=linear.ravel(),
        quadratic=quadratic.ravel(),
        constant=constant,
        start=flat_start(layout, horizon).ravel(),
    )


def _variable_bounds(layout: Layout, horizon: GridHours) -> tuple[FloatArray, FloatArray]:
    grid, gens, hours = layout.grid, layout.grid.generators, horizon.hours
    low = np.full((hours, layout.width), -np.inf)
    high = np.full((hours, layout.width), np.inf)
    p_high = horizon.p_max_pu(grid)
    for kind, lower, upper in (
        ("v", grid.v_min_pu, grid.v_max_pu),
        ("p", np.minimum(gens.p_min_pu, p_high), p_high),
        ("q", gens.q_min_pu, gens.q_max_pu),
    ):
        low[:, layout.at(kind)], high[:, layout.at(kind)] = lower, upper
    held = layout.at("angle").start + grid.reference
    low[:, held] = high[:, held] = grid.reference_angle_rad
    if layout.elastic:
        low[:, layout.at("v")], high[:, layout.at("v")] = V_FREE
        for kind in ("p", "q"):
            low[:, layout.at(kind)], high[:, layout.at(kind)] = -np.inf, np.inf
        low[:, layout.at("low").start :] = 0.0
        high[:, layout.at("shed")] = np.maximum(horizon.p_load_pu, 0.0)
    return low, high


def _row_bounds(layout: Layout, horizon: GridHours) -> tuple[FloatArray, FloatArray]:
    grid, lines, hours = layout.grid, layout.grid.branches, horizon.hours
    low = np.full((hours, layout.height), -np.inf)
    high = np.full((hours, layout.height), np.inf)

    def put(kind: str, lower: FloatArray | float, upper: FloatArray | float) -> None:
        rows = slice(layout.row(kind), layout.row(kind) + layout.rows[kind])
        low[:, rows], high[:, rows] = lower, upper

    p_load, q_load = horizon.p_load_pu, horizon.q_load_pu
    put("p", p_load, p_load)
    put("q", q_load, q_load)
    s_max = lines.s_max_pu[np.concatenate([layout.limited, layout.two_sided])]
    put("load", -np.inf, np.where(np.isfinite(s_max), s_max, 0.0) ** 2)
    narrow = layout.narrow
    put("angle", lines.angle_min_rad[narrow], lines.angle_max_rad[narrow])
    intercepts = [c.intercept_usd_per_h for c in grid.generators.piecewise]
    if intercepts:
        put("cost", -np.inf, -np.concatenate(intercepts) / layout.cost_scale)
    if layout.elastic:
        gens = grid.generators
        put("v", grid.v_min_pu, grid.v_max_pu)
        p_high = horizon.p_max_pu(grid)
        put("p_range", np.minimum(gens.p_min_pu, p_high), p_high)
        put("q_range", gens.q_min_pu, gens.q_max_pu)
    return low, high


def _objective(layout: Layout, horizon: GridHours) -> tuple[FloatArray, FloatArray, float]:
    gens, dt = layout.grid.generators, horizon.dt_h
    linear = np.zeros((horizon.hours, layout.width))
    quadratic = np.zeros((horizon.hours, layout.width))
    linear[:, layout.at("p")] = horizon.price_usd_per_puh(layout.grid) * dt
    quadratic[:, layout.at("p")] = gens.cost_p[:, 0] * dt
    linear[:, layout.at("q")] = gens.cost_q[:, 1] * dt
    quadratic[:, layout.at("q")] = gens.cost_q[:, 0] * dt
    linear[:, layout.at("cost")] = layout.cost_scale * dt
    constant = float(gens.cost_p[:, 2].sum() + gens.cost_q[:, 2].sum()) * dt * horizon.hours
    return linear, quadratic, constant


def flat_start(layout: Layout, horizon: GridHours) -> FloatArray:
    """Return voltages of 1 pu at the angles without load and outputs amid their limits."""
    grid, gens = layout.grid, layout.grid.generators
    start = np.zeros((horizon.hours, layout.width))
    start[:, layout.at("v")] = np.clip(1.0, grid.v_min_pu, grid.v_max_pu)
    start[:, layout.at("angle")] = grid.unloaded_angle_rad()
    start[:, layout.at("p")] = _amid(gens.p_min_pu, horizon.p_max_pu(grid))
    start[:, layout.at("q")] = _amid(gens.q_min_pu, gens.q_max_pu)
    put_segment_costs(layout, start)
    return start


def put_segment_costs(layout: Layout, start: FloatArray) -> None:
    """Set the columns of the piecewise costs of a start, shape (T, width), by its outputs."""
    for k, cost in enumerate(layout.grid.generators.piecewise):
        output = start[:, layout.at("q" if cost.reactive else "p")][:, cost.gen]
        value = cost.intercept_usd_per_h + cost.slope_usd_per_puh * output[:, None]
        start[:, layout.at("cost").start + k] = value.max(axis=1) / layout.cost_scale


def _amid(low: FloatArray, high: FloatArray) -> FloatArray:
    low, high = np.broadcast_arrays(low, high)
    finite = np.isfinite(low) & np.isfinite(high)
    middle = 0.5 * (np.where(finite, low, 0.0) + np.where(finite, high, 0.0))
    return np.asarray(np.where(finite, middle, np.clip(0.0, low, high)), dtype=np.float64)
