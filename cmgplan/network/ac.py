"""AC power flow in polar coordinates as Pyomo constraints: eqs. (4)-(6) and (32)-(37)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.network.branch_flow import Injection
from cmgplan.network.feeder import Feeder
from cmgplan.units import S_BASE_KVA


def add_ac_network(
    m: Any, feeder: Feeder, steps: Sequence[int], p_inj_kw: Injection, q_inj_kvar: Injection
) -> None:
    """Add the feeder's AC equations to block ``m``.

    Variables: ``v[i, t]`` (pu) and ``angle[i, t]`` (rad) by bus position, constants at the slack
    bus; ``p_sub[t]``, ``q_sub[t]`` (kW, kvar), import from upstream positive. Expression
    ``loss[t]`` (kW) is what enters less what leaves, which the balances make equal to the sum of
    R I^2.
    """
    m.BUS = pyo.RangeSet(0, feeder.n_bus - 1)
    m.BRANCH = pyo.RangeSet(0, feeder.n_line - 1)
    _add_voltages(m, feeder, steps)
    m.p_sub = pyo.Var(steps, initialize=0.0)
    m.q_sub = pyo.Var(steps, initialize=0.0)
    _add_trigonometry(m, feeder, steps)
    _add_balances(m, feeder, steps, p_inj_kw, q_inj_kvar)
    _add_current_limits(m, feeder, steps)
    m.loss = pyo.Expression(
        steps,
        rule=lambda m, t: (
            m.p_sub[t] + pyo.quicksum(_terms(p_inj_kw(i, t) for i in range(feeder.n_bus)))
        ),
    )


def _terms(values: Any) -> list[Any]:
    return [value for value in values if not (isinstance(value, (int, float)) and value == 0.0)]


def _add_voltages(m: Any, feeder: Feeder, steps: Sequence[int]) -> None:
    def limits(_: Any, i: int, t: int) -> tuple[float, float]:
        if i == feeder.slack:
            return feeder.v_slack_pu, feeder.v_slack_pu
        return float(feeder.v_min_pu[i]), float(feeder.v_max_pu[i])

    def angles(_: Any, i: int, t: int) -> tuple[float | None, float | None]:
        return (0.0, 0.0) if i == feeder.slack else (None, None)

    m.v = pyo.Var(m.BUS, steps, bounds=limits, initialize=feeder.v_slack_pu, doc="pu, eq. (6)")
    m.angle = pyo.Var(m.BUS, steps, bounds=angles, initialize=0.0, doc="rad")


def _add_trigonometry(m: Any, feeder: Feeder, steps: Sequence[int]) -> None:
    """Define V_i V_j cos and V_i V_j sin of each branch once, as shared expressions."""

    def product(m: Any, k: int, t: int, function: Any) -> Any:
        i, j = int(feeder.from_bus[k]), int(feeder.to_bus[k])
        return m.v[i, t] * m.v[j, t] * function(m.angle[i, t] - m.angle[j, t])

    m.vv_cos = pyo.Expression(m.BRANCH, steps, rule=lambda m, k, t: product(m, k, t, pyo.cos))
    m.vv_sin = pyo.Expression(m.BRANCH, steps, rule=lambda m, k, t: product(m, k, t, pyo.sin))


def _add_balances(
    m: Any, feeder: Feeder, steps: Sequence[int], p_inj_kw: Injection, q_inj_kvar: Injection
) -> None:
    # In kW, so that a solver's tolerance on these rows is one on powers, losses and caps.
    y = S_BASE_KVA / (feeder.r_pu + 1j * feeder.x_pu)
    g, b = y.real, y.imag
    at_bus: list[list[tuple[int, float]]] = [[] for _ in range(feeder.n_bus)]
    for k in range(feeder.n_line):
        at_bus[int(feeder.from_bus[k])].append((k, 1.0))
        at_bus[int(feeder.to_bus[k])].append((k, -1.0))
    g_self = np.asarray([sum(g[k] for k, _ in near) for near in at_bus])
    b_self = np.asarray(
        [sum(b[k] + S_BASE_KVA * feeder.b_pu[k] / 2.0 for k, _ in near) for near in at_bus]
    )

    def power(m: Any, i: int, t: int, variable: Any, injected: Any) -> Any:
        return variable[t] + injected if i == feeder.slack else injected

    @m.Constraint(m.BUS, steps, doc="active balance, kW, eqs. (4), (32)")
    def active_balance(m: Any, i: int, t: int) -> Any:
        leaving = float(g_self[i]) * m.v[i, t] ** 2 + pyo.quicksum(
            -float(g[k]) * m.vv_cos[k, t] - sign * float(b[k]) * m.vv_sin[k, t]
            for k, sign in at_bus[i]
        )
        return leaving - power(m, i, t, m.p_sub, p_inj_kw(i, t)) == 0.0

    @m.Constraint(m.BUS, steps, doc="reactive balance, kvar, eqs. (5), (33)")
    def reactive_balance(m: Any, i: int, t: int) -> Any:
        leaving = -float(b_self[i]) * m.v[i, t] ** 2 + pyo.quicksum(
            float(b[k]) * m.vv_cos[k, t] - sign * float(g[k]) * m.vv_sin[k, t]
            for k, sign in at_bus[i]
        )
        return leaving - power(m, i, t, m.q_sub, q_inj_kvar(i, t)) == 0.0


def _add_current_limits(m: Any, feeder: Feeder, steps: Sequence[int]) -> None:
    """Limit the squared current at each end of each rated branch, eqs. (35)-(37).

    With charging b the current that leaves i is (y + jb/2) V_i - y V_j; its square follows from
    the same products as the power flow.
    """
    y = 1.0 / (feeder.r_pu + 1j * feeder.x_pu)

    def square(m: Any, near: int, far: int, sign: float, k: int, t: int) -> Any:
        own = y[k] + 0.5j * feeder.b_pu[k]
        cross = -2.0 * own * np.conj(y[k])
        return (
            float(abs(own) ** 2) * m.v[near, t] ** 2
            + float(abs(y[k]) ** 2) * m.v[far, t] ** 2
            + float(cross.real) * m.vv_cos[k, t]
            - sign * float(cross.imag) * m.vv_sin[k, t]
        )

    rated = [k for k in range(feeder.n_line) if np.isfinite(feeder.i_max_pu[k])]
    charged = [k for k in rated if feeder.b_pu[k] != 0.0]

    @m.Constraint(rated, steps, doc="current squared at the from end, pu, eq. (35)")
    def current_from(m: Any, k: int, t: int) -> Any:
        i, j = int(feeder.from_bus[k]), int(feeder.to_bus[k])
        return square(m, i, j, 1.0, k, t) <= float(feeder.i_max_pu[k]) ** 2

    @m.Constraint(charged, steps, doc="current squared at the to end, pu, eq. (35)")
    def current_to(m: Any, k: int, t: int) -> Any:
        i, j = int(feeder.from_bus[k]), int(feeder.to_bus[k])
        return square(m, j, i, -1.0, k, t) <= float(feeder.i_max_pu[k]) ** 2
