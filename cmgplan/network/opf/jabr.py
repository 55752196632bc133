"""Second-order cone relaxation of an optimal power flow, and the bound that it proves.

Products of voltages become variables ``w_i = v_i^2``, ``c = v_i v_j cos``, ``s = v_i v_j sin`` of
each pair of neighbours, tied by ``c^2 + s^2 <= w_i w_j`` (Jabr 2006, doi
10.1109/TPWRS.2006.879234), with the cuts that angle and voltage limits imply (Coffrin, Hijazi,
Van Hentenryck 2017, doi 10.1109/TPWRS.2016.2585586). On radial networks it equals the
branch-flow relaxation (Subhonmesh, Low, Chandy 2012, doi 10.1109/Allerton.2012.6483453), exact
where every cone is tight.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.branch_flow_ac import two_port
from cmgplan.network.opf.model import Layout, build_instance
from cmgplan.solve.conic import MAX_ROUNDS, ConicProblem
from cmgplan.solve.rotated_cones import RotatedCones
from cmgplan.solve.templates import Instance
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit

RIGHT_ANGLE_RAD = np.pi / 2 - 1e-6
ONE = 1


@dataclass(frozen=True)
class Pairs:
    """Neighbouring buses, each pair once.

    Attributes
    ----------
    i, j
        Positions of the two, shape (k,).
    of_branch, sign
        Pair of each branch, and -1 where the branch runs from j to i, shape (l,).
    low_rad, high_rad
        Limits of ``angle_i - angle_j``, the narrowest of the pair's branches.
    """

    i: IntArray
    j: IntArray
    of_branch: IntArray
    sign: FloatArray
    low_rad: FloatArray
    high_rad: FloatArray


@dataclass(frozen=True)
class Bound:
    """What the relaxation proves of a horizon.

    Attributes
    ----------
    value
        Lower bound of the cost over the horizon, or None.
    infeasible
        Whether the relaxation proves that no operation exists.
    cone_residual
        Largest slack of a cone of voltages, pu; at zero the relaxation is exact on a radial grid.
    """

    value: float | None
    infeasible: bool
    cone_residual: float | None


def pairs_of(grid: Grid) -> Pairs:
    """Return the pairs of neighbours."""
    lines = grid.branches
    ends = np.stack([lines.from_bus, lines.to_bus], axis=1)
    low_end, high_end = ends.min(axis=1), ends.max(axis=1)
    unique, of_branch = np.unique(low_end * grid.n_bus + high_end, return_inverse=True)
    sign = np.where(lines.from_bus == low_end, 1.0, -1.0)
    low, high = np.full(len(unique), -np.inf), np.full(len(unique), np.inf)
    forward = sign > 0
    np.maximum.at(low, of_branch, np.where(forward, lines.angle_min_rad, -lines.angle_max_rad))
    np.minimum.at(high, of_branch, np.where(forward, lines.angle_max_rad, -lines.angle_min_rad))
    return Pairs(
        i=(unique // grid.n_bus).astype(np.int64),
        j=(unique % grid.n_bus).astype(np.int64),
        of_branch=of_branch.astype(np.int64),
        sign=sign,
        low_rad=low,
        high_rad=high,
    )


class Relaxation:
    """The relaxation of one hour of a grid, compiled once for every hour."""

    def __init__(self, grid: Grid) -> None:
        self.grid, self.pairs = grid, pairs_of(grid)
        self.ac = Layout(grid)
        n, gens, k = grid.n_bus, len(grid.generators), len(self.pairs.i)
        flows = len(self.ac.limited)
        widths = {"w": n, "c": k, "s": k, "p": gens, "q": gens}
        widths |= {"cost": self.ac.widths["cost"], "flow": 4 * flows, "one": ONE}
        self._widths = widths
        starts = np.cumsum([0, *widths.values()])
        self._at = {name: int(a) for name, a in zip(widths, starts[:-1], strict=True)}
        self.width = int(starts[-1])
        self._cuts = _angle_rows(grid, self.pairs, self._at, self.width)
        rows = sp.vstack([self._network_rows(), self._cuts[0]], format="csr")
        self.linear, self.cones = sp.csr_array(rows), self._cones()
        self.problem = ConicProblem(self.linear, self.cones)

    def columns(self, kind: str) -> IntArray:
        """Return the columns of a kind."""
        first = self._at[kind]
        return np.arange(first, first + self._widths[kind], dtype=np.int64)

    def bound(self, horizon: GridHours, limit: TimeLimit = UNLIMITED) -> Bound:
        """Return the bound over all hours, which nothing couples; none if time does not suffice."""
        total, slack = 0.0, 0.0
        for hour in range(horizon.hours):
            outcome = self.problem.solve(self.instance(horizon, hour), limit)
            if outcome.bound is None:
                proven = not outcome.accepted and self.proves_infeasible(horizon, hour, limit)
                return Bound(None, proven, None)
            total += outcome.bound
            slack = max(slack, self.voltage_slack(outcome.values()))
        return Bound(total, False, slack)

    def proves_infeasible(
        self,
        horizon: GridHours,
        hour: int,
        limit: TimeLimit = UNLIMITED,
        rounds: int = MAX_ROUNDS,
    ) -> bool:
        """Return whether an hour is proven to have no operation within its limits."""
        if limit.over:
            return False
        return self.problem.proves_infeasible(self.instance(horizon, hour), rounds, limit)

    def voltage_slack(self, x: FloatArray) -> float:
        """Return the largest slack of a cone of voltages, squared pu."""
        return float(self.cones.residual(x)[: len(self.pairs.i)].max(initial=0.0))

    def _cones(self) -> RotatedCones:
        """Cones of the voltages, then of the limited branch ends."""
        k, lines, limited = len(self.pairs.i), self.grid.branches, self.ac.limited
        w, count = self._at["w"], len(limited)
        flow = self._at["flow"] + np.arange(4 * count).reshape(4, count)
        by_current = np.isfinite(lines.i_max_pu[limited])
        limit = np.where(by_current, lines.i_max_pu[limited], lines.s_max_pu[limited])
        one = np.full(2 * count, self._at["one"])
        near = np.concatenate([lines.from_bus[limited], lines.to_bus[limited]])
        side = np.where(np.tile(by_current, 2), w + near, one)
        return RotatedCones(
            u=np.concatenate([self._at["c"] + np.arange(k), flow[0], flow[2]]),
            v=np.concatenate([self._at["s"] + np.arange(k), flow[1], flow[3]]),
            a=np.concatenate([w + self.pairs.i, side]),
            b=np.concatenate([w + self.pairs.j, one]),
            k=np.concatenate([np.ones(k), np.tile(limit**2, 2)]),
        )

    def _flow_matrix(self) -> sp.csr_array:
        """Return the four powers of each branch as rows over all columns, shape (4 l, width)."""
        lines, at = self.grid.branches, self._at
        g_ff, b_ff, g_ft, b_ft, g_tf, b_tf, g_tt, b_tt = two_port(lines)
        count, pair, sign = len(lines), self.pairs.of_branch, self.pairs.sign
        row = np.arange(count)
        c, s = at["c"] + pair, at["s"] + pair
        w_f, w_t = at["w"] + lines.from_bus, at["w"] + lines.to_bus
        parts = [
            (0, w_f, g_ff),
            (0, c, g_ft),
            (0, s, sign * b_ft),
            (1, w_f, -b_ff),
            (1, c, -b_ft),
            (1, s, sign * g_ft),
            (2, w_t, g_tt),
            (2, c, g_tf),
            (2, s, -sign * b_tf),
            (3, w_t, -b_tt),
            (3, c, -b_tf),
            (3, s, -sign * g_tf),
        ]
        rows = np.concatenate([kind * count + row for kind, _, _ in parts])
        columns = np.concatenate([column for _, column, _ in parts])
        values = np.concatenate([value for _, _, value in parts])
        return sp.csr_array((values, (rows, columns)), shape=(4 * count, self.width))

    def _network_rows(self) -> sp.csr_array:
        """Return balances, the definitions of limited flows, and the cost segments."""
        grid, at = self.grid, self._at
        lines, gens, n, count = grid.branches, grid.generators, grid.n_bus, len(grid.branches)
        flows = self._flow_matrix()
        row, one = np.arange(count), np.ones(count)
        blocks = []
        for k, (output, shunt) in enumerate((("p", -grid.g_shunt_pu), ("q", grid.b_shunt_pu))):
            leaving = sp.csr_array(
                (
                    np.concatenate([one, one]),
                    (
                        np.concatenate([lines.from_bus, lines.to_bus]),
                        np.concatenate([k * count + row, (k + 2) * count + row]),
                    ),
                ),
                shape=(n, 4 * count),
            )
            g = np.arange(len(gens))
            entering = sp.csr_array(
                (
                    np.concatenate([np.ones(len(gens)), shunt]),
                    (
                        np.concatenate([gens.bus, np.arange(n)]),
                        np.concatenate([at[output] + g, at["w"] + np.arange(n)]),
                    ),
                ),
                shape=(n, self.width),
            )
            blocks.append(entering - leaving @ flows)
        limited = self.ac.limited
        chosen = np.concatenate([kind * count + limited for kind in range(4)])
        identity = sp.csr_array(
            (np.ones(len(chosen)), (np.arange(len(chosen)), at["flow"] + np.arange(len(chosen)))),
            shape=(len(chosen), self.width),
        )
        blocks += [flows[chosen] - identity, self._segment_rows()]
        return sp.csr_array(sp.vstack(blocks, format="csr"))

    def _segment_rows(self) -> sp.csr_array:
        gens, scale = self.grid.generators, self.ac.cost_scale
        entries: list[tuple[int, int, float]] = []
        row = 0
        for k, cost in enumerate(gens.piecewise):
            output = self._at["q" if cost.reactive else "p"] + cost.gen
            for slope in cost.slope_usd_per_puh:
                entries += [(row, output, float(slope) / scale), (row, self._at["cost"] + k, -1.0)]
                row += 1
        matrix = sp.lil_array((row, self.width))
        for r, column, value in entries:
            matrix[r, column] = value
        return sp.csr_array(matrix)

    def instance(self, horizon: GridHours, hour: int) -> Instance:
        """Return one hour: the AC problem's own bounds and prices over the relaxed columns."""
        ac, at, grid = build_instance(self.ac, horizon.at(hour)), self._at, self.grid
        low, high = np.full(self.width, -np.inf), np.full(self.width, np.inf)
        linear, quadratic = np.zeros(self.width), np.zeros(self.width)
        start = np.zeros(self.width)
        for kind in ("p", "q", "cost"):
            theirs = self.ac.at(kind)
            own = slice(at[kind], at[kind] + theirs.stop - theirs.start)
            low[own], high[own] = ac.lbx[theirs], ac.ubx[theirs]
            linear[own], quadratic[own] = ac.linear[theirs], ac.quadratic[theirs]
            start[own] = ac.start[theirs]
        n, k = grid.n_bus, len(self.pairs.i)
        low[:n], high[:n] = grid.v_min_pu**2, grid.v_max_pu**2
        start[:n] = ac.start[self.ac.at("v")] ** 2
        product = grid.v_max_pu[self.pairs.i] * grid.v_max_pu[self.pairs.j]
        for kind in ("c", "s"):
            low[at[kind] : at[kind] + k], high[at[kind] : at[kind] + k] = -product, product
        start[at["c"] : at["c"] + k] = np.sqrt(start[self.pairs.i] * start[self.pairs.j])
        low[at["one"]] = high[at["one"]] = start[at["one"]] = 1.0
        rows_low, rows_high = self._row_bounds(ac)
        return Instance(low, high, rows_low, rows_high, linear, quadratic, ac.constant, start)

    def _row_bounds(self, ac: Instance) -> tuple[FloatArray, FloatArray]:
        n, flows = self.grid.n_bus, np.zeros(4 * len(self.ac.limited))
        first = self.ac.row("cost")
        costs = slice(first, first + self.ac.rows["cost"])
        low = [ac.lbg[: 2 * n], flows, ac.lbg[costs], self._cuts[1]]
        high = [ac.ubg[: 2 * n], flows, ac.ubg[costs], np.full(len(self._cuts[1]), np.inf)]
        return np.concatenate(low), np.concatenate(high)


