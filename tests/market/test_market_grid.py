"""One hour of the published plant against a grid of what leaders put into the market."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from market_cases import worth_of

from cmgplan.homes.case.read import load_homes
from cmgplan.homes.case.records import HomesCase
from cmgplan.market.leading.groups import Groups
from cmgplan.market.leading.milp import start_at
from cmgplan.market.leading.uniform import Uniform
from cmgplan.market.model.plant import Plant


def first_hour() -> HomesCase:
    case = load_homes("hmg3")
    time = case.file.time.model_copy(update={"hours": 1})
    profiles = {name: column[:1] for name, column in case.profiles.items()}
    return replace(case, file=case.file.model_copy(update={"time": time}), profiles=profiles)


@pytest.mark.parametrize(
    ("leading", "following", "income"),
    [("A", "BC", -6.0691), ("C", "AB", -4.9215)],
)
def test_no_quantities_on_a_grid_earn_more(leading: str, following: str, income: float) -> None:
    plant = Plant(first_hour())
    groups = tuple(leading), tuple(following)
    s = Uniform(plant, *groups, worth_of(plant, *groups), gap=1e-6, time_limit_s=20.0).answer()
    market = Groups(plant, *groups, np.ones(1, dtype=bool))
    best = -np.inf
    for electric_kw in np.linspace(-200.0, 200.0, 17):
        for heat_kw in np.linspace(-200.0, 200.0, 17):
            found = start_at(market, np.array([electric_kw, heat_kw]))
            if found is not None:
                best = max(best, found[0] * plant.unit)
    assert best <= s.optimistic_income + 1e-9
    assert best >= s.optimistic_income - 0.5
    # GBP, from a prototype that shares no code with this package.
    assert s.optimistic_income == pytest.approx(income, abs=1e-3)
