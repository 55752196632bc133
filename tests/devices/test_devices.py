"""Each device's Pyomo block against its step-by-step simulation, and every limit broken once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    Device,
    ElectricVehicle,
    Forecasts,
    Load,
    MicroTurbine,
    Photovoltaic,
    StaticVarCompensator,
    Storage,
    Trace,
    WindTurbine,
)

HOURS = 24
BATTERY: dict[str, Any] = {
    "p_charge_max_kw": 40.0,
    "p_discharge_max_kw": 50.0,
    "energy_kwh": 200.0,
    "soc_min": 0.2,
    "soc_max": 0.9,
    "soc_start": 0.5,
    "efficiency_charge": 0.95,
    "efficiency_discharge": 0.9,
}
FLEET = {**BATTERY, "driving_kwh": 60.0, "soc_departure": 0.8}
BY_NIGHT = {"depart_hour": 20, "return_hour": 6}
BY_DAY = {"depart_hour": 7, "return_hour": 17}
TURBINE: dict[str, Any] = {
    "p_max_kw": 100.0,
    "q_min_kvar": -20.0,
    "q_max_kvar": 60.0,
    "emission_usd_per_mwh": {"co2": 30.0, "nox": 5.0},
}
HOUSES: dict[str, Any] = {
    "p_kw": 80.0,
    "q_kvar": 30.0,
    "profile": "demand",
    "responsive_share": 0.2,
}

DEVICES: dict[str, Device] = {
    device.id: device
    for device in (
        MicroTurbine(id="mt", **TURBINE),
        MicroTurbine(id="mt-minimum", p_min_kw=30.0, price=80.0, **TURBINE),
        WindTurbine(
            id="wt", p_max_kw=60.0, forecast="wind", power_factor_lead=0.95, power_factor_lag=0.9
        ),
        WindTurbine(id="wt-unity", p_max_kw=60.0, forecast="wind", price=12.0),
        Photovoltaic(id="pv", p_max_kw=70.0, forecast="sun"),
        Photovoltaic(id="pv-cost", p_max_kw=70.0, forecast="sun", price=9.0),
        Storage(id="storage", **BATTERY),
        Storage(id="storage-wear", price=15.0, **BATTERY),
        ElectricVehicle(id="ev-night", **FLEET, **BY_NIGHT),
        ElectricVehicle(id="ev-day", price=15.0, **FLEET, **BY_DAY),
        StaticVarCompensator(id="svc", q_min_kvar=-10.0, q_max_kvar=25.0),
        Load(id="load", **HOUSES),
        Load(id="load-cost", price=40.0, responsive_share_up=0.1, **HOUSES),
        Load(id="load-fixed", p_kw=20.0, q_kvar=-5.0),
        Load(id="load-reactive", p_kw=0.0, q_kvar=12.0, profile="demand", responsive_share=0.2),
    )
}


def horizon(seed: int, dt_h: float = 1.0, **options: Any) -> Forecasts:
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)
    return Forecasts(
        hours=HOURS,
        dt_h=dt_h,
        price_usd_per_mwh=rng.uniform(30.0, 110.0, HOURS),
        profiles={
            "wind": rng.uniform(0.0, 1.0, HOURS),
            "sun": np.clip(np.sin((hour - 6) / 12 * np.pi), 0.0, 1.0),
            "demand": rng.uniform(0.2, 1.0, HOURS),
        },
        **options,
    )


def block(device: Device, h: Forecasts) -> pyo.ConcreteModel:
    model = pyo.ConcreteModel()
    model.device = pyo.Block()
    device.add_to(model.device, h)
    if isinstance(device, Storage):
        # Eq. (11), which the block leaves to the search.
        model.charging = pyo.Var(h.steps, domain=pyo.Binary)
        b = model.device
        model.either = pyo.Constraint(
            h.steps,
            rule=lambda m, t: b.charge[t] <= device.p_charge_max_kw * m.charging[t],
        )
        model.other = pyo.Constraint(
            h.steps,
            rule=lambda m, t: b.discharge[t] <= device.p_discharge_max_kw * (1 - m.charging[t]),
        )
    return model


def solve(model: pyo.ConcreteModel, h: Forecasts, seed: int, extra: Any = 0.0) -> None:
    """Minimise cost, emission and a random worth of every kW and kvar injected."""
    rng = np.random.default_rng(seed)
    worth_p, worth_q = rng.normal(0.0, 0.15, h.hours), rng.normal(0.0, 0.02, h.hours)
    b = model.device
    worth = sum(worth_p[t] * b.p_inj[t] + worth_q[t] * b.q_inj[t] for t in h.steps)
    model.objective = pyo.Objective(expr=b.cost_usd + b.emission_usd + worth + extra)
    solver = pyo.SolverFactory("appsi_highs")
    solver.highs_options = {
        "primal_feasibility_tolerance": 1e-9,
        "mip_feasibility_tolerance": 1e-9,
        "threads": 1,
    }
    pyo.assert_optimal_termination(solver.solve(model))


def injections(b: pyo.Block, h: Forecasts) -> tuple[FloatArray, FloatArray]:
    return (
        np.array([pyo.value(b.p_inj[t]) for t in h.steps]),
        np.array([pyo.value(b.q_inj[t]) for t in h.steps]),
    )


def limits(trace: Trace) -> set[str]:
    return {breach.limit for breach in trace.breaches}


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("balance", ["energy", "power"])
@pytest.mark.parametrize("name", DEVICES)
def test_block_agrees_with_simulation(name: str, balance: str, seed: int) -> None:
    device = DEVICES[name]
    h = horizon(seed, dt_h=0.5 if seed == 3 else 1.0, soc_balance=balance)
    model = block(device, h)
    solve(model, h, seed)
    trace = device.simulate(h, *injections(model.device, h))
    assert not trace.breaches
    assert trace.cost_usd == pytest.approx(pyo.value(model.device.cost_usd), abs=1e-6)
    assert trace.emission_usd == pytest.approx(pyo.value(model.device.emission_usd), abs=1e-6)
    if isinstance(device, Storage):
        soc = [pyo.value(model.device.soc[t]) for t in h.steps]
        assert trace.soc_kwh == pytest.approx(soc, abs=1e-6)
        assert np.ptp(soc) > 1.0
    if isinstance(device, WindTurbine | Photovoltaic):
        available = device.p_max_kw * h.profile(device.forecast)
        curtailed = np.array([pyo.value(model.device.curtailed[t]) for t in h.steps])
        p_kw, _ = injections(model.device, h)
        assert p_kw + curtailed == pytest.approx(available, abs=1e-9)


def test_unserved_load_sheds_both_powers_in_the_ratio_of_the_load() -> None:
    h, load = horizon(4), DEVICES["load"]
    assert isinstance(load, Load)
    model = block(load, h)
    b = model.device
    load.allow_unserved(b, h)
    solve(model, h, 4, extra=sum((-1.0) ** t * b.unserved[t] for t in h.steps))
    unserved = np.array([pyo.value(b.unserved[t]) for t in h.steps])
    unserved_q = np.array([pyo.value(b.unserved_q[t]) for t in h.steps])
    p_kw, q_kvar = injections(b, h)
    assert unserved.max() > 1.0
    assert unserved_q == pytest.approx(30.0 / 80.0 * unserved, abs=1e-9)
    assert p_kw.max() <= 1e-7  # never more unserved than demanded
    assert not load.simulate(h, p_kw - unserved, q_kvar - unserved_q).breaches
    assert "responsive_share" in limits(load.simulate(h, p_kw, q_kvar))


def test_load_is_served_unless_freed() -> None:
    h, load = horizon(4), DEVICES["load"]
    model = block(load, h)
    solve(model, h, 4, extra=-1000.0 * sum(model.device.unserved[t] for t in h.steps))
    assert sum(pyo.value(model.device.unserved[t]) for t in h.steps) == 0.0


def test_demand_response_moves_energy_and_saves_none() -> None:
    h, load = horizon(5), DEVICES["load"]
    assert isinstance(load, Load)
    model = block(load, h)
    solve(model, h, 5)
    p_kw, q_kvar = injections(model.device, h)
    base = load.base_kw(h)
    assert -p_kw.sum() == pytest.approx(base.sum(), abs=1e-6)
    assert np.abs(-p_kw - base).max() == pytest.approx((0.2 * base).max(), rel=1e-6)
    assert q_kvar == pytest.approx(30.0 / 80.0 * p_kw, abs=1e-9)


def test_reactive_load_does_not_respond() -> None:
    h, load = horizon(6), DEVICES["load-reactive"]
    assert isinstance(load, Load)
    model = block(load, h)
    solve(model, h, 6)
    _, q_kvar = injections(model.device, h)
    assert q_kvar == pytest.approx(-load.base_kvar(h), abs=1e-9)
    assert limits(load.simulate(h, np.zeros(HOURS), 1.1 * q_kvar)) == {"reactive ratio"}


def test_turbine_may_stand_still_and_still_give_reactive_power() -> None:
    h, turbine = horizon(7), DEVICES["mt-minimum"]
    model = block(turbine, h)
    solve(model, h, 7)
    p_kw, q_kvar = injections(model.device, h)
    off = p_kw < 1e-6
    assert off.any()
    assert not off.all()
    assert p_kw[~off].min() >= 30.0 - 1e-6
    assert np.abs(q_kvar[off]).max() > 1.0


def test_turbine_below_its_minimum_must_be_off() -> None:
    h = horizon(7)
    model = block(DEVICES["mt-minimum"], h)
    p = model.device.p
    model.together = pyo.Constraint(expr=p[0] + p[1] == 40.0)
    p[0].setub(25.0)
    solve(model, h, 7, extra=-10.0 * p[0])
    assert [pyo.value(p[0]), pyo.value(p[1])] == pytest.approx([0.0, 40.0], abs=1e-6)


def test_turbine_cost_and_emission_by_hand() -> None:
    h = horizon(8, dt_h=0.5)
    trace = DEVICES["mt-minimum"].simulate(h, np.full(HOURS, 50.0), np.zeros(HOURS))
    energy_mwh = 24 * 0.5 * 50.0 / 1000.0
    assert trace.cost_usd == pytest.approx(80.0 * energy_mwh)
    assert trace.emission_usd == pytest.approx((30.0 + 5.0) * energy_mwh)


def test_storage_by_hand() -> None:
    h = horizon(9, dt_h=0.5)
    p_kw = np.zeros(HOURS)
    p_kw[0], p_kw[1] = -40.0, 18.0
    trace = DEVICES["storage-wear"].simulate(h, p_kw, np.zeros(HOURS))
    assert trace.soc_kwh is not None
    # 40 kW * 0.5 h * 0.95 = 19 kWh in; 18 kW * 0.5 h / 0.9 = 10 kWh out.
    assert trace.soc_kwh[:3] == pytest.approx([119.0, 109.0, 109.0])
    assert trace.cost_usd == pytest.approx(15.0 * (40.0 + 18.0) * 0.5 / 1000.0)
    market = DEVICES["storage"].simulate(h, p_kw, np.zeros(HOURS))
    price = h.price_usd_per_mwh
    assert market.cost_usd == pytest.approx((18.0 * price[1] - 40.0 * price[0]) * 0.5 / 1000.0)


def test_printed_balance_lets_the_losses_drain_the_store() -> None:
    price = np.where(np.arange(HOURS) % 2 == 0, 10.0, 90.0)
    soc_end = {}
    for balance in ("energy", "power"):
        h = Forecasts(HOURS, 1.0, price, soc_balance=balance)
        model = block(DEVICES["storage-wear"], h)
        b = model.device
        income = sum(price[t] / 1000.0 * b.p_inj[t] for t in h.steps)
        model.objective = pyo.Objective(expr=b.cost_usd - income)
        pyo.assert_optimal_termination(pyo.SolverFactory("appsi_highs").solve(model))
        soc_end[balance] = pyo.value(b.soc[HOURS - 1])
    assert soc_end["energy"] == pytest.approx(100.0, abs=1e-4)
    assert soc_end["power"] == pytest.approx(0.2 * 200.0, abs=1e-4)


def test_vehicle_over_midnight_draws_evenly_and_leaves_full_enough() -> None:
    h, fleet = horizon(10), DEVICES["ev-night"]
    assert isinstance(fleet, ElectricVehicle)
    away = [0, 1, 2, 3, 4, 5, 20, 21, 22, 23]
    assert fleet.away(h) == away
    assert fleet.drawn_kwh(h)[away] == pytest.approx(np.full(10, 6.0))
    assert fleet.drawn_kwh(h).sum() == pytest.approx(60.0)
    model = block(fleet, h)
    solve(model, h, 10)
    b = model.device
    soc = np.array([100.0, *(pyo.value(b.soc[t]) for t in h.steps)])
    assert np.diff(soc)[away] == pytest.approx(np.full(10, -6.0), abs=1e-6)
    assert injections(b, h)[0][away] == pytest.approx(np.zeros(10), abs=1e-9)
    assert soc[20] >= 0.8 * 200.0 - 1e-6  # end of hour 19
    assert soc[-1] >= 100.0 - 1e-6


def test_vehicle_never_away_is_a_battery() -> None:
    h = horizon(11)
    fleet = ElectricVehicle(id="idle", **FLEET, depart_hour=8, return_hour=8)
    assert fleet.away(h) == []
    assert fleet.connected(h).all()
    assert fleet.soc_floor_kwh(h) == pytest.approx(Storage(id="b", **BATTERY).soc_floor_kwh(h))


def flat(level: float = 0.0, **hours: float) -> FloatArray:
    """Return a day at one level with single hours changed: ``flat(0.0, h3=10.0)``."""
    values = np.full(HOURS, level)
    for hour, value in hours.items():
        values[int(hour[1:])] = value
    return values


DEMAND = -80.0 * horizon(0).profile("demand")
WIND = 60.0 * horizon(0).profile("wind")  # tan(acos 0.95) = 0.329, tan(acos 0.9) = 0.484


@pytest.mark.parametrize(
    ("name", "p_kw", "q_kvar", "limit", "hour"),
    [
        ("mt", flat(50.0, h3=101.0), flat(), "p_max_kw", 3),
        ("mt", flat(50.0, h3=-1.0), flat(), "p_min_kw", 3),
        ("mt", flat(50.0), flat(0.0, h5=61.0), "q_max_kvar", 5),
        ("mt", flat(0.0), flat(0.0, h5=-21.0), "q_min_kvar", 5),
        ("mt-minimum", flat(0.0, h7=29.0), flat(), "p_min_kw", 7),
        ("wt", flat(0.0, h2=60.1), flat(), "forecast", 2),
        ("wt", flat(0.0, h2=-0.1), flat(), "p_min_kw", 2),
        ("wt", WIND, 0.47 * WIND + flat(0.0, h4=1.0), "power_factor_lag", 4),
        ("wt", WIND, -0.32 * WIND - flat(0.0, h4=1.0), "power_factor_lead", 4),
        ("pv", flat(0.0, h0=0.1), flat(), "forecast", 0),
        ("pv", flat(0.0, h12=-0.1), flat(), "p_min_kw", 12),
        ("pv", flat(), flat(0.0, h12=0.1), "unity power factor", 12),
        ("storage", flat(0.0, h0=-41.0), flat(), "p_charge_max_kw", 0),
        ("storage", flat(0.0, h0=51.0, h1=-40.0, h2=-40.0), flat(), "p_discharge_max_kw", 0),
        ("storage", flat(0.0, h6=-40.0, h7=-40.0, h8=-40.0), flat(), "soc_max", 8),
        ("storage", flat(0.0, h6=40.0, h7=40.0, h9=-40.0), flat(), "soc_min", 7),
        ("storage", flat(0.0, h22=1.0), flat(), "soc_min", 23),
        ("storage", flat(), flat(0.0, h9=1.0), "unity power factor", 9),
        ("ev-day", flat(0.0, h5=-40.0, h6=-40.0, h10=-5.0), flat(), "p_charge_max_kw", 10),
        ("ev-day", flat(0.0, h5=-40.0, h6=-40.0, h10=5.0), flat(), "p_discharge_max_kw", 10),
        ("ev-day", flat(0.0, h6=-40.0, h18=-40.0), flat(), "soc_min", 6),
        ("svc", flat(0.0, h1=1.0), flat(), "no active power", 1),
        ("svc", flat(), flat(0.0, h1=26.0), "q_max_kvar", 1),
        ("svc", flat(), flat(0.0, h1=-11.0), "q_min_kvar", 1),
        ("load", 1.01 * DEMAND, 30.0 / 80.0 * 1.01 * DEMAND, "eq. (24)", 23),
        ("load", DEMAND, 30.0 / 80.0 * DEMAND + flat(0.0, h2=1.0), "reactive ratio", 2),
        (
            "load",
            DEMAND * flat(1.0, h8=0.7),
            30.0 / 80.0 * DEMAND * flat(1.0, h8=0.7),
            "responsive_share",
            8,
        ),
        (
            "load-cost",
            DEMAND * flat(1.0, h8=1.15),
            30.0 / 80.0 * DEMAND * flat(1.0, h8=1.15),
            "responsive_share_up",
            8,
        ),
    ],
)
def test_broken_limit_is_named(
    name: str, p_kw: FloatArray, q_kvar: FloatArray, limit: str, hour: int
) -> None:
    found = DEVICES[name].simulate(horizon(0), p_kw, q_kvar).breaches
    assert min(breach.hour for breach in found if breach.limit == limit) == hour


def test_printed_balance_is_checked() -> None:
    h = horizon(0, soc_balance="power")
    storage = DEVICES["storage"]
    assert limits(storage.simulate(h, flat(0.0, h3=10.0), flat())) == {"eq. (14)"}
    assert limits(storage.simulate(h, flat(0.0, h3=10.0, h5=-10.0), flat())) == set()


def test_solver_noise_is_no_breach() -> None:
    turbine = DEVICES["mt-minimum"]
    assert limits(turbine.simulate(horizon(0), flat(0.0, h3=1e-4), flat())) == set()
    assert limits(turbine.simulate(horizon(0), flat(0.0, h3=1e-2), flat())) == {"p_min_kw"}


def test_renewable_cost_counts_what_was_used_not_what_was_available() -> None:
    h = horizon(12)
    trace = DEVICES["pv-cost"].simulate(h, flat(0.0, h12=60.0), flat())
    assert trace.cost_usd == pytest.approx(9.0 * 0.060)
