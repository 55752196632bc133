"""The case with the limits of an explanation changed by the amounts that it names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cmgplan.devices import StaticVarCompensator
from cmgplan.explanation import GivingLimit
from cmgplan.planning.case.records import Case, Microgrid, Tie

ADDED = "added reactive power"
"""Id of the compensator that stands for reactive power that is missing."""


def mended(case: Case, limits: Iterable[GivingLimit], share: float = 1.0) -> Case:
    """Return the case with limits giving a share of their amounts.

    Load that is not served, and the stored energy at the end of the day, are not limits that a
    case states; they are left alone.
    """
    by_place: dict[tuple[str, str], float] = {}
    for limit in limits:
        by_place[limit.kind, limit.place] = share * limit.amount
    file = case.file
    options = file.plan
    more = by_place.get(("operations", ""), 0.0)
    if options.operation_limit is not None:
        options = options.model_copy(
            update={"operation_limit": options.operation_limit + int(more)}
        )
    changed = file.model_copy(
        update={
            "microgrid": tuple(_microgrid(mg, by_place) for mg in file.microgrid),
            "tie": tuple(_tie(tie, by_place) for tie in file.tie),
            "plan": options,
        }
    )
    section = file.network
    buses = tuple(
        bus.model_copy(
            update={
                key: (getattr(section, key) if stated is None else stated) + by_place[key2]
                for key, key2, stated in (
                    ("v_min_pu", ("v_min", bus.bus), bus.v_min_pu),
                    ("v_max_pu", ("v_max", bus.bus), bus.v_max_pu),
                )
                if key2 in by_place
            }
        )
        for bus in case.buses
    )
    lines = tuple(
        line.model_copy(update={"rating_kva": line.rating_kva + by_place["branch", line.line]})
        if line.rating_kva is not None and ("branch", line.line) in by_place
        else line
        for line in case.lines
    )
    return replace(case, file=changed, buses=buses, lines=lines)


def _tie(tie: Tie, by_place: dict[tuple[str, str], float]) -> Tie:
    more = by_place.get(("tie", tie.id), 0.0)
    return tie.model_copy(update={"rating_kva": tie.rating_kva + more}) if more else tie


def _microgrid(mg: Microgrid, by_place: dict[tuple[str, str], float]) -> Microgrid:
    update: dict[str, Any] = {}
    more = by_place.get(("pcc", mg.pcc.id), 0.0)
    if more:
        update["pcc"] = mg.pcc.model_copy(update={"rating_kva": mg.pcc.rating_kva + more})
    inject = by_place.get(("reactive", mg.id), 0.0)
    absorb = by_place.get(("absorption", mg.id), 0.0)
    if inject or absorb:
        added = StaticVarCompensator(id=ADDED, q_min_kvar=-absorb, q_max_kvar=inject)
        update["svc"] = (*mg.svc, added)
    fleets = []
    for ev in mg.ev:
        place = f"{mg.id} {ev.id}"
        shares = {
            key: getattr(ev, key) + by_place[kind, place] / ev.energy_kwh
            for key, kind in (("soc_departure", "departure"), ("soc_min", "soc_min"))
            if (kind, place) in by_place
        }
        fleets.append(ev.model_copy(update=shares))
    return mg.model_copy(update={**update, "ev": tuple(fleets)})
