"""Rules for the keys of ``[building]`` that only the building uses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cmgplan.case.folder import CASE_FILE
from cmgplan.errors import CaseError, Fault
from cmgplan.homes.case.kinds import unknown_kinds
from cmgplan.homes.case.optimised import not_for_rules
from cmgplan.homes.case.records import HomesCase
from cmgplan.plurals import counted

WHO = "the rules of the building"

ABOVE_ONE = 1e-12
"""Excess over 1 from which a coefficient is out of range."""


def check_building(case: HomesCase) -> list[Fault]:
    """Return every fault of a case that keeps the rules from running it."""
    return [
        *_coefficients(case),
        *_load_mixes(case),
        *unknown_kinds(case, WHO),
        *not_for_rules(case, WHO),
    ]


def require_building(case: HomesCase) -> None:
    """Raise CaseError where a case cannot be run by the rules."""
    faults = check_building(case)
    if faults:
        raise CaseError(faults)


def _coefficients(case: HomesCase) -> Iterator[Fault]:
    """Yield coefficients over 1: of what is taken of an offer, and of the price that is paid."""
    section = case.file.building
    for key, value, told in (
        ("power_coefficient", section.power_coefficient, "more is bought than is offered"),
        ("price_coefficient", section.price_coefficient, "sales bring more than purchases cost"),
    ):
        if value is None:
            continue
        values = case.series(value)
        hours = np.flatnonzero(values > 1.0 + ABOVE_ONE)
        if hours.size:
            first = int(hours[0])
            more = f" (and in {counted(hours.size - 1, 'more hour')})" if hours.size > 1 else ""
            message = f"{values[first]:g} in hour {first}{more} is above 1, so that {told}"
            yield Fault(CASE_FILE, f"building.{key}", message, "give values from 0 to 1")


def _load_mixes(case: HomesCase) -> Iterator[Fault]:
    """Yield scenarios without buildings."""
    section = case.file.building
    for k, mix in enumerate(section.load_mix):
        if mix.coalition + mix.alone + mix.grid == 0:
            message = f"scenario {mix.name} puts no building on a bus"
            mend = "give a number of coalition, alone or grid, or leave the mix out"
            yield Fault(CASE_FILE, f"building.load_mix[{k}]", message, mend)
