"""Voltages of the feeder by scenario and hour, and their deviation, eq. (14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.building.feeder.kinds import KINDS, KindLoads, buildings, on_a_bus
from cmgplan.homes.case.records import HomesCase, LoadMix
from cmgplan.network.feeder import Feeder, feeder_from_tables
from cmgplan.network.sweep import radial_power_flow
from cmgplan.run.tables import TableForm, table_form

SOURCE = "source"
"""What ``feeder`` calls the line that feeds the slack bus."""

FEEDER_FORM: TableForm = table_form(
    "scenario hour bus line",
    "p_kw q_kvar v_pu i_a loss_kw",
    ints="hour",
    texts="scenario bus line",
    empty="v_pu i_a loss_kw",
)

LIMIT_PU = 1e-9
"""Voltage under a limit that counts as none."""

DECIMALS = 9


def feeder_of(
    case: HomesCase,
    *,
    out: Sequence[str] = (),
    closed: Sequence[str] = (),
    without: Sequence[str] = (),
) -> Feeder:
    """Return the feeder of a case.

    Parameters
    ----------
    out, closed
        Lines that are taken out of service, and ties that are put into service.
    without
        Buses that are left out, with every line that ends there.
    """
    network = case.file.network
    if network is None:
        raise ValueError("the case has no [network]")
    lines = [
        line.model_copy(update={"in_service": 1}) if line.line in closed else line
        for line in case.lines
        if line.line not in out and not {line.from_bus, line.to_bus} & set(without)
    ]
    return feeder_from_tables(
        [bus for bus in case.buses if bus.bus not in without],
        lines,
        slack_bus=network.slack_bus,
        v_slack_pu=network.v_slack_pu,
        v_min_pu=network.v_min_pu,
        v_max_pu=network.v_max_pu,
    )


def bus_loads(
    case: HomesCase, feeder: Feeder, mix: LoadMix, loads: KindLoads
) -> tuple[FloatArray, FloatArray]:
    """Return what every bus draws in a scenario, kW and kvar, each of shape (T, n).

    Buildings stand on every bus but the slack; the feeder's own loads of buses.csv come on top.
    """
    network = case.file.network
    general = None if network is None else network.load_profile
    placed = on_a_bus(mix, loads)
    p_kw = np.repeat(placed.p_kw[:, None], feeder.n_bus, axis=1)
    q_kvar = np.repeat(placed.q_kvar[:, None], feeder.n_bus, axis=1)
    p_kw[:, feeder.slack] = q_kvar[:, feeder.slack] = 0.0
    of_bus = {bus.bus: bus for bus in case.buses}
    for k, name in enumerate(feeder.bus_ids):
        bus = of_bus[name]
        profile = bus.profile if bus.profile is not None else general
        factor = 1.0 if profile is None else case.series(profile)
        p_kw[:, k] += bus.p_kw * factor
        q_kvar[:, k] += bus.q_kvar * factor
    return p_kw, q_kvar


def feeder_table(case: HomesCase, loads: KindLoads) -> pd.DataFrame:
    """Return ``feeder``: load and voltage of every bus, and the line that feeds it.

    All hours of all scenarios are solved at once. An hour without a power flow has empty cells.
    """
    feeder, mixes = feeder_of(case), case.file.building.load_mix
    each = [bus_loads(case, feeder, mix, loads) for mix in mixes]
    p_kw, q_kvar = (np.concatenate([pair[k] for pair in each]) for k in (0, 1))
    flow = radial_power_flow(feeder, p_kw, q_kvar)
    hours, n = case.hours, feeder.n_bus
    names = np.asarray([*feeder.line_ids, SOURCE], dtype=object)[flow.fed_by]
    shape = (len(mixes), hours, n)

    def spread(values: Any, axis: int) -> Any:
        index = [None, None, None]
        index[axis] = slice(None)  # type: ignore[call-overload]
        return np.broadcast_to(np.asarray(values, dtype=object)[tuple(index)], shape).ravel()

    def rounded(values: FloatArray) -> FloatArray:
        return np.asarray(np.round(values, DECIMALS) + 0.0).ravel()

    return pd.DataFrame(
        {
            "scenario": spread([mix.name for mix in mixes], 0),
            "hour": spread(range(hours), 1).astype(np.int64),
            "bus": spread(feeder.bus_ids, 2),
            "line": spread(names, 2),
            "p_kw": rounded(p_kw),
            "q_kvar": rounded(q_kvar),
            "v_pu": rounded(flow.v_pu),
            "i_a": rounded(flow.i_pu * feeder.base.i_base_a),
            "loss_kw": rounded(flow.branch_loss_kw),
        }
    )


def feeder_summary(case: HomesCase, table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return what run.json tells of each scenario, from the table of its voltages.

    ``deviation_pu`` sums |1 - V| over buses and converged hours, ``deviation_printed_pu`` 1 - V
    as eq. (14) prints it, which voltages over 1 make less. ``improvement`` is by how much more
    other scenarios with as many buildings deviate, as a share: worse / better - 1, as the paper
    counts; scenarios with an hour without a power flow are not compared.
    """
    found = [_scenario(case, mix, table) for mix in case.file.building.load_mix]
    for mine, mix in zip(found, case.file.building.load_mix, strict=True):
        mine["improvement"] = {
            other["scenario"]: other["deviation_pu"] / mine["deviation_pu"] - 1.0
            for other, theirs in zip(found, case.file.building.load_mix, strict=True)
            if buildings(theirs) == buildings(mix)
            and other["deviation_pu"] > mine["deviation_pu"] > 0.0
            and not other["not_converged"] + mine["not_converged"]
        }
    return found


