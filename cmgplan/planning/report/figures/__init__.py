"""Figures of a run as Plotly objects; None where there is nothing to show.

Every module holds one subject: its figures, and the sentence that says what to see in them,
worked out from the run's numbers. Figures take the tables of a run, what it knows of the case
where they need it, and the length of an interval for their axes.
"""

from __future__ import annotations

import plotly.graph_objects as go

from cmgplan.page.wording import in_intervals
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.figures.exchange import exchange
from cmgplan.planning.report.figures.feeder_map import feeder_map
from cmgplan.planning.report.figures.headroom import forecast_error, headroom
from cmgplan.planning.report.figures.levels import level_energy, shortage, surplus
from cmgplan.planning.report.figures.losses import losses
from cmgplan.planning.report.figures.pareto import pareto_3d, pareto_front, pareto_parallel
from cmgplan.planning.report.figures.response import demand_response, demand_response_by_microgrid
from cmgplan.planning.report.figures.stores import state_of_charge, storage_by_device, storage_power
from cmgplan.planning.report.figures.switches import WINDOWS, switch_schedule
from cmgplan.planning.report.figures.upstream import upstream
from cmgplan.planning.report.figures.voltage import peak_hour, voltage_heatmap, voltage_profile
from cmgplan.planning.report.topology import FeederView, feeder_view
from cmgplan.run.tables import Tables

__all__ = [
    "FeederView",
    "all_figures",
    "demand_response",
    "demand_response_by_microgrid",
    "exchange",
    "feeder_map",
    "feeder_view",
    "forecast_error",
    "headroom",
    "level_energy",
    "losses",
    "pareto_3d",
    "pareto_front",
    "pareto_parallel",
    "peak_hour",
    "shortage",
    "state_of_charge",
    "storage_by_device",
    "storage_power",
    "surplus",
    "switch_schedule",
    "upstream",
    "voltage_heatmap",
    "voltage_profile",
]


def all_figures(
    summary: PlanRecord, tables: Tables, feeder: FeederView | None = None
) -> dict[str, go.Figure]:
    """Return every figure of a run that has something to show, by its name.

    Parameters
    ----------
    summary
        Content of plan.json.
    tables
        Tables of the run by file stem.
    feeder
        What the case says of the feeder, from ``feeder_view(case)``; without it there is no map,
        and exchange is shown by microgrid in place of cluster.

    Returns
    -------
    dict
        Names, in the order of the page: level_energy, shortage, surplus, feeder_map,
        switch_schedule_grid, switch_schedule_microgrid, switch_schedule_cluster, pareto_front,
        pareto_3d, pareto_parallel, exchange_lower, exchange_upper, demand_response,
        demand_response_by_microgrid, losses, storage_power, storage_by_device, state_of_charge,
        voltage_profile, voltage_with, voltage_without, upstream, headroom, forecast_error.
    """
    dt_h = summary.case.dt_h
    drawn: dict[str, go.Figure | None] = {
        "level_energy": level_energy(tables, dt_h),
        "shortage": shortage(tables, dt_h),
        "surplus": surplus(tables, dt_h),
        "feeder_map": feeder_map(tables, feeder, dt_h),
        **{f"switch_schedule_{kind}": switch_schedule(tables, kind, dt_h) for kind in WINDOWS},
        "pareto_front": pareto_front(tables),
        "pareto_3d": pareto_3d(tables),
        "pareto_parallel": pareto_parallel(tables),
        "exchange_lower": exchange(tables, feeder, "lower", dt_h),
        "exchange_upper": exchange(tables, feeder, "upper", dt_h),
        "demand_response": demand_response(tables, dt_h),
        "demand_response_by_microgrid": demand_response_by_microgrid(tables, dt_h),
        "losses": losses(tables, dt_h),
        "storage_power": storage_power(tables, dt_h),
        "storage_by_device": storage_by_device(tables, dt_h),
        "state_of_charge": state_of_charge(tables, feeder, dt_h),
        "voltage_profile": voltage_profile(tables, feeder, dt_h),
        "voltage_with": voltage_heatmap(tables, "upper", feeder, dt_h),
        "voltage_without": voltage_heatmap(tables, "without_cmg", feeder, dt_h),
        "upstream": upstream(tables, dt_h),
        "headroom": headroom(summary, dt_h),
        "forecast_error": forecast_error(summary, feeder, dt_h),
    }
    shown = {name: figure for name, figure in drawn.items() if figure is not None}
    for figure in shown.values():
        for trace in figure.data:
            if trace.hovertemplate:
                trace.hovertemplate = in_intervals(trace.hovertemplate, dt_h)
    return shown
