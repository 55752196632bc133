"""Levels 5 and 6: the weighted AC optimal power flow of the loaded feeder, eqs. (29)-(39)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.network.branch_flow import Injection
from cmgplan.network.feeder import Feeder
from cmgplan.network.files.networks import grid_of_feeder
from cmgplan.network.grid_hours import horizon_of
from cmgplan.network.opf.problem import solve_opf
from cmgplan.network.opf.result import OpfResult
from cmgplan.network.powerflow import PowerFlow, power_flow
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.scales import Scales, scales_of
from cmgplan.planning.model.attachment import add_upstream
from cmgplan.planning.model.feeder_opf import FeederOpf, FeederSchedule, Weights
from cmgplan.planning.model.grid_models import pcc_injections
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.schedule import (
    Frozen,
    VariableBounds,
    commitment_bounds,
    exchange_bounds,
    new_schedule,
)
from cmgplan.planning.model.schedule_model import UpperModel
from cmgplan.planning.model.switches import all_switches, operations
from cmgplan.planning.why.upper import explain_upper
from cmgplan.units import S_BASE_KVA, kw_from_mw, usd_per_kwh

FIXED_FLOW_KVA = 1e-6
"""Half-width of the bounds that hold an exchange where the coupling is fixed."""


@dataclass(frozen=True)
class Totals:
    """f1, f2, f3 of the upper level, the energy imported, and the least voltage."""

    gc_usd: float
    ec_usd: float
    loss_kwh: float
    upstream_kwh: float
    v_min_pu: float

    def as_dict(self) -> dict[str, float]:
        """Return the totals for plan.json."""
        return dict(vars(self))


Without = tuple[PowerFlow, Totals, Totals]
"""The feeder without DER and with the microgrids' loads, its totals, and those without them."""


@dataclass(frozen=True)
class UpperResult:
    """Result of Levels 5 and 6.

    Attributes
    ----------
    operation
        Devices, exchange, slack power (``p_sub_kw``), feeder losses and voltages.
    demand_kw, demand_kvar
        The feeder's own load after response, shape (T, n).
    demand_before_kw
        Before response, shape (T, n).
    totals
        f1 (29), f2 (30), f3 (31) and more.
    lower_after
        f1, f2, f3 of the lower level, eqs. (1)-(3), at this dispatch.
    without_cmg
        Power flow of the feeder with the microgrids' loads and no DER, and its totals.
    without_microgrid_loads
        Totals of the feeder with its own loads alone.
    weights
        Factors of f1, f2 and f3 in the objective.
    scales
        What f1, f2 and f3 are divided by where the options say so.
    opf
        Answer of ``solve_opf``. One that its replay contradicts is handed on, for the plan's own
        replay to judge; its status says so.
    """

    operation: Operation
    demand_kw: FloatArray
    demand_kvar: FloatArray
    demand_before_kw: FloatArray
    totals: Totals
    lower_after: Mapping[str, float]
    without_cmg: PowerFlow
    without_cmg_totals: Totals
    without_microgrid_loads: Totals
    weights: Mapping[str, float]
    scales: Scales
    opf: OpfResult


def solve_upper(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    selected: Operation,
    *,
    explain: bool = True,
    without: Without | None = None,
) -> UpperResult:
    """Minimise zeta1 f1 + zeta2 f2 + zeta3 f3 with what the lower level decided.

    Switches, storage, vehicles, microgrid demand response and commitments are those of
    ``selected``; turbines, curtailment, reactive power and the flows on closed switches are free,
    unless the coupling is fixed. Feeder loads respond. With ``explain`` an error says which limits
    would have to give, which takes more solves. ``without`` is what ``without_microgrids`` returns,
    where it is known.

    Raises
    ------
    InfeasibleError
        If the feeder's limits cannot be met locally.
    LimitError
        If Ipopt stopped before any answer.
    """
    plain, plain_totals, bare_totals = without or without_microgrids(case, feeder)
    scales = scales_of(case, options, plain_totals.as_dict(), plain)
    weights = _weights(options, scales)
    m, schedule, goals, bounds = _on_feeder(case, options, feeder, selected, weights)
    attached = schedule.attached(goals, bounds)
    opf = solve_opf(schedule.grid, profiles=schedule.horizon, attached=attached)
    if not opf.v_pu.size:
        if not explain:
            raise _unexplained(opf)
        raise _no_answer(case, options, feeder, selected, weights, opf)
    q_sub_kvar = kw_from_mw(opf.q_mvar[:, 0])
    operation = schedule.operation(opf.attached, q_sub_kvar, opf.v_pu, selected.closed)
    operation = _with_stores(operation, selected)
    demand, demand_q, before = _demand(m, case, feeder, options)
    return UpperResult(
        operation=operation,
        demand_kw=demand,
        demand_kvar=demand_q,
        demand_before_kw=before,
        totals=Totals(
            gc_usd=operation.gc_usd,
            ec_usd=operation.ec_usd,
            loss_kwh=operation.loss_kwh,
            upstream_kwh=float(operation.p_sub_kw.sum() * case.file.time.dt_h),
            v_min_pu=_least(operation.voltage_pu),
        ),
        lower_after=lower_objectives(case, options, feeder, operation),
        without_cmg=plain,
        without_cmg_totals=plain_totals,
        without_microgrid_loads=bare_totals,
        weights=weights,
        scales=scales,
        opf=opf,
    )


