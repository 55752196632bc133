"""Why load is not served under the policies: the fewest limits that would have to give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from cmgplan.arrays import FloatArray
from cmgplan.errors import LimitError
from cmgplan.explanation import Explanation, GivingLimit, Way
from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.homes.optimum.front import unserved_kwh
from cmgplan.response.exact.owner import ResponseQuestion
from cmgplan.response.exact.soft import Soft, SoftDay, SoftOwner
from cmgplan.response.model.penalty import penalties_of
from cmgplan.response.model.policy import policies_of

STAGE = "Response"

SOME_KWH = 1e-4
"""Energy not served that is worth a reason."""

GIVES = 1e-5
"""Power or emission from which a limit gives."""

MOST_WAYS = 3

GAP = 1e-4
"""Gap of the number of limits, and of what they give."""

NONE_UNSERVED = {"electricity": 0.0, "heat": 0.0}


def why_unserved(case: HomesCase, day: Dispatch, time_limit_s: float = 30.0) -> Explanation | None:
    """Return which limits would have to give so that a day serves all load.

    The first way has the fewest limits, and of these the least that they give together; further
    ways do without one of those limits. None where the day serves everything.

    Raises
    ------
    SolverError
        The solver failed.
    """
    missed = {carrier: kwh for carrier, kwh in unserved_kwh(case, day).items() if kwh > SOME_KWH}
    if not missed:
        return None
    told = " and ".join(f"{kwh:.2f} kWh of {carrier}" for carrier, kwh in missed.items())
    reason = f"{told} not served"
    owner = SoftOwner(case, model := SoftDay(case, policies_of(case), penalties_of(case)))
    ways: list[Way] = []
    for _ in range(MOST_WAYS):
        given = _fewest(owner, time_limit_s / MOST_WAYS)
        if given is None:
            break
        giving = [k for k in range(len(model.soft)) if given[k].max() > GIVES]
        if not giving:
            return Explanation(STAGE, reason, (), options=tuple(_dearer(missed)))
        words = "the fewest that are enough" if not ways else ""
        ways.append(Way(tuple(_told(model.soft[k], given[k]) for k in giving), words))
        model.forbid(giving)
        owner.recompile()
    notes = () if ways else ("what would have to give was not found",)
    return Explanation(STAGE, reason, tuple(ways), options=tuple(_options(case)), notes=notes)


def _fewest(owner: SoftOwner, time_limit_s: float) -> FloatArray | None:
    """Return by how much each limit gives where the fewest do, kW or kg/h, shape (limits, T)."""
    try:
        found = owner.answer(
            ResponseQuestion({"gives": 1.0}, unserved_kwh=NONE_UNSERVED), GAP, 0.5 * time_limit_s
        )
        if found is None:
            return None
        least = ResponseQuestion(
            {"given": 1.0}, unserved_kwh=NONE_UNSERVED, caps={"gives": found.objective + GAP}
        )
        better = owner.answer(least, GAP, 0.5 * time_limit_s) or found
    except LimitError:
        return None
    return owner.given[id(better.dispatch)]


def _told(soft: Soft, given: FloatArray) -> GivingLimit:
    """Return a limit that gives, with the hours in which it does."""
    hours = sorted(np.flatnonzero(given > GIVES), key=lambda t: -given[t])
    most = float(given[hours[0]])
    who = f"home {soft.homes[0]}" if len(soft.homes) == 1 else "all homes together"
    now: float | None = float(soft.limit[hours[0]])
    unit = "kW"
    if soft.kind == "emax":
        words, unit = f"Emax of {who}, emission_max_kg_per_h", "kg/h"
    elif soft.kind == "shift":
        words = f"electric load of {who} that may leave the hour"
    elif soft.kind == "import":
        words = f"what the retailer sells to {who}"
    else:
        words, now = f"another source of {soft.carrier} for {who}", None
    place = soft.homes[0] if len(soft.homes) == 1 else "retailer"
    return GivingLimit(soft.kind, words, place, tuple(int(t) for t in hours), now, most, unit)


def _dearer(missed: Mapping[str, float]) -> Iterator[str]:
    """Yield what to change where all could be served, and serving costs more than it is worth."""
    for carrier in missed:
        yield (
            f"no limit stands in the way: serving this costs more than it is worth; raise "
            f"unserved_{carrier}_per_kwh of [pool] if it must be served"
        )


def _options(case: HomesCase) -> Iterator[str]:
    """Yield what of the case would do instead."""
    if any(policy.capped for policy in policies_of(case).values()):
        yield 'give homes policy = "price", under which Emax is no limit'
