"""A home with one device of every kind, and short ways to dispatch its day."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyomo.environ as pyo

from cmgplan.arrays import FloatArray
from cmgplan.devices import (
    HOME_KINDS,
    Device,
    Flows,
    Forecasts,
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
