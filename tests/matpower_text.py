"""MATPOWER files written for tests, the distribution networks in kW and ohm among them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandapower.converter.pypower.to_ppc import to_ppc

NETWORKS = Path(__file__).parent / "data" / "networks"
GOLDEN = Path(__file__).parent / "golden"

Rows = Sequence[Sequence[float]]

CONVERSIONS = """
%% convert branch impedances from Ohms to p.u.
[PQ, PV, REF, NONE, BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, ...
    VA, BASE_KV, ZONE, VMAX, VMIN, LAM_P, LAM_Q, MU_VMAX, MU_VMIN] = idx_bus;
[F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, ...
    TAP, SHIFT, BR_STATUS, PF, QF, PT, QT, MU_SF, MU_ST, ...
    ANGMIN, ANGMAX, MU_ANGMIN, MU_ANGMAX] = idx_brch;
Vbase = mpc.bus(1, BASE_KV) * 1e3;      %% in Volts
Sbase = mpc.baseMVA * 1e6;              %% in VA
mpc.branch(:, [BR_R BR_X]) = mpc.branch(:, [BR_R BR_X]) / (Vbase^2 / Sbase);

%% convert loads from kW to MW
mpc.bus(:, [PD, QD]) = mpc.bus(:, [PD, QD]) / 1e3;
"""


def bus(
    number: int, p_mw: float = 0.0, q_mvar: float = 0.0, kind: int = 1, **more: float
) -> list[float]:
    """Return a bus row; a reference bus is of kind 3."""
    given = {"gs": 0.0, "bs": 0.0, "kv": 10.0, "v_max": 1.1, "v_min": 0.9, **more}
    shunt, limits = [given["gs"], given["bs"]], [given["v_max"], given["v_min"]]
    return [number, kind, p_mw, q_mvar, *shunt, 1, 1, 0, given["kv"], 1, *limits]


def gen(at: int, p_max: float = 100.0, p_min: float = 0.0, q: float = 100.0, on: int = 1) -> Rows:
    """Return a generator row."""
    return [at, 0, 0, q, -q, 1, 100, on, p_max, p_min]


def branch(a: int, b: int, r: float = 0.01, x: float = 0.1, **more: float) -> list[float]:
    """Return a branch row."""
    given = {"b": 0.0, "rate": 0.0, "tap": 0.0, "shift": 0.0, "on": 1, "low": -360, "high": 360}
    g = given | more
    rates = [g["rate"]] * 3
    return [a, b, r, x, g["b"], *rates, g["tap"], g["shift"], g["on"], g["low"], g["high"]]


def matpower(
    buses: Rows,
    gens: Rows,
    branches: Rows,
    costs: Rows | None = None,
    *,
    base_mva: float = 100.0,
    tail: str = "",
) -> str:
    """Return a case file; without costs each generator costs 20 $/MWh."""
    costs = [[2, 0, 0, 3, 0, 20, 0]] * len(gens) if costs is None else costs

    def table(name: str, rows: Rows) -> str:
        lines = "\n".join("\t" + "\t".join(f"{value:.17g}" for value in row) + ";" for row in rows)
        return f"mpc.{name} = [  % numbers\n{lines}\n];\n" if rows else ""

    return (
        "function mpc = made\n%MADE  for a test\nmpc.version = '2';\n"
        f"mpc.baseMVA = {base_mva:g};\n"
        + table("bus", buses)
        + table("gen", gens)
        + table("branch", branches)
        + table("gencost", costs)
        + tail
    )


def of_net(net: Any) -> str:
    """Return the matrices that pandapower makes of a network, as a case file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ppc = to_ppc(net, mode="opf", init="flat")
    names, widths = ("bus", "gen", "branch", "gencost"), (13, 10, 13, None)
    tables = [
        np.real(ppc[n])[:, :w].astype(float).tolist() for n, w in zip(names, widths, strict=True)
    ]
    return matpower(*tables, base_mva=float(ppc["baseMVA"]))


def distribution(name: str, v_min: float, v_slack: float = 1.0, v_max: float = 1.1) -> str:
    """Return a published feeder in kW and ohm with MATPOWER's conversion statements."""
    buses = [
        bus(int(r.bus), r.p_kw, r.q_kvar, kv=r.vn_kv, v_min=v_min, v_max=v_max)
        for r in pd.read_csv(NETWORKS / name / "buses.csv").itertuples()
    ]
    buses[0][1], buses[0][11], buses[0][12] = 3, v_slack, v_slack
    lines = [
        branch(int(r.from_bus), int(r.to_bus), r.r_ohm, r.x_ohm, on=int(r.in_service))
        for r in pd.read_csv(NETWORKS / name / "lines.csv").itertuples()
    ]
    return matpower(buses, [gen(1, 10.0, q=10.0)], lines, base_mva=10.0, tail=CONVERSIONS)
