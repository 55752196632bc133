"""Energy not supplied while buses are cut off, eq. (15), and how many lack it.

A building without the feeder runs its day by the same rules, with nothing bought or sold while it
is cut off. Two readings: ``chp`` counts what units lack after step E7, when all CHPs have served
(the paper's printed numbers need it); the other what they lack at the end, when cars and
batteries have too. The outage counts as known in the morning: stores keep energy for it. Within an
interval powers are constant, so that of one cut off in part the same part of its shortage counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.building.feeder.kinds import KINDS, KindLoads
from cmgplan.building.feeder.outages import SHORTEST_H, CutOff, Outage, outages, overlap_h
from cmgplan.building.feeder.voltages import LIMIT_PU, bus_loads, feeder_of, low_point
from cmgplan.building.model.plant import Plant, read_plant
from cmgplan.building.rules.day import apart, together
from cmgplan.building.rules.paying import run_by
from cmgplan.homes.case.records import HomesCase
from cmgplan.network.sweep import radial_power_flow
from cmgplan.run.tables import TableForm, table_form

Rules = Literal["paper", "paying"]

FAULTS_FORM: TableForm = table_form(
    "fault reconfigured until scenario kind hour",
    "buses buildings cut_h short_chp_kw short_kw units_chp units new_units_chp new_units "
    "ens_chp_kwh ens_kwh",
    ints="fault reconfigured hour buses buildings units_chp units new_units_chp new_units",
    texts="until scenario kind",
)

READINGS = ("_chp", "")
"""Endings of columns: after the CHPs, and with cars and batteries too."""

COUNTS = ("ens_chp_kwh", "ens_kwh", "nodc_chp", "nodc", "customers_chp", "customers")
"""What is told of each kind and of all together."""

LACKS_KW = 1e-6
"""Power from which a unit counts as lacking."""

DECIMALS = 9

Shortages = Mapping[str, tuple[FloatArray, FloatArray]]
"""By kind: what each unit lacks, kW, after the CHPs and in the end, each of shape (S, T)."""


def faults_table(case: HomesCase, rules: Rules) -> pd.DataFrame:
    """Return ``faults``: what buildings that are cut off lack, by fault, scenario, kind and hour.

    ``short_*`` and ``units*`` are those of one building, ``ens_*`` of all of the kind on all
    buses. ``new_units*`` are units that lack power for the first time in the outage.
    """
    known: dict[tuple[int, ...], Shortages] = {}
    rows: list[dict[str, Any]] = []
    for outage in outages(case):
        for group in outage.groups:
            hours = tuple(group.hours(case).tolist())
            if hours not in known:
                known[hours] = shortages(case, rules, hours)
            rows += cut_off_rows(case, outage, group, known[hours])
    return pd.DataFrame(rows, columns=list(FAULTS_FORM.columns))


def shortages(case: HomesCase, rules: Rules, outage: Sequence[int]) -> dict[str, Any]:
    """Return what each unit of a building of each kind lacks when it has no grid in some hours."""
    plant = read_plant(case, outage)
    load = plant.load_kw + plant.fixed_kw
    found = {"grid": (load, load)}
    for kind, groups in (("coalition", together(plant)), ("alone", apart(plant))):
        found[kind] = island(plant, rules, groups, load)
    return found


def island(
    plant: Plant, rules: Rules, groups: Sequence[Sequence[int]], load_kw: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return what units lack; what cars would charge is not counted as load."""
    day = run_by(rules, plant, groups)
    by_engines = np.maximum(-day.steps["E7"].left_kw, 0.0)
    return np.minimum(by_engines, load_kw), np.minimum(day.short_kw, load_kw)


