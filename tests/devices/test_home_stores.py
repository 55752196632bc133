"""Batteries, tanks and cars of homes by hand."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from home_devices import DAY, broken, day, minimise, one

from cmgplan.devices import (
    Battery,
    Car,
    Flows,
    Forecasts,
    ThermalStore,
    next_soc_kwh,
)


def test_tank_of_four_cubic_metres() -> None:
    tank = one("thermal_store")
    assert tank.capacity_kwh == pytest.approx(186.08)
    assert ThermalStore(
        id="t", energy_kwh=186.08, heat_charge_max_kw=1.0, heat_discharge_max_kw=1.0
    ).capacity_kwh == pytest.approx(tank.capacity_kwh)
    idle = tank.simulate_flows(DAY, Flows.of(24))
    assert idle.state is not None
    assert idle.state[[0, 1, 23]] == pytest.approx(93.04 * 0.99 ** np.array([1, 2, 24]))
    assert {(breach.limit, breach.hour) for breach in idle.breaches} == {("soc_min", 23)}
    assert tank.standing_loss_kwh(93.04, 1.0) == pytest.approx(0.9304)
    half_hours = tank.simulate_flows(Forecasts(24, 0.5), Flows.of(24)).state
    assert half_hours is not None
    assert half_hours[1] == pytest.approx(93.04 * 0.99)


def test_stored_energy_of_many_hours_in_closed_form() -> None:
    rng = np.random.default_rng(5)
    battery = Battery(
        id="b",
        p_charge_max_kw=9.0,
        p_discharge_max_kw=9.0,
        energy_kwh=50.0,
        efficiency_charge=0.9,
        efficiency_discharge=0.8,
        retention_per_h=0.96,
    )
    net = rng.uniform(-3.0, 2.0, 24)
    trace = battery.simulate_flows(DAY, Flows.of(24, p_kw=net))
    put_in = np.where(net < 0.0, -0.9 * net, -net / 0.8)
    age = np.subtract.outer(np.arange(24), np.arange(24))
    kept = np.where(age >= 0, 0.96 ** np.maximum(age, 0), 0.0)
    expected = 25.0 * 0.96 ** np.arange(1, 25) + kept @ put_in
    assert trace.soc_kwh == pytest.approx(expected)


def test_battery_charges_cheap_and_discharges_dear() -> None:
    # Prices 0.10 then 0.30: one kWh charged gives 0.81 kWh and 0.143.
    battery = Battery(
        id="b",
        p_charge_max_kw=1.0,
        p_discharge_max_kw=1.0,
        energy_kwh=2.0,
        soc_start=0.0,
        efficiency_charge=0.9,
        efficiency_discharge=0.9,
    )
    model = pyo.ConcreteModel()
    model.b = pyo.Block()
    battery.add_to(model.b, Forecasts(2))
    minimise(model, -0.1 * model.b.p_inj[0] - 0.3 * model.b.p_inj[1])
    found = [pyo.value(model.b.p_inj[t]) for t in (0, 1)]
    assert found == pytest.approx([-1.0, 0.81])
    assert -pyo.value(model.objective) == pytest.approx(0.143)


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_charge_and_discharge_exclude_each_other_where_asked(least: float) -> None:
    car = Car(
        id="car",
        p_charge_max_kw=4.0,
        p_charge_min_kw=least,
        p_discharge_max_kw=4.0,
        energy_kwh=10.0,
        soc_start=1.0,
        efficiency_charge=0.9,
        efficiency_discharge=0.9,
        depart_hour=8,
        return_hour=8,
    )
    burnt = {}
    for exclude in (False, True):
        model = pyo.ConcreteModel()
        model.b = pyo.Block()
        car.add_to(model.b, Forecasts(1))
        if exclude:
            car.exclude(model.b, 0)
        # Whoever is paid for taking energy would burn it in a full battery.
        minimise(model, model.b.p_inj[0])
        burnt[exclude] = -pyo.value(model.b.p_inj[0])
    assert burnt[False] == pytest.approx(4.0 - 0.9 * 4.0 * 0.9)
    assert burnt[True] == pytest.approx(0.0, abs=1e-7)


def test_next_soc_by_hand() -> None:
    # 100 kWh, 4 kW * 0.5 h * 0.9 = 1.8 in, 1.8 kW * 0.5 h / 0.9 = 1 out, 2 driven, 98 % kept.
    found = next_soc_kwh(
        100.0, 4.0, 1.8, 2.0, dt_h=0.5, efficiency_charge=0.9, efficiency_discharge=0.9, kept=0.98
    )
    assert found == pytest.approx(98.0 - 2.0 + 1.8 - 1.0)


def test_car_that_departs_when_the_day_ends() -> None:
    car = one("ev", depart_hour=24, return_hour=18, soc_start=0.3, soc_departure=0.75)
    assert np.flatnonzero(car.connected(DAY)).tolist() == [18, 19, 20, 21, 22, 23]
    assert car.departures(DAY) == [24]
    assert car.soc_floor_kwh(DAY)[[22, 23]].tolist() == [0.0, 15.0]
    assert list(car.conflicts_over(DAY)) == []
    assert broken(car, p_kw=day(0.0, h20=-3.0, h21=-3.0, h22=-3.0)) == set()
    assert broken(car, p_kw=day(0.0, h20=-3.0, h21=-3.0)) == {("soc_min", 23)}
    assert broken(car, p_kw=day(0.0, h17=-3.0, h21=-3.0, h22=-3.0)) == {("p_charge_max_kw", 17)}


def test_car_of_the_building_fills_before_six_and_drives_by_day() -> None:
    car = Car(
        id="car",
        p_charge_max_kw=3.0,
        p_discharge_max_kw=3.0,
        energy_kwh=9.0,
        soc_start=0.0,
        soc_departure=1.0,
        depart_hour=6,
        return_hour=16,
        driving_kwh=4.5,
    )
    filled = day(0.0, h0=-3.0, h1=-3.0, h2=-3.0)
    trace = car.simulate_flows(DAY, Flows.of(24, p_kw=filled))
    assert trace.breaches == []
    assert trace.state is not None
    assert trace.state[[2, 5, 15, 23]] == pytest.approx([9.0, 9.0, 4.5, 4.5])
    assert broken(car, p_kw=filled + day(0.0, h17=1.5, h18=3.0)) == set()
    assert broken(car, p_kw=filled + day(0.0, h17=2.5, h18=3.0)) == {
        ("soc_min", t) for t in range(18, 24)
    }
