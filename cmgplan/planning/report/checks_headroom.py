"""Checks of headroom and of the replay under forecast error, both worked out again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import networkx as nx
import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.case.records import Microgrid
from cmgplan.planning.record.headroom import ErrorHour, ForecastError
from cmgplan.planning.report.checks_feeder import upper_demand
from cmgplan.planning.report.checks_objectives import Injection
from cmgplan.planning.report.checks_switches import closed_switches
from cmgplan.planning.report.subject import Subject
from cmgplan.run.findings import POWER_KW, VOLTAGE_PU, CheckResult, Finding, differs, unequal

LEVEL = 5
LOAD_FACTOR, RENEWABLE_FACTOR = 1.1, 0.8
TOLERANCE_KW = 0.1
"""Shortage and excess under error that count."""

LOADING = 1e-5
ROUNDING = {"pu": 1.5e-4, "kW": 0.15, "kVA": 0.15, "%": 0.15}
"""Difference of amounts of a broken limit that is let pass, by its unit."""


def check_headroom(
    run: Subject, feeder: Feeder, flows: Mapping[str, PowerFlow]
) -> list[CheckResult]:
    """Compare plan.json headroom with what dispatch, exchange and case give."""
    return [
        CheckResult("headroom follows from the tables", tuple(_hourly(run))),
        CheckResult(
            "replay under forecast error follows", tuple(_under_error(run, feeder, flows["error"]))
        ),
    ]


def _hourly(run: Subject) -> list[Finding]:
    """Compare unused turbine power, storage power and energy, and PCC rating by hour."""
    due = dict(zip(("mt_kw", "storage_kw", "storage_kwh", "pcc_kva"), _room(run), strict=True))
    told = run.summary.headroom.hourly
    found = differs(len(told), run.hours, "plan.json headroom.hourly, number")
    for t, room in enumerate(told[: run.hours]):
        place = f"plan.json headroom.hourly[{t}]"
        for name, number in (
            ("mt_kw", room.mt_kw),
            ("storage_kw", room.storage_kw),
            ("storage_kwh", room.storage_kwh),
            ("pcc_kva", room.pcc_kva),
        ):
            found += unequal(number, float(due[name][t]), f"{place}.{name}", "", POWER_KW)
    return found


def _room(run: Subject) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    h = run.case.horizon(run.options)
    p_kw, soc_kwh = run.devices(LEVEL, "p_kw"), run.devices(LEVEL, "soc_kwh")
    turbine, power, energy, rating = (np.zeros(run.hours) for _ in range(4))
    for mg in run.case.microgrids:
        turbine += _turbines(run, mg)
        for store in mg.stores():
            above = np.maximum(soc_kwh[mg.id, store.id] - store.soc_min * store.energy_kwh, 0.0)
            plugged = store.connected(h)
            limit = store.p_discharge_max_kw * plugged - p_kw[mg.id, store.id]
            usable = np.minimum(limit, above * store.efficiency_discharge / h.dt_h)
            power += np.maximum(usable, 0.0) * plugged
            energy += above
        closed, p, q = _at_pcc(run, mg)
        rating += np.where(closed, np.maximum(mg.pcc.rating_kva - np.hypot(p, q), 0.0), 0.0)
    return turbine, power, energy, rating


def _turbines(run: Subject, mg: Microgrid) -> FloatArray:
    p_kw = run.devices(LEVEL, "p_kw")
    room = np.zeros(run.hours)
    for turbine in mg.mt:
        room = room + turbine.p_max_kw - p_kw[mg.id, turbine.id]
    return np.maximum(room, 0.0)


def _at_pcc(run: Subject, mg: Microgrid) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return whether a microgrid's switch is closed, and what it carries."""
    rows = run.rows("exchange", LEVEL)
    p, q = (run.hourly(rows, c, "switch", [mg.pcc.id])[:, 0] for c in ("p_kw", "q_kvar"))
    schedule = run.tables["switch_schedule"]
    closed = run.hourly(schedule, "closed", "switch", [mg.pcc.id])[:, 0]
    return closed == 1.0, p, q


def error_injection(run: Subject, feeder: Feeder) -> Injection:
    """Return the injections with loads up and renewables down."""
    p, q, _ = _shifted(run, feeder)
    demand, demand_q = upper_demand(run, feeder)
    return p - LOAD_FACTOR * demand, q - LOAD_FACTOR * demand_q


def _under_error(run: Subject, feeder: Feeder, flow: PowerFlow) -> list[Finding]:
    """Compare voltages, loading and broken limits with loads up and renewables down."""
    broken = _shifted(run, feeder)[2]
    error = run.summary.headroom.forecast_error
    place = "plan.json headroom.forecast_error"
    factor, due = error.renewable_factor, RENEWABLE_FACTOR
    found = [
        *unequal(error.load_factor, LOAD_FACTOR, f"{place}.load_factor", "", 1e-12),
        *unequal(factor, due, f"{place}.renewable_factor", "", 1e-12),
        *differs(len(error.hours), run.hours, f"{place}.hours, number"),
    ]
    for t, told in enumerate(error.hours[: run.hours]):
        found += _hour(told, flow, feeder, t, f"{place}.hours[{t}]")
    broken += [limit for t in range(run.hours) for limit in _broken(feeder, flow, t)]
    return [*found, *_unlike(error, broken, place)]


