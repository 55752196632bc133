"""What would have to give when no operation meets all limits.

Every limit gets a slack. The least weighted sum of slacks (L1, weights 1 per pu, rad and squared
pu, more for active outputs, which are the last to give) tells how far the network is from
feasible; slacks are then dropped one at a time as long as the rest can carry it, which leaves a
set none of which can be spared. Stores and responsive loads do in all of this what helps most;
hours that nothing couples are taken one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cmgplan.arrays import FloatArray, IntArray
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.broken_limits import CONSIDERABLE, LIMITS, ElasticBreak, broken_limits
from cmgplan.network.opf.coupled import injected, reach
from cmgplan.network.opf.flexible import (
    Flexible,
    extended_instance,
    extended_model,
    one_way,
    position,
)
from cmgplan.network.opf.model import Layout, build_instance, build_model
from cmgplan.plurals import counted
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import ADAPTIVE, Instance, Strategy, TemplateProblem
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit
from cmgplan.units import kw_from_mw, mw_from_pu

MAX_DROPS, MAX_COUPLED_DROPS = 60, 15
"""Limits that are tried to be spared in an hour, or in coupled hours, where each try takes long."""

USUAL = Strategy(100, ADAPTIVE)
"""Iterations of the search for the point of least slacks, which mostly takes 20 to 50."""

STEADY = Strategy(300, (("mu_strategy", "monotone"),))
"""The search once more where the first does not end: slower, and surer."""

TRIAL = Strategy(60, ADAPTIVE)
"""Iterations after which a limit is taken not to be spared; a point is found much earlier."""

NAMED = 5
"""Limits that are named per hour; the rest is counted."""

OUTPUT_WEIGHT = 10.0
"""Weight of limits of active output: plant is harder to add than what carries its power."""

CUT_KW = 0.5
"""Load over which a cut is told."""

NOTHING = Flexible()

_BY_COLUMN = ("lbx", "ubx", "linear", "quadratic", "start")


@dataclass(frozen=True)
class Need:
    """What one hour, or a horizon of coupled hours, lacks.

    Attributes
    ----------
    short
        Sum of slacks when limits give; infinite if even then nothing is found.
    broken
        Limits that would have to give, none of which can be spared; None if even then nothing is
        found.
    untried
        How many of them were not tried to be spared, being too many.
    set_points
        The same when held voltages may give too, or None.
    shed_kw
        Load to be cut instead, shape (T, n); None if that does not help either.
    """

    short: float
    broken: list[ElasticBreak] | None
    untried: int
    set_points: list[ElasticBreak] | None
    shed_kw: FloatArray | None


UNKNOWN = Need(float("inf"), None, 0, None, None)
"""Where the limit of time came before the first answer."""


@dataclass(frozen=True)
class Explanation:
    """Sentences on what would have to give, and whether anything would."""

    lines: tuple[str, ...]
    lacking: bool


class ElasticProblem:
    """A grid with slacks on all limits, compiled once for every horizon of the same length.

    Parameters
    ----------
    grid
        Network.
    hours
        Length of the horizons, 1 where nothing couples the hours.
    flexible
        Stores and responsive loads.
    dt_h
        Length of an hour where there are any.
    """

    def __init__(
        self, grid: Grid, hours: int = 1, flexible: Flexible = NOTHING, dt_h: float = 1.0
    ) -> None:
        self.grid, self.flexible = grid, flexible
        self.layout = Layout(grid, elastic=True, hours=hours)
        model = build_model(self.layout)
        if flexible:
            model = extended_model(model, self.layout, flexible, dt_h)
            self._injection, self._alone = injected(self.layout, model.linear), ElasticProblem(grid)
        self._problem = TemplateProblem(model)

    def nearest(self, horizon: GridHours, hour: int = 0, limit: TimeLimit = UNLIMITED) -> Outcome:
        """Return the point from an hour on that breaks the limits least, all load served."""
        return self._least(self._instance(self._part(horizon, hour), LIMITS), limit)

    def _least(self, instance: Instance, limit: TimeLimit) -> Outcome:
        """Return the point of least slacks, looked for in two ways."""
        outcome = self._problem.solve(instance, USUAL, limit)
        if outcome.stop in (Stop.LOCAL_OPTIMUM, Stop.LOCALLY_INFEASIBLE):
            return outcome
        steady = self._problem.solve(instance, STEADY, limit)
        return steady if steady.accepted else outcome

    def need(self, horizon: GridHours, hour: int = 0, limit: TimeLimit = UNLIMITED) -> Need:
        """Return what the horizon lacks from an hour on, as far as the limit of time lets it."""
        part = self._part(horizon, hour)
        instance = self._instance(part, LIMITS)
        nearest = self._least(instance, limit)
        if limit.over and nearest.stop is not Stop.LOCAL_OPTIMUM:
            return UNKNOWN
        if nearest.accepted and self.flexible:
            instance, nearest = self._one_way(instance, nearest, limit)
        short = float("inf") if nearest.value is None else nearest.value
        cut_kw = self._cut_kw(part, limit)
        broken, set_points, untried = None, None, 0
        if nearest.accepted and short > CONSIDERABLE:
            least, untried = self._spared(instance, nearest, limit)
            broken = broken_limits(self.layout, least.values())
        if short > CONSIDERABLE:
            set_points = self._with_set_points(part, limit)
        return Need(short, broken, untried, set_points, cut_kw)

    def _cut_kw(self, horizon: GridHours, limit: TimeLimit) -> FloatArray | None:
        """Return the least load to be cut so that all limits hold, (T, n), or None."""
        cut = self._least(self._instance(horizon, ("shed",)), limit)
        if not cut.accepted:
            return None
        shed = self.layout.part(cut.values(), "shed")
        return kw_from_mw(mw_from_pu(shed, self.grid.s_base_mva))

    def _part(self, horizon: GridHours, hour: int) -> GridHours:
        return horizon.at(hour) if self.layout.hours == 1 else horizon

    def _with_set_points(self, horizon: GridHours, limit: TimeLimit) -> list[ElasticBreak] | None:
        """Return what would have to give if held voltages may, None if there are none."""
        if not len(self._held):
            return None
        instance = self._instance(horizon, LIMITS, set_points=True)
        outcome = self._least(instance, limit)
        if not outcome.accepted:
            return None
        return broken_limits(self.layout, self._spared(instance, outcome, limit)[0].values())

    def _one_way(
        self, instance: Instance, found: Outcome, limit: TimeLimit
    ) -> tuple[Instance, Outcome]:
        """Return a point at which stores do not waste energy by charging and discharging."""
        held = one_way(instance, self.layout, self.flexible, found.values())
        if held is None:
            return instance, found
        return held, self._problem.solve(replace(held, start=found.values()), USUAL, limit)

    @property
    def _held(self) -> IntArray:
        """Buses whose voltage a generator holds at one value."""
        held = np.flatnonzero(self.grid.v_min_pu == self.grid.v_max_pu)
        return np.intersect1d(held, self.grid.generators.bus)

    def _columns(self, *kinds: str) -> IntArray:
        """Return the columns of some kinds over all hours."""
        one = [np.arange(self.layout.at(k).start, self.layout.at(k).stop) for k in kinds]
        shift = self.layout.width * np.arange(self.layout.hours)[:, None]
        return np.asarray((shift + np.concatenate(one)).ravel(), dtype=np.int64)

    def _instance(
        self, horizon: GridHours, free: Sequence[str], *, set_points: bool = False
    ) -> Instance:
        """Return the horizon with some slacks free and the others held at zero.

        Voltages that generators hold at one value give only if ``set_points`` is true.
        """
        whole = build_instance(self.layout, horizon)
        if self.flexible:
            whole = extended_instance(whole, self.layout, self.flexible, horizon)
        linear, upper = np.zeros_like(whole.linear), whole.ubx.copy()
        linear[self._columns(*LIMITS, "shed")] = 1.0
        linear[self._columns("p_below", "p_above")] = OUTPUT_WEIGHT
        upper[self._columns(*(kind for kind in (*LIMITS, "shed") if kind not in free))] = 0.0
        if not set_points:
            for kind in ("low", "high"):
                upper[self._columns(kind).reshape(self.layout.hours, -1)[:, self._held]] = 0.0
        if self.grid.generators.firm is not None:
            for kind in ("p_below", "p_above", "q_below", "q_above"):
                firm = self._columns(kind).reshape(self.layout.hours, -1)
                upper[firm[:, self.grid.generators.firm]] = 0.0
        shed = self._columns("shed").reshape(self.layout.hours, -1)
        for load in self.flexible.loads:  # what is moved away cannot be cut as well
            upper[shed[:, position(self.grid, load.bus)]] *= 1.0 - load.share
        return replace(
            whole, linear=linear, quadratic=np.zeros_like(linear), constant=0.0, ubx=upper
        )

    def _spared(self, instance: Instance, found: Outcome, limit: TimeLimit) -> tuple[Outcome, int]:
        """Drop slacks one at a time, the least first, while a point remains.

        Returns the point left, and how many of its slacks were not tried.
        """
        columns = self._columns(*LIMITS)
        slack = found.values()[columns]
        upper = instance.ubx.copy()
        upper[columns[slack <= CONSIDERABLE]] = 0.0
        given = np.flatnonzero(slack > CONSIDERABLE)
        given = given[np.argsort(slack[given])]
        held = self._problem.solve(replace(instance, ubx=upper, start=found.values()), USUAL, limit)
        if not held.accepted:
            return found, len(given)
        most = MAX_DROPS
        if self.flexible:
            most = MAX_COUPLED_DROPS
            given = given[~self._needed_alone(instance, columns[given], limit)]
        tries = 0
        for k in given[:most]:
            tried = upper.copy()
            tried[columns[k]] = 0.0
            trial = replace(instance, ubx=tried, start=held.values())
            outcome = self._problem.solve(trial, TRIAL, limit)
            if limit.over:
                break
            tries += 1
            if outcome.accepted:
                upper, held = tried, outcome
        return held, len(given) - tries

    def _needed_alone(
        self, instance: Instance, given: IntArray, limit: TimeLimit
    ) -> npt.NDArray[np.bool_]:
        """Return which slacks an hour needs by itself, whatever the devices inject in it.

        What an hour cannot spare with the devices free it cannot spare in the horizon; to see
        that takes a problem of one hour.
        """
        layout, alone = self.layout, self._alone
        least, largest = reach(layout, self._injection, instance)
        n, needed = layout.grid.n_bus, np.zeros(len(given), dtype=bool)
        balances = alone.layout.row("p") + np.arange(2 * n)
        hours, places = np.divmod(given, layout.width)
        for hour in np.unique(hours):
            columns = slice(hour * layout.width, (hour + 1) * layout.width)
            rows = slice(hour * layout.height, (hour + 1) * layout.height)
            lbg, ubg = instance.lbg[rows].copy(), instance.ubg[rows].copy()
            lbg[balances] -= largest[hour]
            ubg[balances] -= least[hour]
            one = replace(
                instance,
                **{name: getattr(instance, name)[columns] for name in _BY_COLUMN},
                lbg=lbg,
                ubg=ubg,
            )
            for k in np.flatnonzero(hours == hour)[:MAX_DROPS]:
                free = np.setdiff1d(places[hours == hour], places[k])
                upper = one.ubx.copy()
                upper[np.setdiff1d(alone._columns(*LIMITS), free)] = 0.0
                outcome = alone._problem.solve(replace(one, ubx=upper), TRIAL, limit)
                needed[k] = not outcome.accepted and not limit.over
        return needed


def explain(
    elastic: ElasticProblem, horizon: GridHours, limit: TimeLimit = UNLIMITED
) -> Explanation:
    """Return what would have to give, hour by hour, the worst hours first.

    What the limit of time leaves out is said in the last line.
    """
    hours, left_out = elastic.layout.hours, None
    told: list[tuple[float, list[str]]] = []
    for first in range(0, horizon.hours, hours):
        need = UNKNOWN if limit.over else elastic.need(horizon, first, limit)
        if need is UNKNOWN:
            left_out = _not_reached(first)
            break
        if need.short <= CONSIDERABLE:
            continue
        for hour in range(hours):
            when = f" at hour {first + hour}" if horizon.hours > 1 else ""
            short = sum(one.amount for one in need.broken or () if one.hour == hour)
            told.append((short, list(_told(need, hour, when))))
        if need.untried:
            told.append((0.0, [f"of these limits {need.untried} were not tried to be spared"]))
        if need.broken is None:
            told.append((np.inf, [_nothing_found(need, first, horizon.hours, hours)]))
    told.sort(key=lambda hour: -hour[0])
    lines = tuple(line for _, lines in told for line in lines)
    if left_out is not None:
        return Explanation((*lines, left_out), lacking=bool(told))
    if not told:
        line = (
            f"no limit would have to give by more than {CONSIDERABLE:g} pu, but no operation that "
            "meets all of them was found"
        )
        return Explanation((line,), lacking=False)
    return Explanation(lines, lacking=True)


def _not_reached(hour: int) -> str:
    """Return what is said where no time was left to look at an hour."""
    since = "" if hour == 0 else f" from hour {hour} on"
    return f"what would have to give{since} was not found within the time limit"


def _nothing_found(need: Need, first: int, total: int, hours: int) -> str:
    when = "" if total == 1 else f" at hour {first}" if hours == 1 else f" over {hours} hours"
    if need.shed_kw is None:
        return f"no operation is found{when}, neither with limits giving nor with less load"
    return (
        f"no operation is found{when} even if limits give; it takes "
        f"{need.shed_kw.sum():.0f} kW less load"
    )


def _told(need: Need, hour: int, when: str) -> Iterator[str]:
    """Yield what would have to give in one hour, or how much less load would do instead."""
    broken = [one for one in need.broken or () if one.hour == hour]
    cut = 0.0 if need.shed_kw is None else float(need.shed_kw[hour].sum())
    instead = f" or {cut:.0f} kW less load" if cut > CUT_KW else ""
    for k, one in enumerate(broken[:NAMED]):
        yield f"{one.told}{when}: {one.remedy}{instead if k == 0 else ''}"
    if len(broken) > NAMED:
        yield f"and {counted(len(broken) - NAMED, 'more limit')}{when}"
    if instead and not broken and need.broken is not None:
        yield f"less load would take a cut{when} too: {cut:.0f} kW"
    if need.set_points is not None:
        other = [one for one in need.set_points if one.hour == hour]
        if len(other) < len(broken) or need.broken is None:
            told = ", ".join(f"{one.told}: {one.remedy}" for one in other)
            yield f"with set points free it would take{when} only: {told or 'nothing'}"
