"""Every schedule of a small case, so that an optimum can be found without a search."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import prod

import networkx as nx
import numpy as np
import numpy.typing as npt

from cmgplan.arrays import BoolArray
from cmgplan.planning.case import Case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.level4 import GridConnection
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.schedule_model import DeviceKey
from cmgplan.planning.model.switches import SwitchHours, all_switches, allow
from cmgplan.planning.switch_search.schedules import SwitchSchedule

PRODUCT_LIMIT = 2048
"""Schedules that may be written down before those that others dominate are dropped."""


class Enumeration:
    """Schedules of a case under a mask: positions of switches and commitments in each hour.

    With ``dominance`` a schedule is left out where another one closes all that it closes, commits
    the same, keeps the limit of operations, and operates no more often where that costs
    something: a closed switch may carry nothing, so that the other one can do all that it does.
    """

    def __init__(
        self, case: Case, options: PlanOptions, mask: SwitchHours, *, dominance: bool = True
    ) -> None:
        self._case, self._options, self._mask = case, options, mask
        self._switches = all_switches(case)
        self._hours = case.file.time.hours
        self._committed: list[DeviceKey] = [
            (mg.id, mt.id) for mg in case.microgrids for mt in mg.mt if mt.p_min_kw > 0.0
        ]
        free = options.operation_limit is None and options.operation_cost_usd == 0.0
        hourly = [self._positions(t) for t in range(self._hours)]
        if dominance and free:
            hourly = [rows[_undominated(rows)] for rows in hourly]
        written = prod(len(rows) for rows in hourly)
        if written > PRODUCT_LIMIT:
            raise ValueError(f"{written} schedules are too many to enumerate")
        chosen = np.stack([np.stack(rows, axis=1) for rows in itertools.product(*hourly)])
        self.positions = self._worth_trying(chosen, dominance=dominance and not free)

    def _positions(self, t: int) -> BoolArray:
        """Return the positions in an hour that mask and forest allow, shape (n, switch)."""
        may_close = tuple(bool(self._mask[s.id][t]) for s in self._switches)
        return _subsets(tuple(s.ends for s in self._switches), may_close, self._options.radial)

    def _worth_trying(self, chosen: BoolArray, *, dominance: bool) -> BoolArray:
        """Return the schedules (n, switch, hour) within the limit that none dominates."""
        initial = np.array([s.initially_closed for s in self._switches])
        before = np.broadcast_to(initial[None, :, None], (*chosen.shape[:2], 1))
        operated = np.diff(np.concatenate([before, chosen], axis=2), axis=2).sum(axis=2)
        limit = self._options.operation_limit
        if limit is not None:
            within = np.all(operated <= limit, axis=1)
            chosen, operated = chosen[within], operated[within]
        if not dominance:
            return chosen
        costly = self._options.operation_cost_usd > 0.0
        total = operated.sum(axis=1) * int(costly)
        return chosen[_undominated(chosen.reshape(len(chosen), -1), total)]

    @property
    def count(self) -> int:
        """Number of schedules with their commitments."""
        return len(self.positions) * 2 ** (self._hours * len(self._committed))

    def __iter__(self) -> Iterator[SwitchSchedule]:
        """Yield every schedule."""
        commitments = [
            np.array(on, dtype=np.float64).reshape(len(self._committed), self._hours)
            for on in itertools.product((0.0, 1.0), repeat=self._hours * len(self._committed))
        ]
        for positions in self.positions:
            closed = {s.id: row for s, row in zip(self._switches, positions, strict=True)}
            for on in commitments:
                committed = dict(zip(self._committed, on, strict=True))
                yield SwitchSchedule(closed, committed, "enumeration")


@cache
def _subsets(
    ends: tuple[tuple[str, str], ...], may_close: tuple[bool, ...], radial: bool
) -> BoolArray:
    """Return all subsets of the edges that may close, forests alone where radial."""
    found = []
    for closed in itertools.product(*((False, True) if may else (False,) for may in may_close)):
        graph = nx.MultiGraph(edge for edge, c in zip(ends, closed, strict=True) if c)
        if not radial or len(graph) == 0 or nx.is_forest(graph):
            found.append(closed)
    return np.array(found)


def _undominated(closed: BoolArray, operated: npt.NDArray[np.int64] | None = None) -> BoolArray:
    """Return which rows no other row contains, among those that operate no more often."""
    kept = np.ones(len(closed), dtype=bool)
    for k, row in enumerate(closed):
        other = ~np.any(row & ~closed, axis=1) & np.any(closed != row, axis=1)
        if operated is not None:
            other &= operated <= operated[k]
        kept[k] = not other.any()
    return kept


def optimum(
    connection: GridConnection,
    schedules: Sequence[SwitchSchedule],
    weights: Mapping[str, float],
    caps: Mapping[str, float],
) -> Operation | None:
    """Return the best AC operation of all schedules, None where none meets the caps."""
    best: Operation | None = None
    for schedule in schedules:
        found = connection.operate(schedule, weights, caps, better_than=best)
        best = best if found is None else found
    return best


def random_mask(
    case: Case, options: PlanOptions, rng: np.random.Generator, most: int
) -> tuple[SwitchHours, Enumeration]:
    """Return a mask under which a case has at most so many schedules worth trying, but a choice.

    Every PCC may close in every hour, so that all load can be served; ties where the lot falls.
    Gaps between a tie's hours are what a limit of operations bites on.
    """
    for _ in range(20):
        mask, enumeration = _drawn_mask(case, options, rng, most)
        if enumeration.count > 1:
            return mask, enumeration
    raise ValueError(f"{case.name} has no choice of schedules under the masks drawn")


def _drawn_mask(
    case: Case, options: PlanOptions, rng: np.random.Generator, most: int
) -> tuple[SwitchHours, Enumeration]:
    pairs = [(tie.id, t) for tie in case.ties for t in range(case.file.time.hours)]
    mask = {s: hours.copy() for s, hours in allow(case, ("grid",)).items()}
    held = Enumeration(case, options, mask)
    for k in rng.permutation(len(pairs)):
        if rng.random() < 0.4:
            continue
        tie, t = pairs[int(k)]
        mask[tie][t] = True
        try:
            tried = Enumeration(case, options, mask)
        except ValueError:
            tried = None
        if tried is None or tried.count > most:
            mask[tie][t] = False
        else:
            held = tried
    return mask, held
