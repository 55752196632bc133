"""Section 4.3, lower level: response, losses and storage."""

from __future__ import annotations

from typing import Any

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.report.subject import Subject
from paper_claims.claim import Claim, hours_of_trade, hours_text, near

EVENING = range(17, 23)
"""The paper's hours 18 to 23."""


def demand_moved(s: Subject) -> Claim:
    """Demand that response takes out of the evening."""
    rows = s.rows("demand_response", "lower")
    evening = rows[rows["hour"].isin(EVENING)]
    moved = float((evening["p_before_kw"] - evening["p_after_kw"]).sum())
    share = moved / float(evening["p_before_kw"].sum())
    return Claim(
        f"demand moved out of hours {hours_text(EVENING)}",
        "about 1000 kW summed over the hours",
        f"{moved:.0f} kW summed, {100 * share:.1f} % of the demand there",
        "20 %",
        near(moved, 1000.0, 0.2),
        "At most 20 % of a load can leave an hour; the epsilon on cost at the chosen solution "
        "decides how much does.",
        {"moved_kw_summed": moved, "share": share},
    )


def _lower_loss_kw(s: Subject) -> FloatArray:
    return s.series("loss", "lower_feeder_kw") + s.series("loss", "lower_ties_kw")


def lower_loss(s: Subject) -> Claim:
    """Lower-level losses over the day."""
    total = float(_lower_loss_kw(s).sum())
    return Claim(
        "lower-level losses over the day",
        "411 kW summed over the hours",
        f"{total:.1f} kW summed",
        "10 %",
        near(total, 411.0, 0.1),
        "The lower level's feeder carries the microgrids' exchange alone, which the PCC ratings "
        "hold small; Table 2's 0 to 0.31 kW contradicts the paper's own sum.",
        {"kwh": total},
    )


def lower_loss_in_trade(s: Subject) -> Claim:
    """Lower-level losses in the hours of trade between clusters."""
    loss, trade = _lower_loss_kw(s), hours_of_trade(s)
    there, total = float(loss[trade].sum()), float(loss.sum())
    share = there / total if total > 0.0 else 0.0
    return Claim(
        "lower-level losses in hours of trade between clusters",
        "insignificant",
        f"{there:.1f} kW summed over {len(trade)} hours, {100 * share:.1f} % of the day's",
        "10 % of the day's losses",
        share <= 0.1 if trade else None,
        "Clusters trade in hours in which some microgrids use the feeder too, and it is the "
        "feeder that loses."
        if trade
        else "The clusters exchange nothing in any hour.",
        {"kwh": there, "share": share},
    )


def storage_at_peak(s: Subject) -> Claim:
    """State of charge and discharge of the first storage of each cluster in the evening."""
    rows = s.rows("demand_response", "lower")
    demand = rows.groupby("hour")["p_before_kw"].sum().reindex(EVENING)
    peak = EVENING[int(np.argmax(demand.to_numpy()))]
    dispatch = s.rows("dispatch", 4)
    found: dict[str, dict[str, Any]] = {}
    for cluster in s.case.clusters:
        store = next(
            ((mg, d.id) for mg in cluster.microgrids for d in s.case.microgrid(mg).storage), None
        )
        if store is not None:
            own = dispatch[(dispatch["microgrid"] == store[0]) & (dispatch["device"] == store[1])]
            hourly = own.set_index("hour")
            found[cluster.id] = {
                "storage": store[1],
                "soc_kwh": float(hourly["soc_kwh"][peak]),
                "discharge_kw": float(hourly["p_kw"][peak]),
                "soc_before_kwh": float(hourly["soc_kwh"][EVENING[0] - 1]),
                "soc_after_kwh": float(hourly["soc_kwh"][EVENING[-1]]),
            }
    told = "; ".join(
        f"{v['storage']} holds {v['soc_kwh']:.0f} kWh, "
        f"{'charges' if v['discharge_kw'] < -0.05 else 'discharges'} "
        f"{abs(v['discharge_kw']):.1f} kW, "
        f"from {v['soc_before_kwh']:.0f} to {v['soc_after_kwh']:.0f} kWh over the peak hours"
        for v in found.values()
    )
    return Claim(
        f"one storage of each cluster at the evening's peak, hour {hours_text([peak])}",
        "state of charge drops in the peak hours",
        told or "no storage",
        f"each falls over hours {hours_text(EVENING)}",
        all(v["soc_after_kwh"] < v["soc_before_kwh"] for v in found.values()) if found else None,
        "Under the market tariff what storage sells is a cost like any other, so that a high "
        "price alone does not empty it; it moves where a limit binds.",
        {"hour": peak, "storage": found},
    )