def _on_feeder(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    selected: Operation,
    weights: Mapping[str, float],
) -> tuple[UpperModel, FeederSchedule, Weights, VariableBounds]:
    """Return the model, its schedule on a feeder, the weights of f1, f2, f3, and bounds held."""
    m: UpperModel = new_schedule(case, options, _frozen(case, options, selected))
    _add_feeder_loads(m, case, options)
    p_inj, q_inj = _injections(m, case, feeder)
    add_upstream(m, feeder, p_inj)
    _add_upper_objectives(m, case, options)
    schedule = FeederSchedule(m, case, feeder, p_inj, q_inj)
    goals = {"gc_usd": m.f1, "ec_usd": m.f2, "loss_kwh": m.f3}
    pairs = [(goals[name], weight) for name, weight in weights.items()]
    return m, schedule, pairs, _bounds(m, case, options, selected)


def lower_objectives(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    operation: Operation,
    flow: PowerFlow | None = None,
) -> dict[str, float]:
    """Evaluate eqs. (1)-(3) at a dispatch, its exchange on the feeder without loads.

    ``flow`` is the power flow of this exchange, where it is known.
    """
    h = case.horizon(options)
    if flow is None:
        flow = power_flow(feeder, *pcc_nodal(case, feeder, operation))
    price = np.asarray([usd_per_kwh(float(v)) for v in h.price_usd_per_mwh])
    emission = 0.0
    cost = options.operation_cost_usd * sum(
        operations(s, operation.closed[s.id]) for s in all_switches(case)
    )
    for mg in case.microgrids:
        for device in mg.devices():
            key = (mg.id, device.id)
            trace = device.simulate(h, operation.p_kw[key], operation.q_kvar[key])
            cost += trace.cost_usd
            emission += trace.emission_usd
    rate = usd_per_kwh(case.grid_emission_usd_per_mwh)
    ties = sum(float(loss.sum()) for loss in operation.tie_loss_kw.values())
    return {
        "gc_usd": cost + float(price @ flow.slack_p_kw) * h.dt_h,
        "ec_usd": emission + rate * float(flow.slack_p_kw.sum()) * h.dt_h,
        "loss_kwh": (float(flow.loss_kw.sum()) + ties) * h.dt_h,
    }


def pcc_nodal(case: Case, feeder: Feeder, operation: Operation) -> tuple[FloatArray, FloatArray]:
    """Return what the microgrids inject at every bus, kW and kvar, shape (T, n)."""
    shape = (case.file.time.hours, feeder.n_bus)
    p, q = np.zeros(shape), np.zeros(shape)
    for mg in case.microgrids:
        at = feeder.position(mg.bus)
        p[:, at] += operation.p_pcc_kw[mg.id]
        q[:, at] += operation.q_pcc_kvar[mg.id]
    return p, q


def without_microgrids(case: Case, feeder: Feeder) -> Without:
    """Return the feeder without DER, with the microgrids' loads, and the totals without them."""
    h = case.horizon()
    shape = (h.hours, feeder.n_bus)
    p, q = np.zeros(shape), np.zeros(shape)
    for load in case.feeder_load():
        p[:, feeder.position(load.id)] -= load.base_kw(h)
        q[:, feeder.position(load.id)] -= load.base_kvar(h)
    bare = power_flow(feeder, p, q)
    for mg in case.microgrids:
        drawn = case.microgrid_load_kva(mg.id)
        p[:, feeder.position(mg.bus)] -= drawn.real
        q[:, feeder.position(mg.bus)] -= drawn.imag
    plain = power_flow(feeder, p, q)
    return plain, _flow_totals(case, plain), _flow_totals(case, bare)


