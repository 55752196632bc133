"""Tables below the figures: levels, points, switches, microgrids, hours and buses."""

from __future__ import annotations

import pandas as pd

from cmgplan.page.data_table import Column, DataTable, data_table
from cmgplan.page.lookup import least, records
from cmgplan.page.wording import NONE, hours_text
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.figures.headroom import broken_limits, hourly
from cmgplan.planning.report.figures.losses import losses_kw
from cmgplan.planning.report.figures.switches import WINDOWS, operations, schedule_grid
from cmgplan.planning.report.figures.voltage import voltage_pu
from cmgplan.planning.report.goal import SYMBOLS, UNITS, goal_of
from cmgplan.planning.report.topology import FeederView
from cmgplan.run.tables import Tables

_LEVEL = 4
_GENERATION = {"wt": "wind_kwh", "pv": "pv_kwh", "mt": "turbine_kwh"}


def level_table(summary: PlanRecord) -> DataTable:
    """Return the levels: objectives, what is left, and where switches may close next."""
    found = [
        {
            "level": level.level,
            "status": level.status,
            **level.by_objective(),
            "unserved_kwh": level.unserved_kwh,
            "surplus_kwh": level.surplus_kwh,
            "short_microgrids": ", ".join(level.short_microgrids) or NONE,
            "short_hours": hours_text(level.short_hours),
            "surplus_hours": hours_text(level.surplus_hours),
            "allowed_microgrid": level.switch_hours_allowed.microgrid,
            "allowed_cluster": level.switch_hours_allowed.cluster,
            "allowed_grid": level.switch_hours_allowed.grid,
        }
        for level in summary.levels
    ]
    columns = (
        Column("level", "Level", 0),
        Column("status", "Status"),
        Column("gc_usd", "Cost, $", 2),
        Column("ec_usd", "Emissions, $", 2),
        Column("loss_kwh", "Losses, kWh", 2),
        Column("unserved_kwh", "Unserved, kWh", 1),
        Column("surplus_kwh", "Surplus, kWh", 1),
        Column("short_microgrids", "Short microgrids"),
        Column("short_hours", "Short hours"),
        Column("surplus_hours", "Surplus hours"),
        Column("allowed_microgrid", "Ties in clusters", 0),
        Column("allowed_cluster", "Ties between", 0),
        Column("allowed_grid", "To the feeder", 0),
    )
    return data_table(
        "levels",
        "Levels 1 to 4 (last columns: switch-hours in which switches may close)",
        columns,
        found,
    )


def pareto_table(summary: PlanRecord, tables: Tables) -> DataTable:
    """Return the front as the paper's Table 2, with status, bound and gap of each point."""
    rows = tables["pareto"]
    goal = goal_of(rows)
    bound = "bound_ec_usd" if goal == "ec_usd" else "bound"
    digits = 3 if goal == "loss_kwh" else 2
    absolute = summary.certificate.absolute
    columns = (
        Column("point", "Point", 0),
        Column("status", "Status"),
        Column("gc_usd", "Cost f1, $", 2),
        Column("ec_usd", "Emissions f2, $", 2),
        Column("loss_kwh", "Losses f3, kWh", 3),
        Column("mu_gc", "µ cost", 3),
        Column("mu_ec", "µ emissions", 3),
        Column("mu_loss", "µ losses", 3),
        Column("mu_min", "Least µ", 3),
        Column("eps_gc_usd", "Cap on cost, $", 2),
        Column("eps_loss_kwh", "Cap on losses, kWh", 3),
        Column(bound, f"Proven bound of {SYMBOLS[goal]}, {UNITS[goal]}", digits),
        Column("gap", f"Gap, {UNITS[goal]}" if absolute else "Gap, share of range", 4),
    )
    chosen = [k for k, selected in enumerate(rows["selected"]) if selected == 1]
    return data_table(
        "pareto",
        "Points of the front (the chosen one is marked)",
        columns,
        records(rows),
        marked=chosen[0] if chosen else None,
    )


