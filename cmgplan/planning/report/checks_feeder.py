"""Checks of a run against an independent power flow of its feeder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.report.checks_objectives import Injection, exchange_injection
from cmgplan.planning.report.subject import OperatedCase
from cmgplan.run.findings import (
    POWER_KW,
    VOLTAGE_PU,
    CheckResult,
    Finding,
    apart,
    over,
    over_hourly,
)

LEVEL_NUMBER = {"lower": 4, "upper": 5}


@dataclass(frozen=True)
class Replay:
    """Power flow of one level's injections and how far the run's own numbers are from it."""

    level: str
    flow: PowerFlow
    dv_pu: FloatArray
    dloss_kw: FloatArray


def check_feeder(
    run: OperatedCase, feeder: Feeder, flows: Mapping[str, PowerFlow]
) -> tuple[list[CheckResult], list[Replay]]:
    """Compare the feeder at both levels and without microgrids with its power flow."""
    results: list[CheckResult] = []
    replays: list[Replay] = []
    for level in LEVEL_NUMBER:
        p_kw, q_kvar, faults = _given_injection(run, feeder, level)
        results.append(CheckResult(f"{level}: injections are complete", tuple(faults)))
        results.append(_injection_agrees(run, feeder, level, p_kw, q_kvar))
        if faults:
            continue
        replay = _replay(run, feeder, level, flows[level])
        replays.append(replay)
        results += [*_agreement(feeder, replay), *_limits(feeder, replay)]
        if level == "upper":
            results.append(_upstream(run, replay.flow, "with_cmg_kw", level))
    bare = _replay(run, feeder, "without_cmg", flows["without_cmg"])
    results += [*_agreement(feeder, bare), _upstream(run, bare.flow, "without_cmg_kw", bare.level)]
    return results, [*replays, bare]


def replayed_injections(run: OperatedCase, feeder: Feeder) -> dict[str, Injection]:
    """Return the injections of both levels as told, and those without microgrids."""
    told = {level: _given_injection(run, feeder, level)[:2] for level in LEVEL_NUMBER}
    return {**told, "without_cmg": _demand_without_microgrids(run, feeder)}


def _given_injection(
    run: OperatedCase, feeder: Feeder, level: str
) -> tuple[FloatArray, FloatArray, list[Finding]]:
    """Return the injections of a level, shape (T, n), and what is missing or unknown in them."""
    rows = run.rows("nodal_injection", level)
    present = list(dict.fromkeys(rows["bus"]))
    faults = [Finding(f"bus {name}", np.nan, "") for name in present if name not in feeder.bus_ids]
    filled = []
    for column in ("p_kw", "q_kvar"):
        values = run.hourly(rows, column, "bus", feeder.bus_ids)
        silent = ~np.isin(feeder.bus_ids, present)
        values[:, silent] = 0.0
        missing = np.where(np.isnan(values), np.nan, 0.0)
        faults += over(missing, _buses(feeder), 0.0, column)
        filled.append(values)
    if not present:
        faults.append(Finding(f"nodal_injection.csv, level {level}", np.nan, ""))
    return filled[0], filled[1], faults


def _injection_agrees(
    run: OperatedCase, feeder: Feeder, level: str, p_kw: FloatArray, q_kvar: FloatArray
) -> CheckResult:
    """Compare the injections with the exchange of the microgrids and the feeder's own demand."""
    p_due, q_due = exchange_injection(run, feeder, LEVEL_NUMBER[level])
    if level == "upper":
        demand, demand_q = upper_demand(run, feeder)
        p_due, q_due = p_due - demand, q_due - demand_q
    names = _buses(feeder)
    found = [
        *apart(p_kw, p_due, names, POWER_KW, "kW"),
        *apart(q_kvar, q_due, names, POWER_KW, "kvar"),
    ]
    return CheckResult(f"{level}: injections are exchange less demand", tuple(found))


