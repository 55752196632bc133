"""Of equally good days the market and the optimum take the same one: the tidiest."""

from __future__ import annotations

import numpy as np
import pytest
from market_cases import flats, market_case

from cmgplan.homes.optimum.front import find_optimum
from cmgplan.market.leading.settle import settled_day
from cmgplan.market.model.plant import Plant


def test_a_battery_charges_in_the_first_of_two_hours_of_one_price() -> None:
    """5 kWh of a lossless battery save 10 p each, charged in hour 0 or 1; both homes may trade."""
    battery = {
        "id": "battery",
        "p_charge_max_kw": 5.0,
        "p_discharge_max_kw": 5.0,
        "energy_kwh": 5.0,
        "soc_start": 0.0,
    }
    homes = [{"id": "A", "load": [flats(8.0)]}, {"id": "B", "storage": [battery]}]
    profiles = {"buy_per_kwh": np.array([10.0, 10.0, 20.0]), "sell_per_kwh": np.full(3, 5.0)}
    case = market_case(homes, "buy_per_kwh", "sell_per_kwh", profiles=profiles, hours=3)
    by_market = settled_day(Plant(case), [(("A", "B"), np.zeros((2, 3)))])
    for day in (by_market, find_optimum(case).point.dispatch):
        assert day.flows["B", "battery"].p_kw == pytest.approx([-5.0, 0.0, 5.0], abs=1e-9)
        assert day.exchange["A"].import_kw == pytest.approx([8.0, 8.0, 3.0], abs=1e-9)
        assert day.exchange["B"].import_kw == pytest.approx([5.0, 0.0, 0.0], abs=1e-9)