def switch_table(tables: Tables, dt_h: float) -> DataTable:
    """Return every switch: how long it is closed, how often it moves, what it carries."""
    flows = tables["exchange"]
    flows = flows[flows["level"] == _LEVEL]
    found = []
    for kind in WINDOWS:
        grid = schedule_grid(tables, kind)
        changes = operations(grid)
        for name in grid.index:
            switch, row = str(name), grid.loc[name]
            flow = flows.loc[flows["switch"] == switch]
            power = flow["p_kw"]
            ends = flow[["from", "to"]].iloc[0] if len(flow) else {"from": None, "to": None}
            found.append(
                {
                    "switch": switch,
                    "kind": kind,
                    "from": ends["from"],
                    "to": ends["to"],
                    "closed_h": float(row.sum()) * dt_h,
                    "changes": int(changes[switch]),
                    "forward_kwh": float(power.clip(lower=0.0).sum()) * dt_h,
                    "backward_kwh": float(-power.clip(upper=0.0).sum()) * dt_h,
                    "peak_kw": float(power.abs().max()) if len(flow) else None,
                }
            )
    columns = (
        Column("switch", "Switch"),
        Column("kind", "Kind"),
        Column("from", "From"),
        Column("to", "To"),
        Column("closed_h", "Closed, h", 2),
        Column("changes", "Changes of position", 0),
        Column("forward_kwh", "From \N{RIGHTWARDS ARROW} to, kWh", 1),
        Column("backward_kwh", "To \N{RIGHTWARDS ARROW} from, kWh", 1),
        Column("peak_kw", "Greatest flow, kW", 1),
    )
    return data_table("switches", "Every switch (Level 4)", columns, found, folded=True)


def microgrid_table(tables: Tables, view: FeederView | None, dt_h: float) -> DataTable:
    """Return each microgrid's energy at the chosen point."""
    names = dict.fromkeys(tables["shortage"]["microgrid"])
    found = [
        {
            "microgrid": name,
            "cluster": None if view is None else view.cluster_of.get(name),
            "bus": None if view is None else view.microgrid_bus.get(name),
            **{key: kw * dt_h for key, kw in _microgrid_sums(tables, name).items()},
        }
        for name in names
    ]
    columns = (
        Column("microgrid", "Microgrid"),
        Column("cluster", "Cluster"),
        Column("bus", "Bus"),
        Column("demand_kwh", "Demand, kWh", 1),
        Column("wind_kwh", "Wind, kWh", 1),
        Column("pv_kwh", "PV, kWh", 1),
        Column("turbine_kwh", "Turbines, kWh", 1),
        Column("charged_kwh", "Charged, kWh", 1),
        Column("discharged_kwh", "Discharged, kWh", 1),
        Column("curtailed_kwh", "Curtailed, kWh", 1),
        Column("export_kwh", "To the feeder, kWh", 1),
        Column("import_kwh", "From the feeder, kWh", 1),
    )
    return data_table("microgrids", "Every microgrid (Level 4)", columns, found, folded=True)


def _microgrid_sums(tables: Tables, name: str) -> dict[str, float]:
    """Return what a microgrid does at the chosen point, power summed over the hours."""
    dispatch, exchange, shortage = (
        tables[stem][tables[stem]["level"] == _LEVEL]
        for stem in ("dispatch", "exchange", "shortage")
    )
    own = dispatch[dispatch["microgrid"] == name]
    grid = exchange[(exchange["kind"] == "grid") & (exchange["from"] == name)]["p_kw"]
    stores = own[own["kind"].isin(["storage", "ev"])]["p_kw"]

    def of_kind(kind: str) -> float:
        return float(own.loc[own["kind"] == kind, "p_kw"].sum())

    return {
        "demand_kwh": -of_kind("load"),
        **{column: of_kind(kind) for kind, column in _GENERATION.items()},
        "charged_kwh": -float(stores.clip(upper=0.0).sum()),
        "discharged_kwh": float(stores.clip(lower=0.0).sum()),
        "curtailed_kwh": float(shortage.loc[shortage["microgrid"] == name, "surplus_kw"].sum()),
        "export_kwh": float(grid.clip(lower=0.0).sum()),
        "import_kwh": -float(grid.clip(upper=0.0).sum()),
    }


