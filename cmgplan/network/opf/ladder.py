"""The ladder of an optimal power flow: ways to begin, tried in turn until one has an answer.

A rung is chosen by its success alone. The rungs stand in the order of how often each was the
first to succeed; all but the last give up early, so that a failure costs little. On large grids
every start that needs no other problem solved comes first, and a proof that there is no answer is
looked for after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.elastic import ElasticProblem
from cmgplan.network.opf.jabr import Relaxation
from cmgplan.network.opf.model import Layout
from cmgplan.network.opf.starts import least_break_start, power_flow_start, relaxation_start
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import Instance, Strategy, TemplateProblem
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit

WARM_START, FLAT = "warm start", "flat start"
POWER_FLOW, RELAXATION, LEAST_BREAK = "power-flow start", "relaxation start", "least-break start"
TIGHTENED, FALLING = "limits tightened step by step", "flat start, falling barrier"
PATIENT = "flat start, many iterations"
RUNGS = (
    WARM_START,
    FLAT,
    POWER_FLOW,
    RELAXATION,
    LEAST_BREAK,
    TIGHTENED,
    FALLING,
    PATIENT,
)
"""Names of the rungs, the likeliest first."""

LARGE_BUSES = 1000
"""Buses from which a grid is large: a proof then takes longer than an answer."""

ALONE, TOGETHER = "proof by hours alone", "proof by all hours together"

ORDER = (
    FLAT,
    ALONE,
    POWER_FLOW,
    RELAXATION,
    TOGETHER,
    LEAST_BREAK,
    TIGHTENED,
    FALLING,
    PATIENT,
)
"""Rungs and proofs as they are tried."""

LARGE_ORDER = (
    FALLING,
    FLAT,
    POWER_FLOW,
    ALONE,
    RELAXATION,
    TOGETHER,
    LEAST_BREAK,
    TIGHTENED,
    PATIENT,
)
"""The same on large grids, where the falling barrier ends in the optimum more often."""

WARM = Strategy.warm(max_iter=12, push=1e-6)
EARLY = Strategy(80, (("mu_strategy", "adaptive"),))
MONOTONE = Strategy(200, (("mu_strategy", "monotone"), ("mu_init", 1.0)))
MANY = Strategy(1000, (("mu_strategy", "adaptive"), ("mu_oracle", "probing")))

SHARES = (1.0, 0.4, 0.15, 0.05, 0.0)
"""Shares of the widening with which limits are tightened step by step."""

V_WIDER_PU, ANGLE_WIDER_RAD = 0.2, 1.0
LOAD_WIDER = 3.0
"""How much limits of voltage, angle difference and (as a share) squared loading are widened."""


@dataclass(frozen=True)
class Climbed:
    """Where a ladder ended.

    Attributes
    ----------
    outcome
        Of the first rung with an optimum; of the most telling failure where there is none.
    rung
        Name of that rung.
    iterations
        Of the solver over all rungs.
    infeasible
        Whether a proof ended the climb.
    """

    outcome: Outcome
    rung: str
    iterations: int
    infeasible: bool = False


@dataclass(frozen=True)
class Helpers:
    """Other problems of the same grid, compiled when first asked for.

    Attributes
    ----------
    settle
        Makes a solver's answer one that may be handed on, or returns it as it is.
    hopeless
        Whether a horizon is proven to have no answer, by hours alone or, if the second argument
        is true, by all hours together, within a limit of time.
    """

    elastic: Callable[[], ElasticProblem]
    relaxation: Callable[[], Relaxation]
    settle: Callable[[Instance, Outcome], Outcome]
    hopeless: Callable[[GridHours, bool, TimeLimit], bool]


class Ladder:
    """The rungs of one compiled problem.

    Parameters
    ----------
    problem
        Compiled problem.
    layout
        Its columns and rows; columns and rows of devices may stand behind.
    helpers
        Problems that give other starts.
    """

    def __init__(self, problem: TemplateProblem, layout: Layout, helpers: Helpers) -> None:
        self._problem, self._layout, self._helpers = problem, layout, helpers

    def climb(
        self,
        instance: Instance,
        horizon: GridHours,
        near: Outcome | None = None,
        limit: TimeLimit = UNLIMITED,
    ) -> Climbed:
        """Return the first optimum; ``near`` is the answer of a similar instance.

        The limit of time ends the climb and changes nothing of an answer found before.
        """
        iterations = 0
        failed: Climbed | None = None
        for name, outcome in self._rungs(instance, horizon, near, limit):
            if outcome is None:
                if failed is not None and self._hopeless(horizon, name, limit):
                    return replace(failed, infeasible=True)
                continue
            if outcome.accepted:
                outcome = self._helpers.settle(instance, outcome)
            iterations += outcome.iterations
            climbed = Climbed(outcome, name, iterations)
            if outcome.stop is Stop.LOCAL_OPTIMUM:
                return climbed
            failed = climbed if failed is None else _more_telling(failed, climbed)
            if limit.over:
                break
        if failed is None:
            raise ValueError("a ladder has rungs")
        return failed

    def _hopeless(self, horizon: GridHours, name: str, limit: TimeLimit) -> bool:
        limit.begin(f"looking for a {name}")
        return self._helpers.hopeless(horizon, name == TOGETHER, limit)

    def _rungs(
        self, instance: Instance, horizon: GridHours, near: Outcome | None, limit: TimeLimit
    ) -> Iterator[tuple[str, Outcome | None]]:
        """Solve from one start after the other, as long as the caller asks for more.

        Between them stand the places at which to look for a proof that there is no answer.
        """
        if near is not None:
            warm = replace(instance, start=near.values(), multipliers=near.multipliers)
            limit.begin(WARM_START)
            yield WARM_START, self._problem.solve(warm, WARM, limit)
        rungs = self._ways(instance, horizon, limit)
        large = self._layout.grid.n_bus >= LARGE_BUSES
        for name in LARGE_ORDER if large else ORDER:
            limit.begin(name)
            if name in (ALONE, TOGETHER):
                yield name, None
                continue
            outcome = rungs[name]()
            if outcome is not None:
                yield name, outcome

    def _ways(
        self, instance: Instance, horizon: GridHours, limit: TimeLimit
    ) -> dict[str, Callable[[], Outcome | None]]:
        """Return what each rung does; None where it finds nothing to begin from."""
        layout, helpers = self._layout, self._helpers

        def solved(strategy: Strategy, start: FloatArray | None) -> Outcome | None:
            if start is None:
                return None
            return self._problem.solve(_begun(instance, start), strategy, limit)

        def flat(strategy: Strategy) -> Outcome:
            return self._problem.solve(instance, strategy, limit)

        return {
            FLAT: lambda: flat(EARLY),
            POWER_FLOW: lambda: solved(EARLY, power_flow_start(layout, horizon)),
            RELAXATION: lambda: solved(
                EARLY, relaxation_start(layout, horizon, helpers.relaxation(), limit)
            ),
            LEAST_BREAK: lambda: solved(
                EARLY, least_break_start(layout, horizon, helpers.elastic(), limit)
            ),
            TIGHTENED: lambda: self._tightened(instance, limit),
            FALLING: lambda: flat(MONOTONE),
            PATIENT: lambda: flat(MANY),
        }

    def _tightened(self, instance: Instance, limit: TimeLimit) -> Outcome:
        """Solve with wider limits, then tighten them, each time from the last answer."""
        start, iterations = instance.start, 0
        for share in SHARES:
            wider = replace(widened(instance, self._layout, share), start=start)
            outcome = self._problem.solve(wider, EARLY, limit)
            iterations += outcome.iterations
            if not outcome.accepted:
                # What is found of wider limits says nothing about these.
                stop = outcome.stop if share == 0.0 else Stop.LIMIT
                return replace(outcome, stop=stop, iterations=iterations)
            start = outcome.values()
        return replace(outcome, iterations=iterations)


def _begun(instance: Instance, start: FloatArray) -> Instance:
    """Return an instance with another start of the grid; devices keep theirs."""
    return replace(instance, start=np.concatenate([start.ravel(), instance.start[start.size :]]))


def _more_telling(first: Climbed, second: Climbed) -> Climbed:
    """Return which of two failures tells more: an answer held, then local infeasibility."""
    rank = {Stop.FEASIBLE: 0, Stop.LOCALLY_INFEASIBLE: 1}
    kept = min(first, second, key=lambda climbed: rank.get(climbed.outcome.stop, 2))
    return replace(kept, iterations=second.iterations)


def widened(instance: Instance, layout: Layout, share: float) -> Instance:
    """Return an instance with wider limits of voltage, angle, loading and reactive output.

    What is held at one value stays held.
    """
    lbx, ubx = instance.lbx.copy(), instance.ubx.copy()
    lbg, ubg = instance.lbg.copy(), instance.ubg.copy()
    ends = np.concatenate([layout.limited, layout.two_sided])
    lines = layout.grid.branches
    squared = np.minimum(lines.s_max_pu, lines.i_max_pu)[ends] ** 2
    gens = layout.grid.generators
    reach = np.minimum(gens.q_max_pu - gens.q_min_pu, 10.0)
    for low, high, columns, wider in (
        (lbx, ubx, layout.at("v"), V_WIDER_PU),
        (lbx, ubx, layout.at("q"), reach),
        (lbg, ubg, _rows(layout, "load"), LOAD_WIDER * squared),
        (lbg, ubg, _rows(layout, "angle"), ANGLE_WIDER_RAD),
    ):
        width = layout.width if low is lbx else layout.height
        lower = low[: layout.hours * width].reshape(layout.hours, width)[:, columns]
        upper = high[: layout.hours * width].reshape(layout.hours, width)[:, columns]
        by = np.where(lower < upper, share * np.asarray(wider), 0.0)
        lower -= by
        upper += by
    return replace(instance, lbx=lbx, ubx=ubx, lbg=lbg, ubg=ubg)


def _rows(layout: Layout, kind: str) -> slice:
    return slice(layout.row(kind), layout.row(kind) + layout.rows[kind])
