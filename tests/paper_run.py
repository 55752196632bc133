"""A day's run on the 94-bus case, put together by hand so that it repeats the paper's claims."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from results import plain_summary

from cmgplan.planning.case import load_case
from cmgplan.planning.report.table_forms import TABLES

CASE = Path(__file__).parents[1] / "cases" / "ieee94"
T = 24
DAYTIME = range(8, 18)
EVENING = range(17, 23)
NO_TRADE = (1, 15, 23)
ALWAYS_CLOSED = ("T1-2", "T2-3", "T9-10")
GC = np.linspace(3362.821, 3521.25, 10)
EC = (120.907, 15.178, -27.489, -47.337, -80.409, -101.464, -134.323, -140.519, -157.785, -164.402)
LOSS = (0.0, 0.034, 0.069, 0.103, 0.138, 0.172, 0.207, 0.241, 0.276, 0.31)


def table(stem: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a table of the run's form; columns that a row leaves out are 0."""
    columns = TABLES[stem].columns
    blank: dict[str, Any] = {c: "" if kind == "text" else 0 for c, kind in columns.items()}
    return pd.DataFrame([{**blank, **row} for row in rows], columns=list(columns))


def switches() -> list[dict[str, str]]:
    case = load_case(CASE)
    ties = [
        {"switch": t.id, "kind": t.kind, "from": t.from_microgrid, "to": t.to_microgrid}
        for t in case.ties
    ]
    pccs = [
        {"switch": m.pcc.id, "kind": "grid", "from": m.id, "to": m.bus} for m in case.microgrids
    ]
    return [*ties, *pccs]


def is_closed(switch: str, kind: str, t: int) -> bool:
    if kind == "grid":
        return t in DAYTIME or (switch, t) == ("PCC4", 1)
    if kind == "cluster":
        return switch == "T3-4" and t not in NO_TRADE
    return switch in ALWAYS_CLOSED


def grid_kw(level: int, microgrid: str, t: int) -> float:
    """Import in two hours and export in eight; above, C1 gives 10 kW each and C2 takes 4."""
    if t not in DAYTIME:
        return 0.0
    if level == 4:
        return -5.0 if t < 10 else 30.0
    return {"MG1": 10.0, "MG2": 10.0, "MG3": 10.0}.get(
        microgrid, -4.0 if microgrid in ("MG4", "MG5", "MG6", "MG7") else 0.0
    )


def exchange() -> pd.DataFrame:
    rows = []
    for level in (4, 5):
        for s in switches():
            for t in range(T):
                closed = is_closed(s["switch"], s["kind"], t)
                power = 20.0 if closed and s["kind"] == "cluster" else 0.0
                if s["kind"] == "grid":
                    power = grid_kw(level, s["from"], t)
                rows.append({**s, "level": level, "hour": t, "p_kw": power})
    return table("exchange", rows)


def demand_response() -> pd.DataFrame:
    rows = []
    for t in range(T):
        before = {9: 1200.0, 20: 1100.0}.get(t, 1000.0)
        after = before - 150.0 if t in EVENING else before + 50.0
        common = {"hour": t, "p_before_kw": before, "p_after_kw": after}
        rows += [
            {**common, "level": "lower", "place": "MG1"},
            {"hour": t, "level": "upper", "place": "2", "p_before_kw": 1400, "p_after_kw": 1500},
        ]
    return table("demand_response", rows)


def storage() -> pd.DataFrame:
    stores = (("MG1", "MG1-ESS"), ("MG4", "MG4-ESS"), ("MG8", "MG8-ESS"))
    return table(
        "dispatch",
        [
            {
                "level": 4,
                "hour": t,
                "microgrid": microgrid,
                "device": device,
                "kind": "storage",
                "p_kw": 9.5 if t in EVENING else 0.0,
                "soc_kwh": 100.0 - 10.0 * min(max(t - 16, 0), 6),
            }
            for microgrid, device in stores
            for t in range(T)
        ],
    )


def hourly_tables() -> dict[str, pd.DataFrame]:
    """Return losses, import and voltages."""
    loss = [
        {
            "hour": t,
            "lower_feeder_kw": 137.0 if t in NO_TRADE else 0.0,
            "lower_ties_kw": 1.0 if t == 5 else 0.0,
            "upper_feeder_kw": 100.0,
            "upper_ties_kw": 1.0,
            "without_cmg_kw": 106.75,
        }
        for t in range(T)
    ]
    upstream = [
        {
            "hour": t,
            "with_cmg_kw": -200.0 if t == 3 else 3000.0,
            "without_cmg_kw": 5000.0 if t == 12 else 4000.0,
        }
        for t in range(T)
    ]
    # Other hours are the other way round, so that the peak hour alone gives the answer.
    voltage = [
        {"level": level, "hour": t, "bus": bus, "v_pu": v if t == 12 else 1.86 - v}
        for level, low in (("upper", 0.95), ("without_cmg", 0.91))
        for bus, v in (("2", low), ("3", low + 0.02))
        for t in range(T)
    ]
    return {
        "loss": table("loss", loss),
        "upstream": table("upstream", upstream),
        "bus_voltage": table("bus_voltage", voltage),
    }


NO_SHORTAGE = {"level": 4, "hour": 0, "microgrid": "MG1", "surplus_kw": 0.0}
NO_SHORTAGE |= {"shortage_kw": 0.0, "shortage_kvar": 0.0}
NO_INJECTION = {"level": "lower", "hour": 0, "bus": "2", "p_kw": 0.0, "q_kvar": 0.0}
"""A row each of tables that no claim looks at."""


def make_tables() -> dict[str, pd.DataFrame]:
    pareto = [
        {
            "point": k,
            "status": "optimal",
            "gc_usd": GC[k - 1],
            "ec_usd": EC[k - 1],
            "loss_kwh": LOSS[k - 1],
            "mu_min": 0.589 if k == 4 else 0.3,
            "selected": int(k == 4),
        }
        for k in range(1, 11)
    ]
    schedule = [
        {**s, "hour": t, "closed": int(is_closed(s["switch"], s["kind"], t))}
        for s in switches()
        for t in range(T)
    ]
    return {
        "pareto": table("pareto", pareto),
        "shortage": table("shortage", [NO_SHORTAGE]),
        "nodal_injection": table("nodal_injection", [NO_INJECTION]),
        "switch_schedule": table("switch_schedule", schedule),
        "dispatch": storage(),
        "exchange": exchange(),
        "demand_response": demand_response(),
        **hourly_tables(),
    }


def make_summary() -> dict[str, Any]:
    """Return plan.json; what no claim is about is nothing."""
    nothing = dict.fromkeys(("gc_usd", "ec_usd", "loss_kwh", "upstream_kwh", "v_min_pu"), 0.0)
    chosen = {"gc_usd": 0.0, "ec_usd": -47.337, "loss_kwh": 0.0}
    plain = plain_summary(load_case(CASE), chosen, nothing, nothing)
    plain["case"]["sha256"] = "0" * 64
    plain["selected"]["point"] = 4
    plain["upper"]["without_microgrid_loads"] = {**nothing, "loss_kwh": 2000.0}
    return plain
