"""A small finished plan, put together by hand so that no planner is needed.

Two hours, a feeder of two buses, three microgrids in two clusters. Hour 0: MG1's microturbine
feeds MG2 through the tie T12, MG3 imports. Hour 1: MG3's surplus reaches MG2 through T23, which
loses R I^2, and MG2 imports the rest.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.network.feeder import build_feeder
from cmgplan.network.powerflow import power_flow
from cmgplan.planning.case import load_case
from cmgplan.planning.case.records import Case
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.result import PlanResult

HOURS = 2
PRICE = np.array([50.0, 100.0])
PV_KW = np.array([20.0, 60.0])
TIE_LOSS_KW = 1.8 * 30.0**2 / 15.0**2 * 1e-3
NAMES = {"MG1": "MG1", "PCC1": "PCC1", "title": "Two buses, by hand"}
HOSTILE = {
    "MG1": "=1+1<b>x</b>",
    "PCC1": "@SUM(<b>y</b>)",
    "title": "</title><script>alert(1)</script>",
}

_TOML = """
format = 1
name = "by-hand"
title = {title}

[time]
hours = 2

[network]
slack_bus = "1"
v_slack_pu = 1.0
v_min_pu = 0.9
v_max_pu = 1.1
responsive_share = 0.2

[grid]
emission_usd_per_mwh = {{ co2 = 40.0 }}

[[cluster]]
id = "C1"
microgrids = [{MG1}, "MG2"]

[[cluster]]
id = "C2"
microgrids = ["MG3"]

[[microgrid]]
id = {MG1}
bus = "2"
pcc = {{ id = {PCC1}, rating_kva = 60.0 }}
load = [{{ id = "load", p_kw = 50.0 }}]
mt = [{{ id = "mt", p_max_kw = 120.0, emission_usd_per_mwh = {{ co2 = 30.0 }} }}]

[[microgrid]]
id = "MG2"
bus = "2"
pcc = {{ id = "PCC2", rating_kva = 60.0 }}
load = [{{ id = "load", p_kw = 40.0 }}]

[[microgrid.storage]]
id = "battery"
p_charge_max_kw = 20.0
p_discharge_max_kw = 20.0
energy_kwh = 100.0
soc_min = 0.2
soc_start = 0.5
efficiency_charge = 0.9
efficiency_discharge = 0.9

[[microgrid]]
id = "MG3"
bus = "2"
pcc = {{ id = "PCC3", rating_kva = 60.0 }}
load = [{{ id = "load", p_kw = 30.0 }}]
pv = [{{ id = "pv", p_max_kw = 100.0, forecast = "sun" }}]

[[tie]]
id = "T12"
kind = "microgrid"
from_microgrid = {MG1}
to_microgrid = "MG2"
rating_kva = 60.0

