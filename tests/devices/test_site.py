"""A site sums over its devices by what they can do."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest
from home_devices import PROFILES, YEAR_DAY, day, home, minimise

from cmgplan.devices import (
    Flow,
    Flows,
    Forecasts,
    HomeLoad,
    Load,
    MicroTurbine,
    Photovoltaic,
    Site,
    StaticVarCompensator,
    Storage,
    WindTurbine,
)


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
