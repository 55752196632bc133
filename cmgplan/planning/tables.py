"""Tables of a plan (design, section 4), built from operations and feeder results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import Feeder
from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.levels.front_points import Front, FrontPoint
from cmgplan.planning.levels.selection import Selection
from cmgplan.planning.levels.upper import UpperResult
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import all_switches


def pareto_table(front: Front, selection: Selection) -> pd.DataFrame:
    """Return one row for each Pareto point, whatever its status.

    ``minimised`` names the objective that ``bound`` bounds and ``gap`` is of; ``eps_ec_usd`` is
    a cap where emission cost has no range.
    """

    def row(k: int, point: FrontPoint) -> dict[str, object]:
        op = point.operation
        mu = selection.memberships[k]
        return {
            "point": point.number,
            "status": str(point.status),
            "gc_usd": np.nan if op is None else op.gc_usd,
            "ec_usd": np.nan if op is None else op.ec_usd,
            "loss_kwh": np.nan if op is None else op.loss_kwh,
            "eps_gc_usd": point.caps["gc_usd"],
            "eps_loss_kwh": point.caps["loss_kwh"],
            "mu_gc": mu[0],
            "mu_ec": mu[1],
            "mu_loss": mu[2],
            "mu_min": mu.min(),
            "selected": int(point.number == selection.number),
            "bound_ec_usd": np.nan if point.bound_ec_usd is None else point.bound_ec_usd,
            "gap": np.nan if point.gap is None else point.gap,
            "minimised": point.minimised,
            "bound": np.nan if point.bound is None else point.bound,
            "eps_ec_usd": point.caps.get("ec_usd", np.nan),
        }

    return pd.DataFrame([row(k, point) for k, point in enumerate(front.points)])


def switch_schedule_table(case: Case, operation: Operation) -> pd.DataFrame:
    """Return the position of every switch in every hour."""
    return pd.DataFrame(
        [
            {
                "hour": t,
                "switch": s.id,
                "kind": s.kind,
                "from": s.from_,
                "to": s.to,
                "closed": int(operation.closed[s.id][t]),
            }
            for t in range(case.file.time.hours)
            for s in all_switches(case)
        ]
    )


def dispatch_table(case: Case, levels: Mapping[int, Operation]) -> pd.DataFrame:
    """Return what every device does, by level."""
    stores = {(mg.id, s.id) for mg in case.microgrids for s in mg.stores()}
    return pd.DataFrame(
        [
            {
                "level": level,
                "hour": t,
                "microgrid": mg.id,
                "device": device.id,
                "kind": device.kind,
                "p_kw": op.p_kw[mg.id, device.id][t],
                "q_kvar": op.q_kvar[mg.id, device.id][t],
                "soc_kwh": (
                    op.soc_kwh[mg.id, device.id][t] if (mg.id, device.id) in stores else np.nan
                ),
            }
            for level, op in levels.items()
            for t in range(case.file.time.hours)
            for mg in case.microgrids
            for device in mg.devices()
        ]
    )


def exchange_table(case: Case, levels: Mapping[int, Operation]) -> pd.DataFrame:
    """Return the flow over every switch, measured at its from end, by level."""
    by_pcc = {mg.pcc.id: mg.id for mg in case.microgrids}

    def flow(op: Operation, switch: str, t: int) -> tuple[float, float, float]:
        if switch in by_pcc:
            p, q = op.p_pcc_kw[by_pcc[switch]][t], op.q_pcc_kvar[by_pcc[switch]][t]
            return float(p), float(q), float(p)
        p, q = op.p_tie_kw[switch][t], op.q_tie_kvar[switch][t]
        return float(p), float(q), float(p - op.tie_loss_kw[switch][t])

    rows = []
    for level, op in levels.items():
        for t in range(case.file.time.hours):
            for s in all_switches(case):
                p, q, p_to = flow(op, s.id, t)
                rows.append((level, t, s.id, s.kind, s.from_, s.to, p, q, p_to))
    return pd.DataFrame(
        rows,
        columns=["level", "hour", "switch", "kind", "from", "to", "p_kw", "q_kvar", "p_to_kw"],
    )


def shortage_table(case: Case, levels: Mapping[int, Operation]) -> pd.DataFrame:
    """Return shortage and surplus of every microgrid, Levels 1 to 4."""
    return pd.DataFrame(
        [
            {
                "level": level,
                "hour": t,
                "microgrid": mg.id,
                "shortage_kw": op.unserved_kw[mg.id][t],
                "shortage_kvar": op.unserved_kvar[mg.id][t],
                "surplus_kw": op.curtailed_kw[mg.id][t],
            }
            for level, op in levels.items()
            for t in range(case.file.time.hours)
            for mg in case.microgrids
        ]
    )


def nodal_table(
    feeder: Feeder, levels: Mapping[str, tuple[FloatArray, FloatArray]]
) -> pd.DataFrame:
    """Return the injections into the feeder by bus, arrays of shape (T, n), slack left out."""
    parts = []
    for level, (p, q) in levels.items():
        hours = p.shape[0]
        buses = [i for i in range(feeder.n_bus) if i != feeder.slack]
        parts.append(
            pd.DataFrame(
                {
                    "level": level,
                    "hour": np.repeat(np.arange(hours), len(buses)),
                    "bus": [feeder.bus_ids[i] for i in buses] * hours,
                    "p_kw": p[:, buses].ravel(),
                    "q_kvar": q[:, buses].ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def voltage_table(feeder: Feeder, levels: Mapping[str, FloatArray]) -> pd.DataFrame:
    """Return voltages by bus, arrays of shape (T, n)."""
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "level": level,
                    "hour": np.repeat(np.arange(v.shape[0]), feeder.n_bus),
                    "bus": list(feeder.bus_ids) * v.shape[0],
                    "v_pu": v.ravel(),
                }
            )
            for level, v in levels.items()
        ],
        ignore_index=True,
    )


def loss_table(lower: Operation, upper: Operation, without: PowerFlow) -> pd.DataFrame:
    """Return losses by hour, kW."""

    def ties(op: Operation) -> FloatArray:
        total = np.zeros_like(op.feeder_loss_kw)
        for loss in op.tie_loss_kw.values():
            total = total + loss
        return total

    return pd.DataFrame(
        {
            "hour": np.arange(len(lower.feeder_loss_kw)),
            "lower_feeder_kw": lower.feeder_loss_kw,
            "lower_ties_kw": ties(lower),
            "upper_feeder_kw": upper.feeder_loss_kw,
            "upper_ties_kw": ties(upper),
            "without_cmg_kw": without.loss_kw,
        }
    )


def upstream_table(case: Case, upper: UpperResult) -> pd.DataFrame:
    """Return the import from upstream by hour, kW, with and without the clusters."""
    return pd.DataFrame(
        {
            "hour": np.arange(case.file.time.hours),
            "price_usd_per_mwh": case.price_usd_per_mwh,
            "with_cmg_kw": upper.operation.p_sub_kw,
            "without_cmg_kw": upper.without_cmg.slack_p_kw,
        }
    )


def demand_response_table(
    case: Case, options: PlanOptions, feeder: Feeder, lower: Operation, upper: UpperResult
) -> pd.DataFrame:
    """Return demand before and after response: microgrids below, feeder buses above."""
    h = case.horizon(options)
    rows: list[tuple[str, int, str, float, float]] = []
    for mg in case.microgrids:
        before = sum((load.base_kw(h) for load in mg.load), start=np.zeros(h.hours))
        after = -sum((lower.p_kw[mg.id, load.id] for load in mg.load), start=np.zeros(h.hours))
        rows += [("lower", t, mg.id, float(before[t]), float(after[t])) for t in h.steps]
    for load in case.feeder_load():
        i = feeder.position(load.id)
        rows += [
            ("upper", t, load.id, float(upper.demand_before_kw[t, i]), float(upper.demand_kw[t, i]))
            for t in h.steps
        ]
    return pd.DataFrame(rows, columns=["level", "hour", "place", "p_before_kw", "p_after_kw"])


def point_tables(case: Case, points: Iterable[FrontPoint]) -> dict[int, dict[str, pd.DataFrame]]:
    """Return the tables of every point that holds a schedule."""
    return {
        p.number: {
            "switch_schedule": switch_schedule_table(case, p.operation),
            "dispatch": dispatch_table(case, {4: p.operation}),
            "exchange": exchange_table(case, {4: p.operation}),
        }
        for p in points
        if p.operation is not None
    }
