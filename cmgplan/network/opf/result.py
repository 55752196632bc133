"""What an optimal power flow answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Literal

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.grid import Grid
from cmgplan.network.grid_hours import GridHours
from cmgplan.network.opf.binding import binding_limits
from cmgplan.network.opf.branch_flow_ac import branch_powers, two_port
from cmgplan.network.opf.grid_replay import replay_voltages
from cmgplan.network.opf.model import Layout
from cmgplan.solve.outcome import Outcome, Stop
from cmgplan.units import mw_from_pu

Status = Literal[
    "locally optimal", "locally infeasible", "proven infeasible", "limit", "replay failed"
]

REPLAY_TOLERANCE_PU = 1e-6

_STATUS: dict[Stop, Status] = {
    Stop.LOCAL_OPTIMUM: "locally optimal",
    Stop.LOCALLY_INFEASIBLE: "locally infeasible",
}


@dataclass(frozen=True)
class WallTime:
    """Seconds of building the model, compiling it and solving it."""

    build: float
    compile: float
    solve: float


@dataclass(frozen=True)
class OpfResult:
    """Answer of an optimal power flow over T hours; arrays are empty where there is none.

    Attributes
    ----------
    status
        What is known: a local optimum that the replay confirms, or why there is none.
    objective
        $ over the horizon (per hour for a single one of 1 h), NaN without an answer.
    iterations
        Of the solver, all attempts together.
    rung
        The start from which the answer was reached.
    bound, gap
        Lower bound of the convex relaxation in $, and (objective - bound) / |objective|; None
        where it was not asked for.
    bound_message
        Why there is no bound although it was asked for.
    cone_residual
        Largest slack of a cone of the relaxation on a radial network, squared pu; near zero the
        relaxation is exact. None elsewhere.
    v_pu, angle_rad
        Shape (T, n).
    p_mw, q_mvar
        Output of the generators, shape (T, g).
    flow_mw, flow_mvar
        What enters a branch at its from and its to end, shape (T, l, 2).
    loss_mw
        Shape (T,).
    replay_max_dv_pu
        Largest difference to an independent power flow, NaN without an answer.
    devices
        Schedules of stores and responsive loads, shape (T, devices): ``charge_mw``,
        ``discharge_mw``, ``soc_mwh``, ``moved_mw``.
    drawn_pu
        What these or attached columns draw at each bus beyond the load given, active and
        reactive, shape (T, n).
    attached
        Values of the attached columns, shape (k,).
    explanation
        What would have to give when nothing is feasible, and other notes.
    """

    grid: Grid
    status: Status
    objective: float
    iterations: int
    wall_s: WallTime
    rung: str
    v_pu: FloatArray
    angle_rad: FloatArray
    p_mw: FloatArray
    q_mvar: FloatArray
    flow_mw: FloatArray
    flow_mvar: FloatArray
    loss_mw: FloatArray
    replay_max_dv_pu: float
    bound: float | None = None
    gap: float | None = None
    cone_residual: float | None = None
    explanation: tuple[str, ...] = ()
    message: str = ""
    bound_message: str = ""
    devices: dict[str, FloatArray] = field(default_factory=dict)
    drawn_pu: tuple[FloatArray, FloatArray] = (np.zeros((0, 0)), np.zeros((0, 0)))
    attached: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def solved(self) -> bool:
        """Whether the answer stands and the replay confirms it."""
        return self.status == "locally optimal"

    def summary(self) -> dict[str, object]:
        """Return the figures of the command line; None where there is none.

        ``loss_mw`` is the mean over the hours.
        """

        def number(value: float | None) -> float | None:
            return value if value is not None and np.isfinite(value) else None

        return {
            "status": self.status,
            "objective": number(self.objective),
            "iterations": self.iterations,
            "wall_s": asdict(self.wall_s),
            "v_min_pu": number(self.v_min_pu),
            "v_min_bus": self.v_min_at[1] if self.v_pu.size else None,
            "v_min_hour": self.v_min_at[0] if self.v_pu.size else None,
            "loss_mw": number(float(self.loss_mw.mean()) if self.loss_mw.size else None),
            "replay_max_dv_pu": number(self.replay_max_dv_pu),
            "rung": self.rung,
            "bound": number(self.bound),
            "gap": number(self.gap),
            "bound_message": self.bound_message or None,
            "cone_residual": number(self.cone_residual),
            "binding": list(self.binding),
            "explanation": list(self.explanation),
            "notes": list(self.grid.notes),
        }

    @property
    def v_min_pu(self) -> float:
        """Least voltage, NaN without an answer."""
        return float(self.v_pu.min()) if self.v_pu.size else float("nan")

    @property
    def v_min_at(self) -> tuple[int, str]:
        """Hour and bus of the least voltage."""
        hour, bus = np.unravel_index(int(self.v_pu.argmin()), self.v_pu.shape)
        return int(hour), self.grid.bus_ids[bus]

    @property
    def binding(self) -> tuple[str, ...]:
        """Limits at which the answer lies, none without one."""
        if not self.v_pu.size:
            return ()
        base = self.grid.s_base_mva
        flow = np.hypot(self.flow_mw, self.flow_mvar) / base
        output = (self.p_mw / base, self.q_mvar / base)
        return binding_limits(self.grid, self.v_pu, self.angle_rad, flow, *output)


def branch_flows(
    grid: Grid, v_pu: FloatArray, angle_rad: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return active and reactive power into each branch at both ends, MW and Mvar, (T, l, 2)."""
    lines = grid.branches
    x = [
        v_pu[:, lines.from_bus],
        v_pu[:, lines.to_bus],
        angle_rad[:, lines.from_bus],
        angle_rad[:, lines.to_bus],
    ]
    p_f, q_f, p_t, q_t = branch_powers(x, list(two_port(lines)), np)
    base = grid.s_base_mva
    p, q = np.stack([p_f, p_t], axis=2), np.stack([q_f, q_t], axis=2)
    return mw_from_pu(p, base), mw_from_pu(q, base)


def values_of(outcome: Outcome) -> FloatArray:
    """Return the columns of an answer, none where there is none."""
    return outcome.values() if outcome.accepted else np.zeros(0)


def result_of(layout: Layout, outcome: Outcome, rung: str, wall: WallTime) -> OpfResult:
    """Return what the grid does in an answer; of devices beside it nothing is told."""
    grid, base, x = layout.grid, layout.grid.s_base_mva, values_of(outcome)
    v, angle = layout.part(x, "v"), layout.part(x, "angle")
    flow_mw, flow_mvar = branch_flows(grid, v, angle)
    return OpfResult(
        grid=grid,
        status=_STATUS.get(outcome.stop, "limit"),
        objective=float("nan") if outcome.value is None else outcome.value,
        iterations=outcome.iterations,
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
    )


def replayed(result: OpfResult, horizon: GridHours) -> OpfResult:
    """Return the result with its replay; an answer that is not confirmed is none."""
    if not result.solved:
        return result
    grid, base = result.grid, result.grid.s_base_mva
    p_load = horizon.p_load_pu + result.drawn_pu[0]
    q_load = horizon.q_load_pu + result.drawn_pu[1]
    off = np.zeros_like(result.v_pu)
    for t in range(horizon.hours):
        hour = replace(grid, p_load_pu=p_load[t], q_load_pu=q_load[t])
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
