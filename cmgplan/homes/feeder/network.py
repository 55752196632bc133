"""The feeder of a case of homes for reconfiguration, and its load points for reliability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.feeder.standing import bus_demand, network_of, standing
from cmgplan.network.feeder import feeder_from_tables
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.grid import checked
from cmgplan.network.reconfiguration.day.loads import HourlyLoads
from cmgplan.network.reconfiguration.given import SwitchedNetwork
from cmgplan.network.reliability.cycle import beginnings_h, covered_h
from cmgplan.network.reliability.of_lines import feeder_of_lines
from cmgplan.network.reliability.read import LoadPoint, ReliableFeeder
from cmgplan.units import S_BASE_KVA


def hourly_loads_of_homes(case: HomesCase, mix: str | None = None) -> HourlyLoads:
    """Return the loads of a case's feeder by hour, in the order of ``switched_of_homes``."""
    p_kw, q_kvar = bus_demand(case, mix)
    return HourlyLoads(p_kw / S_BASE_KVA, q_kvar / S_BASE_KVA, case.dt_h)


def switched_of_homes(case: HomesCase, mix: str | None = None) -> SwitchedNetwork:
    """Return a case's feeder at the hour of greatest load; lines out of service are open ties.

    Homes are loads: their plants, stores and cars are left out.
    """
    network, loads = network_of(case), hourly_loads_of_homes(case, mix)
    feeder = feeder_from_tables(
        case.buses,
        [line.model_copy(update={"in_service": 1}) for line in case.lines],
        slack_bus=network.slack_bus,
        v_slack_pu=network.v_slack_pu,
        v_min_pu=network.v_min_pu,
        v_max_pu=network.v_max_pu,
    )
    hour = int(loads.p_pu.sum(axis=1).argmax())
    grid = replace(
        grid_of_feeder(feeder, case.name),
        p_load_pu=loads.p_pu[hour],
        q_load_pu=loads.q_pu[hour],
        reference_v_pu=np.array([network.v_slack_pu]),
    )
    return SwitchedNetwork(
        checked(grid),
        closed=np.array([line.in_service for line in case.lines], dtype=np.bool_),
        switchable=np.ones(len(case.lines), dtype=np.bool_),
        rows=tuple(range(1, 1 + len(case.lines))),
        notes=(
            "homes are loads; their plants, stores and cars are left out",
            f"the loads are those of interval {hour + 1}, the greatest of the case",
        ),
    )


def reliable_of_homes(case: HomesCase, mix: str | None = None) -> ReliableFeeder:
    """Return a case's feeder with its load points: mean loads, and a customer for each home.

    Customers of buses.csv come on top.

    Raises
    ------
    CaseError
        lines.csv lacks failure rates, or the case has no ``[network]``.
    """
    network, placed = network_of(case), standing(case, mix)
    p_kw, q_kvar = bus_demand(case, mix)
    points = []
    for k, bus in enumerate(case.buses):
        customers = float(placed[bus.bus].per_home(len(case.homes)).sum()) + (bus.customers or 0.0)
        load, reactive = float(p_kw[:, k].mean()), float(q_kvar[:, k].mean())
        if customers > 0.0 or load > 0.0:
            points.append(LoadPoint(bus=bus.bus, p_kw=load, customers=customers, q_kvar=reactive))
    return feeder_of_lines(
        case.lines, points, source=network.slack_bus, vn_kv=case.buses[0].vn_kv, file=network.lines
    )


def wanted_while_cut_off(
    case: HomesCase, mix: str | None = None
) -> Callable[[str, float, float], float]:
    """Return what load points want over an interruption, for ``reliability``.

    The case repeats itself; of one of several days, the mean over the days on which it begins.
    """
    p_kw, _ = bus_demand(case, mix)
    at = {bus.bus: k for k, bus in enumerate(case.buses)}

    def wanted(bus: str, from_hour: float, hours: float) -> float:
        starts = beginnings_h(case.hours, case.dt_h, from_hour, case.begins_h)
        covered = [covered_h(case.hours, case.dt_h, start, hours) for start in starts]
        return float(np.mean([shares @ p_kw[:, at[bus]] for shares in covered]) / hours)

    return wanted
