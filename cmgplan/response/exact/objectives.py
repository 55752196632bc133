"""The paper's objectives (1)-(3) and (5) as terms of the model, at forecast prices.

As in ``cmgplan.response.model.profit.objectives_of``, whose settled sums they equal: producers
and stores (1) are paid the forecast price, consumers (3) pay it, the retailer (2) has its own
prices. Objective (4) is the ``emission`` of every model of homes.
"""

from __future__ import annotations

from typing import Any

import pyomo.environ as pyo

from cmgplan.homes.optimum.model import DayModel
from cmgplan.response.case.prices import forecast_per_kwh
from cmgplan.response.model.profit import CONSUMERS

OBJECTIVES = ("producers", "retailer", "consumers", "emission", "emission_cost")
"""Objectives (1) to (5) by name."""

GREAT = frozenset({"producers", "retailer"})
"""Objectives that are to be great; the model minimises their negative."""


def add_objectives(model: DayModel) -> dict[str, Any]:
    """Add the objectives to a model with a penalty; return their variables, to be minimised."""
    m, h, case = model.m, model.h, model.case
    power, heat = forecast_per_kwh(case), case.file.response.heat_value_per_kwh
    producers: list[Any] = []
    consumers: list[Any] = []
    bought: list[Any] = []
    gas: list[Any] = []
    for placed in model.placed():
        mine, sign = (consumers, -1.0) if placed.device.kind in CONSUMERS else (producers, 1.0)
        b = placed.block
        for t in h.steps:
            mine.append(sign * (float(power[t]) * b.p_inj[t] + heat * b.heat_inj[t]))
    retailer = case.file.retailer
    buys = case.series(0.0 if retailer is None else retailer.buy_per_kwh)
    sells = case.series(0.0 if retailer is None else retailer.sell_per_kwh)
    fuel = case.series(0.0 if case.file.gas is None else case.file.gas.price_per_kwh)
    for home in m.home.values():
        for t in h.steps:
            buy, sell, price = float(buys[t]), float(sells[t]), float(power[t])
            trade = buy * home.imported[t] - sell * home.exported[t]
            bought.append(trade)
            gas.append(float(fuel[t]) * home.fuel[t])
            producers.append((sell - price) * home.exported[t] - heat * home.dumped[t])
            consumers.append((buy - price) * home.imported[t])
    day = {
        "producers": pyo.quicksum(gas) - pyo.quicksum(producers),
        "retailer": -pyo.quicksum(bought) - model.peak_cost / h.dt_h,
        "consumers": pyo.quicksum(consumers) + model.peak_cost / h.dt_h,
    }
    m.objective = pyo.Var(("producers", "retailer", "consumers", "emission_cost"))
    m.objective_of_day = pyo.ConstraintList(doc="objectives (1), (2), (3), (5), currency")
    for name, terms in day.items():
        m.objective_of_day.add(m.objective[name] == h.dt_h * terms)
    m.objective_of_day.add(m.objective["emission_cost"] == m.penalty + h.dt_h * pyo.quicksum(gas))
    return dict(m.objective.items())
