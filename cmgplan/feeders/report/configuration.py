"""The folder of a reconfiguration: written whole, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import BoolArray, FloatArray
from cmgplan.errors import InputError
from cmgplan.feeders.report.configuration_page import render_page
from cmgplan.feeders.report.configuration_verify import verify_tables
from cmgplan.feeders.report.folders import AGAIN, CONFIGURATION, read_json, write_json
from cmgplan.feeders.result import Configured
from cmgplan.feeders.tables import CONFIGURATION_TABLES
from cmgplan.network.grid import Grid
from cmgplan.network.reconfiguration.fed_part import reached_part
from cmgplan.network.reconfiguration.given import SwitchedNetwork, source_voltages, tree_network
from cmgplan.network.reconfiguration.search import voltages
from cmgplan.network.reconfiguration.tree import TreeFlow, solve_tree
from cmgplan.run.findings import CheckResult, require_verified
from cmgplan.run.folder import prepare, put_page, write_folder
from cmgplan.run.tables import Tables, read_tables, write_tables
from cmgplan.version import __version__

NEEDED = {
    "aim": str,
    "name": str,
    "s_base_kva": float,
    "dt_h": float,
    "value": float,
    "bound": float,
    "status": str,
    "gap_asked": float,
    "operations": int,
    "result": dict,
    "notes": list,
}


@dataclass(frozen=True)
class ConfigurationRun:
    """A finished run: its folder, its summary and its tables."""

    folder: Path
    summary: dict[str, Any]
    tables: Tables


def prepare_configuration(out: Path | str) -> None:
    """Raise InputError where a run cannot be written, before any work is spent on it."""
    prepare(Path(out), CONFIGURATION)


def write_configuration(result: Configured, out: Path | str) -> Path:
    """Write a run to a folder, whole or not at all, and return the folder.

    What is verified is what was read back. An earlier run there is replaced.

    Raises
    ------
    InputError
        The folder holds something else.
    ReplayError
        The run does not pass its verification; the message names what failed.
    """

    def fill(folder: Path) -> None:
        write_tables(tables_of(result), CONFIGURATION_TABLES, folder)
        write_json(_summary(result), folder / CONFIGURATION.marker)
        run = read_configuration(folder)
        require_verified(verify_configuration(run))
        write_page(run)

    return write_folder(Path(out), CONFIGURATION, fill)


def read_configuration(folder: Path | str) -> ConfigurationRun:
    """Read the folder of a reconfiguration; InputError where it is none, or damaged."""
    folder = Path(folder)
    summary = read_json(folder, CONFIGURATION, NEEDED)
    if summary["aim"] not in ("loss", "day", "ens"):
        raise InputError(f"{folder / CONFIGURATION.marker}: aim is unknown; {AGAIN}")
    return ConfigurationRun(folder, summary, read_tables(CONFIGURATION_TABLES, folder, AGAIN))


def verify_configuration(run: ConfigurationRun) -> tuple[CheckResult, ...]:
    """Return the checks of a run, worked out from its files alone."""
    return verify_tables(run.summary, run.tables)


def write_page(run: ConfigurationRun) -> Path:
    """Write the page of a run again and return its path."""
    return put_page(run.folder, lambda: render_page(run.summary, run.tables))


def _summary(result: Configured) -> dict[str, Any]:
    told, aim = dict(result.summary), result.aim
    value = {"loss": "loss_kw", "day": "loss_kwh", "ens": "shed_kw"}[aim]
    bound = {"loss": "bound_kw", "day": "bound_kwh", "ens": "bound_kw"}[aim]
    network = result.network
    changed = int((result.states[0] != network.closed).sum())
    return {
        "system": "reconfigure",
        "aim": aim,
        "name": network.grid.name,
        "s_base_kva": 1000.0 * network.grid.s_base_mva,
        "dt_h": result.loads.dt_h,
        "value": told[value],
        "bound": told[bound],
        "status": told["status"],
        "gap_asked": float(result.options["gap"]),
        "operations": told.get("operations", changed),
        "versions": {"cmgplan": __version__},
        "options": dict(result.options),
        "verified": True,
        "result": {key: item for key, item in told.items() if key != "notes"},
        "notes": told["notes"],
    }


def tables_of(result: Configured) -> dict[str, pd.DataFrame]:
    """Return the tables of a run."""
    network, grid = result.network, result.network.grid
    hours, loads = _hourly(result)
    return {
        "buses": _buses(grid),
        "branches": _branches(network),
        "states": pd.DataFrame(
            {"block": k, "row": network.rows[b], "branch": network.name(b), "from_hour": span[0],
             "to_hour": span[1], "closed": int(closed[b])}
            for k, (span, closed) in enumerate(zip(result.spans, result.states, strict=True))
            for b in range(len(closed))
        ),
        "hours": hours,
        "loads": loads,
        "course": pd.DataFrame(
            [(round(s, 6), np.nan if v is None else v, b) for s, v, b in result.course],
            columns=["wall_s", "value", "bound"],
        ).drop_duplicates("wall_s", keep="last"),
    }  # fmt: skip


def _buses(grid: Grid) -> pd.DataFrame:
    source = np.isin(np.arange(grid.n_bus), grid.reference)
    return pd.DataFrame(
        {
            "bus": grid.bus_ids,
            "source": source.astype(int),
            "v_source_pu": source_voltages(grid),
            "vn_kv": grid.vn_kv,
            "v_min_pu": grid.v_min_pu,
            "v_max_pu": np.minimum(grid.v_max_pu, 1e3),
            "g_shunt_pu": grid.g_shunt_pu,
            "b_shunt_pu": grid.b_shunt_pu,
        }
    )


def _branches(network: SwitchedNetwork) -> pd.DataFrame:
    lines = network.grid.branches
    ends = [network.ends(k) for k in range(len(lines))]
    return pd.DataFrame(
        {
            "row": network.rows,
            "branch": lines.ids,
            "from_bus": [one for one, _ in ends],
            "to_bus": [other for _, other in ends],
            "switchable": network.switchable.astype(int),
            "closed_before": network.closed.astype(int),
            "r_pu": lines.r_pu,
            "x_pu": lines.x_pu,
            "g_pu": lines.g_pu,
            "b_pu": lines.b_pu,
            "s_max_pu": np.where(np.isfinite(lines.s_max_pu), lines.s_max_pu, np.nan),
            "i_max_pu": np.where(np.isfinite(lines.i_max_pu), lines.i_max_pu, np.nan),
        }
    )


def _hourly(result: Configured) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return hours.csv and loads.csv."""
    network, kva = result.network, 1000.0 * result.network.grid.s_base_mva
    hours, loads = [], []
    for k, (span, closed) in enumerate(zip(result.spans, result.states, strict=True)):
        for t in range(span[0], span[1] + 1):
            p, q = result.loads.p_pu[t], result.loads.q_pu[t]
            before = solved_hour(network, network.closed, p, q)
            now = solved_hour(network, closed, p * result.served, q * result.served)
            hours.append((t, k, now[1], before[1], float(np.nanmin(now[0]))))
            loads.append(
                pd.DataFrame(
                    {
                        "hour": t,
                        "bus": network.grid.bus_ids,
                        "p_kw": kva * p,
                        "q_kvar": kva * q,
                        "served": result.served,
                        "v_before_pu": before[0],
                        "v_pu": now[0],
                    }
                )
            )
    names = ["hour", "block", "loss_kw", "loss_before_kw", "v_min_pu"]
    return pd.DataFrame(hours, columns=names), pd.concat(loads)


