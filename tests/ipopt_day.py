"""The day of homes with exact quadratic emissions by Ipopt, its binaries held."""

from __future__ import annotations

from collections.abc import Mapping

import casadi as ca
import numpy as np
from pyomo.repn import generate_standard_repn

from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.model import DayModel
from cmgplan.solve.matrix_form import matrix_form


def least_by_ipopt(model: DayModel, weights: Mapping[str, float], day: Dispatch) -> float:
    """Return the least weighted sum of goals with the binaries of a day."""
    form = matrix_form(model.m)
    lower, upper = form.lower.copy(), form.upper.copy()
    emits = []
    for variable, value in model.binaries_of(day):
        k = form.column(variable)
        lower[k] = upper[k] = value
    for placed in model.placed():
        emission = getattr(placed.device, "emission", None)
        if emission is not None:
            emits += [(emission, placed.block, t) for t in model.h.steps]
    x = ca.MX.sym("x", len(form.variables))
    rows = ca.mtimes(ca.DM(form.rows.matrix.tocsc()), x)
    exact = []
    for emission, block, t in emits:
        linear = generate_standard_repn(block.component(block.emission_output)[t])
        parts = zip(linear.linear_vars, linear.linear_coefs, strict=True)
        output = linear.constant + sum(factor * x[form.column(v)] for v, factor in parts)
        on = x[form.column(block.on[t])] if block.component("on") is not None else 1.0
        told = emission.square * output**2 + emission.linear * output + emission.fixed * on
        exact.append(x[form.column(block.emission[t])] - told)
    goals = model.goals()
    goal = sum(weight * x[form.column(goals[name])] for name, weight in weights.items())
    quiet = {"ipopt.print_level": 0, "print_time": False, "ipopt.sb": "yes", "ipopt.tol": 1e-9}
    solver = ca.nlpsol("day", "ipopt", {"x": x, "f": goal, "g": ca.vertcat(rows, *exact)}, quiet)
    zero = np.zeros(len(exact))
    found = solver(
        x0=np.clip(0.0, lower, upper),
        lbx=lower,
        ubx=upper,
        lbg=np.concatenate([form.rows.lower, zero]),
        ubg=np.concatenate([form.rows.upper, zero + np.inf]),
    )
    assert solver.stats()["success"]
    return float(found["f"])
