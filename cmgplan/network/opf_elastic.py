"""What would have to give when no operation meets all limits.

Every limit of an hour gets a slack. The least weighted sum of slacks (L1, weights 1 per pu, rad
and squared pu) tells how far the network is from feasible; slacks are then dropped one at a time
as long as the rest can carry it, which leaves a set none of which can be spared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.network.grid import FloatArray, Grid
from cmgplan.network.horizon import Horizon
from cmgplan.network.opf_model import Layout, build_instance, build_model
from cmgplan.solve.outcome import Outcome
from cmgplan.solve.templates import Instance, TemplateProblem
from cmgplan.units import kw_from_mw, mw_from_pu

LIMITS = ("low", "high", "over", "apart", "p_below", "q_below", "q_above")
CONSIDERABLE = 1e-5
"""Slack over which a limit is said to give, in its own unit (pu, rad, squared pu)."""

MAX_DROPS = 60
"""Limits that are tried to be spared in one hour; more would take long and tell little."""

NAMED = 5
"""Limits that are named per hour; the rest is counted."""


@dataclass(frozen=True)
class Need:
    """What one hour lacks.

    Attributes
    ----------
    hour
        Position in the horizon.
    short
        Sum of slacks when limits give; infinite if even then nothing is found.
    outcome
        Point with the least slacks, or None.
    set_points
        Point with the least slacks when held voltages may give too, or None.
    shed_kw
        Load to be cut instead, at each bus; None if that does not help either.
    """

    hour: int
    short: float
    outcome: Outcome | None
    set_points: Outcome | None
    shed_kw: FloatArray | None


class ElasticProblem:
    """One hour of a grid with slacks on all limits, compiled once for every hour."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.layout = Layout(grid, elastic=True)
        self._problem = TemplateProblem(build_model(self.layout))

    def nearest(self, horizon: Horizon, hour: int) -> Outcome:
        """Return the point of the hour that breaks the limits least, all load served."""
        return self._problem.solve(self._instance(horizon, hour, LIMITS))

    def need(self, horizon: Horizon, hour: int) -> Need:
        """Return what the hour lacks."""
        instance = self._instance(horizon, hour, LIMITS)
        nearest = self._problem.solve(instance)
        set_points = None
        if nearest.accepted and nearest.value is not None and nearest.value > CONSIDERABLE:
            set_points = self._spared_with_set_points(horizon, hour)
            nearest = self._spared(instance, nearest)
        short = float("inf") if nearest.value is None else nearest.value
        cut = self._problem.solve(self._instance(horizon, hour, ("shed",)))
        shed = None
        if cut.accepted:
            shed = mw_from_pu(self.layout.part(cut.values(), "shed")[0], self.grid.s_base_mva)
        return Need(
            hour,
            short,
            nearest if nearest.accepted else None,
            set_points,
            None if shed is None else kw_from_mw(shed),
        )

    def _spared_with_set_points(self, horizon: Horizon, hour: int) -> Outcome | None:
        """Return the point of least slacks if held voltages may give, None if there are none."""
        if not np.any(self.grid.v_min_pu == self.grid.v_max_pu):
            return None
        instance = self._instance(horizon, hour, LIMITS, set_points=True)
        outcome = self._problem.solve(instance)
        return self._spared(instance, outcome) if outcome.accepted else None

    def _instance(
        self, horizon: Horizon, hour: int, free: Sequence[str], *, set_points: bool = False
    ) -> Instance:
        """Return the hour with some slacks free and the others held at zero.

        Voltages that the grid holds at one value give only if ``set_points`` is true.
        """
        whole = build_instance(self.layout, horizon.at(hour))
        linear, upper = np.zeros_like(whole.linear), whole.ubx.copy()
        for kind in (*LIMITS, "shed"):
            columns = self.layout.at(kind)
            linear[columns] = 1.0
            if kind not in free:
                upper[columns] = 0.0
        if not set_points:
            held = self.grid.v_min_pu == self.grid.v_max_pu
            for kind in ("low", "high"):
                upper[self.layout.at(kind)][held] = 0.0
        return replace(
            whole, linear=linear, quadratic=np.zeros_like(linear), constant=0.0, ubx=upper
        )

    def _spared(self, instance: Instance, found: Outcome) -> Outcome:
        """Drop slacks one at a time, the least first, while a point remains."""
        first, last = self.layout.at(LIMITS[0]).start, self.layout.at(LIMITS[-1]).stop
        slack = found.values()[first:last]
        upper = instance.ubx.copy()
        upper[first:last][slack <= CONSIDERABLE] = 0.0
        held = self._problem.solve(replace(instance, ubx=upper, start=found.values()))
        if not held.accepted:
            return found
        given = np.flatnonzero(slack > CONSIDERABLE)
        if len(given) > MAX_DROPS:
            return held
        for k in given[np.argsort(slack[given])]:
            tried = upper.copy()
            tried[first + k] = 0.0
            outcome = self._problem.solve(replace(instance, ubx=tried, start=held.values()))
            if outcome.accepted:
                upper, held = tried, outcome
        return held


