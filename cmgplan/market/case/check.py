"""What of a case keeps the market from running it."""

from __future__ import annotations

from cmgplan.errors import CaseError, Fault
from cmgplan.homes.case.optimised import not_for_prices
from cmgplan.homes.case.records import HomesCase


def check_market(case: HomesCase) -> list[Fault]:
    """Return every fault of a case that keeps the market from running it."""
    return list(not_for_prices(case, "the market"))


def require_market(case: HomesCase) -> None:
    """Raise CaseError where a case cannot be run as a market."""
    if faults := check_market(case):
        raise CaseError(faults)
