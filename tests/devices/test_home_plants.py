"""Plants of homes by hand: engines, boilers, heat pumps, and their emission."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from device_blocks import DeviceBlock
from home_devices import DAY, YEAR_DAY, broken, day, minimise, one

from cmgplan.devices import (
    CombinedHeatPower,
    Emission,
    Flow,
    Flows,
    Forecasts,
    GasBoiler,
    HeatPump,
    State,
)


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