def solved_hour(
    network: SwitchedNetwork, closed: BoolArray, p_pu: FloatArray, q_pu: FloatArray
) -> tuple[FloatArray, float]:
    """Return voltages (NaN at buses that nothing feeds) and loss, kW, of what sources reach.

    All voltages but those of sources, and the loss, are NaN where this is no tree, or has no
    power flow.
    """
    loaded = replace(network, grid=replace(network.grid, p_load_pu=p_pu, q_load_pu=q_pu))
    part, buses, branches = reached_part(loaded, closed)
    v = np.full(network.grid.n_bus, np.nan)
    v[network.grid.reference] = source_voltages(network.grid)[network.grid.reference]
    if len(buses) == len(network.grid.reference):
        return v, 0.0
    for flow, net in _flow(replace(part, closed=closed[branches])):
        v[buses] = voltages(part, net, flow)
        return v, flow.loss_pu * net.s_base_kva
    return v, float("nan")


def _flow(part: SwitchedNetwork) -> Iterator[tuple[TreeFlow, Any]]:
    """Yield the power flow of a part and its arrays, nothing where it has none."""
    if int(part.closed.sum()) != part.grid.n_bus - len(part.grid.reference):
        return
    net = tree_network(replace(part, switchable=np.ones(len(part.closed), dtype=np.bool_)))
    flow = solve_tree(net, part.closed)
    if flow.order is not None:
        yield flow, net
