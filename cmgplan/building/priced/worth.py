"""What groups of units are worth by the rules: the game that a coalition's money is shared by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Literal

from cmgplan.building.model.plant import read_plant
from cmgplan.building.priced.optimum import optimal_value, with_file
from cmgplan.building.rules.day import together
from cmgplan.building.rules.money import unit_money
from cmgplan.building.rules.paying import run_by
from cmgplan.homes.case.records import HomesCase

Rules = Literal["paper", "paying"]

MOST_UNITS = 8
"""Units up to which every coalition is run: 255 of them."""


def coalitions(units: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield every coalition of units, the smallest first."""
    for size in range(1, len(units) + 1):
        yield from combinations(units, size)


def name_of(coalition: tuple[str, ...]) -> str:
    """Return the key of a coalition: its ids, sorted, joined by ``+``."""
    return "+".join(sorted(coalition))


def values_by_rules(case: HomesCase, rules: Rules = "paper") -> dict[str, float]:
    """Return v(S) of every coalition of units by the rules, by its sorted ids joined by ``+``.

    v(S) counts as income does: minus what S pays in a day of its own, together with the value
    of what it leaves unserved. Empty with more than ``MOST_UNITS`` units.
    """
    if len(case.ids) > MOST_UNITS:
        return {}
    return {
        name_of(coalition): value_by_rules(case, coalition, rules)
        for coalition in coalitions(case.ids)
    }


def values_by_optimum(case: HomesCase, gap: float, time_limit_s: float) -> dict[str, float]:
    """Return v(S) of every coalition of units in its one-owner optimum, under the limits of sale.

    Keys and signs are those of ``values_by_rules``; empty with more than ``MOST_UNITS`` units.
    """
    if len(case.ids) > MOST_UNITS:
        return {}
    return {
        name_of(coalition): optimal_value(of_units(case, coalition), gap, time_limit_s)
        for coalition in coalitions(case.ids)
    }


def value_by_rules(case: HomesCase, coalition: tuple[str, ...], rules: Rules = "paper") -> float:
    """Return v(S) of one coalition of units by the rules, currency."""
    mine = of_units(case, coalition)
    plant = read_plant(mine)
    money = unit_money(run_by(rules, plant, together(plant)), case.file.pool)
    return -float((money.cost + money.unserved).sum())


def of_units(case: HomesCase, units: tuple[str, ...]) -> HomesCase:
    """Return the case of some of its units."""
    return with_file(case, home=tuple(home for home in case.homes if home.id in units))