[[tie]]
id = "T23"
kind = "cluster"
from_microgrid = "MG2"
to_microgrid = "MG3"
rating_kva = 60.0
r_ohm = 1.8
vn_kv = 15.0
"""


def write_case(folder: Path, names: dict[str, str]) -> Case:
    """Write the case and read it."""
    folder.mkdir(parents=True, exist_ok=True)
    quoted = {key: json.dumps(value) for key, value in names.items()}
    (folder / "case.toml").write_text(_TOML.format(**quoted))
    (folder / "buses.csv").write_text("bus,p_kw,q_kvar,vn_kv\n1,0,0,15\n2,100,40,15\n")
    (folder / "lines.csv").write_text(
        "line,from_bus,to_bus,r_ohm,x_ohm,rating_kva\nL1,1,2,4.5,2.25,500\n"
    )
    (folder / "profiles.csv").write_text("hour,price_usd_per_mwh,sun\n0,50,0.2\n1,100,0.6\n")
    return load_case(folder)


def make_result(folder: Path, names: dict[str, str] = NAMES) -> PlanResult:
    """Return the plan; its case is written to a folder."""
    case = write_case(folder, names)
    mg1, pcc1 = names["MG1"], names["PCC1"]
    dispatch, exchange = _dispatch(mg1), _exchange(mg1, pcc1)
    flows = _feeder_tables(case)
    loss = flows["loss"]
    demand = np.full(HOURS, 120.0)
    lost = loss["lower_feeder_kw"] + loss["lower_ties_kw"]
    # Everything is priced by the market: f1 = sum lambda (2 P_DR + loss).
    gc_usd = float(np.sum(PRICE * (2.0 * demand + lost))) / 1000.0
    drawn = np.array([10.0, 1.9 + TIE_LOSS_KW]) + loss["lower_feeder_kw"]
    ec_usd = float(30.0 * (100.0 + 50.0) + 40.0 * np.sum(drawn)) / 1000.0
    schedule = exchange[["hour", "switch", "kind", "from", "to"]].assign(
        closed=(exchange["p_kw"] != 0.0).astype(int)
    )
    tables = {
        "pareto": _pareto(gc_usd, ec_usd, float(lost.sum())),
        "shortage": _shortage(mg1),
        "switch_schedule": schedule,
        "dispatch": _levels(dispatch, (1, 2, 3, 4, 5)),
        "exchange": _levels(exchange, (2, 3, 4, 5)),
        "demand_response": _response(mg1),
        **flows,
    }
    chosen = {"gc_usd": gc_usd, "ec_usd": ec_usd, "loss_kwh": float(lost.sum())}
    summary = PlanRecord.model_validate(_summary(case, chosen, flows))
    points = {
        k: {
            "switch_schedule": schedule,
            "dispatch": tables["dispatch"],
            "exchange": tables["exchange"],
        }
        for k in (1, 2)
    }
    return PlanResult(case, case.options, summary, tables, points)


def with_summary(result: PlanResult, **changed: Any) -> PlanResult:
    """Return a result with other parts of its summary, given as plain values."""
    return replace(result, summary=changed_summary(result.summary, **changed))


def changed_summary(summary: PlanRecord, **changed: Any) -> PlanRecord:
    """Return a summary with other parts, given as plain values; a part's other keys stay."""
    plain = summary.model_dump()
    for name, part in changed.items():
        whole = isinstance(part, dict) and isinstance(plain.get(name), dict)
        plain[name] = {**plain[name], **part} if whole else part
    return PlanRecord.model_validate(plain)


def _dispatch(mg1: str) -> pd.DataFrame:
    rows = []
    for microgrid, device, kind, p_kw, soc_kwh in (
        (mg1, "load", "load", (-50.0, -50.0), None),
        (mg1, "mt", "mt", (100.0, 50.0), None),
        ("MG2", "load", "load", (-40.0, -40.0), None),
        ("MG2", "battery", "storage", (-10.0, 8.1), (59.0, 50.0)),
        ("MG3", "load", "load", (-30.0, -30.0), None),
        ("MG3", "pv", "pv", tuple(PV_KW), None),
    ):
        for t in range(HOURS):
            soc = np.nan if soc_kwh is None else soc_kwh[t]
            rows.append((t, microgrid, device, kind, p_kw[t], 0.0, soc))
    columns = ["hour", "microgrid", "device", "kind", "p_kw", "q_kvar", "soc_kwh"]
    return pd.DataFrame(rows, columns=columns)


def _exchange(mg1: str, pcc1: str) -> pd.DataFrame:
    rest = -1.9 - TIE_LOSS_KW
    rows = []
    for switch, kind, start, end, p_kw, p_to_kw in (
        ("T12", "microgrid", mg1, "MG2", (50.0, 0.0), (50.0, 0.0)),
        ("T23", "cluster", "MG2", "MG3", (0.0, TIE_LOSS_KW - 30.0), (0.0, -30.0)),
        (pcc1, "grid", mg1, "2", (0.0, 0.0), (0.0, 0.0)),
        ("PCC2", "grid", "MG2", "2", (0.0, rest), (0.0, rest)),
        ("PCC3", "grid", "MG3", "2", (-10.0, 0.0), (-10.0, 0.0)),
    ):
        rows += [(t, switch, kind, start, end, p_kw[t], 0.0, p_to_kw[t]) for t in range(HOURS)]
    columns = ["hour", "switch", "kind", "from", "to", "p_kw", "q_kvar", "p_to_kw"]
    return pd.DataFrame(rows, columns=columns)