def upper_demand(run: OperatedCase, feeder: Feeder) -> tuple[FloatArray, FloatArray]:
    """Return the feeder's demand after response at every bus, kW and kvar, shape (T, n)."""
    h = run.case.horizon(run.options)
    p_kw, q_kvar = np.zeros((h.hours, feeder.n_bus)), np.zeros((h.hours, feeder.n_bus))
    loads = run.case.feeder_load()
    rows = run.rows("demand_response", "upper")
    after = run.hourly(rows, "p_after_kw", "place", [load.id for load in loads])
    told = set(rows["place"])
    for k, load in enumerate(loads):
        base, base_q = load.base_kw(h), load.base_kvar(h)
        demand = after[:, k] if load.id in told else base
        gamma = np.divide(demand, base, out=np.ones(h.hours), where=base > 0.0)
        bus = feeder.position(load.id)
        p_kw[:, bus] += demand
        q_kvar[:, bus] += gamma * base_q
    return p_kw, q_kvar


def _demand_without_microgrids(run: OperatedCase, feeder: Feeder) -> tuple[FloatArray, FloatArray]:
    """Return the injections of the feeder's and the microgrids' demand before response."""
    h = run.case.horizon(run.options)
    s_kva = np.zeros((h.hours, feeder.n_bus), dtype=np.complex128)
    for load in run.case.feeder_load():
        s_kva[:, feeder.position(load.id)] -= load.base_kw(h) + 1j * load.base_kvar(h)
    for mg in run.case.microgrids:
        s_kva[:, feeder.position(mg.bus)] -= run.case.microgrid_load_kva(mg.id)
    return s_kva.real.copy(), s_kva.imag.copy()


def _replay(run: OperatedCase, feeder: Feeder, level: str, flow: PowerFlow) -> Replay:
    """Return how far voltages and losses of a level are from its power flow."""
    told_v = run.hourly(run.rows("bus_voltage", level), "v_pu", "bus", feeder.bus_ids)
    column = f"{level}_kw" if level == "without_cmg" else f"{level}_feeder_kw"
    return Replay(
        level,
        flow,
        dv_pu=np.abs(flow.v_pu - told_v),
        dloss_kw=np.abs(flow.loss_kw - run.series("loss", column)),
    )


def _agreement(feeder: Feeder, replay: Replay) -> list[CheckResult]:
    """Compare voltages and losses of the run with the replay."""
    flow, level = replay.flow, replay.level
    failed = [Finding("power flow", np.nan, "", int(t)) for t in np.flatnonzero(~flow.converged)]
    return [
        CheckResult(f"{level}: power flow converges", tuple(failed)),
        CheckResult(
            f"{level}: voltages agree",
            tuple(over(replay.dv_pu, _buses(feeder), VOLTAGE_PU, "pu")),
        ),
        CheckResult(
            f"{level}: feeder losses agree",
            tuple(over_hourly(replay.dloss_kw, "losses", POWER_KW, "kW")),
        ),
    ]


def _limits(feeder: Feeder, replay: Replay) -> list[CheckResult]:
    """Hold the replayed voltages and currents against their limits."""
    v_pu, i_pu = replay.flow.v_pu, replay.flow.i_pu
    excess = np.maximum(v_pu - feeder.v_max_pu, feeder.v_min_pu - v_pu)
    lines = [f"line {name}" for name in feeder.line_ids]
    return [
        CheckResult(
            f"{replay.level}: voltages within limits",
            tuple(over(excess, _buses(feeder), VOLTAGE_PU, "pu")),
        ),
        CheckResult(
            f"{replay.level}: currents within ratings",
            tuple(over(i_pu - feeder.i_max_pu, lines, VOLTAGE_PU, "pu")),
        ),
    ]


def _upstream(run: OperatedCase, flow: PowerFlow, column: str, level: str) -> CheckResult:
    """Compare the power from the upstream grid with the replay's."""
    gap = np.abs(flow.slack_p_kw - run.series("upstream", column))
    return CheckResult(
        f"{level}: upstream power agrees", tuple(over_hourly(gap, "upstream", POWER_KW, "kW"))
    )


def _buses(feeder: Feeder) -> list[str]:
    """Return the buses as a finding names them."""
    return [f"bus {name}" for name in feeder.bus_ids]
