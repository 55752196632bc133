"""Section 4.3, upper level: losses, voltage, exchange and trade with and without clusters."""

from __future__ import annotations

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.planning.record.values import or_nan
from cmgplan.planning.report.subject import Subject
from paper_claims.claim import COUNTED_KW, OWN_NUMBERS, Claim, exchange, hours_text, near

EXPORT_HOUR = 3
"""The paper's hour 4."""


def _bare_loss_kwh(s: Subject) -> float:
    """Return the losses of the feeder with its own loads alone."""
    return or_nan(s.summary.upper.without_microgrid_loads.loss_kwh)


def loss_saved(s: Subject) -> Claim:
    """Feeder losses with and without the clusters."""
    with_cmg = float(
        (s.series("loss", "upper_feeder_kw") + s.series("loss", "upper_ties_kw")).sum()
    )
    without = float(s.series("loss", "without_cmg_kw").sum())
    saved, bare = without - with_cmg, _bare_loss_kwh(s)
    return Claim(
        "losses with clusters and without",
        "138 kWh less over the day",
        f"{abs(saved):.0f} kWh {'less' if saved >= 0.0 else 'more'}: "
        f"{with_cmg:.0f} with, {without:.0f} without",
        "10 %",
        near(saved, 138.0, 0.1),
        "Without clusters the feeder here serves the microgrids' loads too, with neither DER nor "
        f"response; without those loads it loses {bare:.0f} kWh. The paper does not say which of "
        "the two it compares with.",
        {"with_kwh": with_cmg, "without_kwh": without, "saved_kwh": saved, "bare_kwh": bare},
    )


def peak_voltage(s: Subject) -> Claim:
    """Least voltage at the feeder's peak hour."""
    peak = int(np.argmax(s.series("upstream", "without_cmg_kw")))
    table = s.tables["bus_voltage"]
    least = table[table["hour"] == peak].groupby("level")["v_pu"].min()
    with_cmg, without = float(least["upper"]), float(least["without_cmg"])
    return Claim(
        "least voltage at the peak hour",
        "nearer the upper limit with clusters",
        f"{with_cmg:.4f} pu with, {without:.4f} without, in hour {hours_text([peak])}",
        "higher with clusters",
        with_cmg > without,
        OWN_NUMBERS,
        {"hour": peak, "with_pu": with_cmg, "without_pu": without},
    )


def _cluster_export(s: Subject) -> dict[str, FloatArray]:
    """Return what each cluster gives the feeder at Level 5, kW by hour, import negative."""
    flows = exchange(s, 5, "grid")
    found = {}
    for cluster in s.case.clusters:
        own = flows[flows["from"].isin(cluster.microgrids)]
        hourly = own.groupby("hour")["p_kw"].sum().reindex(range(s.hours), fill_value=0.0)
        found[cluster.id] = hourly.to_numpy(dtype=np.float64)
    return found


def upper_exchange(s: Subject) -> Claim:
    """How much the clusters exchange with the feeder at the upper level."""
    export = _cluster_export(s)
    moved = sum(float(np.abs(hourly).sum()) for hourly in export.values())
    share = moved / float(s.series("upstream", "without_cmg_kw").sum())
    return Claim(
        "exchange of clusters and feeder, upper level",
        "negligible",
        f"{moved:.0f} kWh, {100 * share:.1f} % of what the feeder draws without clusters",
        "5 % of what the feeder draws",
        share <= 0.05,
        "Levels 5 and 6 keep the switches, storage and response of the chosen solution, whose "
        "emission cost falls with every kWh that it exports.",
        {"kwh": moved, "share": share},
    )


def upper_export(s: Subject) -> Claim:
    """Which clusters give the feeder more than they take."""
    net = {c: float(hourly.sum()) for c, hourly in _cluster_export(s).items()}
    return Claim(
        "net export of clusters, upper level",
        "some export",
        ", ".join(f"{c} {kwh:+.0f} kWh" for c, kwh in net.items()),
        "at least one exports over the day",
        any(kwh > COUNTED_KW for kwh in net.values()),
        OWN_NUMBERS,
        {"net_kwh": net},
    )


def upstream_import(s: Subject) -> Claim:
    """Energy taken from upstream with and without the clusters."""
    with_cmg = float(s.series("upstream", "with_cmg_kw").sum())
    without = float(s.series("upstream", "without_cmg_kw").sum())
    return Claim(
        "upstream import over the day",
        "less with clusters",
        f"{with_cmg:.0f} kWh with, {without:.0f} without",
        "less",
        with_cmg < without,
        OWN_NUMBERS,
        {"with_kwh": with_cmg, "without_kwh": without},
    )


def upstream_export(s: Subject) -> Claim:
    """Export to the upstream network in the paper's hour 4."""
    power = s.series("upstream", "with_cmg_kw")
    export = -float(power[EXPORT_HOUR])
    hours = [int(t) for t in np.flatnonzero(power < -COUNTED_KW)]
    load = s.rows("demand_response", "upper")
    own = float(load.loc[load["hour"] == EXPORT_HOUR, "p_after_kw"].sum())
    given = float(sum(hourly[EXPORT_HOUR] for hourly in _cluster_export(s).values()))
    return Claim(
        "export upstream in hour 4 (ours 3)",
        "200 kW",
        f"{export:.0f} kW; export in hours {hours_text(hours)}"
        if export > 0.0
        else f"import of {-export:.0f} kW; export in hours {hours_text(hours)}",
        "10 %",
        near(export, 200.0, 0.1),
        f"In that hour the feeder's own load is {own:.0f} kW, and the microgrids give it "
        f"{given:.0f} kW.",
        {"export_kw": export, "export_hours": hours, "load_kw": own, "given_kw": given},
    )