def _feeder_tables(case: Case) -> dict[str, pd.DataFrame]:
    """Return the tables that need a power flow."""
    feeder = build_feeder(case)
    exchange = np.array([-10.0, -1.9 - TIE_LOSS_KW])
    after = np.array([110.0, 90.0])
    at_bus_2 = {
        "lower": (exchange, np.zeros(HOURS)),
        "upper": (exchange - after, -0.4 * after),
        "without_cmg": (np.full(HOURS, -220.0), np.full(HOURS, -40.0)),
    }
    flows, injection, voltage = {}, [], []
    for level, (p, q) in at_bus_2.items():
        p_kw, q_kvar = np.zeros((HOURS, 2)), np.zeros((HOURS, 2))
        p_kw[:, 1], q_kvar[:, 1] = p, q
        flows[level] = power_flow(feeder, p_kw, q_kvar)
        for t in range(HOURS):
            if level != "without_cmg":
                injection.append((level, t, "2", p[t], q[t]))
            voltage += [
                (level, t, bus, flows[level].v_pu[t, k]) for k, bus in enumerate(feeder.bus_ids)
            ]
    ties = np.array([0.0, TIE_LOSS_KW])
    hour = np.arange(HOURS)
    return {
        "nodal_injection": pd.DataFrame(
            injection, columns=["level", "hour", "bus", "p_kw", "q_kvar"]
        ),
        "bus_voltage": pd.DataFrame(voltage, columns=["level", "hour", "bus", "v_pu"]),
        "loss": pd.DataFrame(
            {
                "hour": hour,
                "lower_feeder_kw": flows["lower"].loss_kw,
                "lower_ties_kw": ties,
                "upper_feeder_kw": flows["upper"].loss_kw,
                "upper_ties_kw": ties,
                "without_cmg_kw": flows["without_cmg"].loss_kw,
            }
        ),
        "upstream": pd.DataFrame(
            {
                "hour": hour,
                "price_usd_per_mwh": PRICE,
                "with_cmg_kw": flows["upper"].slack_p_kw,
                "without_cmg_kw": flows["without_cmg"].slack_p_kw,
            }
        ),
    }


def _pareto(gc_usd: float, ec_usd: float, loss_kwh: float) -> pd.DataFrame:
    columns = (
        "point status gc_usd ec_usd loss_kwh eps_gc_usd eps_loss_kwh mu_gc mu_ec mu_loss mu_min "
        "selected bound_ec_usd gap"
    )
    nothing = [np.nan] * 9
    return pd.DataFrame(
        [
            [1, "optimal", gc_usd, ec_usd, loss_kwh, 30.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1, ec_usd, 0.0],
            [2, "infeasible", *nothing, 0, np.nan, np.nan],
        ],
        columns=columns.split(),
    )


def _shortage(mg1: str) -> pd.DataFrame:
    rows = [
        (level, t, name, 20.0 if (level, t, name) == (1, 0, "MG2") else 0.0, 0.0, 0.0)
        for level in (1, 2, 3, 4)
        for t in range(HOURS)
        for name in (mg1, "MG2", "MG3")
    ]
    columns = "level hour microgrid shortage_kw shortage_kvar surplus_kw"
    return pd.DataFrame(rows, columns=columns.split())


def _response(mg1: str) -> pd.DataFrame:
    rows = [
        ("lower", t, name, p_kw, p_kw)
        for name, p_kw in ((mg1, 50.0), ("MG2", 40.0), ("MG3", 30.0))
        for t in range(HOURS)
    ]
    rows += [("upper", 0, "2", 100.0, 110.0), ("upper", 1, "2", 100.0, 90.0)]
    return pd.DataFrame(rows, columns=["level", "hour", "place", "p_before_kw", "p_after_kw"])


def _levels(table: pd.DataFrame, levels: tuple[int, ...]) -> pd.DataFrame:
    return pd.concat([table.assign(level=level) for level in levels], ignore_index=True)


