"""Keys of a case that only an optimiser heeds, so that rules must refuse them."""

from __future__ import annotations

from collections.abc import Iterator

from cmgplan.case.folder import CASE_FILE
from cmgplan.devices import CombinedHeatPower, Job
from cmgplan.devices.store import HomeStore
from cmgplan.errors import Fault
from cmgplan.homes.case.records import HomesCase


def not_for_rules(case: HomesCase, who: str) -> Iterator[Fault]:
    """Yield the keys that are given and that ``who`` (the rules, a heuristic) cannot keep."""
    yield from not_for_prices(case, who)
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


def not_for_prices(case: HomesCase, who: str) -> Iterator[Fault]:
    """Yield the keys that are given and put money on something else than energy.

    ``who`` (the market, the rules, a heuristic) decides by prices of energy and does not see it.
    """
    mend = "leave it out, or run the optimum or the exact answer of demand response, which count it"
    retailer = case.file.retailer
    if retailer is not None and retailer.peak_charge_per_kw > 0.0:
        message = f"{who} cannot keep the greatest import low"
        yield Fault(CASE_FILE, "retailer.peak_charge_per_kw", message, mend)
    for k, home in enumerate(case.homes):
        numbers: dict[str, int] = {}
        for device in home.devices():
            at = numbers[device.kind] = numbers.get(device.kind, -1) + 1
            where = f"home[{k}].{device.kind}[{at}]"
            if isinstance(device, Job) and device.optional:
                message = f"{who} cannot leave out job {device.id}"
                yield Fault(CASE_FILE, f"{where}.optional", message, mend)
            if isinstance(device, HomeStore) and device.value_end_per_kwh > 0.0:
                message = f"{who} cannot weigh what {device.id} holds when the day ends"
                yield Fault(CASE_FILE, f"{where}.value_end_per_kwh", message, mend)
