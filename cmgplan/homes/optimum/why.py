"""Why homes have no day: devices that cannot keep their own limits, or energy that is lacking.

First every device is asked alone: whatever it may draw and deliver, is there a day for it? Where
all have one, the balances of the homes are let give, and the least energy that has to be missed is
told by home, carrier and hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.errors import InfeasibleError
from cmgplan.explanation import Explanation, GivingLimit, Way
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.optimum.model import DayModel
from cmgplan.solve import LinearProblem, Stop

STAGE = "Optimum"

LEAST_KW = 1e-6
"""Power that is told as lacking."""

EACH_S = 20.0
"""Time that one question may take, s."""


def explain(case: HomesCase) -> InfeasibleError:
    """Return why a case has no day that keeps all limits, as the error to be raised."""
    alone = tuple(_impossible_alone(case))
    if alone:
        reason = "devices that cannot keep their own limits, whatever they are given"
        explanation = Explanation(STAGE, reason, (), notes=alone)
    else:
        explanation = _lacking(case)
    return InfeasibleError(explanation.message(), explanation)


def _impossible_alone(case: HomesCase) -> Iterator[str]:
    """Yield the devices that have no day even where all energy is at hand."""
    h = case.forecasts()
    for home in case.homes:
        for device in home.devices():
            m: Any = pyo.ConcreteModel()
            m.device = pyo.Block()
            device.add_to(m.device, h)
            m.nothing = pyo.Var(bounds=(0.0, 0.0))
            m.zero = pyo.Constraint(expr=m.nothing == 0.0)
            found = LinearProblem(m).solve([(m.nothing, 1.0)], time_limit_s=EACH_S)
            if found.stop is Stop.INFEASIBLE:
                yield (
                    f"{device.kind} {device.id} of home {home.id}: its hours, powers and states "
                    "at beginning and end do not fit together; widen one of them"
                )


def _lacking(case: HomesCase) -> Explanation:
    """Return the least energy that homes lack, or have too much of."""
    model = DayModel(case, elastic=True)
    m = model.m
    missed = [
        (home, side, carrier)
        for home in case.ids
        for side in ("short", "surplus")
        for carrier in ("electricity", "heat")
    ]
    blocks = {home: m.home[i] for i, home in enumerate(case.ids)}
    pairs = [
        (blocks[home].component(side)[carrier, t], 1.0)
        for home, side, carrier in missed
        for t in model.h.steps
    ]
    problem = LinearProblem(m)
    found = problem.solve(pairs, time_limit_s=EACH_S)
    reason = "no day keeps all limits, which is proved"
    if not found.accepted:
        return Explanation(STAGE, reason, (), notes=("what would have to give was not found",))
    problem.load(found.values())
    limits = []
    for who, side, carrier, homes in _needs(case):
        values = np.zeros(model.h.hours)
        for home in homes:
            component = blocks[home].component(side)
            values += np.array([pyo.value(component[carrier, t]) for t in model.h.steps])
        hours = sorted((t for t in model.h.steps if values[t] > LEAST_KW), key=lambda t: -values[t])
        if hours:
            more = "more" if side == "short" else "less"
            verb, pronoun = ("need", "they") if len(homes) > 1 else ("needs", "it")
            told = f"{who} {verb} {more} {carrier} than {pronoun} can have"
            most = float(values[hours[0]])
            limits.append(GivingLimit(side, told, who, tuple(hours), None, most, "kW"))
    if not limits:
        note = "it lacks less than the solver resolves; give the limits a little room"
        return Explanation(STAGE, reason, (), notes=(note,))
    told = "together the least that is enough, in kWh"
    return Explanation(STAGE, reason, (Way(tuple(limits), told),), options=tuple(_options(case)))


def _needs(case: HomesCase) -> Iterator[tuple[str, str, str, Sequence[str]]]:
    """Yield who may lack or have too much of what: homes that share a pool as one."""
    pool = case.file.pool
    for side in ("short", "surplus"):
        for carrier, shared in (("electricity", pool.electricity), ("heat", pool.heat)):
            if shared and len(case.ids) > 1:
                yield "all homes together", side, carrier, case.ids
            else:
                yield from ((f"home {home}", side, carrier, (home,)) for home in case.ids)


def _options(case: HomesCase) -> Iterator[str]:
    """Yield what of the case would do instead."""
    retailer = case.file.retailer
    if retailer is None:
        yield "give a [retailer], which sells what the homes lack"
    elif retailer.power_max_kw is not None or retailer.power_max_total_kw is not None:
        yield "raise power_max_kw or power_max_total_kw of [retailer]"