def _hour(told: ErrorHour, flow: PowerFlow, feeder: Feeder, t: int, place: str) -> list[Finding]:
    loading = flow.i_pu[t] / feeder.i_max_pu
    converged = bool(flow.converged[t])
    found = differs(told.converged, converged, f"{place}.converged")
    for name, number, due, tolerance in (
        ("v_min_pu", told.v_min_pu, float(flow.v_pu[t].min()), VOLTAGE_PU),
        ("v_max_pu", told.v_max_pu, float(flow.v_pu[t].max()), VOLTAGE_PU),
        ("max_loading", told.max_loading, float(loading.max(initial=0.0)), LOADING),
    ):
        value = due if converged else float("nan")
        found += unequal(number, value, f"{place}.{name}", "pu", tolerance)
    return found


def _shifted(run: Subject, feeder: Feeder) -> tuple[FloatArray, FloatArray, list[BrokenLimit]]:
    """Return the microgrids' injections under error, and what is broken on the way.

    What is missing in a group of microgrids joined by ties comes from its turbines, then through
    its PCCs in proportion to their ratings.
    """
    shape = (run.hours, feeder.n_bus)
    p, q = np.zeros(shape), np.zeros(shape)
    broken: list[BrokenLimit] = []
    missing = {mg.id: _missing(run, mg) for mg in run.case.microgrids}
    room = {mg.id: _turbines(run, mg) for mg in run.case.microgrids}
    pcc = {mg.id: _at_pcc(run, mg) for mg in run.case.microgrids}
    for t, group in _groups(run):
        members = [mg for mg in run.case.microgrids if mg.id in group]
        short = sum(float(missing[mg.id][t]) for mg in members)
        short -= min(max(short, 0.0), sum(float(room[mg.id][t]) for mg in members))
        closed = [mg for mg in members if pcc[mg.id][0][t]]
        if short > TOLERANCE_KW and not closed:
            names = ", ".join(sorted(group))
            broken.append(BrokenLimit("shortage", t, names, short, "kW"))
        total = sum(mg.pcc.rating_kva for mg in closed)
        for mg in closed:
            flow_p = float(pcc[mg.id][1][t]) - max(short, 0.0) * mg.pcc.rating_kva / total
            flow_q = float(pcc[mg.id][2][t])
            excess = float(np.hypot(flow_p, flow_q)) - mg.pcc.rating_kva
            if excess > TOLERANCE_KW:
                place = f"{mg.pcc.id} of {mg.id}"
                broken.append(BrokenLimit("connection", t, place, excess, "kVA"))
            p[t, feeder.position(mg.bus)] += flow_p
            q[t, feeder.position(mg.bus)] += flow_q
    return p, q, broken


def _groups(run: Subject) -> Iterator[tuple[int, set[str]]]:
    """Yield hour and microgrids of every group that closed ties join."""
    closed = closed_switches(run)
    for t in range(run.hours):
        graph = nx.Graph()
        graph.add_nodes_from(mg.id for mg in run.case.microgrids)
        for k, tie in enumerate(run.case.ties):
            if closed[t, k] == 1.0:
                graph.add_edge(tie.from_microgrid, tie.to_microgrid)
        for group in nx.connected_components(graph):
            yield t, group


def _missing(run: Subject, mg: Microgrid) -> FloatArray:
    """Return by how much a microgrid falls short after its own curtailed power, kW."""
    h = run.case.horizon(run.options)
    p_kw = run.devices(LEVEL, "p_kw")
    missing = np.zeros(run.hours)
    for load in mg.load:
        missing += (LOAD_FACTOR - 1.0) * -p_kw[mg.id, load.id]
    for plant in mg.renewables():
        available = RENEWABLE_FACTOR * plant.p_max_kw * h.profile(plant.forecast)
        missing += p_kw[mg.id, plant.id] - available
    return missing


def _broken(feeder: Feeder, flow: PowerFlow, t: int) -> list[BrokenLimit]:
    """Return the limits of the feeder that an hour breaks."""
    if not flow.converged[t]:
        return [BrokenLimit("power_flow", t)]
    v, loading = flow.v_pu[t], flow.i_pu[t] / feeder.i_max_pu
    found = []
    for i, bus in enumerate(feeder.bus_ids):
        low, high = float(feeder.v_min_pu[i]), float(feeder.v_max_pu[i])
        if i != feeder.slack and max(low - v[i], v[i] - high) > VOLTAGE_PU:
            limit = low if v[i] < low else high
            found.append(BrokenLimit("voltage", t, bus, float(v[i]), "pu", limit))
    return found + [
        BrokenLimit("branch", t, feeder.line_ids[k], 100.0 * float(loading[k]), "%")
        for k in np.flatnonzero(loading > 1.0 + 1e-6)
    ]


def _unlike(error: ForecastError, due: list[BrokenLimit], place: str) -> list[Finding]:
    """Compare broken limits, whatever their order, and their words with them."""
    limits = [broken.told for broken in error.broken_limits]
    left = list(due)
    found: list[Finding] = []
    for k, limit in enumerate(limits):
        match = next((other for other in left if _alike(limit, other)), None)
        if match is None:
            where = f"{place}.broken_limits[{k}]"
            none = "nothing of the kind"
            found.append(Finding(where, float("nan"), "", None, limit.words(), none))
        else:
            left.remove(match)
    missing = [
        Finding(f"{place}.broken_limits", float("nan"), "", None, None, limit.words())
        for limit in left
    ]
    due_words = [limit.words() for limit in limits]
    return [*found, *missing, *differs(error.broken, due_words, f"{place}.broken")]


def _alike(one: BrokenLimit, other: BrokenLimit) -> bool:
    """Whether two limits are the same but for rounding."""
    same = replace(one, amount=other.amount, limit=other.limit) == other
    return same and all(
        a is b is None or (a is not None and b is not None and abs(a - b) <= ROUNDING[one.unit])
        for a, b in ((one.amount, other.amount), (one.limit, other.limit))
    )