def hour_table(summary: PlanRecord, tables: Tables) -> DataTable:
    """Return losses, upstream exchange, voltage and headroom of every hour."""
    loss = losses_kw(tables)
    lowest = {level: voltage_pu(tables, level).min() for level in ("upper", "without_cmg")}
    room = hourly(summary).set_index("hour")
    found = []
    for row in records(tables["upstream"]):
        t = int(row["hour"])
        found.append(
            {
                **row,
                "loss_with_kw": _at(loss["with microgrids"], t),
                "loss_without_kw": _at(loss["without microgrids"], t),
                "v_min_with_pu": _at(lowest["upper"], t),
                "v_min_without_pu": _at(lowest["without_cmg"], t),
                "mt_room_kw": _at(room["mt_kw"], t),
                "storage_room_kw": _at(room["storage_kw"], t),
            }
        )
    columns = (
        Column("hour", "Hour", 0),
        Column("price_usd_per_mwh", "Price, $/MWh", 2),
        Column("with_cmg_kw", "Import with, kW", 1),
        Column("without_cmg_kw", "Import without, kW", 1),
        Column("loss_with_kw", "Losses with, kW", 2),
        Column("loss_without_kw", "Losses without, kW", 2),
        Column("v_min_with_pu", "Lowest voltage with, pu", 4),
        Column("v_min_without_pu", "Lowest voltage without, pu", 4),
        Column("mt_room_kw", "Unused turbines, kW", 1),
        Column("storage_room_kw", "Unused storage, kW", 1),
    )
    return data_table("hours", "Every hour", columns, found, folded=True)


def bus_table(tables: Tables, view: FeederView | None) -> DataTable:
    """Return the lowest and highest voltages of every bus."""
    now, before = voltage_pu(tables, "upper"), voltage_pu(tables, "without_cmg")
    found = []
    for bus in now.index:
        low, high = (None, None) if view is None else view.v_limits_pu.get(bus, (None, None))
        found.append(
            {
                "bus": bus,
                "v_min_with_pu": float(now.loc[bus].min()),
                "hour_with": int(least(now.loc[bus])),
                "v_min_without_pu": float(before.loc[bus].min()) if bus in before.index else None,
                "v_max_with_pu": float(now.loc[bus].max()),
                "limit_low_pu": low,
                "limit_high_pu": high,
            }
        )
    columns = (
        Column("bus", "Bus"),
        Column("v_min_with_pu", "Lowest with, pu", 4),
        Column("hour_with", "in hour", 0),
        Column("v_min_without_pu", "Lowest without, pu", 4),
        Column("v_max_with_pu", "Highest with, pu", 4),
        Column("limit_low_pu", "Least allowed, pu", 4),
        Column("limit_high_pu", "Greatest allowed, pu", 4),
    )
    return data_table("buses", "Every bus", columns, found, folded=True)


def broken_table(summary: PlanRecord) -> DataTable | None:
    """Return the limits that forecast error would break; None where there are none."""
    found = [{"hour": limit.hour, "what": limit.told()} for limit in broken_limits(summary)]
    if not found:
        return None
    columns = (Column("hour", "Hour", 0), Column("what", "Limit that would break"))
    return data_table("broken", "Under forecast error", columns, found, folded=len(found) > 8)


def replay_table(summary: PlanRecord) -> DataTable:
    """Return how far the plan is from the independent power flow."""
    replay = summary.replay
    found = [
        {
            "level": name,
            "dv": _scientific(level.max_dv_pu),
            "dv_allowed": _scientific(replay.tolerance.dv_pu),
            "dloss": _scientific(level.max_dloss_kw),
            "dloss_allowed": _scientific(replay.tolerance.dloss_kw),
            "hours": level.hours,
        }
        for name, level in (("Level 4", replay.lower), ("Levels 5 and 6", replay.upper))
    ]
    columns = (
        Column("level", "Replay of"),
        Column("dv", "Greatest difference of voltage, pu"),
        Column("dv_allowed", "allowed, pu"),
        Column("dloss", "Greatest difference of losses, kW"),
        Column("dloss_allowed", "allowed, kW"),
        Column("hours", "Hours", 0),
    )
    return data_table("replay", "Replay by an independent power flow", columns, found)


def _scientific(value: float | None) -> str | None:
    return None if value is None else f"{value:.1e}"


def _at(column: pd.Series[float], hour: int) -> float | None:
    """Return an hour's value, None where there is none."""
    return float(column[hour]) if hour in column.index else None
