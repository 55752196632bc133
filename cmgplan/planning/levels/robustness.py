"""How much room a plan has: headroom by hour, and a replay under forecast error."""

from __future__ import annotations

import networkx as nx
import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import power_flow
from cmgplan.planning.case.records import Case, Microgrid, PlanOptions
from cmgplan.planning.levels.upper import UpperResult
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import all_switches, graph_of
from cmgplan.planning.record.headroom import BrokenRecord, ErrorHour, ForecastError, Headroom, Room
from cmgplan.planning.record.values import finite

LOAD_FACTOR = 1.1
RENEWABLE_FACTOR = 0.8
TOLERANCE_KW = 0.1


def headroom(case: Case, options: PlanOptions, feeder: Feeder, upper: UpperResult) -> Headroom:
    """Return how much room a plan has by hour, and what forecast error would break."""
    return Headroom(
        hourly=room_by_hour(case, options, upper.operation),
        forecast_error=replay_under_error(case, options, feeder, upper),
    )


def room_by_hour(case: Case, options: PlanOptions, operation: Operation) -> list[Room]:
    """Return unused turbine power, storage power and energy, and PCC rating by hour.

    Storage power is what could be discharged on top of the plan, within rating and the energy
    over the least state of charge; PCC rating is that of closed PCCs.
    """
    h = case.horizon(options)
    turbine, power, energy, rating = (np.zeros(h.hours) for _ in range(4))
    for mg in case.microgrids:
        turbine += _turbine_room(mg, operation)
        for store in mg.stores():
            key = (mg.id, store.id)
            above = operation.soc_kwh[key] - store.soc_min * store.energy_kwh
            usable = np.maximum(above, 0.0) * store.efficiency_discharge / h.dt_h
            limit = store.p_discharge_max_kw * store.connected(h) - operation.p_kw[key]
            power += np.clip(np.minimum(limit, usable), 0.0, None) * store.connected(h)
            energy += np.maximum(above, 0.0)
        flow = np.hypot(operation.p_pcc_kw[mg.id], operation.q_pcc_kvar[mg.id])
        rating += np.where(
            operation.closed[mg.pcc.id], np.maximum(mg.pcc.rating_kva - flow, 0.0), 0.0
        )
    return [
        Room(
            hour=t,
            mt_kw=finite(turbine[t]),
            storage_kw=finite(power[t]),
            storage_kwh=finite(energy[t]),
            pcc_kva=finite(rating[t]),
        )
        for t in h.steps
    ]


def replay_under_error(
    case: Case, options: PlanOptions, feeder: Feeder, upper: UpperResult
) -> ForecastError:
    """Replay Level 5 with loads 10 % higher and renewables 20 % lower than forecast.

    Switches, storage and vehicles do as planned. In each group of microgrids joined by closed
    ties, curtailed renewable power and turbines make up what is missing, in the planned shares
    of their room; the rest comes through the group's PCCs in proportion to their ratings. What
    then exceeds a rating, a voltage or a current limit, or finds no closed PCC, is listed.
    """
    p, q, broken = _shifted_exchange(case, options, feeder, upper.operation)
    flow = power_flow(
        feeder, p - LOAD_FACTOR * upper.demand_kw, q - LOAD_FACTOR * upper.demand_kvar
    )
    hours = []
    for t in range(case.file.time.hours):
        if not flow.converged[t]:
            broken.append(BrokenLimit("power_flow", t))
            hours.append(_hour(t, None, None, None, converged=False))
            continue
        v = flow.v_pu[t]
        loading = flow.i_pu[t] / feeder.i_max_pu
        hours.append(_hour(t, v.min(), v.max(), loading.max(initial=0.0), converged=True))
        broken += limits_broken(feeder, t, v, loading)
    return ForecastError(
        load_factor=LOAD_FACTOR,
        renewable_factor=RENEWABLE_FACTOR,
        hours=hours,
        broken=[limit.words() for limit in broken],
        broken_limits=[BrokenRecord.of(limit) for limit in broken],
    )


