"""Devices of homes by hand: numbers, limits broken once, windows of the clock, what a site sums."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest
from device_blocks import DeviceBlock
from pydantic import ValidationError

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    HOME_KINDS,
    Battery,
    Car,
    CombinedHeatPower,
    Device,
    Emission,
    Flow,
    Flows,
    Forecasts,
    GasBoiler,
    HeatPump,
    HomeLoad,
    Job,
    Load,
    MicroTurbine,
    Photovoltaic,
    Site,
    SolarPlant,
    State,
    StaticVarCompensator,
    Storage,
    ThermalStore,
    WindTurbine,
    next_soc_kwh,
)

DAY = Forecasts(24)


def day(level: float = 0.0, **hours: float) -> FloatArray:
    """Return a day at one level with single hours changed: ``day(0.0, h3=10.0)``."""
    values = np.full(24, level)
    for hour, value in hours.items():
        values[int(hour[1:])] = value
    return values


def broken(device: Device, **flows: FloatArray) -> set[tuple[str, int]]:
    trace = device.simulate_flows(DAY, Flows.of(24, **flows))
    return {(breach.limit, breach.hour) for breach in trace.breaches}


def minimise(model: pyo.ConcreteModel, expression: object) -> None:
    model.objective = pyo.Objective(expr=expression)
    pyo.assert_optimal_termination(pyo.SolverFactory("appsi_highs").solve(model))


HOME: dict[str, list[dict[str, Any]]] = {
    "load": [
        {
            "id": "flats",
            "carrier": "electricity",
            "p_kw": 210.0,
            "profile": "flats",
            "shiftable_share": 0.3,
            "shift_in_max_kw": 63.0,
            "shift_cost_per_kwh": 0.0005,
            "shift_direction": "any",
            "shift_delay_max_h": 24,
            "shift_backlog_max_kwh": 1000.0,
        },
        {"id": "heating", "carrier": "heat", "p_kw": "heating_kw"},
    ],
    "pv": [{"id": "roof", "p_max_kw": 1.1, "forecast": "sun"}],
    "wt": [{"id": "mast", "p_max_kw": 50.0, "forecast": "wind"}],
    "solar_thermal": [{"id": "collector", "heat_max_kw": 600.0, "forecast": "sun"}],
    "chp": [
        {"id": "engine", "fuel_max_kw": 355.0, "efficiency_electric": 0.4, "efficiency_heat": 0.293}
    ],
    "gas_boiler": [
        {
            "id": "boiler",
            "heat_max_kw": 300.0,
            "efficiency": 0.88,
            "emission": {"square": 0.002, "linear": 0.2, "fixed": 0.0},
        }
    ],
    "electric_boiler": [{"id": "rod", "heat_max_kw": 200.0, "efficiency": 0.98}],
    "heat_pump": [{"id": "pump", "heat_max_kw": 700.0, "cop": 3.0}],
    "storage": [
        {
            "id": "battery",
            "p_charge_max_kw": 500.0,
            "p_discharge_max_kw": 500.0,
            "energy_kwh": 500.0,
        }
    ],
    "thermal_store": [
        {
            "id": "tank",
            "volume_m3": 4.0,
            "delta_t_k": 40.0,
            "heat_charge_max_kw": 93.0,
            "heat_discharge_max_kw": 93.0,
            "retention_per_h": 0.99,
        }
    ],
    "ev": [
        {
            "id": "car",
            "p_charge_max_kw": 3.0,
            "energy_kwh": 20.0,
            "depart_hour": 7,
            "return_hour": 17,
        }
    ],
    "refrigerator": [
        {
            "id": "fridge",
            "p_kw": 0.25,
            "t_min_c": 2.0,
            "t_max_c": 6.0,
            "t_start_c": 4.0,
            "cooling_k_per_h": 1.0,
            "warming_k_per_h": 1.0,
        }
    ],
    "water_heater": [
        {
            "id": "tap",
            "carrier": "heat",
            "p_kw": 2.0,
            "t_min_c": 50.0,
            "t_max_c": 65.0,
            "t_start_c": 55.0,
            "heating_k_per_h": 5.0,
            "cooling_k_per_h": 5.0,
        }
    ],
    "job": [{"id": "dishwasher", "p_kw": 1.2, "duration_h": 2, "window": [7, 22]}],
}
PROFILES = {
    "flats": np.linspace(0.4, 1.0, 24),
    "sun": np.clip(np.sin((np.arange(24) - 6) / 12 * np.pi), 0.0, 1.0),
    "wind": np.full(24, 0.5),
    "heating_kw": np.full(24, 80.0),
}
YEAR_DAY = Forecasts(24, profiles=PROFILES)


def home() -> list[Device]:
    return [HOME_KINDS[kind](**record) for kind in HOME_KINDS for record in HOME[kind]]


def one(kind: str, **changes: Any) -> Any:
    return HOME_KINDS[kind](**{**HOME[kind][0], **changes})


# Records.


def test_every_kind_is_read_and_is_in_no_conflict_with_itself() -> None:
    assert set(HOME) == set(HOME_KINDS)
    for device in home():
        assert [*device.conflicts(), *device.conflicts_over(YEAR_DAY)] == []


def test_what_is_left_out() -> None:
    battery, car, engine = one("storage"), one("ev"), one("chp")
    assert (battery.soc_min, battery.soc_max, battery.soc_start) == (0.0, 1.0, 0.5)
    assert (battery.efficiency_charge, battery.efficiency_discharge) == (1.0, 1.0)
    assert battery.retention_per_h == 1.0
    assert battery.end_kwh(DAY) == 250.0  # soc_end is soc_start
    assert (car.p_charge_min_kw, car.p_discharge_max_kw, car.driving_kwh) == (0.0, 0.0, 0.0)
    assert (engine.fuel_min_kw, engine.offset_kw, engine.emission) == (0.0, 0.0, None)
    load = HomeLoad(id="x", carrier="heat", p_kw=1)
    assert (load.shiftable_share, load.shift_cost_per_kwh) == (0.0, 0.0)
    assert (load.shift_in_max_kw, load.shift_delay_max_h, load.shift_backlog_max_kwh) == (None,) * 3
    assert Emission() == Emission(square=0.0, linear=0.0, fixed=0.0)


@pytest.mark.parametrize("kind", ["pv", "wt", "storage", "ev", "load"])
def test_no_device_of_a_home_has_a_price(kind: str) -> None:
    with pytest.raises(ValidationError) as refused:
        one(kind, price=3.0)
    assert [error["type"] for error in refused.value.errors()] == ["extra_forbidden"]


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        ("storage", {"soc_min": 0.9, "soc_max": 0.2}, "soc_min"),
        ("storage", {"soc_min": 0.6}, "soc_start"),
        ("storage", {"soc_max": 0.8, "soc_end": 0.9}, "soc_end"),
        ("thermal_store", {"energy_kwh": 100.0}, "energy_kwh"),
        ("thermal_store", {"delta_t_k": None}, "energy_kwh"),
        ("ev", {"p_charge_min_kw": 3.5}, "p_charge_min_kw"),
        ("ev", {"depart_hour": 25}, "depart_hour"),
        ("ev", {"return_hour": 7, "driving_kwh": 1.0}, "return_hour"),
        ("ev", {"soc_max": 0.7, "soc_departure": 0.8}, "soc_departure"),
        ("chp", {"fuel_min_kw": 400.0}, "fuel_min_kw"),
        ("chp", {"offset_kw": -150.0}, "offset_kw"),
        ("refrigerator", {"t_max_c": 2.0}, "t_min_c"),
        ("refrigerator", {"t_start_c": 7.0}, "t_start_c"),
        ("water_heater", {"t_start_c": 49.0}, "t_start_c"),
        ("job", {"duration_h": 16.0}, "window"),
        ("job", {"window": [8, 8]}, "window"),
        ("load", {"p_kw": "flats", "profile": None}, "p_kw"),
        ("load", {"profile": "heating_kw"}, "profile"),
    ],
)
def test_keys_that_cannot_hold_together(kind: str, changes: dict[str, Any], key: str) -> None:
    assert [conflict.key for conflict in one(kind, **changes).conflicts()] == [key]


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        ("storage", {"p_charge_max_kw": 5.0, "soc_end": 0.9}, "p_charge_max_kw"),  # 120 < 200 kWh
        ("thermal_store", {"heat_charge_max_kw": 0.0}, "heat_charge_max_kw"),  # loses what it has
        ("ev", {"soc_departure": 1.0, "p_charge_max_kw": 1.0}, "p_charge_max_kw"),  # 7 < 10 kWh
        ("ev", {"depart_hour": 7.5}, "depart_hour"),
        ("refrigerator", {"warming_k_per_h": 5.0, "cooling_k_per_h": 5.0}, "t_max_c"),
        ("water_heater", {"heating_k_per_h": 16.0}, "t_max_c"),
        ("job", {"duration_h": 1.5}, "duration_h"),
        ("heat_pump", {"cop": "sun"}, "cop"),  # 0 by night
    ],
)
def test_what_cannot_hold_in_the_hours_of_a_case(
    kind: str, changes: dict[str, Any], key: str
) -> None:
    device = one(kind, **changes)
    assert [*device.conflicts()] == []
    assert [conflict.key for conflict in device.conflicts_over(YEAR_DAY)] == [key]


def test_a_job_whose_window_lies_outside_the_hours_of_the_case() -> None:
    morning = Forecasts(6, begins_h=1.0)
    assert [conflict.key for conflict in one("job").conflicts_over(morning)] == ["window"]


def test_columns_that_a_record_names() -> None:
    load = HomeLoad(
        id="x", carrier="heat", p_kw="heating_kw", shiftable_share=0.1, shift_cost_per_kwh="cost"
    )
    assert list(load.columns()) == [("p_kw", "heating_kw"), ("shift_cost_per_kwh", "cost")]
    assert list(one("heat_pump", cop="cop").columns()) == [("cop", "cop")]
    assert list(one("heat_pump").columns()) == []
    assert list(one("pv").columns()) == [("forecast", "sun")]


def test_a_number_or_a_column() -> None:
    assert YEAR_DAY.series(3).tolist() == [3.0] * 24
    assert YEAR_DAY.series("heating_kw")[5] == 80.0
    part = Forecasts(24, 0.5, profiles=PROFILES, begins_h=6.0).hour(4)
    assert (part.hours, part.begins_h, part.profile("flats")[0]) == (1, 8.0, PROFILES["flats"][4])


def test_a_forecast_in_kw_is_no_share_of_the_rating() -> None:
    h = Forecasts(2, profiles={"roof_kw": np.array([0.4, 3.0]), "sun": np.array([0.4, 1.0])})
    assert SolarPlant(id="a", p_max_kw=2.0, forecast="roof_kw").available_kw(h).tolist() == [0.4, 2]
    assert SolarPlant(id="b", p_max_kw=2.0, forecast="sun").available_kw(h).tolist() == [0.8, 2.0]


# Plants by hand.


def test_chp_of_ten_kw_of_gas() -> None:
    block = DeviceBlock(one("chp"), DAY)
    x = block.point({"fuel": day(10.0)})
    flows = block.flows(x)
    assert flows.p_kw == pytest.approx(day(4.0))
    assert flows.heat_kw == pytest.approx(day(2.93))
    assert flows.fuel_kw == pytest.approx(day(10.0))
    assert not one("chp").wants_binary(DAY)


PAPERS_ENGINE = CombinedHeatPower(
    id="engine",
    fuel_max_kw=4.25 / 0.33,
    fuel_min_kw=1.25 / 0.33,
    efficiency_electric=0.33,
    efficiency_heat=0.5,
    offset_kw=-0.25,
    emission=Emission(square=0.01, linear=0.45, fixed=0.12),
)


def test_chp_with_an_offset_of_the_paper() -> None:
    # Two kW of electricity: gas (2 + 0.25) / 0.33 = 6.818, heat 3.409, 0.04 + 0.9 + 0.12 kg/h.
    fuel = 2.25 / 0.33
    step = PAPERS_ENGINE.step(DAY, 3, State(), Flow(p_kw=2.0, heat_kw=3.40909, fuel_kw=fuel))
    assert fuel == pytest.approx(6.818, abs=1e-3)
    assert step.breaches == ()
    assert step.emission_kg == pytest.approx(1.06)
    assert PAPERS_ENGINE.p_max_kw == pytest.approx(4.0)
    assert PAPERS_ENGINE.wants_binary(DAY)
    off = PAPERS_ENGINE.step(DAY, 3, State(), Flow())
    assert (off.breaches, off.emission_kg) == ((), 0.0)


def test_chp_names_what_does_not_follow_from_its_fuel() -> None:
    fuel = day(0.0, h4=10.0)
    sound = {"p_kw": 0.33 * fuel - 0.25 * (fuel > 0.0), "heat_kw": 0.5 * fuel, "fuel_kw": fuel}
    assert broken(PAPERS_ENGINE, **sound) == set()
    assert broken(PAPERS_ENGINE, **{**sound, "p_kw": 0.33 * fuel}) == {("efficiency_electric", 4)}
    assert broken(PAPERS_ENGINE, **{**sound, "heat_kw": 0.4 * fuel}) == {("efficiency_heat", 4)}
    reactive = {**sound, "q_kvar": day(0.0, h7=1.0)}
    assert broken(PAPERS_ENGINE, **reactive) == {("unity power factor", 7)}


def test_boilers_and_heat_pump() -> None:
    heat = day(8.8)
    gas = DeviceBlock(one("gas_boiler"), DAY)
    assert gas.flows(gas.point({"heat": heat})).fuel_kw == pytest.approx(day(10.0))
    rod = DeviceBlock(one("electric_boiler"), DAY)
    assert rod.flows(rod.point({"heat": day(4.9)})).p_kw == pytest.approx(day(-5.0))
    cop = np.linspace(2.0, 4.3, 24)
    pump = HeatPump(id="pump", heat_max_kw=10.0, cop="cop")
    h = Forecasts(24, profiles={"cop": cop})
    block = DeviceBlock(pump, h)
    assert block.flows(block.point({"heat": heat})).p_kw == pytest.approx(-8.8 / cop)
    assert pump.power_range(h)[0] == pytest.approx(-10.0 / cop)
    assert broken(one("gas_boiler"), heat_kw=heat, fuel_kw=day(9.0)) >= {("efficiency", 0)}
    assert broken(one("heat_pump"), heat_kw=day(3.0), p_kw=day(-1.0, h2=-0.9)) == {("cop", 2)}
    assert broken(one("electric_boiler"), heat_kw=day(0.98), p_kw=day(-1.0)) == set()


@pytest.mark.parametrize(
    ("kind", "flow", "limit"),
    [
        ("pv", "heat_kw", "no heat"),
        ("wt", "fuel_kw", "no fuel"),
        ("solar_thermal", "p_kw", "no active power"),
        ("gas_boiler", "p_kw", "no active power"),
        ("electric_boiler", "fuel_kw", "no fuel"),
        ("heat_pump", "fuel_kw", "no fuel"),
        ("storage", "heat_kw", "no heat"),
        ("thermal_store", "p_kw", "no active power"),
        ("ev", "fuel_kw", "no fuel"),
        ("refrigerator", "heat_kw", "no heat"),
        ("water_heater", "p_kw", "no active power"),
        ("job", "heat_kw", "no heat"),
        ("load", "fuel_kw", "no fuel"),
    ],
)
def test_a_carrier_that_is_not_the_devices(kind: str, flow: str, limit: str) -> None:
    device = one(kind)
    flows = Flows.of(24, **{flow: day(0.0, h9=1.0)})
    found = {
        (breach.limit, breach.hour) for breach in device.simulate_flows(YEAR_DAY, flows).breaches
    }
    assert (limit, 9) in found
    step = device.step(YEAR_DAY, 9, device.start(YEAR_DAY), flows.at(9))
    assert limit in {breach.limit for breach in step.breaches}


# Emission.


def test_tangents_stay_under_the_quadratic_and_refining_closes_the_gap() -> None:
    emission = PAPERS_ENGINE.emission
    assert emission is not None
    model = pyo.ConcreteModel()
    model.b = pyo.Block()
    PAPERS_ENGINE.add_to(model.b, DAY)
    output = np.linspace(1.05, 3.95, 24)
    for t in DAY.steps:
        model.b.fuel[t].fix((float(output[t]) + 0.25) / 0.33)
    minimise(model, sum(model.b.emission[t] for t in DAY.steps))
    exact = emission.exact_kg_per_h(output, np.ones(24))
    assert exact[0] == pytest.approx(0.01 * 1.05**2 + 0.45 * 1.05 + 0.12)
    under = exact - np.array([pyo.value(model.b.emission[t]) for t in DAY.steps])
    # Nine tangents over 4 kW lie half a kW apart: at most 0.01 * 0.25^2 under the quadratic.
    assert under.min() >= -1e-9
    assert 1e-5 < under.max() <= 0.01 * 0.25**2 + 1e-9
    assert emission.refine(model.b, output) == 24
    assert emission.refine(model.b, output) == 0
    model.del_component("objective")
    minimise(model, sum(model.b.emission[t] for t in DAY.steps))
    refined = [pyo.value(model.b.emission[t]) for t in DAY.steps]
    assert refined == pytest.approx(exact, abs=1e-9)


def test_refining_adds_no_more_than_asked_for() -> None:
    emission = Emission(square=0.01)
    boiler = GasBoiler(id="boiler", heat_max_kw=8.0, efficiency=0.9, emission=emission)
    block = DeviceBlock(boiler, DAY).block
    # Tangents lie at 0, 1, ..., 8 kW; between them the block is 0.01 * 0.5^2 too low.
    output = day(3.0, h5=3.5)
    assert emission.refine(block, output, 0.01 * 0.5**2 + 1e-12) == 0
    assert emission.refine(block, output) == 1


def test_a_plant_that_is_off_emits_nothing_and_one_half_on_no_less_than_half() -> None:
    emission = Emission(square=0.02, linear=0.1, fixed=0.3)
    boiler = GasBoiler(id="boiler", heat_max_kw=8.0, efficiency=0.9, emission=emission)
    model = pyo.ConcreteModel()
    model.b = pyo.Block()
    h = Forecasts(2)
    boiler.add_to(model.b, h)
    for t, on in enumerate((0.0, 0.5)):
        model.b.on[t].domain = pyo.Reals
        model.b.on[t].fix(on)
        model.b.heat[t].fix(4.0 * on)
    minimise(model, model.b.emission[0] + model.b.emission[1])
    # Half of the emission of a boiler that is on at 4 kW: the perspective of the quadratic.
    half = 0.5 * (0.02 * 16.0 + 0.4 + 0.3)
    assert [pyo.value(model.b.emission[t]) for t in h.steps] == pytest.approx([0.0, half])


# Stores by hand.


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


# Refrigerators and heaters.


def test_refrigerator_by_its_thermostat() -> None:
    fridge = one("refrigerator")
    on = fridge.own_schedule(Forecasts(12))
    assert on.astype(int).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    trace = fridge.simulate_flows(Forecasts(12), Flows.of(12, p_kw=-0.25 * on))
    assert trace.state.tolist() == [5, 6, 5, 4, 3, 2, 3, 4, 5, 6, 5, 4]
    assert trace.breaches == []


def test_heater_mirrors_the_refrigerator() -> None:
    tap = one("water_heater", t_max_c=65.0, t_min_c=45.0)
    on = tap.own_schedule(Forecasts(12))
    assert on.astype(int).tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1]
    trace = tap.simulate_flows(Forecasts(12), Flows.of(12, heat_kw=-2.0 * on))
    assert trace.state.tolist() == [50, 45, 50, 55, 60, 65, 60, 55, 50, 45, 50, 55]
    assert trace.breaches == []


@pytest.mark.parametrize("hours", [5, 7, 9, 24])
def test_own_schedule_ends_no_worse_than_it_began(hours: int) -> None:
    h = Forecasts(hours)
    fridge = one("refrigerator", cooling_k_per_h=1.5, warming_k_per_h=0.7)
    on = fridge.own_schedule(h)
    trace = fridge.simulate_flows(h, Flows.of(hours, p_kw=-0.25 * on))
    assert trace.breaches == []
    assert trace.state[-1] <= 4.0 + 1e-9
    assert not on.all()


def test_refrigerator_breaks_its_band() -> None:
    fridge = one("refrigerator")
    off = broken(fridge)
    assert off == {("t_max_c", t) for t in range(2, 24)}
    on = broken(fridge, p_kw=day(-0.25))
    assert on == {("t_min_c", t) for t in range(2, 24)}
    alternating = np.where(np.arange(24) % 2 == 0, 0.0, -0.25)
    assert broken(fridge, p_kw=alternating) == set()
    assert broken(fridge, p_kw=alternating * day(1.0, h5=0.8)) == {("p_kw", 5)}


# Jobs.


@pytest.mark.parametrize(
    ("window", "duration_h", "h", "starts"),
    [
        ([7, 22], 2, DAY, list(range(7, 21))),
        ([17, 24], 2, DAY, list(range(17, 23))),
        ([22, 6], 3, DAY, [0, 1, 2, 3]),  # two pieces of the night: 0 to 6 and 22 to 24
        ([22, 6], 2, DAY, [0, 1, 2, 3, 4, 22]),
        ([0, 24], 24, DAY, [0]),
        ([7, 9], 1, Forecasts(24, 0.5, begins_h=6.0), [2, 3, 4]),
        ([22, 2], 2, Forecasts(8, begins_h=20.0), [2, 3, 4]),
    ],
)
def test_hours_in_which_a_job_may_start(
    window: list[float], duration_h: float, h: Forecasts, starts: list[int]
) -> None:
    job = Job(id="x", p_kw=1.0, duration_h=duration_h, window=window)
    assert job.starts(h) == starts
    schedule = job.own_schedule(h)
    assert schedule is not None
    assert np.flatnonzero(schedule)[0] == starts[0]
    assert not job.simulate_flows(h, Flows.of(h.hours, p_kw=-1.0 * schedule)).breaches


@pytest.mark.parametrize("window", [[22, 2], [0, 24], [20, 23]])
def test_a_job_in_every_pattern_of_eight_hours(window: list[float]) -> None:
    h = Forecasts(8, begins_h=20.0)
    job = Job(id="x", p_kw=1.2, duration_h=2, window=window)
    block = DeviceBlock(job, h)
    runs = 0
    for pattern in product((False, True), repeat=8):
        on = np.array(pattern)
        begun = on & ~np.concatenate([[False], on[:-1]])
        x = block.point({"start": begun.astype(float)})
        in_block = not block.broken(x) and bool((block.expression("on", x) == on).all())
        flows = Flows.of(8, p_kw=-1.2 * on)
        trace = job.simulate_flows(h, flows)
        state, found = job.start(h), []
        for t in h.steps:
            step = job.step(h, t, state, flows.at(t))
            state = step.state
            found += [(breach.limit, breach.hour, breach.excess) for breach in step.breaches]
        assert in_block == (not trace.breaches)
        assert sorted(found) == sorted((b.limit, b.hour, b.excess) for b in trace.breaches)
        runs += in_block
    assert runs == len(job.starts(h))


# Loads.

FLATS = HomeLoad(
    id="flats",
    carrier="electricity",
    p_kw=10.0,
    shiftable_share=0.4,
    shift_in_max_kw=5.0,
    shift_cost_per_kwh=0.1,
)
LATER = FLATS.model_copy(
    update={"shift_direction": "later", "shift_delay_max_h": 2.0, "shift_backlog_max_kwh": 6.0}
)


def shifted(load: HomeLoad, up: FloatArray, down: FloatArray) -> set[tuple[str, int]]:
    return {(breach.limit, breach.hour) for breach in load.simulate_shift(DAY, up, down).breaches}


def test_what_leaves_costs_and_what_arrives_does_not() -> None:
    h = Forecasts(24, 0.5)
    trace = FLATS.simulate_shift(h, day(0.0, h3=4.0), day(0.0, h7=4.0))
    assert trace.breaches == []
    assert trace.money == pytest.approx(0.1 * 4.0 * 0.5)
    assert trace.state is not None
    assert trace.state[[2, 3, 6, 7]].tolist() == [0.0, -2.0, -2.0, 0.0]
    net = FLATS.simulate_flows(h, FLATS.flows_of(h, day(0.0, h3=4.0), day(0.0, h7=4.0)))
    assert (net.breaches, net.money) == ([], trace.money)


def test_an_hour_in_which_load_leaves_and_arrives() -> None:
    up, down = day(0.0, h5=3.0), day(0.0, h5=2.0, h6=1.0)
    trace = FLATS.simulate_shift(DAY, up, down)
    assert trace.breaches == []
    assert trace.money == pytest.approx(0.3)
    flows = FLATS.flows_of(DAY, up, down, day(0.0, h5=4.0))
    assert flows.p_kw[[5, 6, 7]].tolist() == [-7.0, -9.0, -10.0]
    assert FLATS.simulate_flows(DAY, FLATS.flows_of(DAY, up, down)).money == pytest.approx(0.1)


def test_limits_of_shifting() -> None:
    assert shifted(FLATS, day(0.0, h2=4.5), day(0.0, h1=4.5)) == {("shiftable_share", 1)}
    two = day(0.0, h1=3.0, h3=3.0)
    assert shifted(FLATS, day(0.0, h2=6.0), two) == {("shift_in_max_kw", 2)}
    assert shifted(FLATS, day(), day(0.0, h1=1.0)) == {("none lost", 23)}
    assert shifted(FLATS, day(0.0, h1=1.0), day(0.0, h2=1.0)) == set()
    assert shifted(LATER, day(0.0, h1=1.0), day(0.0, h2=1.0)) == {("shift_direction", 1)}
    assert shifted(LATER, day(0.0, h3=1.0), day(0.0, h1=1.0)) == set()
    assert shifted(LATER, day(0.0, h4=1.0), day(0.0, h1=1.0)) == {("shift_delay_max_h", 3)}
    assert shifted(LATER, day(0.0, h2=3.5, h3=3.5), day(0.0, h1=3.5, h2=3.5)) == set()
    late = shifted(LATER, day(0.0, h3=4.0, h4=4.0), day(0.0, h1=4.0, h2=4.0))
    assert late == {("shift_backlog_max_kwh", 2)}


def test_load_leaves_dear_hours_for_cheap_ones() -> None:
    # Load 4, 4 at prices 0.30, 0.10 with a share of 0.25: one kWh moves and saves 0.20.
    for prices, saved in (((0.3, 0.1), 0.2), ((0.1, 0.3), 0.0)):
        load = HomeLoad(
            id="x", carrier="electricity", p_kw=4.0, shiftable_share=0.25, shift_direction="later"
        )
        model = pyo.ConcreteModel()
        model.b = pyo.Block()
        load.add_to(model.b, Forecasts(2))
        for t in (0, 1):
            model.b.unserved[t].fix(0.0)
        minimise(model, -prices[0] * model.b.p_inj[0] - prices[1] * model.b.p_inj[1])
        assert 4.0 * sum(prices) - pyo.value(model.objective) == pytest.approx(saved)


def test_heat_load_takes_heat_and_may_be_unserved() -> None:
    block = DeviceBlock(HomeLoad(**HOME["load"][1]), YEAR_DAY)
    x = block.point({"unserved": day(0.0, h3=80.0)})
    assert block.flows(x).heat_kw == pytest.approx(day(-80.0, h3=0.0))
    assert block.broken(x) == {}
    assert set(block.broken(block.point({"unserved": day(0.0, h3=81.0)}))) == {("unserved high", 3)}


# Sites.


def test_a_site_sums_over_its_devices() -> None:
    devices = home()
    site = Site("A", devices)
    assert site.carriers == {"electricity", "heat", "fuel"}
    assert [store.id for store in site.stores()] == ["battery", "tank", "car"]
    assert [store.id for store in site.stores("heat")] == ["tank"]
    assert [device.id for device in site.can_curtail()] == ["roof", "mast", "collector"]
    assert [device.id for device in site.of_kind("gas_boiler")] == ["boiler"]
    assert site.wants_binary(YEAR_DAY)
    low, high = site.power_range(YEAR_DAY)
    # At noon: sun 1.1, wind 25, engine 142, battery 500 kW; the car is away.
    assert high[12] == pytest.approx(1.1 + 25.0 + 142.0 + 500.0)
    flats = 210.0 * PROFILES["flats"][12] + 63.0
    taken = flats + 200.0 / 0.98 + 700.0 / 3.0 + 500.0 + 0.25 + 1.2
    assert low[12] == pytest.approx(-taken)
    low, high = site.heat_range(YEAR_DAY)
    assert high[12] == pytest.approx(600.0 + 0.293 * 355.0 + 300.0 + 200.0 + 700.0 + 93.0)
    assert low[12] == pytest.approx(-80.0 - 93.0 - 2.0)


def test_the_block_of_a_site_balances_and_its_answer_is_simulated() -> None:
    site = Site("A", home())
    model = pyo.ConcreteModel()
    model.site = pyo.Block()
    site.add_to(model.site, YEAR_DAY)
    s = model.site
    model.trade = pyo.Var(YEAR_DAY.steps, bounds=(-400.0, 400.0))
    model.electricity = pyo.Constraint(
        YEAR_DAY.steps, rule=lambda m, t: s.p_inj[t] + m.trade[t] == 0.0
    )
    model.heat = pyo.Constraint(YEAR_DAY.steps, rule=lambda m, t: s.heat_inj[t] >= 0.0)
    unserved = sum(
        s.device[k].unserved[t]
        for k, device in enumerate(site.devices)
        if isinstance(device, HomeLoad)
        for t in YEAR_DAY.steps
    )
    price = 0.1 + 0.05 * np.sin(np.arange(24))
    bought = sum(float(price[t]) * model.trade[t] + 0.04 * s.fuel[t] for t in YEAR_DAY.steps)
    minimise(model, bought + s.money + 10.0 * unserved)
    assert pyo.value(unserved) == pytest.approx(0.0, abs=1e-6)
    total = np.zeros(24)
    for k, device in enumerate(site.devices):
        b = s.device[k]
        p, q, heat, fuel = (
            np.array([pyo.value(b.component(name)[t]) for t in YEAR_DAY.steps])
            for name in ("p_inj", "q_inj", "heat_inj", "fuel")
        )
        trace = device.simulate_flows(YEAR_DAY, Flows(p, q, heat, fuel))
        assert trace.breaches == [], device.id
        assert not q.any()
        total += p
    trade = [pyo.value(model.trade[t]) for t in YEAR_DAY.steps]
    assert total == pytest.approx(-np.array(trade), abs=1e-6)


def test_ranges_of_planning_devices() -> None:
    h = Forecasts(24, price_usd_per_mwh=day(50.0), profiles=PROFILES)
    turbine = MicroTurbine(id="mt", p_max_kw=90.0, p_min_kw=30.0, emission_usd_per_mwh={})
    assert turbine.wants_binary(h)
    assert turbine.power_range(h)[1].tolist() == [90.0] * 24
    assert Photovoltaic(id="pv", p_max_kw=10.0, forecast="sun").power_range(h)[1][12] == 10.0
    assert WindTurbine(id="wt", p_max_kw=10.0, forecast="wind").power_range(h)[1][12] == 5.0
    load = Load(id="x", p_kw=10.0, responsive_share=0.2, responsive_share_up=0.1)
    assert [values[0] for values in load.power_range(h)] == pytest.approx([-11.0, -8.0])
    svc = StaticVarCompensator(id="svc", q_min_kvar=-1.0, q_max_kvar=1.0)
    assert [values[0] for values in svc.power_range(h)] == [0.0, 0.0]
    store = Storage(
        id="b", p_charge_max_kw=3.0, p_discharge_max_kw=2.0, energy_kwh=5.0, soc_start=0.5
    )
    assert [values[0] for values in store.power_range(h)] == [-3.0, 2.0]


def test_a_planning_load_is_stepped_as_it_is_simulated() -> None:
    h = Forecasts(3, price_usd_per_mwh=np.full(3, 50.0))
    load = Load(id="x", p_kw=10.0, responsive_share=0.2)
    for demand, limits in (
        ([8.0, 12.0, 10.0], set()),
        ([8.0, 10.0, 10.0], {("eq. (24)", 2)}),
        ([7.0, 12.0, 11.0], {("responsive_share", 0)}),
    ):
        p_kw = -np.array(demand)
        state, found = load.start(h), set()
        for t in h.steps:
            step = load.step(h, t, state, Flow(p_kw=float(p_kw[t])))
            state = step.state
            found |= {(breach.limit, breach.hour) for breach in step.breaches}
        told = {(b.limit, b.hour) for b in load.simulate(h, p_kw, np.zeros(3)).breaches}
        assert found == told == limits
