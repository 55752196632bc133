"""The operation of microgrids as a Pyomo model: devices, exchange, balances and objectives.

Builders for every level: a level adds switching, a feeder (convex or AC) and exact ratings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.devices.base import Forecasts
from cmgplan.planning.case.records import Case, PlanOptions, Tie
from cmgplan.planning.model.schedule_model import (
    ByHour,
    ByPlaceAndHour,
    DeviceKey,
    ScheduleModel,
    on_feeder,
)
from cmgplan.planning.model.switches import SwitchHours
from cmgplan.solve import Disk, QuadraticCone
from cmgplan.units import tie_loss_per_kva2, usd_per_kwh

VariableBounds = MutableMapping[Any, tuple[float, float]]
"""A Pyomo ComponentMap from variables to bounds that hold for one solve."""

Frozen = Mapping[DeviceKey, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float, float]]
"""Injection in kW and kvar, cost and emission in $ of devices that are no longer free."""


def new_schedule(case: Case, options: PlanOptions, frozen: Frozen | None = None) -> Any:
    """Return a ``ScheduleModel`` with devices, ties, PCCs and the microgrid balances.

    Objectives follow with ``add_objectives`` once the feeder's part stands.
    """
    m: ScheduleModel = pyo.ConcreteModel(name=case.name)
    h = case.horizon(options)
    m.has_feeder = False
    m.MG = pyo.Set(initialize=[mg.id for mg in case.microgrids])
    m.TIE = pyo.Set(initialize=[tie.id for tie in case.ties])
    m.T = pyo.RangeSet(0, h.hours - 1)
    add_devices(m, case, h, frozen or {})
    add_exchange(m, case)
    add_balances(m, case)
    return m


def add_devices(m: ScheduleModel, case: Case, h: Forecasts, frozen: Frozen) -> None:
    """Add a block for each device, ``m.dev[microgrid, device]``."""
    devices = {(mg.id, device.id): device for mg in case.microgrids for device in mg.devices()}
    m.DEV = pyo.Set(initialize=list(devices), dimen=2)
    m.free = {key: device for key, device in devices.items() if key not in frozen}

    def fill(b: Any, mg: str, dev: str) -> None:
        if (mg, dev) in frozen:
            p_kw, q_kvar, cost_usd, emission_usd = frozen[mg, dev]
            b.p_inj = pyo.Expression(h.steps, rule=lambda b, t: float(p_kw[t]))
            b.q_inj = pyo.Expression(h.steps, rule=lambda b, t: float(q_kvar[t]))
            b.cost_usd = pyo.Expression(expr=cost_usd)
            b.emission_usd = pyo.Expression(expr=emission_usd)
        else:
            devices[mg, dev].add_to(b, h)

    m.dev = pyo.Block(m.DEV, rule=fill)


def add_exchange(m: ScheduleModel, case: Case) -> None:
    """Add the power on ties, measured at their from end, and through the PCCs, export positive.

    ``tie_loss[e, t]`` (kW) stands for c (P^2 + Q^2) of ties between clusters, eq. (3); who uses
    the model makes it so, by cones or by an equation.
    """
    rating = {tie.id: tie.rating_kva for tie in case.ties}
    pcc = {mg.id: mg.pcc.rating_kva for mg in case.microgrids}
    lossy = [tie.id for tie in case.ties if tie_coefficient(tie) > 0.0]
    m.LOSSY = pyo.Set(initialize=lossy, within=m.TIE)

    def tie_limits(_: Any, e: str, t: int) -> tuple[float, float]:
        return -rating[e], rating[e]

    def pcc_limits(_: Any, mg: str, t: int) -> tuple[float, float]:
        return -pcc[mg], pcc[mg]

    m.p_tie = pyo.Var(m.TIE, m.T, bounds=tie_limits, initialize=0.0)
    m.q_tie = pyo.Var(m.TIE, m.T, bounds=tie_limits, initialize=0.0)
    m.tie_loss = pyo.Var(m.LOSSY, m.T, domain=pyo.NonNegativeReals, initialize=0.0)
    m.p_pcc = pyo.Var(m.MG, m.T, bounds=pcc_limits, initialize=0.0)
    m.q_pcc = pyo.Var(m.MG, m.T, bounds=pcc_limits, initialize=0.0)


def tie_coefficient(tie: Tie) -> float:
    """Return the loss of a tie in kW per kVA^2; none within a cluster."""
    if tie.kind == "microgrid" or tie.vn_kv is None:
        return 0.0
    return tie_loss_per_kva2(tie.r_ohm, tie.vn_kv)


def add_balances(m: ScheduleModel, case: Case) -> None:
    """Add the balances of each microgrid, eqs. (7), (8) with the load that the print omits."""
    leaving: dict[str, list[str]] = {mg.id: [] for mg in case.microgrids}
    arriving: dict[str, list[str]] = {mg.id: [] for mg in case.microgrids}
    devices: dict[str, list[str]] = {mg.id: [] for mg in case.microgrids}
    for tie in case.ties:
        leaving[tie.from_microgrid].append(tie.id)
        arriving[tie.to_microgrid].append(tie.id)
    for mg, dev in m.DEV:
        devices[mg].append(dev)

    @m.Constraint(m.MG, m.T, doc="active balance, kW, eq. (7)")
    def mg_active_balance(m: ScheduleModel, mg: str, t: int) -> Any:
        return (
            pyo.quicksum(m.dev[mg, d].p_inj[t] for d in devices[mg])
            + pyo.quicksum(
                m.p_tie[e, t] - (m.tie_loss[e, t] if e in m.LOSSY else 0.0) for e in arriving[mg]
            )
            - pyo.quicksum(m.p_tie[e, t] for e in leaving[mg])
            == m.p_pcc[mg, t]
        )

    @m.Constraint(m.MG, m.T, doc="reactive balance, kvar, eq. (8)")
    def mg_reactive_balance(m: ScheduleModel, mg: str, t: int) -> Any:
        return (
            pyo.quicksum(m.dev[mg, d].q_inj[t] for d in devices[mg])
            + pyo.quicksum(m.q_tie[e, t] for e in arriving[mg])
            - pyo.quicksum(m.q_tie[e, t] for e in leaving[mg])
            == m.q_pcc[mg, t]
        )


def allow_unserved(m: ScheduleModel, case: Case, h: Forecasts) -> None:
    """Let loads go unserved, as at Levels 1 to 3, on days held, and in explanations."""
    for mg in case.microgrids:
        for load in mg.load:
            load.allow_unserved(m.dev[mg.id, load.id], h)


def unserved_kw(m: ScheduleModel, case: Case, mg: str, t: int) -> Any:
    """Return the unserved active load of a microgrid."""
    return pyo.quicksum(m.dev[mg, load.id].unserved[t] for load in case.microgrid(mg).load)


def curtailed_kw(m: ScheduleModel, case: Case, mg: str, t: int) -> Any:
    """Return the curtailed renewable power of a microgrid, its surplus."""
    return pyo.quicksum(m.dev[mg, d.id].curtailed[t] for d in case.microgrid(mg).renewables())


def add_objectives(m: ScheduleModel, case: Case, options: PlanOptions) -> None:
    """Define f1, f2, f3 as variables, eqs. (1)-(3), in $, $ and kWh.

    The feeder's part, if there is one, must stand. ``operation_cost`` is the cost of switch
    operations, a variable that the switching rows or the bounds set.
    """
    h = case.horizon(options)
    price = [usd_per_kwh(float(p)) for p in h.price_usd_per_mwh]
    rate = usd_per_kwh(case.grid_emission_usd_per_mwh)
    none: ByHour = dict.fromkeys(m.T, 0.0)
    upstream, feeder_loss = (m.p_sub, m.loss) if on_feeder(m) else (none, none)
    m.f1 = pyo.Var(initialize=0.0, doc="generation cost, $, eq. (1)")
    m.f2 = pyo.Var(initialize=0.0, doc="emission cost, $, eq. (2)")
    m.f3 = pyo.Var(initialize=0.0, doc="active losses, kWh, eq. (3)")
    m.operation_cost = pyo.Var(initialize=0.0, bounds=(0.0, None), doc="$")

    @m.Constraint(doc="generation cost, $, eq. (1)")
    def cost_definition(m: ScheduleModel) -> Any:
        return m.f1 == m.operation_cost + pyo.quicksum(
            m.dev[key].cost_usd for key in m.DEV
        ) + pyo.quicksum(h.dt_h * price[t] * upstream[t] for t in m.T)

    @m.Constraint(doc="emission cost, $, eq. (2)")
    def emission_definition(m: ScheduleModel) -> Any:
        return m.f2 == pyo.quicksum(m.dev[key].emission_usd for key in m.DEV) + pyo.quicksum(
            h.dt_h * rate * upstream[t] for t in m.T
        )

    @m.Constraint(doc="active losses, kWh, eq. (3)")
    def loss_definition(m: ScheduleModel) -> Any:
        return m.f3 == pyo.quicksum(
            h.dt_h * m.tie_loss[e, t] for e in m.LOSSY for t in m.T
        ) + pyo.quicksum(h.dt_h * feeder_loss[t] for t in m.T)


def exchange_bounds(m: ScheduleModel, case: Case, closed: SwitchHours) -> VariableBounds:
    """Return bounds that stop the exchange over every open switch."""
    stopped: VariableBounds = pyo.ComponentMap()
    for tie in case.ties:
        for t in np.flatnonzero(~closed[tie.id]):
            stopped[m.p_tie[tie.id, int(t)]] = (0.0, 0.0)
            stopped[m.q_tie[tie.id, int(t)]] = (0.0, 0.0)
            if tie.id in m.LOSSY:
                stopped[m.tie_loss[tie.id, int(t)]] = (0.0, 0.0)
    for mg in case.microgrids:
        for t in np.flatnonzero(~closed[mg.pcc.id]):
            stopped[m.p_pcc[mg.id, int(t)]] = (0.0, 0.0)
            stopped[m.q_pcc[mg.id, int(t)]] = (0.0, 0.0)
    return stopped


def commitment_bounds(m: ScheduleModel, on: Mapping[DeviceKey, Any]) -> VariableBounds:
    """Return bounds that set the commitment of devices with a minimum load."""
    held: VariableBounds = pyo.ComponentMap()
    for key, hours in on.items():
        for t, committed in enumerate(hours):
            position = float(round(float(committed)))
            held[m.dev[key].on[t]] = (position, position)
    return held


def tie_cones(
    m: ScheduleModel, case: Case, closed: Mapping[tuple[str, int], Any] | None = None
) -> list[QuadraticCone]:
    """Return the losses of ties between clusters as cones, eq. (3) at nominal voltage.

    ``closed`` are the binaries by (switch, hour), where there are any.
    """
    closed = closed or {}
    return [
        QuadraticCone(
            m.tie_loss[tie.id, t],
            m.p_tie[tie.id, t],
            m.q_tie[tie.id, t],
            coefficient,
            v=closed.get((tie.id, t)),
            switched=(tie.id, t) in closed,
        )
        for tie in case.ties
        if (coefficient := tie_coefficient(tie)) > 0.0
        for t in m.T
    ]


def exchange_disks(
    m: ScheduleModel, case: Case, closed: Mapping[tuple[str, int], Any]
) -> list[Disk]:
    """Return the ratings of ties and PCCs for the (switch, hour) pairs that may close.

    A tie that loses power is rated at both of its ends, in one direction and in the other. At the
    far end ``P - loss`` counts: where the loss is more than c (P^2 + Q^2), as the relaxed cone
    lets it be, the disk only widens what a tie may carry forwards, and backwards every schedule
    with the loss as it is lies within.
    """
    return [
        Disk(p[t], q[t], rating, closed[switch, t], less.get(t))
        for switch, p, q, rating, less in _rated(m, case)
        for t in m.T
        if (switch, t) in closed
    ]


def rating_disks(m: ScheduleModel, case: Case) -> list[Disk]:
    """Return the ratings of ties and PCCs whose switches are set by bounds."""
    return [
        Disk(p[t], q[t], rating, less=less.get(t))
        for _, p, q, rating, less in _rated(m, case)
        for t in m.T
    ]


def _rated(
    m: ScheduleModel, case: Case
) -> Iterator[tuple[str, dict[int, Any], dict[int, Any], float, dict[int, Any]]]:
    """Yield switch, power by hour, rating, and what is lost before the end that is rated.

    Ties and PCCs at the end where they are measured, then ties that lose power at the other.
    """

    def by_hour(flow: ByPlaceAndHour, key: str) -> dict[int, Any]:
        return {t: flow[key, t] for t in m.T}

    for tie in case.ties:
        yield tie.id, by_hour(m.p_tie, tie.id), by_hour(m.q_tie, tie.id), tie.rating_kva, {}
    for mg in case.microgrids:
        yield mg.pcc.id, by_hour(m.p_pcc, mg.id), by_hour(m.q_pcc, mg.id), mg.pcc.rating_kva, {}
    for tie in case.ties:
        if tie.id in m.LOSSY:
            p, q = by_hour(m.p_tie, tie.id), by_hour(m.q_tie, tie.id)
            yield tie.id, p, q, tie.rating_kva, by_hour(m.tie_loss, tie.id)
