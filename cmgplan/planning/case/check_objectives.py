"""Warnings where an objective is nothing whatever is done, so that no front can trade it."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import (
    Load,
    MicroTurbine,
    Photovoltaic,
    Storage,
    WindTurbine,
)
from cmgplan.errors import Fault
from cmgplan.planning.case.draft import Draft

OVER = "the front is over the other objectives"


def check_objectives(draft: Draft) -> Iterator[Fault]:
    """Yield a warning for each objective that no schedule can change, and for lopsided prices."""
    if draft.grid is None or draft.incomplete:
        return
    grid = sum(draft.grid.emission_usd_per_mwh.values())
    turbines = [device for _, _, device in draft.devices() if isinstance(device, MicroTurbine)]
    emitting = any(sum(mt.emission_usd_per_mwh.values()) > 0.0 for mt in turbines)
    if grid == 0.0 and not emitting:
        yield Fault(
            CASE_FILE,
            "grid.emission_usd_per_mwh",
            f"all emission prices are 0, so that emission cost has no range and {OVER}",
            "give prices of emissions, if emissions are to count",
            "warning",
        )
    elif grid == 0.0 and _turbines_count(draft):
        yield Fault(
            CASE_FILE,
            "grid.emission_usd_per_mwh",
            "upstream energy emits nothing while turbines do, so that emission cost without "
            "microgrids is nothing and Levels 5 and 6 weigh it like generation cost",
            "give the grid's emission price, if it has one",
            "warning",
        )
    if _nothing_costs(draft):
        message = f"all prices are 0, so that generation cost has no range and {OVER}"
        mend = "give prices, if cost is to count"
        yield Fault(CASE_FILE, "grid.price_column", message, mend, "warning")
    lines = [placed.record for placed in draft.lines if placed.record.in_service]
    lossless = all(line.r_ohm == 0.0 for line in lines)
    if lines and lossless and all(tie.record.r_ohm == 0.0 for tie in draft.ties):
        message = f"no line and no tie has a resistance, so that losses have no range and {OVER}"
        yield Fault(draft.line_file, "", message, "give r_ohm, if losses are to count", "warning")


def _turbines_count(draft: Draft) -> bool:
    """Return whether Levels 5 and 6 divide f2 by its value and count the turbines in it."""
    plan = draft.plan
    return plan is not None and plan.normalise and plan.upper_emissions == "all"


def _nothing_costs(draft: Draft) -> bool:
    """Return whether energy, sources, wear, response and operations all cost nothing."""
    horizon = draft.horizon
    if horizon is None or horizon.price_usd_per_mwh.any():
        return False
    if draft.plan is not None and draft.plan.operation_cost_usd > 0.0:
        return False
    priced = (Load, WindTurbine, Photovoltaic, MicroTurbine, Storage)
    return all(
        isinstance(device.price, str) or device.price == 0.0
        for _, _, device in draft.devices()
        if isinstance(device, priced)
    )