def _angle_rows(
    grid: Grid, pairs: Pairs, at: dict[str, int], width: int
) -> tuple[sp.csr_array, FloatArray]:
    """Return rows ``row @ x >= bound`` that limits of angle and voltage imply of c, s and w."""
    low, high = pairs.low_rad, pairs.high_rad
    which = np.flatnonzero((np.abs(low) < RIGHT_ANGLE_RAD) & (np.abs(high) < RIGHT_ANGLE_RAD))
    i, j, low, high = pairs.i[which], pairs.j[which], low[which], high[which]
    c, s = at["c"] + which, at["s"] + which
    w_i, w_j = at["w"] + i, at["w"] + j
    middle, half = (high + low) / 2, np.cos((high - low) / 2)
    v_i, v_j = grid.v_max_pu[i], grid.v_max_pu[j]
    u_i, u_j = grid.v_min_pu[i], grid.v_min_pu[j]
    sum_i, sum_j = v_i + u_i, v_j + u_j
    both = sum_i * sum_j
    turned = [(c, both * np.cos(middle)), (s, both * np.sin(middle))]
    spread = u_i * u_j - v_i * v_j
    rows = [
        ([(s, np.ones(len(which))), (c, -np.tan(low))], np.zeros(len(which))),
        ([(s, -np.ones(len(which))), (c, np.tan(high))], np.zeros(len(which))),
        (
            [*turned, (w_i, -v_j * half * sum_j), (w_j, -v_i * half * sum_i)],
            v_i * v_j * half * spread,
        ),
        (
            [*turned, (w_i, -u_j * half * sum_j), (w_j, -u_i * half * sum_i)],
            -u_i * u_j * half * spread,
        ),
    ]
    blocks = []
    for entries, _ in rows:
        columns = np.concatenate([column for column, _ in entries])
        values = np.concatenate([value for _, value in entries])
        row = np.tile(np.arange(len(which)), len(entries))
        blocks.append(sp.csr_array((values, (row, columns)), shape=(len(which), width)))
    return sp.csr_array(sp.vstack(blocks, format="csr")), np.concatenate([b for _, b in rows])
