"""What the objectives of Levels 5 and 6 are divided by, so that eq. (38) can add them up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.units import usd_per_kwh

NOTHING_SHARE = 0.05
"""Share of what its parts come to under which a cost or an emission cost counts as nothing."""

NOTHING_LOST = 1e-4
"""Share of the energy delivered under which losses count as nothing."""

LEAST = 1e-6
"""$ or kWh under which parts come to nothing themselves."""


@dataclass(frozen=True)
class Scales:
    """Divisors of f1, f2, f3 in $, $ and kWh, and what is to be said of those that are unusual."""

    by: Mapping[str, float]
    notes: tuple[str, ...]


def scales_of(
    case: Case, options: PlanOptions, without: Mapping[str, float], flow: PowerFlow
) -> Scales:
    """Return the values without microgrids, and others where such a value is nothing.

    ``without`` are f1, f2, f3 of ``flow``, the feeder without microgrids. Relative to a value
    that is nothing every change is infinite. A cost that cancels out is divided by the sum of its
    hours' absolute amounts instead; an emission cost by the divisor of the cost, so that a dollar
    counts as a dollar; losses by the energy delivered, so that a kWh lost counts like one bought.
    """
    h = case.horizon(options)
    drawn_kwh = np.abs(flow.slack_p_kw) * h.dt_h
    price = np.asarray([abs(usd_per_kwh(float(v))) for v in h.price_usd_per_mwh])
    traded_usd, energy_kwh = float(price @ drawn_kwh), float(drawn_kwh.sum())
    found: dict[str, float] = {}
    notes: list[str] = []
    emission_usd, parts_usd = abs(without["ec_usd"]), _emission_parts_usd(case, options, energy_kwh)
    emits = emission_usd > max(NOTHING_SHARE * parts_usd, LEAST)

    def instead(name: str, words: str, value: float, unit: str, why: str) -> None:
        found[name] = value
        notes.append(
            f"{words} without microgrids is as good as nothing, so that at Levels 5 and 6 it is "
            f"divided by {value:.6g} {unit}, {why}"
        )

    cost_usd = abs(without["gc_usd"])
    if cost_usd > max(NOTHING_SHARE * traded_usd, LEAST):
        found["gc_usd"] = cost_usd
    elif traded_usd > LEAST:
        instead("gc_usd", "generation cost", traded_usd, "$", "the sum of its absolute hours")
    elif emits:
        instead("gc_usd", "generation cost", emission_usd, "$", "as emission cost is")
    else:
        instead("gc_usd", "generation cost", 1.0, "$", "for want of any other scale")
    if emits:
        found["ec_usd"] = emission_usd
    else:
        why = "as generation cost is: a dollar counts as a dollar"
        instead("ec_usd", "emission cost", found["gc_usd"], "$", why)
    if without["loss_kwh"] > max(NOTHING_LOST * energy_kwh, LEAST):
        found["loss_kwh"] = without["loss_kwh"]
    elif energy_kwh > LEAST:
        why = "the energy delivered: a kWh lost counts like one bought"
        instead("loss_kwh", "what the feeder loses", energy_kwh, "kWh", why)
    else:
        why = "for want of any other scale"
        instead("loss_kwh", "what the feeder loses", 1.0, "kWh", why)
    return Scales(found, tuple(notes))


def _emission_parts_usd(case: Case, options: PlanOptions, energy_kwh: float) -> float:
    """Return what upstream energy and, where they count, turbines at full power would emit, $."""
    total = usd_per_kwh(case.grid_emission_usd_per_mwh) * energy_kwh
    if options.upper_emissions == "all":
        hours = case.file.time.hours * case.file.time.dt_h
        for mg in case.microgrids:
            for mt in mg.mt:
                rate = usd_per_kwh(sum(mt.emission_usd_per_mwh.values()))
                total += rate * mt.p_max_kw * hours
    return total