def cut_off_rows(
    case: HomesCase, outage: Outage, group: CutOff, short: Shortages
) -> Iterator[dict[str, Any]]:
    """Yield the rows of buses that are cut off alike, from what units of each kind lack."""
    cut_h = group.cut_h(case)
    for mix in case.file.building.load_mix:
        for kind in KINDS:
            number = int(getattr(mix, kind))
            if not number:
                continue
            before = [np.zeros(len(case.ids), dtype=np.bool_) for _ in READINGS]
            for t in group.hours(case).tolist():
                row: dict[str, Any] = {
                    "fault": outage.fault,
                    "reconfigured": int(outage.reconfigured),
                    "until": group.until,
                    "scenario": mix.name,
                    "kind": kind,
                    "hour": t,
                    "buses": len(group.buses),
                    "buildings": number,
                    "cut_h": round(float(cut_h[t]), DECIMALS),
                }
                for r, ending in enumerate(READINGS):
                    lacking = short[kind][r][:, t]
                    lacks = lacking > LACKS_KW
                    kwh = len(group.buses) * number * cut_h[t] * float(lacking.sum())
                    row[f"short{ending}_kw"] = round(float(lacking.sum()), DECIMALS)
                    row[f"units{ending}"] = int(lacks.sum())
                    row[f"new_units{ending}"] = int((lacks & ~before[r]).sum())
                    row[f"ens{ending}_kwh"] = round(kwh, DECIMALS)
                    before[r] = before[r] | lacks
                yield row


def faults_summary(case: HomesCase, table: pd.DataFrame, loads: KindLoads) -> list[dict[str, Any]]:
    """Return what run.json tells of each fault, from the table of shortages.

    ``nodc`` counts as the paper does: units that lack power in each interval of the outage,
    summed over intervals. ``customers`` counts each of them once.
    """
    found = []
    for outage in outages(case):
        mine = table[table["fault"] == outage.fault]
        mine = mine[mine["reconfigured"] == int(outage.reconfigured)]
        record = outage.record
        found.append(
            {
                "fault": outage.fault,
                "line": record.line,
                "hours": list(record.hours),
                "reconfigured": outage.reconfigured,
                "close": list(outage.closed),
                "close_after_h": record.close_after_h if outage.reconfigured else None,
                "cut_off": {group.until: list(group.buses) for group in outage.groups},
                "scenarios": [
                    {
                        "scenario": mix.name,
                        "kinds": {
                            kind: supply_of(rows[rows["kind"] == kind])
                            for kind in KINDS
                            if getattr(mix, kind)
                        },
                        "total": supply_of(rows),
                        **_voltages(case, outage, k, loads),
                    }
                    for k, mix in enumerate(case.file.building.load_mix)
                    for rows in (mine[mine["scenario"] == mix.name],)
                ],
            }
        )
    return found


def supply_of(rows: pd.DataFrame) -> dict[str, float | int]:
    """Return energy not supplied and who lacks it, of some rows."""
    of = rows["buses"] * rows["buildings"]
    found: dict[str, float | int] = {}
    for ending in READINGS:
        found[f"ens{ending}_kwh"] = float(rows[f"ens{ending}_kwh"].sum())
        found[f"nodc{ending}"] = int((of * rows[f"units{ending}"]).sum())
        found[f"customers{ending}"] = int((of * rows[f"new_units{ending}"]).sum())
    return {name: found[name] for name in COUNTS}


def _voltages(case: HomesCase, outage: Outage, scenario: int, loads: KindLoads) -> dict[str, Any]:
    """Return the least voltage where the feeder still serves while a line is out.

    With ties, once they are closed. Buildings that are served draw what they do otherwise.
    """
    begins = outage.begins_h + (outage.record.close_after_h if outage.reconfigured else 0.0)
    hours = np.flatnonzero(overlap_h(case, begins, outage.ends_h) > SHORTEST_H)
    feeder = feeder_of(
        case, out=[outage.record.line], closed=outage.closed, without=outage.left_out
    )
    p_kw, q_kvar = bus_loads(case, feeder, case.file.building.load_mix[scenario], loads)
    flow = radial_power_flow(feeder, p_kw[hours], q_kvar[hours])
    low = low_point(flow.v_pu, feeder.bus_ids)
    if low["v_min_hour"] is not None:
        low["v_min_hour"] = int(hours[low["v_min_hour"]])
    return {
        **low,
        "under_limit": bool((flow.v_pu < feeder.v_min_pu - LIMIT_PU).any()),
        "not_converged": [int(t) for t in hours[~flow.converged]],
    }