def _hour(
    t: int, low: float | None, high: float | None, loading: float | None, *, converged: bool
) -> ErrorHour:
    return ErrorHour(
        hour=t,
        v_min_pu=finite(low),
        v_max_pu=finite(high),
        max_loading=finite(loading),
        converged=converged,
    )


def limits_broken(feeder: Feeder, t: int, v: FloatArray, loading: FloatArray) -> list[BrokenLimit]:
    """Return the limits of buses and branches that an hour breaks.

    ``v`` are voltages in pu, ``loading`` currents as shares of their limits.
    """
    found = []
    low, high = feeder.v_min_pu - v, v - feeder.v_max_pu
    for i in range(feeder.n_bus):
        if i != feeder.slack and max(low[i], high[i]) > 1e-6:
            limit = float(feeder.v_min_pu[i] if low[i] > 0 else feeder.v_max_pu[i])
            found.append(BrokenLimit("voltage", t, feeder.bus_ids[i], float(v[i]), "pu", limit))
    found += [
        BrokenLimit("branch", t, feeder.line_ids[k], 100.0 * float(loading[k]), "%")
        for k in np.flatnonzero(loading > 1.0 + 1e-6)
    ]
    return found


def _turbine_room(mg: Microgrid, operation: Operation) -> FloatArray:
    room = sum(
        (d.p_max_kw - operation.p_kw[mg.id, d.id] for d in mg.mt),
        start=np.zeros_like(operation.feeder_loss_kw),
    )
    return np.maximum(room, 0.0)


def _missing(case: Case, options: PlanOptions, mg: Microgrid, op: Operation) -> FloatArray:
    """Return by how much a microgrid falls short after its own curtailed power, kW."""
    h = case.horizon(options)
    missing = np.zeros(h.hours)
    for load in mg.load:
        missing += (LOAD_FACTOR - 1.0) * -op.p_kw[mg.id, load.id]
    for plant in mg.renewables():
        planned = op.p_kw[mg.id, plant.id]
        available = RENEWABLE_FACTOR * plant.p_max_kw * h.profile(plant.forecast)
        missing += np.maximum(planned - available, 0.0) - np.maximum(available - planned, 0.0)
    return missing


def _shifted_exchange(
    case: Case, options: PlanOptions, feeder: Feeder, op: Operation
) -> tuple[FloatArray, FloatArray, list[BrokenLimit]]:
    """Return the microgrids' injections under error, and what is broken on the way."""
    shape = (case.file.time.hours, feeder.n_bus)
    p, q = np.zeros(shape), np.zeros(shape)
    broken: list[BrokenLimit] = []
    missing = {mg.id: _missing(case, options, mg, op) for mg in case.microgrids}
    room = {mg.id: _turbine_room(mg, op) for mg in case.microgrids}
    ties = [s for s in all_switches(case) if s.kind != "grid"]
    for t in range(shape[0]):
        graph = graph_of(ties, op.closed, t)
        graph.add_nodes_from(mg.id for mg in case.microgrids)
        for group in nx.connected_components(graph):
            short = sum(float(missing[g][t]) for g in group)
            short -= min(max(short, 0.0), sum(float(room[g][t]) for g in group))
            pccs = [mg for mg in case.microgrids if mg.id in group and op.closed[mg.pcc.id][t]]
            if short > TOLERANCE_KW and not pccs:
                names = ", ".join(sorted(group))
                broken.append(BrokenLimit("shortage", t, names, short, "kW"))
            total = sum(mg.pcc.rating_kva for mg in pccs)
            for mg in pccs:
                share = max(short, 0.0) * mg.pcc.rating_kva / total
                flow_p = float(op.p_pcc_kw[mg.id][t]) - share
                flow_q = float(op.q_pcc_kvar[mg.id][t])
                excess = np.hypot(flow_p, flow_q) - mg.pcc.rating_kva
                if excess > TOLERANCE_KW:
                    place = f"{mg.pcc.id} of {mg.id}"
                    broken.append(BrokenLimit("connection", t, place, float(excess), "kVA"))
                p[t, feeder.position(mg.bus)] += flow_p
                q[t, feeder.position(mg.bus)] += flow_q
    return p, q, broken
