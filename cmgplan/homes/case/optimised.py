"""Keys of a case that only an optimiser heeds, so that rules must refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import CombinedHeatPower
from cmgplan.errors import Fault
from cmgplan.homes.case.records import HomesCase


def not_for_rules(case: HomesCase, who: str) -> Iterator[Fault]:
    """Yield the keys that are given and that ``who`` (the rules, a heuristic) cannot keep."""
    mend = "leave it out, or run the optimum, the market or the exact answer, which keep it"
    for k, home in enumerate(case.homes):
        if home.not_together:
            message = f"{who} cannot keep jobs of home {home.id} apart"
            yield Fault(CASE_FILE, f"home[{k}].not_together", message, mend)
        engines = [device for device in home.devices() if isinstance(device, CombinedHeatPower)]
        for j, engine in enumerate(engines):
            for key in ("min_on_h", "min_off_h"):
                if getattr(engine, key) > 0.0:
                    message = f"{who} cannot keep a least time of engine {engine.id}"
                    yield Fault(CASE_FILE, f"home[{k}].chp[{j}].{key}", message, mend)
