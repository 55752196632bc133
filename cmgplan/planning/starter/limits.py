"""Whether a feeder carries its own load within its limits, and limits within which it does."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor

import numpy as np

from cmgplan.case.records import Bus, Line
from cmgplan.errors import InputError
from cmgplan.network.feeder import Feeder, feeder_from_tables
from cmgplan.network.powerflow import PowerFlow, power_flow
from cmgplan.planning.starter.tables import FeederTables, rounded

MARGIN_PU = 0.005
"""Room left between a voltage of the power flow and a limit that is widened for it."""

MARGIN_RATING = 1.1
STEP_PU = 0.01


def within_limits(tables: FeederTables) -> FeederTables:
    """Return the feeder with limits that hold in a power flow without microgrids.

    The power flow is solved with all loads at their peak and with none, between which the loads
    of a day lie. Limits that do not hold are widened and noted: a case with them would have no
    plan unless the microgrids lifted the voltage.

    Raises
    ------
    InputError
        The power flow has no solution at the feeder's load.
    """
    feeder = _feeder(tables)
    share = np.array([1.0, 0.0])
    p_kw = -np.outer(share, [bus.p_kw for bus in tables.buses])
    q_kvar = -np.outer(share, [bus.q_kvar for bus in tables.buses])
    flow = power_flow(feeder, p_kw, q_kvar)
    if not flow.converged.all():
        raise InputError(
            f"the power flow of the feeder has no solution at its load of {tables.load_kw:.6g} kW; "
            "check that loads are in MW and impedances in the file's unit"
        )
    notes: list[str] = []
    lowered = _with_voltage_limits(tables, flow, notes)
    lines = _with_ratings(tables.lines, feeder, flow, notes)
    return replace(lowered, lines=lines, notes=(*tables.notes, *notes))


def _feeder(tables: FeederTables) -> Feeder:
    """Return the feeder as arrays."""
    return feeder_from_tables(
        tables.buses,
        tables.lines,
        slack_bus=tables.slack_bus,
        v_slack_pu=tables.v_slack_pu,
        v_min_pu=tables.v_min_pu,
        v_max_pu=tables.v_max_pu,
    )


def _with_voltage_limits(tables: FeederTables, flow: PowerFlow, notes: list[str]) -> FeederTables:
    """Return the feeder with voltage limits that the power flow keeps."""
    least, most = flow.v_pu.min(axis=0), flow.v_pu.max(axis=0)
    low, high = tables.v_min_pu, tables.v_max_pu
    lowest, highest = int(np.argmin(least)), int(np.argmax(most))
    if least[lowest] < low:
        low = rounded(floor((least[lowest] - MARGIN_PU) / STEP_PU) * STEP_PU)
        notes.append(
            f"v_min_pu is {low:g}, not the {tables.v_min_pu:g} given: without microgrids bus "
            f"{tables.buses[lowest].bus} comes down to {least[lowest]:.4f} pu at the peak of its "
            "load; raise v_slack_pu, or v_min_pu once the microgrids support the voltage"
        )
    if most[highest] > high:
        high = rounded(ceil((most[highest] + MARGIN_PU) / STEP_PU) * STEP_PU)
        notes.append(
            f"v_max_pu is {high:g}, not the {tables.v_max_pu:g} given: bus "
            f"{tables.buses[highest].bus} comes up to {most[highest]:.4f} pu without microgrids; "
            "lower v_slack_pu to bring it back"
        )
    buses = tuple(
        _without_broken_limits(bus, float(least[k]), float(most[k]), notes)
        for k, bus in enumerate(tables.buses)
    )
    return replace(tables, buses=buses, v_min_pu=low, v_max_pu=high)


def _without_broken_limits(bus: Bus, least: float, most: float, notes: list[str]) -> Bus:
    """Return a bus without limits of its own that the power flow breaks."""
    changes: dict[str, None] = {}
    if bus.v_min_pu is not None and least < bus.v_min_pu:
        changes["v_min_pu"] = None
        notes.append(
            f"bus {bus.bus} has the feeder's v_min_pu, not its own {bus.v_min_pu:g}: it comes "
            f"down to {least:.4f} pu without microgrids"
        )
    if bus.v_max_pu is not None and most > bus.v_max_pu:
        changes["v_max_pu"] = None
        notes.append(
            f"bus {bus.bus} has the feeder's v_max_pu, not its own {bus.v_max_pu:g}: it comes up "
            f"to {most:.4f} pu without microgrids"
        )
    return bus.model_copy(update=changes)


def _with_ratings(
    lines: tuple[Line, ...], feeder: Feeder, flow: PowerFlow, notes: list[str]
) -> tuple[Line, ...]:
    """Return the lines with ratings that the power flow keeps."""
    found = []
    for line, carried_pu in zip(lines, flow.i_pu.max(axis=0), strict=True):
        rating = line.rating_kva
        carried_kva = float(carried_pu) * feeder.base.s_base_kva
        if rating is not None and carried_kva > rating:
            raised = rounded(MARGIN_RATING * carried_kva, 3)
            notes.append(
                f"line {line.line} is rated {raised:g} kVA, not the {rating:g} given: it carries "
                f"{carried_kva:.6g} kVA at the peak without microgrids"
            )
            line = line.model_copy(update={"rating_kva": raised})
        found.append(line)
    return tuple(found)