def _scenario(case: HomesCase, mix: LoadMix, table: pd.DataFrame) -> dict[str, Any]:
    rows = table[table["scenario"] == mix.name].sort_values("hour", kind="stable")
    n = len(case.buses)
    v = rows["v_pu"].to_numpy(float).reshape(case.hours, n)
    loss = rows["loss_kw"].to_numpy(float).reshape(case.hours, n).sum(axis=1)
    bus_ids = rows["bus"].to_numpy()[:n]
    least = np.array([_v_min(case, str(bus)) for bus in bus_ids])
    solved = ~np.isnan(v).any(axis=1)
    hourly = np.abs(1.0 - v).sum(axis=1)
    low = low_point(v, bus_ids.tolist())
    return {
        "scenario": mix.name,
        **{kind: getattr(mix, kind) for kind in KINDS},
        "deviation_pu": float(hourly[solved].sum()),
        "deviation_printed_pu": float((1.0 - v).sum(axis=1)[solved].sum()),
        "hourly_deviation_pu": [None if np.isnan(x) else float(x) for x in hourly],
        **low,
        "hours_under_limit": [int(t) for t in np.flatnonzero((v < least - LIMIT_PU).any(axis=1))],
        "loss_kwh": case.dt_h * float(loss[solved].sum()),
        "not_converged": [int(t) for t in np.flatnonzero(~solved)],
    }


def low_point(v_pu: FloatArray, bus_ids: Sequence[str]) -> dict[str, Any]:
    """Return the least of voltages of shape (T, n), its bus and hour; None without any."""
    if np.isnan(v_pu).all():
        return {"v_min_pu": None, "v_min_bus": None, "v_min_hour": None}
    t, k = np.unravel_index(int(np.nanargmin(v_pu)), v_pu.shape)
    return {"v_min_pu": float(v_pu[t, k]), "v_min_bus": bus_ids[int(k)], "v_min_hour": int(t)}


def _v_min(case: HomesCase, bus_id: str) -> float:
    """Return the least voltage that a bus is to have, pu."""
    own = next(bus.v_min_pu for bus in case.buses if bus.bus == bus_id)
    network = case.file.network
    return own if own is not None else 0.0 if network is None else network.v_min_pu
