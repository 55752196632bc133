"""Optimal power flow of any grid: compile once, solve as often as needed, replay every answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from cmgplan.network.coupled import CoupledRelaxation
from cmgplan.network.flexible import (
    Flexible,
    Placed,
    Responsive,
    extended_instance,
    extended_model,
    one_way,
    schedules,
)
from cmgplan.network.grid import FloatArray, Grid
from cmgplan.network.grid_replay import replay_voltages
from cmgplan.network.horizon import Horizon, single_hour
from cmgplan.network.jabr import Bound, Relaxation
from cmgplan.network.opf_elastic import ElasticProblem, explain
from cmgplan.network.opf_model import Layout, build_instance, build_model
from cmgplan.network.opf_result import (
    REPLAY_TOLERANCE_PU,
    OpfResult,
    Status,
    WallTime,
    branch_flows,
)
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.solve.templates import Instance, TemplateProblem
from cmgplan.units import mw_from_pu

NOTHING = Flexible()

GAP_NOISE = 1e-6
"""Gap of either sign that is the solvers' tolerance."""

_STATUS: dict[Stop, Status] = {
    Stop.LOCAL_OPTIMUM: "locally optimal",
    Stop.LOCALLY_INFEASIBLE: "locally infeasible",
}


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
        model = build_model(self.layout)
        if flexible:
            model = extended_model(model, self.layout, flexible, dt_h)
        self._dt_h, self._linear = dt_h, model.linear
        self.build_s = time.perf_counter() - begun
        self._problem = TemplateProblem(model, mu_strategy="adaptive")
        self.compile_s = self._problem.compile_s
        self._elastic: ElasticProblem | None = None
        self._relaxation: Relaxation | None = None
        self._coupled: CoupledRelaxation | None = None

    def solve(self, horizon: Horizon | None = None, *, replay: bool = True) -> OpfResult:
        """Minimise the generation cost; climb the ladder of starts until one answers.

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
        outcome, rung, iterations = self._climb(instance, horizon)
        wall = WallTime(self.build_s, self.compile_s, time.perf_counter() - begun)
        result = self._result(outcome, rung, iterations, wall)
        if not result.solved:
            return self._explained(result, horizon)
        return self._replayed(result, horizon) if replay else result

    def _instance(self, horizon: Horizon) -> Instance:
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

    def bound(self, horizon: Horizon | None = None) -> Bound:
        """Return the lower bound of the cost that the relaxation proves."""
        horizon = single_hour(self.grid) if horizon is None else horizon
        if self.flexible:
            return self.coupled.bound(horizon, self._instance(horizon))
        return self.relaxation.bound(horizon)

    def proves_infeasible(self, horizon: Horizon) -> bool:
        """Return whether the relaxation proves that no operation exists."""
        if self.flexible:
            return self.coupled.proves_infeasible(horizon, self._instance(horizon))
        return any(self.relaxation.proves_infeasible(horizon, t) for t in range(horizon.hours))

    def _hour_infeasible(self, horizon: Horizon) -> bool:
        """Return whether the relaxation proves that an hour has no operation, which is quick."""
        if self.flexible:
            return self.coupled.proves_hour_infeasible(horizon, self._instance(horizon))
        return self.proves_infeasible(horizon)

    def with_bound(self, result: OpfResult, horizon: Horizon | None = None) -> OpfResult:
        """Return an answer with the bound that the relaxation proves, and the gap to it."""
        bound = self.bound(horizon)
        if bound.value is None or not result.solved:
            return result
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

    def _explained(self, result: OpfResult, horizon: Horizon) -> OpfResult:
        """Return why there is no answer, and whether that is proven."""
        status = result.status
        told = explain(self.explaining, horizon)
        if told.lacking and self.proves_infeasible(horizon):
            status = "proven infeasible"
        elif told.lacking:
            status = "locally infeasible"
        return replace(result, status=status, explanation=told.lines)

    def _climb(self, instance: Instance, horizon: Horizon) -> tuple[Outcome, str, int]:
        """Return the first local optimum, or the last failure, its rung and all iterations."""
        iterations = 0
        for name, start in self._starts(instance, horizon):
            rung, outcome = name, self._problem.solve(replace(instance, start=start))
            iterations += outcome.iterations
            if outcome.accepted and self.flexible:
                outcome, more = self._one_way(instance, outcome)
                iterations += more
            if outcome.stop is Stop.LOCAL_OPTIMUM:
                break
        return outcome, rung, iterations

    def _one_way(self, instance: Instance, outcome: Outcome) -> tuple[Outcome, int]:
        """Return the answer with stores that do not charge and discharge at once."""
        held = one_way(instance, self.layout, self.flexible, outcome.values())
        if held is None:
            return outcome, 0
        again = self._problem.solve(replace(held, start=outcome.values()))
        return again, again.iterations

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

    def _starts(self, instance: Instance, horizon: Horizon) -> Iterator[tuple[str, FloatArray]]:
        """Yield starting points, the likeliest first."""
        yield "flat start", instance.start
        if self._hour_infeasible(horizon):
            return
        near = instance.start.copy()
        for t in range(self.hours):
            outcome = self.elastic.nearest(horizon, t)
            if not outcome.accepted:
                return
            for kind in ("v", "angle", "p", "q"):
                self.layout.part(near, kind)[t] = self.elastic.layout.part(outcome.values(), kind)
        yield "start from the point that breaks limits least", near

    def _result(
        self,
        outcome: Outcome,
        rung: str,
        iterations: int,
        wall: WallTime,
    ) -> OpfResult:
        grid, layout, base = self.grid, self.layout, self.grid.s_base_mva
        x = outcome.values() if outcome.accepted else np.zeros(0)
        v, angle = layout.part(x, "v"), layout.part(x, "angle")
        flow_mw, flow_mvar = branch_flows(grid, v, angle)
        return OpfResult(
            grid=grid,
            status=_STATUS.get(outcome.stop, "limit"),
            objective=float("nan") if outcome.value is None else outcome.value,
            iterations=iterations,
            wall_s=wall,
            rung=rung,
            v_pu=v,
            angle_rad=angle,
            p_mw=mw_from_pu(layout.part(x, "p"), base),
            q_mvar=mw_from_pu(layout.part(x, "q"), base),
            flow_mw=flow_mw,
            flow_mvar=flow_mvar,
            loss_mw=flow_mw.sum(axis=(1, 2)),
            replay_max_dv_pu=float("nan"),
            message=outcome.message,
            devices=schedules(layout, self.flexible, x),
            drawn_pu=self.flexible.drawn_pu(layout, x),
        )

    def _replayed(self, result: OpfResult, horizon: Horizon) -> OpfResult:
        """Return the result with its replay; an answer that is not confirmed is none."""
        if not result.solved:
            return result
        p_load = horizon.p_load_pu + result.drawn_pu[0]
        q_load = horizon.q_load_pu + result.drawn_pu[1]
        off, base = np.zeros_like(result.v_pu), self.grid.s_base_mva
        for t in range(self.hours):
            hour = replace(self.grid, p_load_pu=p_load[t], q_load_pu=q_load[t])
            p_gen, q_gen = result.p_mw[t] / base, result.q_mvar[t] / base
            v = replay_voltages(hour, result.v_pu[t], result.angle_rad[t], p_gen, q_gen)
            off[t] = np.abs(v - result.v_pu[t])
        worst = float(off.max())  # NaN where a power flow failed, which confirms nothing
        confirmed = worst <= REPLAY_TOLERANCE_PU
        return replace(
            result,
            replay_max_dv_pu=worst,
            status=result.status if confirmed else "replay failed",
        )


def solve_opf(
    grid: Grid,
    *,
    profiles: Horizon | None = None,
    storage: Sequence[Placed] = (),
    responsive: Sequence[Responsive] = (),
    replay: bool = True,
    bound: bool = False,
) -> OpfResult:
    """Solve the AC optimal power flow of a grid.

    Parameters
    ----------
    grid
        Network, as ``read_network`` returns it.
    profiles
        Loads, availability and prices by hour; the grid's own for one hour if left out.
    storage, responsive
        Stores at buses, and buses whose load may move; they couple the hours.
    replay
        Whether an independent power flow confirms the answer.
    bound
        Whether the cone relaxation proves a lower bound of the cost.

    Returns
    -------
    OpfResult
        Also when nothing is feasible; then ``status`` and ``explanation`` say why.
    """
    horizon = single_hour(grid) if profiles is None else profiles
    flexible = Flexible(tuple(storage), tuple(responsive))
    problem = OpfProblem(grid, horizon.hours, flexible, horizon.dt_h)
    result = problem.solve(profiles, replay=replay)
    return problem.with_bound(result, profiles) if bound and result.solved else result
