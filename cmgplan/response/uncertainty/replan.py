"""Ways to plan the rest of a day: by the rules, by a method, or exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices import Device, HomeLoad, Store
from cmgplan.errors import InfeasibleError
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.model import DayModel
from cmgplan.response.exact.model import ResponseDay
from cmgplan.response.exact.owner import ResponseOwner
from cmgplan.response.exact.question import profit_question
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.model.penalty import penalties_of
from cmgplan.response.model.policy import policies_of
from cmgplan.response.model.profit import served_value
from cmgplan.response.rules.day import run_rules
from cmgplan.response.uncertainty.rolling import Replan
from cmgplan.search.heuristics.methods import method_of
from cmgplan.search.heuristics.protocol import Question

HELD_KW = 1e-5
"""Power by which a model may change what is over: what rounding of a dispatch leaves."""


def by_rules(seen: HomesCase, hour: int, so_far: Dispatch | None) -> Dispatch:
    """Return the day by the rules, from the state that the hours before have left.

    Rules know the day as it is seen: run on what happens, they would know its mean price and the
    loads of later hours, which only the day itself tells (see ``cmgplan.response.rules.day``).
    """
    return run_rules(seen, so_far=so_far, hour=hour)


def by_method(name: str, evaluations: int, seed: int = 0) -> Replan:
    """Return a way to plan by a population method, each plan beginning from the one before.

    Raises
    ------
    InputError
        There is no such method.
    """
    method = method_of(name)

    def replan(seen: HomesCase, hour: int, so_far: Dispatch | None) -> Dispatch:
        decoder = Decoder(seen)
        if so_far is None:
            first = method(Question.on_unit_cube(decoder, decoder.dimensions), evaluations, seed)
            return decoder.dispatch(first.x)
        before = decoder.encode(so_far)
        may, least = decoder.free_from(hour, before)
        free = np.flatnonzero(may)
        if len(free) == 0:
            return so_far

        def evaluate(points: FloatArray) -> tuple[FloatArray, FloatArray]:
            whole = np.repeat(before[None], len(points), axis=0)
            whole[:, free] = points
            return decoder(whole)

        rest = Question(evaluate, least[free], np.ones(len(free)))
        begin = np.maximum(before, least)[free]
        found = method(rest, evaluations, seed + hour, begin)
        whole = before.copy()
        whole[free] = found.x
        return decoder.dispatch(whole)

    return replan


def by_exact(gap: float = 0.01, time_limit_s: float = 60.0) -> Replan:
    """Return a way to plan exactly, hours that are over held as they were."""

    def replan(seen: HomesCase, hour: int, so_far: Dispatch | None) -> Dispatch:
        model = ResponseDay(seen, policies_of(seen), penalties_of(seen))
        if so_far is not None:
            hold_before(model, so_far, hour)
        owner = ResponseOwner(seen, model, served_value(seen))
        point = owner.answer(profit_question(seen), gap, time_limit_s)
        if point is None:
            raise InfeasibleError(f"no plan from hour {hour} on keeps all limits of the day")
        return point.dispatch

    return replan


def hold_before(model: DayModel, dispatch: Dispatch, hour: int) -> None:
    """Hold the variables of a day's model, in the hours before one, at what a dispatch says.

    To be called before the model is solved for the first time.
    """
    for placed in model.placed():
        held = _held(placed.device, dispatch, (placed.home, placed.device.id))
        for name, values in held.items():
            component = placed.block.component(name)
            if component is None or not isinstance(component, pyo.Var):
                continue
            for t in range(hour):
                _hold(component[t], float(values[t]))


def _held(device: Device, dispatch: Dispatch, key: tuple[str, str]) -> dict[str, FloatArray]:
    """Return by name of a variable what a dispatch says of it, shape (T,)."""
    flows = dispatch.flows[key]
    if isinstance(device, HomeLoad):
        moved = dispatch.shifts[key]
        return {"up": moved.up_kw, "down": moved.down_kw, "unserved": moved.unserved_kw}
    if isinstance(device, Store):
        net = device.net_kw(flows)
        charge = np.maximum(-net, 0.0)
        return {"charge": charge, "discharge": np.maximum(net, 0.0), "on": 1.0 * (charge > 1e-6)}
    on = np.abs(flows.p_kw) + np.abs(flows.heat_kw) + flows.fuel_kw > 1e-6
    begun = on & ~np.concatenate([[False], on[:-1]])
    found = {"on": 1.0 * on, "start": 1.0 * begun, "fuel": flows.fuel_kw, "heat": flows.heat_kw}
    return {**found, "p": flows.p_kw}


def _hold(variable: Any, value: float) -> None:
    """Narrow the bounds of a variable to a value, within its own."""
    low, high = variable.bounds
    if variable.is_binary():
        low, high = value, value
    else:
        low = value - HELD_KW if low is None else max(value - HELD_KW, low)
        high = value + HELD_KW if high is None else min(value + HELD_KW, high)
        low = min(low, high)
    variable.setlb(low)
    variable.setub(high)