def _summary(
    case: Case, chosen: dict[str, float], tables: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    """Return plan.json of the case by hand."""
    loss, upstream = tables["loss"], tables["upstream"]
    voltage = tables["bus_voltage"]

    def totals(level: str, kw: float, drawn: float) -> dict[str, float]:
        v_min = float(voltage.loc[voltage["level"] == level, "v_pu"].min())
        return {
            "gc_usd": 30.0,
            "ec_usd": 9.0,
            "loss_kwh": kw,
            "upstream_kwh": drawn,
            "v_min_pu": v_min,
        }

    upper_kwh = float(loss["upper_feeder_kw"].sum() + loss["upper_ties_kw"].sum())
    without = totals(
        "without_cmg",
        float(loss["without_cmg_kw"].sum()),
        float(upstream["without_cmg_kw"].sum()),
    )
    upper = totals("upper", upper_kwh, float(upstream["with_cmg_kw"].sum()))
    return plain_summary(case, chosen, upper, without)


def plain_summary(
    case: Case, chosen: dict[str, float], upper: dict[str, float], without: dict[str, float]
) -> dict[str, Any]:
    """Return plan.json of a case with its totals, before it is written."""
    hours = case.file.time.hours
    goal = {"value": 1.0, "bound": 1.0}
    level = {
        "status": "optimal",
        "stopped": {"unserved_kwh": "Optimal"},
        "goals": {"unserved_kwh": goal},
        "wall_s": 0.1,
        **chosen,
        "unserved_kwh": 20.0,
        "surplus_kwh": 0.0,
        "short_hours": [0],
        "surplus_hours": [],
        "short_microgrids": ["MG2"],
        "switch_hours_allowed": {"microgrid": 1, "cluster": 0, "grid": 0},
    }
    agreement = {"max_dv_pu": 1e-9, "max_dloss_kw": 1e-6, "hours": hours, "converged": True}
    return {
        "case": {
            "name": case.name,
            "title": case.file.title,
            "hours": hours,
            "dt_h": case.file.time.dt_h,
            "begins_h": 0.0,
            "day": None,
            "sha256": None,
        },
        "versions": {"cmgplan": "0", "python": "3"},
        "options": case.options.model_dump(),
        "v_slack_pu": 1.0,
        "payoff": {key: {"min": 0.0, "max": None} for key in chosen},
        "levels": [{"level": k, **level} for k in (1, 2, 3, 4)],
        "selected": {"point": 1, "rule": "fuzzy", "mu_min": 1.0, **chosen},
        "upper": {
            "status": "optimal",
            "objective": 1.0,
            "iterations": 1,
            **upper,
            "weights": {"gc_usd": 0.5, "ec_usd": 0.25, "loss_kwh": 0.25},
            "scales": {"gc_usd": 1.0, "ec_usd": 1.0, "loss_kwh": 1.0},
            "lower_after_upper": chosen,
            "without_cmg": without,
            "without_microgrid_loads": without,
        },
        "certificate": {
            "range_ec_usd": 10.0,
            "absolute": False,
            "minimised": "ec_usd",
            "unit": "$",
            "range": 10.0,
            "without_range": [],
            "worst_gap": 0.0,
            "statement": "Every point is proven within 1 %.",
            "points": [],
            "cells": [],
        },
        "notes": [],
        "headroom": {
            "hourly": [
                {"hour": t, "mt_kw": 20.0, "storage_kw": 10.0, "storage_kwh": 30.0, "pcc_kva": 9.0}
                for t in range(hours)
            ],
            "forecast_error": {
                "load_factor": 1.1,
                "renewable_factor": 0.8,
                "hours": [
                    {
                        "hour": t,
                        "v_min_pu": 0.98,
                        "v_max_pu": 1.0,
                        "max_loading": 0.5,
                        "converged": True,
                    }
                    for t in range(hours)
                ],
                "broken": [],
                "broken_limits": [],
            },
        },
        "replay": {
            "tolerance": {"dv_pu": 1e-6, "dloss_kw": 1e-3},
            "lower": agreement,
            "upper": agreement,
            "passed": True,
        },
        "wall_s": {
            "levels_1_to_3": 0.4,
            "level_4": 0.2,
            "levels_5_and_6": 0.2,
            "replay": 0.1,
            "tables_and_headroom": 0.1,
            "total": 1.0,
        },
    }