def _flow_totals(case: Case, flow: PowerFlow) -> Totals:
    h = case.horizon()
    price = np.asarray([usd_per_kwh(float(v)) for v in h.price_usd_per_mwh])
    upstream = float(flow.slack_p_kw.sum()) * h.dt_h
    return Totals(
        gc_usd=float(price @ flow.slack_p_kw) * h.dt_h,
        ec_usd=usd_per_kwh(case.grid_emission_usd_per_mwh) * upstream,
        loss_kwh=float(flow.loss_kw.sum()) * h.dt_h,
        upstream_kwh=upstream,
        v_min_pu=_least(flow.v_pu),
    )


def _least(voltage_pu: FloatArray | None) -> float:
    return float("nan") if voltage_pu is None else float(np.min(voltage_pu))


def _frozen(case: Case, options: PlanOptions, selected: Operation) -> Frozen:
    """Return storage, vehicles and loads as constants."""
    h = case.horizon(options)
    frozen = {}
    for mg in case.microgrids:
        for device in (*mg.load, *mg.stores()):
            key = (mg.id, device.id)
            p, q = selected.p_kw[key], selected.q_kvar[key]
            trace = device.simulate(h, p, q)
            frozen[key] = (p, q, trace.cost_usd, trace.emission_usd)
    return frozen


def _add_feeder_loads(m: UpperModel, case: Case, options: PlanOptions) -> None:
    """Add the feeder's own loads with their responsive share, ``m.feeder_load[bus]``."""
    h = case.horizon(options)
    loads = {load.id: load for load in case.feeder_load()}
    m.LOADED = pyo.Set(initialize=list(loads))
    m.feeder_load = pyo.Block(m.LOADED, rule=lambda b, bus: loads[bus].add_to(b, h))


def _injections(m: UpperModel, case: Case, feeder: Feeder) -> tuple[Injection, Injection]:
    """Return microgrids and feeder loads together at each bus position and hour."""
    p_pcc, q_pcc = pcc_injections(m, case, feeder)
    at = {feeder.position(bus): bus for bus in m.LOADED}

    def p_inj(i: int, t: int) -> Any:
        return p_pcc(i, t) + (m.feeder_load[at[i]].p_inj[t] if i in at else 0.0)

    def q_inj(i: int, t: int) -> Any:
        return q_pcc(i, t) + (m.feeder_load[at[i]].q_inj[t] if i in at else 0.0)

    return p_inj, q_inj


def _add_upper_objectives(m: UpperModel, case: Case, options: PlanOptions) -> None:
    """Define f1, f2, f3 of the upper level, eqs. (29)-(31), in $, $ and kWh.

    f1 prices slack power and the microgrids' exchange at the hourly price. f2 as printed counts
    upstream energy only; with ``upper_emissions = "all"`` the turbines count too.
    """
    h = case.horizon(options)
    price = [usd_per_kwh(float(p)) for p in h.price_usd_per_mwh]
    rate = usd_per_kwh(case.grid_emission_usd_per_mwh)
    m.f1 = pyo.Var(initialize=0.0, doc="$, eq. (29)")
    m.f2 = pyo.Var(initialize=0.0, doc="$, eq. (30)")
    m.f3 = pyo.Var(initialize=0.0, doc="kWh, eq. (31)")
    exchanged = {t: pyo.quicksum(m.p_pcc[mg, t] for mg in m.MG) for t in m.T}
    everyone = options.upper_emissions == "all"

    @m.Constraint(doc="generation cost, $, eq. (29)")
    def upper_cost(m: UpperModel) -> Any:
        return m.f1 == pyo.quicksum(h.dt_h * price[t] * (m.p_sub[t] + exchanged[t]) for t in m.T)

    @m.Constraint(doc="emission cost, $, eq. (30)")
    def upper_emission(m: UpperModel) -> Any:
        return m.f2 == pyo.quicksum(h.dt_h * rate * m.p_sub[t] for t in m.T) + (
            pyo.quicksum(m.dev[key].emission_usd for key in m.DEV) if everyone else 0.0
        )

    @m.Constraint(doc="active losses, kWh, eq. (31)")
    def upper_loss(m: UpperModel) -> Any:
        return m.f3 == pyo.quicksum(h.dt_h * m.loss[t] for t in m.T) + pyo.quicksum(
            h.dt_h * m.tie_loss[e, t] for e in m.LOSSY for t in m.T
        )


