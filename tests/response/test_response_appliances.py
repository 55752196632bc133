"""Appliances and cars under the rules: each runs by its own rule."""

from __future__ import annotations

import numpy as np
import pytest

from cmgplan.devices import Car, Forecasts, Job, Refrigerator, WaterHeater
from cmgplan.homes.case.read import load_homes
from cmgplan.response.case.charging import plug_schedule_kw
from cmgplan.response.rules.plant import own_flows


def test_a_fridge_stays_in_its_band_where_the_printed_rule_leaves_it() -> None:
    """From 4 deg C in a band of 2..6; literal eq. (83) goes 5, 6, 7."""
    h = Forecasts(12)
    fridge = Refrigerator(
        id="fridge",
        p_kw=0.25,
        t_min_c=2.0,
        t_max_c=6.0,
        t_start_c=4.0,
        cooling_k_per_h=1.0,
        warming_k_per_h=1.0,
    )
    flows = own_flows(fridge, h)
    assert flows is not None
    assert (-flows.p_kw / 0.25).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    trace = fridge.simulate_flows(h, flows)
    assert trace.state is not None
    assert trace.state.tolist() == [5, 6, 5, 4, 3, 2, 3, 4, 5, 6, 5, 4]
    literal, temperature = [], 4.0
    for _ in range(3):
        temperature += 1.0 if 2.0 <= temperature <= 6.0 else -1.0
        literal.append(temperature)
    assert literal == [5, 6, 7]


def test_a_water_heater_mirrors_the_fridge() -> None:
    h = Forecasts(12)
    tap = WaterHeater(
        id="tap",
        carrier="heat",
        p_kw=2.0,
        t_min_c=50.0,
        t_max_c=65.0,
        t_start_c=55.0,
        heating_k_per_h=5.0,
        cooling_k_per_h=5.0,
    )
    flows = own_flows(tap, h)
    assert flows is not None
    trace = tap.simulate_flows(h, flows)
    assert trace.state is not None and not flows.p_kw.any()
    assert trace.state.tolist() == [50, 55, 60, 65, 60, 55, 50, 55, 60, 65, 60, 55]


def test_a_dishwasher_runs_once_in_one_piece_within_its_window() -> None:
    job = Job(id="dishwasher", p_kw=1.2, duration_h=2, window=(7.0, 22.0))
    flows = own_flows(job, Forecasts(24))
    assert flows is not None
    assert np.flatnonzero(flows.p_kw).tolist() == [7, 8]
    assert flows.p_kw.sum() == pytest.approx(-2.4)


def test_a_car_charges_what_it_needs_and_never_under_its_least_power() -> None:
    """9 kWh at 0.92 are 9.783 kWh: 3, 3, 2.783 and 1 kW, for 0.783 kW would be too little."""
    case = load_homes("hmg3-response")
    charges = []
    for home in case.homes:
        (car,) = home.ev  # type: ignore[attr-defined]
        charge = plug_schedule_kw(car, case.forecasts())
        assert not (charge * (1.0 - car.connected(case.forecasts()))).any()
        assert ((charge == 0.0) | ((charge >= 1.0 - 1e-9) & (charge <= 3.0))).all()
        charges.append(charge)
    assert charges[0][:5].tolist() == pytest.approx([3.0, 3.0, 9.0 / 0.92 - 7.0, 1.0, 0.0])
    assert [0.92 * charge.sum() for charge in charges] == pytest.approx([9.0, 10.0, 8.0])
    assert np.flatnonzero(charges[1]).tolist() == [18, 19, 20, 21]


@pytest.mark.parametrize("seed", range(40))
def test_a_car_of_any_size_is_ready_at_its_departure(seed: int) -> None:
    rng = np.random.default_rng(seed)
    most = float(rng.uniform(2.0, 4.0))
    car = Car(
        id="car",
        p_charge_max_kw=most,
        p_charge_min_kw=float(rng.uniform(0.0, most)),
        energy_kwh=30.0,
        soc_start=float(rng.uniform(0.2, 0.5)),
        soc_end=0.2,
        soc_departure=float(rng.uniform(0.5, 0.6)),
        depart_hour=float(rng.integers(7, 12)),
        return_hour=float(rng.integers(13, 18)),
        driving_kwh=float(rng.uniform(1.0, 6.0)),
        efficiency_charge=0.92,
    )
    h = Forecasts(24)
    assert list(car.conflicts_over(h)) == []
    flows = own_flows(car, h)
    assert flows is not None
    assert list(car.simulate_flows(h, flows).breaches) == []
