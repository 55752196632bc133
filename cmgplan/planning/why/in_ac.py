"""By how much limits must give in AC, from what they give in the relaxation."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pyomo.environ as pyo

from cmgplan.devices.base import Forecasts
from cmgplan.explanation import GivingLimit, last_digit, rounded_away
from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case.records import Case, PlanOptions
from cmgplan.planning.model.ac_operation import AcOperation
from cmgplan.planning.model.schedule import allow_unserved
from cmgplan.planning.model.schedule_model import FeederModel
from cmgplan.planning.why.least_set import Least
from cmgplan.planning.why.mend import mended

STEPS = ((1.0, 0), (1.0, 1), (1.001, 1), (1.005, 1), (1.02, 1), (1.1, 1))
"""Factor of the amounts, and last digits added, that are tried one after the other."""


def enough_in_ac(
    case: Case,
    options: PlanOptions,
    limits: Sequence[GivingLimit],
    shed_kw: Mapping[str, Mapping[int, float]],
    least: Least,
    deadline: float,
) -> list[GivingLimit] | None:
    """Return the limits with amounts that an AC operation confirms, None where none did.

    Parameters
    ----------
    limits
        What gives, at least.
    shed_kw
        Load that goes unserved by microgrid and hour.
    least
        Whose switches and commitments are set.
    """
    for factor, digits in STEPS:
        if time.perf_counter() > deadline:
            return None
        tried = [_grown(limit, factor, digits) for limit in limits]
        shed = {
            mg: {t: factor * kw + 1e-2 * digits for t, kw in hours.items()}
            for mg, hours in shed_kw.items()
        }
        if operates(case, options, tried, shed, least):
            return tried
    return None


def operates(
    case: Case,
    options: PlanOptions,
    limits: Sequence[GivingLimit],
    shed_kw: Mapping[str, Mapping[int, float]],
    least: Least,
) -> bool:
    """Whether there is an AC operation with the limits giving and the switches set."""
    eased = mended(case, limits)
    h = eased.horizon(options)

    def prepare(m: FeederModel) -> None:
        _ease_end(m, eased, limits, h)
        if shed_kw:
            _shed(m, eased, shed_kw, h)

    problem = AcOperation(eased, options, build_feeder(eased), prepare)
    return problem.best(least.closed, least.on, {"loss_kwh": 1.0}, {}) is not None


def _grown(limit: GivingLimit, factor: float, digits: int) -> GivingLimit:
    if limit.unit == "operations":
        return limit
    sign = -1.0 if limit.amount < 0.0 else 1.0
    amount = factor * limit.amount + sign * digits * last_digit(limit.unit)
    return replace(limit, amount=rounded_away(amount, limit.unit))


def _ease_end(m: FeederModel, case: Case, limits: Sequence[GivingLimit], h: Forecasts) -> None:
    """Let fleets end the day with less."""
    eased = {limit.place: limit.amount for limit in limits if limit.kind == "soc_end"}
    for mg in case.microgrids:
        for ev in mg.ev:
            amount = eased.get(f"{mg.id} {ev.id}", 0.0)
            soc = m.dev[mg.id, ev.id].soc[h.hours - 1]
            if amount:
                soc.setlb(soc.lb + amount)


def _shed(
    m: FeederModel, case: Case, shed_kw: Mapping[str, Mapping[int, float]], h: Forecasts
) -> None:
    """Let loads go unserved, in each hour up to what is given."""
    allow_unserved(m, case, h)
    rows = pyo.ConstraintList(doc="load not served, kW")
    m.add_component("shed_limit", rows)
    for mg in case.microgrids:
        for t in h.steps if mg.load else ():
            most = shed_kw.get(mg.id, {}).get(t, 0.0)
            rows.add(pyo.quicksum(m.dev[mg.id, load.id].unserved[t] for load in mg.load) <= most)