def explain(elastic: ElasticProblem, horizon: Horizon) -> tuple[str, ...]:
    """Return sentences that name what would have to give, hour by hour, the worst hours first."""
    needs = [elastic.need(horizon, t) for t in range(horizon.hours)]
    lacking = [n for n in needs if n.short > CONSIDERABLE]
    lacking.sort(key=lambda n: -n.short)
    lines = [line for need in lacking for line in _told(elastic, horizon, need)]
    return tuple(lines)


def _told(elastic: ElasticProblem, horizon: Horizon, need: Need) -> Iterator[str]:
    when = f" at hour {need.hour}" if horizon.hours > 1 else ""
    instead = ""
    if need.shed_kw is not None:
        instead = f" or {need.shed_kw.sum():.0f} kW less load"
    if need.outcome is None:
        yield (
            f"no operation is found{when} even if limits give; it takes{instead[3:]}"
            if instead
            else f"no operation is found{when}, neither with limits giving nor with less load"
        )
        return
    breaks = sorted(_breaks(elastic, need.outcome.values()), key=lambda b: -b[0])
    for k, (_, told, remedy) in enumerate(breaks[:NAMED]):
        yield f"{told}{when}: {remedy}{instead if k == 0 else ''}"
    if len(breaks) > NAMED:
        yield f"and {len(breaks) - NAMED} more limits{when}"
    if need.set_points is not None:
        other = list(_breaks(elastic, need.set_points.values()))
        if len(other) < len(breaks):
            told = ", ".join(f"{what}: {remedy}" for _, what, remedy in other)
            yield f"with set points free it would take{when} only: {told}"


def _breaks(elastic: ElasticProblem, x: FloatArray) -> Iterator[tuple[float, str, str]]:
    """Yield slack, what is broken, and the remedy."""
    grid, layout = elastic.grid, elastic.layout
    base = grid.s_base_mva

    def slacks(kind: str) -> Iterator[tuple[int, float]]:
        values = layout.part(x, kind)[0]
        for k in np.flatnonzero(values > CONSIDERABLE):
            yield int(k), float(values[k])

    v = layout.part(x, "v")[0]
    for k, s in slacks("low"):
        told = f"bus {grid.bus_ids[k]} voltage {v[k]:.4f} < {grid.v_min_pu[k]:g} pu"
        yield s, told, f"+{s:.4f} pu"
    for k, s in slacks("high"):
        told = f"bus {grid.bus_ids[k]} voltage {v[k]:.4f} > {grid.v_max_pu[k]:g} pu"
        yield s, told, f"-{s:.4f} pu"
    lines, limited = grid.branches, np.concatenate([layout.limited, layout.two_sided])
    for k, s in slacks("over"):
        line = int(limited[k])
        limit = min(float(lines.s_max_pu[line]), float(lines.i_max_pu[line]))
        over = float(np.sqrt(limit**2 + s)) - limit
        told = f"branch {lines.ids[line]} carries more than {mw_from_pu(limit, base):.4g} MVA"
        yield over, told, f"+{mw_from_pu(over, base):.4g} MVA"
    for k, s in slacks("apart"):
        line = int(layout.narrow[k])
        told = f"branch {lines.ids[line]} has an angle difference over its limit"
        yield s, told, f"+{np.rad2deg(s):.2f} degrees"
    for kind, name, unit in (
        ("p_below", "active output under its lower limit", "MW"),
        ("q_below", "reactive output under its lower limit", "Mvar"),
        ("q_above", "reactive output over its upper limit", "Mvar"),
    ):
        for k, s in slacks(kind):
            sign = "+" if kind == "q_above" else "-"
            told = f"generator {grid.generators.ids[k]} has its {name}"
            yield s, told, f"{sign}{mw_from_pu(s, base):.4g} {unit}"
