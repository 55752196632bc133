"""Optimal power flow of any grid: compile once, solve as often as needed, replay every answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cmgplan.errors import InputError
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours, single_hour
from cmgplan.network.opf.attached import Attached
from cmgplan.network.opf.attached_problem import AttachedOpf
from cmgplan.network.opf.coupled import CoupledRelaxation
from cmgplan.network.opf.elastic import ElasticProblem, explain
from cmgplan.network.opf.flexible import (
    Flexible,
    Placed,
    Responsive,
    extended_instance,
    extended_model,
    one_way,
    schedules,
)
from cmgplan.network.opf.hours_apart import Answered, hours_apart, joined
from cmgplan.network.opf.jabr import Bound, Relaxation
from cmgplan.network.opf.ladder import LARGE_BUSES, Climbed, Helpers, Ladder
from cmgplan.network.opf.model import Layout, build_instance, build_model
from cmgplan.network.opf.result import OpfResult, Status, WallTime, replayed, result_of, values_of
from cmgplan.solve.conic import MAX_ROUNDS
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import Instance, TemplateProblem
from cmgplan.solve.time_limit import UNLIMITED, TimeLimit

NOTHING = Flexible()


LADDER_SHARE = 0.7
"""Share of the time that is left for an answer; the rest tells why there is none."""

PROOF_SHARE = 0.5
"""Share of what is left then for a proof of infeasibility; the rest is for its explanation."""

NO_TIME = "no bound within the time limit"
NO_BOUND = "no bound: the relaxation was not solved"

GAP_NOISE = 1e-6
"""Gap of either sign that is the solvers' tolerance."""


