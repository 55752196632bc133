"""Limits that would have to give, with names, hours and amounts, from a relaxation's slacks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cmgplan.explanation import GivingLimit, rounded_away
from cmgplan.network.feeder import Feeder, oriented
from cmgplan.planning.case.records import Case
from cmgplan.planning.why.elastic_model import ElasticLevel
from cmgplan.planning.why.least_set import Giving, Least
from cmgplan.planning.why.slacks import Slack
from cmgplan.units import S_BASE_KVA

NAMED_HOUR = 0.02
"""Share of the largest amount from which an hour is named."""


def limits_of(level: ElasticLevel, feeder: Feeder | None, least: Least) -> list[GivingLimit]:
    """Return the limits that give, in the order of slacks, amounts rounded away from zero."""
    found: list[GivingLimit] = []
    for k, giving in sorted(least.given.items()):
        slack = level.slacks[k]
        if slack.kind == "branch":
            if feeder is None or level.feeder is None:
                raise ValueError("a branch gives where there is no feeder")
            found += _lines(feeder, level.feeder, slack, giving)
        else:
            found.append(_limit(level, slack, giving))
    return [replace(limit, amount=rounded_away(limit.amount, limit.unit)) for limit in found]


def _limit(level: ElasticLevel, slack: Slack, giving: Giving) -> GivingLimit:
    case, kind = level.case, slack.kind
    place = " ".join(slack.place)
    hours = _hours(giving)
    if kind in ("pcc", "tie"):
        words, now = _switch(case, place)
        return GivingLimit(kind, words, place, hours, now, giving.largest, "kVA")
    if kind in ("v_min", "v_max") and level.feeder is not None:
        now, amount = _voltage(level.feeder, slack, giving)
        words = f"{'least' if kind == 'v_min' else 'greatest'} voltage of bus {place}"
        return GivingLimit(kind, words, place, hours, now, amount, "pu")
    if kind == "reactive":
        words = f"reactive power that microgrid {place} lacks"
        return GivingLimit(kind, words, place, hours, None, giving.largest, "kvar")
    if kind == "absorption":
        words = f"reactive power that microgrid {place} has too much of"
        return GivingLimit(kind, words, place, hours, None, giving.largest, "kvar")
    if kind == "load":
        total = sum(giving.hourly.values()) * case.file.time.dt_h
        words = f"load of microgrid {place} that is not served (in all {total:.2f} kWh)"
        return GivingLimit(kind, words, place, hours, None, giving.largest, "kW")
    if kind == "operations":
        needing = ", ".join(s for s, more in giving.hourly.items() if more > 0.5)
        limit = level.options.operation_limit or 0
        words = f"operations of each switch (operation_limit), which {needing} must exceed"
        return GivingLimit(kind, words, "", (), float(limit), giving.largest, "operations")
    return _fleet(case, slack, giving, hours)


def _switch(case: Case, switch: str) -> tuple[str, float]:
    for mg in case.microgrids:
        if mg.pcc.id == switch:
            words = f"rating of {switch}, which connects microgrid {mg.id} to bus {mg.bus}"
            return words, mg.pcc.rating_kva
    tie = next(tie for tie in case.ties if tie.id == switch)
    words = f"rating of tie {switch} between {tie.from_microgrid} and {tie.to_microgrid}"
    return words, tie.rating_kva


def _voltage(feeder: Feeder, slack: Slack, giving: Giving) -> tuple[float, float]:
    """Return a limit of voltage and by how much it gives, from a slack on its square."""
    if slack.kind == "v_min":
        low = float(feeder.v_min_pu[slack.position])
        return low, math.sqrt(max(low**2 - giving.largest, 0.0)) - low
    high = float(feeder.v_max_pu[slack.position])
    return high, math.sqrt(high**2 + giving.largest) - high


def _lines(feeder: Feeder, reduced: Feeder, slack: Slack, giving: Giving) -> Iterator[GivingLimit]:
    """Yield the lines of a branch of the reduced feeder whose own ratings are too small."""
    limit = float(reduced.i_max_pu[slack.position])
    needed = S_BASE_KVA * math.sqrt(limit**2 + giving.largest / S_BASE_KVA)
    whole = oriented(feeder)
    parent = {int(j): k for k, j in enumerate(whole.to_bus)}
    bus = whole.position(reduced.bus_ids[int(reduced.to_bus[slack.position])])
    top = whole.position(reduced.bus_ids[int(reduced.from_bus[slack.position])])
    while bus != top:
        k = parent[bus]
        rating = S_BASE_KVA * float(whole.i_max_pu[k])
        if needed - rating > 1e-3:
            line = whole.line_ids[k]
            ends = f"{whole.bus_ids[int(whole.from_bus[k])]} to {whole.bus_ids[bus]}"
            yield GivingLimit(
                "branch",
                f"rating of line {line} from bus {ends}",
                line,
                _hours(giving),
                rating,
                needed - rating,
                "kVA",
            )
        bus = int(whole.from_bus[k])


def _fleet(case: Case, slack: Slack, giving: Giving, hours: tuple[int, ...]) -> GivingLimit:
    mg, device = slack.place
    ev = next(ev for ev in case.microgrid(mg).ev if ev.id == device)
    words, share = {
        "departure": ("energy at its departure (soc_departure)", ev.soc_departure),
        "soc_min": ("least stored energy (soc_min)", ev.soc_min),
        "soc_end": ("energy at the end of the last hour (soc_start)", ev.soc_start),
    }[slack.kind]
    return GivingLimit(
        slack.kind,
        f"fleet {device} of microgrid {mg}, {words}",
        f"{mg} {device}",
        hours,
        share * ev.energy_kwh,
        -giving.largest,
        "kWh",
    )


def _hours(giving: Giving) -> tuple[int, ...]:
    """Return the hours in which a slack gives, the largest amount first."""
    amounts = np.asarray(list(giving.hourly.values()))
    hours = [h for h in giving.hourly if isinstance(h, int)]
    if len(hours) < len(amounts):
        return ()
    order = np.argsort(-np.round(amounts / giving.largest, 3), kind="stable")
    return tuple(hours[i] for i in order if amounts[i] > NAMED_HOUR * giving.largest)
