"""Objectives f1, f2, f3 worked out again from the tables of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.devices.base import energy_value
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow, power_flow
from cmgplan.planning.case.records import Case
from cmgplan.planning.record import levels
from cmgplan.planning.report.checks_switches import closed_switches, operation_counts
from cmgplan.planning.report.subject import OperatedCase
from cmgplan.run.findings import Finding, unequal

Injection = tuple[FloatArray, FloatArray]
"""Injections into the feeder at every bus, kW and kvar, each of shape (T, n)."""

UNITS = {"gc_usd": "$", "ec_usd": "$", "loss_kwh": "kWh"}
"""Objectives f1, f2, f3 by their columns."""


@dataclass(frozen=True)
class Objectives:
    """f1 in $, f2 in $ and f3 in kWh; NaN where the tables do not tell enough."""

    gc_usd: float
    ec_usd: float
    loss_kwh: float

    def unlike(self, told: levels.Objectives, place: str) -> list[Finding]:
        """Return the objectives that a part of plan.json, at a place in it, tells otherwise."""
        return [
            finding
            for name, value in told.by_objective().items()
            for finding in unequal(
                value, getattr(self, name), f"plan.json {place}.{name}", UNITS[name]
            )
        ]


def device_values(run: OperatedCase, level: int) -> tuple[float, float]:
    """Return what the devices add to f1 and f2 at a level, $, eqs. (1), (2)."""
    h = run.case.horizon(run.options)
    p_kw, q_kvar = run.devices(level, "p_kw"), run.devices(level, "q_kvar")
    cost_usd = emission_usd = 0.0
    for mg in run.case.microgrids:
        for device in mg.devices():
            key = (mg.id, device.id)
            trace = device.simulate(h, p_kw[key], q_kvar[key])
            cost_usd += trace.cost_usd
            emission_usd += trace.emission_usd
    return cost_usd, emission_usd


def lower_objectives(run: OperatedCase, level: int, flow: PowerFlow) -> Objectives:
    """Return eqs. (1)-(3) at a level's dispatch, ``flow`` that of its exchange alone."""
    h = run.case.horizon(run.options)
    cost_usd, emission_usd = device_values(run, level)
    operations = operation_counts(run, closed_switches(run))
    cost_usd += run.options.operation_cost_usd * float(operations.sum())
    rate = h.price_usd_per_kwh(run.case.grid_emission_usd_per_mwh)
    drawn_kw = flow.slack_p_kw
    return Objectives(
        gc_usd=cost_usd + energy_value(h.price_usd_per_kwh("market"), drawn_kw, h.dt_h),
        ec_usd=emission_usd + energy_value(rate, drawn_kw, h.dt_h),
        loss_kwh=float((flow.loss_kw + tie_loss_kw(run, level)).sum()) * h.dt_h,
    )


def tie_loss_kw(run: OperatedCase, level: int) -> FloatArray:
    """Return what the ties lose by hour, kW, shape (T,)."""
    names = [tie.id for tie in run.case.ties]
    rows = run.rows("exchange", level)
    lost = run.hourly(rows, "p_kw", "switch", names) - run.hourly(rows, "p_to_kw", "switch", names)
    total: FloatArray = lost.sum(axis=1)
    return total


def exchange_injection(
    run: OperatedCase, feeder: Feeder, level: int
) -> tuple[FloatArray, FloatArray]:
    """Return what the microgrids inject at every bus, kW and kvar, shape (T, n)."""
    names = [mg.pcc.id for mg in run.case.microgrids]
    rows = run.rows("exchange", level)
    given = []
    for column in ("p_to_kw", "q_kvar"):
        flow = run.hourly(rows, column, "switch", names)
        values = np.zeros((run.hours, feeder.n_bus))
        for k, mg in enumerate(run.case.microgrids):
            values[:, feeder.position(mg.bus)] += flow[:, k]
        given.append(values)
    return given[0], given[1]


def feeder_demand(case: Case, feeder: Feeder) -> tuple[FloatArray, FloatArray]:
    """Return the feeder's own demand before response at every bus, kW and kvar, shape (T, n)."""
    h = case.horizon()
    p, q = np.zeros((h.hours, feeder.n_bus)), np.zeros((h.hours, feeder.n_bus))
    for load in case.feeder_load():
        p[:, feeder.position(load.id)] += load.base_kw(h)
        q[:, feeder.position(load.id)] += load.base_kvar(h)
    return p, q


def solve_all(feeder: Feeder, asked: Mapping[str, Injection]) -> dict[str, PowerFlow]:
    """Return the power flow of each set of injections by its name, like hours solved only once."""
    flow = _solved(feeder, *(np.vstack([given[k] for given in asked.values()]) for k in (0, 1)))
    found, start = {}, 0
    for name, (p_kw, _) in asked.items():
        part = slice(start, start + len(p_kw))
        found[name] = PowerFlow(**{key: values[part] for key, values in vars(flow).items()})
        start += len(p_kw)
    return found


def _solved(feeder: Feeder, p_kw: FloatArray, q_kvar: FloatArray) -> PowerFlow:
    """Return the power flow of injections of shape (T, n); hours not all finite have none."""
    given = np.hstack([p_kw, q_kvar])
    whole = np.asarray(np.isfinite(given).all(axis=1), dtype=np.bool_)
    unique, place = np.unique(np.where(whole[:, None], given, 0.0), axis=0, return_inverse=True)
    flow = power_flow(feeder, unique[:, : feeder.n_bus], unique[:, feeder.n_bus :])
    at = place.ravel()

    def spread(values: FloatArray) -> FloatArray:
        hours: FloatArray = values[at].copy()
        hours[~whole] = np.nan
        return hours

    return PowerFlow(
        v_pu=spread(flow.v_pu),
        angle_rad=spread(flow.angle_rad),
        i_pu=spread(flow.i_pu),
        loss_kw=spread(flow.loss_kw),
        slack_p_kw=spread(flow.slack_p_kw),
        slack_q_kvar=spread(flow.slack_q_kvar),
        converged=flow.converged[at] & whole,
    )