class OpfProblem:
    """A grid's optimal power flow over T hours, compiled; other profiles need no new compiling.

    Parameters
    ----------
    grid
        Network.
    hours
        Length T of every horizon that will be solved.
    flexible
        Stores and responsive loads, which couple the hours.
    dt_h
        Length of an hour where there are any.
    """

    def __init__(
        self, grid: Grid, hours: int = 1, flexible: Flexible = NOTHING, dt_h: float = 1.0
    ) -> None:
        begun = time.perf_counter()
        self.grid, self.hours = grid, hours
        self.layout, self.flexible = Layout(grid, hours=hours), flexible
        # Hours that nothing couples are solved one by one: one that fails does not hinder others.
        at_once = self.layout if flexible else Layout(grid)
        model = build_model(at_once)
        if flexible:
            model = extended_model(model, self.layout, flexible, dt_h)
        self._dt_h, self._linear = dt_h, model.linear
        self.build_s = time.perf_counter() - begun
        self._problem = TemplateProblem(model)
        self.compile_s = self._problem.compile_s
        self._elastic: ElasticProblem | None = None
        self._relaxation: Relaxation | None = None
        self._coupled: CoupledRelaxation | None = None
        self._ladder = Ladder(
            self._problem,
            at_once,
            Helpers(lambda: self.elastic, lambda: self.relaxation, self._settled, self._hopeless),
        )
        self._last: Answered | None = None

    def solve(
        self,
        horizon: GridHours | None = None,
        *,
        replay: bool = True,
        limit: TimeLimit = UNLIMITED,
    ) -> OpfResult:
        """Minimise the generation cost; climb the ladder of starts until one answers.

        A limit of time cuts what there is no time for; an answer that is found is the one that
        is found without it.

        Raises
        ------
        KeyboardInterrupt
            When the user interrupts.
        """
        horizon = single_hour(self.grid) if horizon is None else horizon
        if horizon.hours != self.hours:
            raise ValueError(f"compiled for {self.hours} hours, asked for {horizon.hours}")
        begun = time.perf_counter()
        instance = self._instance(horizon)
        climbed = self._climb(instance, horizon, limit.part(LADDER_SHARE))
        wall = WallTime(self.build_s, self.compile_s, time.perf_counter() - begun)
        result = self._result(climbed, wall)
        if climbed.outcome.stop is not Stop.LOCAL_OPTIMUM:
            return self._explained(result, horizon, climbed, limit)
        if not replay:
            return result
        limit.begin("replay")
        return replayed(result, horizon)

    def _instance(self, horizon: GridHours) -> Instance:
        """Return bounds, prices and start of the whole horizon."""
        instance = build_instance(self.layout, horizon)
        if not self.flexible:
            return instance
        if horizon.dt_h != self._dt_h:
            raise ValueError(f"compiled for dt_h = {self._dt_h}, asked for {horizon.dt_h}")
        return extended_instance(instance, self.layout, self.flexible, horizon)

    @property
    def relaxation(self) -> Relaxation:
        """The cone relaxation of one hour, compiled when first asked for."""
        if self._relaxation is None:
            self._relaxation = Relaxation(self.grid)
        return self._relaxation

    @property
    def coupled(self) -> CoupledRelaxation:
        """The cone relaxation of all hours together, compiled when first asked for."""
        if self._coupled is None:
            self._coupled = CoupledRelaxation(self.relaxation, self.layout, self._linear)
        return self._coupled

    def bound(self, horizon: GridHours | None = None, limit: TimeLimit = UNLIMITED) -> Bound:
        """Return the lower bound of the cost that the relaxation proves."""
        horizon = single_hour(self.grid) if horizon is None else horizon
        if self.flexible:
            return self.coupled.bound(horizon, self._instance(horizon), limit)
        return self.relaxation.bound(horizon, limit)

    def proves_infeasible(
        self, horizon: GridHours, limit: TimeLimit = UNLIMITED, rounds: int = MAX_ROUNDS
    ) -> bool:
        """Return whether the relaxation proves that no operation exists."""
        if self.flexible:
            return self.coupled.proves_infeasible(horizon, self._instance(horizon), limit)
        hours = range(horizon.hours)
        return any(self.relaxation.proves_infeasible(horizon, t, limit, rounds) for t in hours)

    def _hopeless(self, horizon: GridHours, together: bool, limit: TimeLimit) -> bool:
        """Return whether it is proven that there is no answer; hours alone are quick to look at."""
        if together:
            return bool(self.flexible) and self.proves_infeasible(horizon, limit)
        if self.flexible:
            instance = self._instance(horizon)
            return self.coupled.proves_hour_infeasible(horizon, instance, limit)
        return self.proves_infeasible(horizon, limit, 0 if self._large else MAX_ROUNDS)

    @property
    def _large(self) -> bool:
        return self.grid.n_bus >= LARGE_BUSES

    def with_bound(
        self, result: OpfResult, horizon: GridHours | None = None, limit: TimeLimit = UNLIMITED
    ) -> OpfResult:
        """Return an answer with the bound that the relaxation proves, and the gap to it.

        Without a bound ``bound_message`` says why.
        """
        if not result.solved:
            return result
        limit.begin(f"answer {result.objective:.6g} found; lower bound")
        bound = self.bound(horizon, limit)
        if bound.value is None:
            return replace(result, bound_message=NO_TIME if limit.over else NO_BOUND)
        value = bound.value
        gap = (result.objective - value) / max(abs(result.objective), 1e-9)
        if abs(gap) < GAP_NOISE:
            gap, value = 0.0, min(value, result.objective)
        return replace(
            result,
            bound=value,
            gap=gap,
            cone_residual=bound.cone_residual if self.grid.is_radial else None,
        )

    def _explained(
        self, result: OpfResult, horizon: GridHours, climbed: Climbed, limit: TimeLimit
    ) -> OpfResult:
        """Return why there is no answer: a proof, what would have to give, or that time is up."""
        if climbed.outcome.accepted:  # all limits hold, and it is not the optimum
            return replace(result, message=self._cut_short(result, limit))
        proven = climbed.infeasible
        if not proven and self._large:
            limit.begin("looking for a proof of infeasibility")
            proven = self.proves_infeasible(horizon, limit.part(PROOF_SHARE))
        limit.begin("looking for what would have to give")
        told = explain(self.explaining, horizon, limit)
        status: Status = result.status
        if proven:
            status = "proven infeasible"
        elif told.lacking:
            status = "locally infeasible"
        message = result.message if status != "limit" else self._cut_short(result, limit)
        return replace(result, status=status, explanation=told.lines, message=message)

    @staticmethod
    def _cut_short(result: OpfResult, limit: TimeLimit) -> str:
        """Return what is said of a solve without an answer, with the mend where time was short."""
        if not np.isfinite(limit.seconds):
            return result.message
        return (
            f"no start led to an answer within {limit.seconds:g} s ({result.message}); give more "
            "time"
        )

    def _climb(self, instance: Instance, horizon: GridHours, limit: TimeLimit) -> Climbed:
        """Return what the ladder leads to, hour by hour where nothing couples them."""
        if self.flexible:
            near = None if self._last is None else self._last.near(instance, self.layout)
            climbed = [self._ladder.climb(instance, horizon, near, limit)]
        else:
            climbed = self._climb_hours(instance, horizon, limit)
        if all(part.outcome.stop is Stop.LOCAL_OPTIMUM for part in climbed):
            self._last = Answered(instance, tuple(part.outcome for part in climbed))
        return climbed[0] if self.flexible else joined(climbed)

    def _climb_hours(
        self, instance: Instance, horizon: GridHours, limit: TimeLimit
    ) -> list[Climbed]:
        """Climb for each hour, beginning at its last answer or at that of the hour before."""
        climbed: list[Climbed] = []
        for t, hour in enumerate(hours_apart(instance, self.hours)):
            near = climbed[-1].outcome if climbed else None
            if self._last is not None:
                near = self._last.outcomes[t]
            climbed.append(self._ladder.climb(hour, horizon.at(t), near, limit))
            if not climbed[-1].outcome.accepted:
                break
        return climbed

    def _settled(self, instance: Instance, outcome: Outcome) -> Outcome:
        """Return the answer with stores that do not charge and discharge at once."""
        if not self.flexible:
            return outcome
        held = one_way(instance, self.layout, self.flexible, outcome.values())
        if held is None:
            return outcome
        again = self._problem.solve(replace(held, start=outcome.values()))
        return replace(again, iterations=again.iterations + outcome.iterations)

    @property
    def elastic(self) -> ElasticProblem:
        """The same grid with limits that give, compiled when first asked for."""
        if self._elastic is None:
            self._elastic = ElasticProblem(self.grid)
        return self._elastic

    @property
    def explaining(self) -> ElasticProblem:
        """The problem that tells what would have to give, devices and all."""
        if not self.flexible:
            return self.elastic
        return ElasticProblem(self.grid, self.hours, self.flexible, self._dt_h)

    def _result(self, climbed: Climbed, wall: WallTime) -> OpfResult:
        x = values_of(climbed.outcome)
        return replace(
            result_of(self.layout, climbed.outcome, climbed.rung, wall),
            iterations=climbed.iterations,
            devices=schedules(self.layout, self.flexible, x),
            drawn_pu=self.flexible.drawn_pu(self.layout, x),
        )


