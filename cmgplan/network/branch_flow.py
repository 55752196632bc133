"""Convex branch-flow relaxation of a radial feeder.

Branch-flow equations (Baran and Wu 1989, doi 10.1109/61.25627) with the squared voltage as a
variable; the quotient that defines the squared current is relaxed to a cone (Farivar and Low
2013, doi 10.1109/TPWRS.2013.2255317). Every AC-feasible state satisfies these rows, so a
minimum over them is a bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.network.feeder import Feeder
from cmgplan.solve.cones import QuadraticCone
from cmgplan.units import S_BASE_KVA

Injection = Callable[[int, int], Any]
"""Power injected at bus position i in hour t, kW or kvar, as a Pyomo expression or a number."""

LEAST_SCALE = 1e-4
"""Least weight of a break in |I|^2, per unit: a branch without resistance loses nothing."""


def add_branch_flow(
    m: Any, feeder: Feeder, steps: Sequence[int], p_inj_kw: Injection, q_inj_kvar: Injection
) -> list[QuadraticCone]:
    """Add the linear rows of the relaxation to block ``m`` and return its cones.

    ``feeder`` is radial and oriented away from the slack. Variables by branch k and hour t:
    ``p_flow``, ``q_flow`` (kW, kvar) at the end nearer the slack, ``current`` = |I|^2 *
    ``S_BASE_KVA`` (so that r * current is kW); by bus ``w`` = V^2 (pu); ``p_sub``, ``q_sub``
    and the expression ``loss`` (kW) by hour, as in the AC model.
    """
    m.BUS = pyo.RangeSet(0, feeder.n_bus - 1)
    m.BRANCH = pyo.RangeSet(0, feeder.n_line - 1)
    _add_variables(m, feeder, steps)
    _add_balances(m, feeder, steps, p_inj_kw, q_inj_kvar)

    @m.Constraint(m.BRANCH, steps, doc="voltage drop, pu squared")
    def voltage_drop(m: Any, k: int, t: int) -> Any:
        i, j = int(feeder.from_bus[k]), int(feeder.to_bus[k])
        r, x = float(feeder.r_pu[k]), float(feeder.x_pu[k])
        drop = 2.0 * (r * m.p_flow[k, t] + x * m.q_flow[k, t]) - (r**2 + x**2) * m.current[k, t]
        return m.w[j, t] == m.w[i, t] - drop / S_BASE_KVA

    m.loss = pyo.Expression(
        steps,
        rule=lambda m, t: pyo.quicksum(
            float(feeder.r_pu[k]) * m.current[k, t] for k in range(feeder.n_line)
        ),
    )
    return [
        QuadraticCone(
            level=m.current[k, t],
            p=m.p_flow[k, t],
            q=m.q_flow[k, t],
            coefficient=1.0 / S_BASE_KVA,
            v=m.w[int(feeder.from_bus[k]), t],
            scale=max(float(feeder.r_pu[k]), LEAST_SCALE),
        )
        for k in range(feeder.n_line)
        for t in steps
    ]


def switched_cone(m: Any, feeder: Feeder, k: int, t: int, closed: Any) -> QuadraticCone:
    """Return a cone of branch ``k`` that knows of the switch without which it carries nothing.

    Where that is closed the squared current is at least the squared power by the greatest squared
    voltage; where it is open both are zero in every AC-feasible state.
    """
    sending = int(feeder.from_bus[k])
    at_slack = sending == feeder.slack
    most = feeder.v_slack_pu if at_slack else float(feeder.v_max_pu[sending])
    return QuadraticCone(
        level=m.current[k, t],
        p=m.p_flow[k, t],
        q=m.q_flow[k, t],
        coefficient=1.0 / (S_BASE_KVA * most**2),
        v=closed,
        scale=max(float(feeder.r_pu[k]), LEAST_SCALE),
        switched=True,
        implied=True,
    )


def _add_variables(m: Any, feeder: Feeder, steps: Sequence[int]) -> None:
    def squares(_: Any, i: int, t: int) -> tuple[float, float]:
        if i == feeder.slack:
            return feeder.v_slack_pu**2, feeder.v_slack_pu**2
        return float(feeder.v_min_pu[i]) ** 2, float(feeder.v_max_pu[i]) ** 2

    def currents(_: Any, k: int, t: int) -> tuple[float, float | None]:
        limit = float(feeder.i_max_pu[k])
        # Charging adds to the series current that is bounded here, at most b/2 * v at an end.
        most = max(float(feeder.v_max_pu.max()), feeder.v_slack_pu)
        slack = float(feeder.b_pu[k]) * most / 2.0
        return (0.0, (limit + slack) ** 2 * S_BASE_KVA) if np.isfinite(limit) else (0.0, None)

    m.p_flow = pyo.Var(m.BRANCH, steps, initialize=0.0)
    m.q_flow = pyo.Var(m.BRANCH, steps, initialize=0.0)
    m.current = pyo.Var(m.BRANCH, steps, bounds=currents, initialize=0.0)
    m.w = pyo.Var(m.BUS, steps, bounds=squares, initialize=feeder.v_slack_pu**2)
    m.p_sub = pyo.Var(steps, initialize=0.0)
    m.q_sub = pyo.Var(steps, initialize=0.0)


def _add_balances(
    m: Any, feeder: Feeder, steps: Sequence[int], p_inj_kw: Injection, q_inj_kvar: Injection
) -> None:
    into: dict[int, int] = {int(j): k for k, j in enumerate(feeder.to_bus)}
    out: list[list[int]] = [[] for _ in range(feeder.n_bus)]
    shunt = np.zeros(feeder.n_bus)
    for k in range(feeder.n_line):
        out[int(feeder.from_bus[k])].append(k)
        shunt[int(feeder.from_bus[k])] += feeder.b_pu[k] / 2.0
        shunt[int(feeder.to_bus[k])] += feeder.b_pu[k] / 2.0

    @m.Constraint(m.BUS, steps, doc="active balance, kW")
    def active_balance(m: Any, i: int, t: int) -> Any:
        leaving = pyo.quicksum(m.p_flow[k, t] for k in out[i])
        if i == feeder.slack:
            return m.p_sub[t] + p_inj_kw(i, t) == leaving
        k = into[i]
        return m.p_flow[k, t] - float(feeder.r_pu[k]) * m.current[k, t] + p_inj_kw(i, t) == leaving

    @m.Constraint(m.BUS, steps, doc="reactive balance, kvar")
    def reactive_balance(m: Any, i: int, t: int) -> Any:
        leaving = pyo.quicksum(m.q_flow[k, t] for k in out[i])
        charging = float(shunt[i]) * S_BASE_KVA * m.w[i, t]
        if i == feeder.slack:
            return m.q_sub[t] + q_inj_kvar(i, t) + charging == leaving
        k = into[i]
        arriving = m.q_flow[k, t] - float(feeder.x_pu[k]) * m.current[k, t]
        return arriving + q_inj_kvar(i, t) + charging == leaving
