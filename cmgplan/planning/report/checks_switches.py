"""Checks of a run's switches: positions, forest, operations, and what they carry."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd

from cmgplan.arrays import FloatArray
from cmgplan.planning.case.records import Tie
from cmgplan.planning.report.subject import OperatedCase
from cmgplan.run.findings import ENERGY, POWER_KW, CheckResult, Finding, over
from cmgplan.units import tie_loss_per_kva2

FEEDER_NODE = ("feeder",)


def check_switches(run: OperatedCase) -> list[CheckResult]:
    """Check the schedule of the switches and the exchange of Levels 4 and 5."""
    closed = closed_switches(run)
    results = [
        CheckResult("switch schedule is complete", tuple(wrong_positions(run, closed))),
        CheckResult(
            "switches stay within their operations", tuple(too_many_operations(run, closed))
        ),
    ]
    if run.options.radial:
        results.append(CheckResult("closed switches form a forest", tuple(loops(run, closed))))
    for level in (4, 5):
        exchange = run.rows("exchange", level)
        results += [
            CheckResult(
                f"level {level}: open switches carry nothing",
                tuple(power_on_open(run, exchange, closed)),
            ),
            CheckResult(f"level {level}: ratings hold", tuple(over_ratings(run, exchange))),
            CheckResult(f"level {level}: ties lose R I²", tuple(wrong_tie_losses(run, exchange))),
        ]
    return results


def closed_switches(run: OperatedCase) -> FloatArray:
    """Return 1 where a switch is closed, shape (T, switches)."""
    return run.hourly(run.tables["switch_schedule"], "closed", "switch", switch_ids(run))


def switch_ids(run: OperatedCase) -> list[str]:
    """Return the ids of all switches: ties, then PCCs."""
    return [*(tie.id for tie in run.case.ties), *(mg.pcc.id for mg in run.case.microgrids)]


def operation_counts(run: OperatedCase, closed: FloatArray) -> FloatArray:
    """Return how often each switch operates over the day, from its initial state."""
    initial = np.array(
        [
            *(float(tie.initially_closed) for tie in run.case.ties),
            *(float(mg.pcc.initially_closed) for mg in run.case.microgrids),
        ]
    )
    changes: FloatArray = np.abs(np.diff(np.vstack([initial, closed]), axis=0)).sum(axis=0)
    return changes


def wrong_positions(run: OperatedCase, closed: FloatArray) -> list[Finding]:
    """Find positions that are missing or neither 0 nor 1, and switches that are not the case's."""
    ids = switch_ids(run)
    strange = set(run.tables["switch_schedule"]["switch"]) - set(ids)
    positions = np.where((closed == 0.0) | (closed == 1.0), 0.0, np.nan)
    return [
        *(Finding(f"unknown switch {name}", np.nan, "") for name in sorted(strange)),
        *over(positions, [f"switch {name}" for name in ids], 0.0, ""),
    ]


def too_many_operations(run: OperatedCase, closed: FloatArray) -> list[Finding]:
    """Find switches that operate more often than the options allow."""
    limit = run.options.operation_limit
    if limit is None:
        return []
    counts = zip(switch_ids(run), operation_counts(run, closed), strict=True)
    return [
        Finding(f"switch {name}", float(count) - limit, "operations too many")
        for name, count in counts
        if not count <= limit
    ]


def loops(run: OperatedCase, closed: FloatArray) -> list[Finding]:
    """Find hours in which closed switches, with the feeder as one node, form a loop."""
    ends: list[tuple[object, object]] = [
        *((tie.from_microgrid, tie.to_microgrid) for tie in run.case.ties),
        *((mg.id, FEEDER_NODE) for mg in run.case.microgrids),
    ]
    found = []
    for t in range(run.hours):
        graph = nx.MultiGraph()
        graph.add_nodes_from([FEEDER_NODE, *(mg.id for mg in run.case.microgrids)])
        graph.add_edges_from(end for k, end in enumerate(ends) if closed[t, k] == 1.0)
        count = (
            graph.number_of_edges()
            - graph.number_of_nodes()
            + nx.number_connected_components(graph)
        )
        if count:
            found.append(Finding("closed switches", float(count), "loops", t))
    return found


def power_on_open(run: OperatedCase, exchange: pd.DataFrame, closed: FloatArray) -> list[Finding]:
    """Find power on open switches."""
    carried = np.maximum(*apparent_kva(run, exchange))
    names = [f"switch {name}" for name in switch_ids(run)]
    return over(np.where(closed == 1.0, 0.0, carried), names, POWER_KW, "kVA")


def over_ratings(run: OperatedCase, exchange: pd.DataFrame) -> list[Finding]:
    """Find switches that carry more than their rating."""
    ratings = [
        *(tie.rating_kva for tie in run.case.ties),
        *(mg.pcc.rating_kva for mg in run.case.microgrids),
    ]
    excess = np.maximum(*apparent_kva(run, exchange)) - np.array(ratings)
    return over(excess, [f"switch {name}" for name in switch_ids(run)], ENERGY, "kVA")


def wrong_tie_losses(run: OperatedCase, exchange: pd.DataFrame) -> list[Finding]:
    """Find ties that lose less or more than R I^2 of what they carry at one end or the other."""
    at_from, at_to = apparent_kva(run, exchange)
    low, high = np.minimum(at_from, at_to) ** 2, np.maximum(at_from, at_to) ** 2
    ids = switch_ids(run)
    lost = run.hourly(exchange, "p_kw", "switch", ids) - run.hourly(
        exchange, "p_to_kw", "switch", ids
    )
    rates = np.array(
        [*(loss_rate(tie) for tie in run.case.ties), *(0.0 for _ in run.case.microgrids)]
    )
    excess = np.maximum(lost - rates * high, rates * low - lost)
    return over(excess, [f"switch {name}" for name in ids], POWER_KW, "kW")


def apparent_kva(run: OperatedCase, exchange: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Return the apparent power at the from and the to end of every switch, kVA, (T, s)."""
    ids = switch_ids(run)
    p, q, p_to = (run.hourly(exchange, c, "switch", ids) for c in ("p_kw", "q_kvar", "p_to_kw"))
    return np.hypot(p, q), np.hypot(p_to, q)


def loss_rate(tie: Tie) -> float:
    """Return the losses of a tie in kW per kVA squared; ties within a cluster have none."""
    if tie.kind == "microgrid" or tie.vn_kv is None:
        return 0.0
    return tie_loss_per_kva2(tie.r_ohm, tie.vn_kv)