def _weights(options: PlanOptions, scales: Scales) -> dict[str, float]:
    """Return zeta, divided by the scales where the options say so."""
    zeta = {
        "gc_usd": options.zeta.cost,
        "ec_usd": options.zeta.emission,
        "loss_kwh": options.zeta.loss,
    }
    if not options.normalise:
        return zeta
    return {name: z / scales.by[name] for name, z in zeta.items()}


def _bounds(m: UpperModel, case: Case, options: PlanOptions, selected: Operation) -> VariableBounds:
    bounds = exchange_bounds(m, case, selected.closed)
    bounds.update(commitment_bounds(m, selected.on))
    if options.coupling == "fixed":
        for mg in case.microgrids:
            for t in np.flatnonzero(selected.closed[mg.pcc.id]):
                for variable, flow in (
                    (m.p_pcc[mg.id, int(t)], selected.p_pcc_kw[mg.id][t]),
                    (m.q_pcc[mg.id, int(t)], selected.q_pcc_kvar[mg.id][t]),
                ):
                    bounds[variable] = (flow - FIXED_FLOW_KVA, flow + FIXED_FLOW_KVA)
    return bounds


def _with_stores(operation: Operation, selected: Operation) -> Operation:
    """Return the operation with the states of charge and responses that were held."""
    return replace(
        operation,
        charge_kw=selected.charge_kw,
        discharge_kw=selected.discharge_kw,
        soc_kwh=selected.soc_kwh,
        gamma=selected.gamma,
    )


def _demand(
    m: UpperModel, case: Case, feeder: Feeder, options: PlanOptions
) -> tuple[FloatArray, FloatArray, FloatArray]:
    h = case.horizon(options)
    shape = (h.hours, feeder.n_bus)
    p, q, before = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for load in case.feeder_load():
        at = feeder.position(load.id)
        block = m.feeder_load[load.id]
        p[:, at] = [-float(pyo.value(block.p_inj[t])) for t in h.steps]
        q[:, at] = [-float(pyo.value(block.q_inj[t])) for t in h.steps]
        before[:, at] = load.base_kw(h)
    return p, q, before


def _no_answer(
    case: Case,
    options: PlanOptions,
    feeder: Feeder,
    selected: Operation,
    weights: Mapping[str, float],
    opf: OpfResult,
) -> InfeasibleError | LimitError:
    """Return the error that says which limits would have to give."""
    h = case.horizon(options)
    p, q = pcc_nodal(case, feeder, selected)
    for load in case.feeder_load():
        p[:, feeder.position(load.id)] -= load.base_kw(h)
        q[:, feeder.position(load.id)] -= load.base_kvar(h)
    grid = grid_of_feeder(feeder, case.name)
    horizon = horizon_of(
        grid, hours=h.hours, p_load_pu=-p / S_BASE_KVA, q_load_pu=-q / S_BASE_KVA, dt_h=h.dt_h
    )

    def works(wider: Feeder) -> bool:
        _, on_wider, goals, bounds = _on_feeder(case, options, wider, selected, weights)
        return FeederOpf(on_wider).solve(goals, bounds).accepted

    explanation = explain_upper(feeder, grid, horizon, works)
    if explanation is not None:
        return InfeasibleError(explanation.message(), explanation)
    return _unexplained(opf)


def _unexplained(opf: OpfResult) -> InfeasibleError | LimitError:
    """Return the error of Levels 5 and 6 where no limit is known that would have to give."""
    if opf.status != "locally infeasible":
        return LimitError(f"Levels 5 and 6 found no answer: {opf.message}")
    return InfeasibleError(
        "Levels 5 and 6 are locally infeasible: the loaded feeder cannot keep its voltage and "
        f"current limits with this schedule ({opf.message}), and no hour alone tells which limit "
        "would have to give. Widen v_min_pu or v_max_pu, raise line ratings, or choose another "
        "point with --select."
    )