def solve_opf(
    grid: Grid,
    *,
    profiles: GridHours | None = None,
    storage: Sequence[Placed] = (),
    responsive: Sequence[Responsive] = (),
    attached: Attached | None = None,
    replay: bool = True,
    bound: bool = False,
    time_limit_s: float | TimeLimit | None = None,
) -> OpfResult:
    """Solve the AC optimal power flow of a grid.

    The solvers run in the calling process; the command line gives them one of their own.

    Parameters
    ----------
    grid
        Network, as ``read_network`` returns it.
    profiles
        Loads, availability and prices by hour; the grid's own for one hour if left out.
    storage, responsive
        Stores at buses, and buses whose load may move; they couple the hours.
    attached
        Columns with rows, bounds and prices of their own that inject into the buses: microgrids.
        Their prices are added to the cost of generation, and ``objective`` is in the unit of both.
        Stores and responsive loads are then among them, and there is no bound.
    replay
        Whether an independent power flow confirms the answer.
    bound
        Whether the cone relaxation proves a lower bound of the cost.
    time_limit_s
        Seconds, or a ``TimeLimit`` that has begun already and tells what is being done. The answer
        comes first, its bound, or why there is none, in what is left. The limit cuts: an answer
        or a bound that comes in time is the same as without a limit. It is not for ``attached``.

    Returns
    -------
    OpfResult
        Also when nothing is feasible; then ``status`` and ``explanation`` say why, with columns
        attached ``status`` and ``message``.

    Raises
    ------
    InputError
        If something is asked for that attached columns exclude, or a device is at no bus.
    """
    horizon = single_hour(grid) if profiles is None else profiles
    flexible = Flexible(tuple(storage), tuple(responsive))
    if attached is not None:
        if flexible:
            raise InputError(
                "storage and responsive loads beside attached: put them among attached"
            )
        if bound:
            raise InputError("no bound is proven with columns attached: leave out bound=True")
        if time_limit_s is not None:
            raise InputError("time_limit_s beside attached: leave it out")
        return AttachedOpf(grid, horizon, attached).solve(attached, replay=replay)
    limit = time_limit_s if isinstance(time_limit_s, TimeLimit) else TimeLimit(time_limit_s)
    problem = OpfProblem(grid, horizon.hours, flexible, horizon.dt_h)
    result = problem.solve(profiles, replay=replay, limit=limit)
    return problem.with_bound(result, profiles, limit) if bound and result.solved else result
