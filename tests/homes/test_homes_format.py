"""The format of cases of homes: its defaults, its whole example, its days, whose cases it reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from homes_factories import MINIMAL, PROFILES, write_homes

import cmgplan
from cmgplan.devices import HOME_KINDS, Record
from cmgplan.errors import CaseError, InputError
from cmgplan.homes.case import records
from cmgplan.homes.case.read import check_homes, load_homes

ROOT = Path(__file__).parents[2]

CONSTANT_PROFILES = {
    "retail_buy_per_kwh": 0.2,
    "retail_sell_per_kwh": 0.1,
    "heat_cap_per_kwh": 0.3,
    "mcp_per_kwh": 0.15,
    "price_coefficient": 1.5,
    "power_coefficient": 1.2,
    "flats": 0.5,
    "heating_kw": 40.0,
    "sun": 0.3,
    "wind": 0.2,
}
"""Columns that the whole example names."""


def whole_example() -> str:
    """Return the whole example of the documentation."""
    text = (ROOT / "docs" / "homes.md").read_text(encoding="utf-8")
    return max(re.findall(r"```toml\n(.*?)```", text, re.DOTALL), key=len)


def test_the_whole_example_of_the_documentation_is_read(tmp_path: Path) -> None:
    rows = [",".join(["hour", *CONSTANT_PROFILES])]
    rows += [",".join([str(t), *map(str, CONSTANT_PROFILES.values())]) for t in range(24)]
    lines = "line,from_bus,to_bus,r_ohm,x_ohm,in_service\nL1,S,1,1,1,1\nL2,1,12,1,1,1\n"
    for name, text in (
        ("case.toml", whole_example()),
        ("profiles.csv", "\n".join(rows)),
        ("buses.csv", "bus,vn_kv\nS,11\n1,11\n12,11\n13,11\n"),
        ("lines.csv", f"{lines}12-13,12,13,1,1,1\nT1,S,13,1,1,0\n"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [str(fault) for fault in check_homes(tmp_path)] == []
    case = load_homes(tmp_path)
    (home,) = case.homes
    assert {device.kind for device in home.devices()} == set(HOME_KINDS)
    assert len(list(home.devices())) == 15
    assert case.file.building.fault[0].close == ("T1",)
    assert case.file.response.retailer_penalty_per_kg == 0.067


DEFAULTS: dict[str, object] = {
    "title": "",
    "time.dt_h": 1.0,
    "retailer.power_max_kw": None,
    "retailer.power_max_total_kw": None,
    "retailer.emission_kg_per_kwh": 0.0,
    "retailer.peak_charge_per_kw": 0.0,
    "gas.emission_kg_per_kwh": 0.0,
    "pool.electricity": True,
    "pool.heat": True,
    "pool.heat_price_max_per_kwh": None,
    "pool.unserved_electricity_per_kwh": 10.0,
    "pool.unserved_heat_per_kwh": 1.0,
    "market.gap": 0.01,
    "market.predicted_per_kwh": None,
    "market.quantity_max_kw": 1000.0,
    "market.shade_kw": 0.01,
    "market.direction_rule": False,
    "market.response_reward_weight": 0.0,
    "building.price_coefficient": None,
    "building.power_coefficient": 1.0,
    "building.surplus_price_per_kwh": 0.03,
    "building.chp_exchange_share": 0.9,
    "building.heat_exchange_factor": 3.0,
    "building.boiler_exchange_factor": 1.1,
    "building.renewable_sale_share": 0.1,
    "building.sell_hours": (16, 24),
    "building.charge_order": "time",
    "building.surplus_steps": "hourly",
    "building.sell_renewables": True,
    "building.rules": "paper",
    "building.load_mix": (),
    "building.fault": (),
    "response.penalty": "max-max",
    "response.emission_weight": 1.0,
    "response.penalty_fuel_per_kwh": 0.035,
    "response.retailer_penalty_per_kg": None,
    "response.adjustment_price_per_kwh": "mean",
    "response.forecast_per_kwh": None,
    "response.heat_value_per_kwh": 0.055,
    "response.bids": "marginal-cost",
    "network": None,
    "home.0.policy": "none",
    "home.0.emission_max_kg_per_h": None,
    "home.0.bus": None,
    "home.0.power_factor": 1.0,
    "home.0.not_together": (),
    "home.0.load.0.profile": None,
    "home.0.load.0.shiftable_share": 0.0,
    "home.0.load.0.shift_in_max_kw": None,
    "home.0.load.0.shift_cost_per_kwh": 0.0,
    "home.0.load.0.shift_direction": "any",
    "home.0.load.0.shift_delay_max_h": None,
    "home.0.load.0.shift_backlog_max_kwh": None,
    "home.0.chp.0.fuel_min_kw": 0.0,
    "home.0.chp.0.offset_kw": 0.0,
    "home.0.chp.0.min_on_h": 0.0,
    "home.0.chp.0.min_off_h": 0.0,
    "home.0.chp.0.emission": None,
    "home.0.gas_boiler.0.emission.square": 0.0,
    "home.0.gas_boiler.0.emission.linear": 0.0,
    "home.0.gas_boiler.0.emission.fixed": 0.0,
    "home.0.storage.0.soc_min": 0.0,
    "home.0.storage.0.soc_max": 1.0,
    "home.0.storage.0.soc_start": 0.5,
    "home.0.storage.0.soc_end": None,
    "home.0.storage.0.efficiency_charge": 1.0,
    "home.0.storage.0.efficiency_discharge": 1.0,
    "home.0.storage.0.retention_per_h": 1.0,
    "home.0.storage.0.value_end_per_kwh": 0.0,
    "home.0.thermal_store.0.soc_min": 0.0,
    "home.0.thermal_store.0.soc_max": 1.0,
    "home.0.thermal_store.0.soc_start": 0.5,
    "home.0.thermal_store.0.soc_end": None,
    "home.0.thermal_store.0.efficiency_charge": 1.0,
    "home.0.thermal_store.0.efficiency_discharge": 1.0,
    "home.0.thermal_store.0.retention_per_h": 1.0,
    "home.0.thermal_store.0.value_end_per_kwh": 0.0,
    "home.0.ev.0.p_charge_min_kw": 0.0,
    "home.0.ev.0.p_discharge_max_kw": 0.0,
    "home.0.ev.0.soc_min": 0.0,
    "home.0.ev.0.soc_max": 1.0,
    "home.0.ev.0.soc_start": 0.5,
    "home.0.ev.0.soc_end": None,
    "home.0.ev.0.value_end_per_kwh": 0.0,
    "home.0.ev.0.soc_departure": 0.0,
    "home.0.ev.0.driving_kwh": 0.0,
    "home.0.ev.0.efficiency_charge": 1.0,
    "home.0.ev.0.efficiency_discharge": 1.0,
    "home.0.job.0.optional": False,
    "home.0.job.0.value": None,
}
"""What a key is that is left out, by its place in the case below."""

BARE: dict[str, object] = {
    "id": "A",
    "load": [{"id": "load", "carrier": "heat", "p_kw": 1.0}],
    "chp": [{"id": "c", "fuel_max_kw": 9.0, "efficiency_electric": 0.4, "efficiency_heat": 0.0}],
    "gas_boiler": [{"id": "b", "heat_max_kw": 1.0, "efficiency": 0.9, "emission": {}}],
    "storage": [{"id": "s", "p_charge_max_kw": 1, "p_discharge_max_kw": 1, "energy_kwh": 2}],
    "thermal_store": [
        {"id": "t", "energy_kwh": 2, "heat_charge_max_kw": 1, "heat_discharge_max_kw": 1}
    ],
    "ev": [{"id": "e", "p_charge_max_kw": 1, "energy_kwh": 9, "depart_hour": 0, "return_hour": 1}],
    "job": [{"id": "j", "p_kw": 1, "duration_h": 1, "window": [0, 24]}],
}


def test_what_is_left_out_has_the_defaults_of_the_format(tmp_path: Path) -> None:
    edits = {
        "home.0": BARE,
        "gas": {"price_per_kwh": 0.04},
        "retailer": {"buy_per_kwh": 0.2, "sell_per_kwh": 0.1},
    }
    case = load_homes(write_homes(tmp_path, edits, case=MINIMAL, profiles="hour\n0\n1\n"))
    for path, expected in DEFAULTS.items():
        value: object = case.file
        for part in path.split("."):
            value = value[int(part)] if isinstance(value, tuple) else getattr(value, part)
        assert value == expected, path


def optional(prefix: str, model: type[Record]) -> set[str]:
    """Return the keys of a record that may be left out."""
    return {f"{prefix}.{k}" for k, field in model.model_fields.items() if not field.is_required()}


def test_no_default_is_left_out_of_the_list() -> None:
    sections = {
        "retailer": records.Retailer,
        "gas": records.Gas,
        "pool": records.Pool,
        "market": records.MarketSection,
        "building": records.BuildingSection,
        "response": records.ResponseSection,
    }
    known = {key for name, model in sections.items() for key in optional(name, model)}
    known |= {key for kind, model in HOME_KINDS.items() for key in optional(f"home.{kind}", model)}
    size = {f"home.thermal_store.{key}" for key in ("energy_kwh", "volume_m3", "delta_t_k")}
    told = {path.replace(".0", "") for path in DEFAULTS}
    assert known - size - {"home.gas_boiler.emission"} - told == set()


def test_a_day_is_picked_out_of_longer_profiles(tmp_path: Path) -> None:
    header, *rows = PROFILES.splitlines()
    stamped = [header.replace("hour", "time")]
    stamped += [f"2016-07-{day} 0{row}" for day in (14, 15) for row in rows]
    profiles = re.sub(r"(-\d\d 0\d),", r"\1:00,", "\n".join(stamped))
    profiles = profiles.replace("2016-07-15 02:00,0.30", "2016-07-15 02:00,0.44")
    path = write_homes(tmp_path, profiles=profiles)
    assert load_homes(path, day="2016-07-14").profiles["buy_per_kwh"][2] == 0.30
    assert load_homes(path, day="2016-07-15").profiles["buy_per_kwh"][2] == 0.44
    with pytest.raises(CaseError, match="there is no row of 2016-07-16"):
        load_homes(path, day="2016-07-16")
    with pytest.raises(InputError, match="is not a day"):
        load_homes(path, day="yesterday")


def test_a_case_is_of_the_system_that_it_names(tmp_path: Path) -> None:
    case = cmgplan.load_case(write_homes(tmp_path / "homes"), system="homes")
    assert isinstance(case, cmgplan.HomesCase)
    assert isinstance(cmgplan.load_case("two-homes"), cmgplan.HomesCase)
    assert isinstance(cmgplan.load_case("two-bus"), cmgplan.Case)
    with pytest.raises(InputError, match="two-homes: this is a case of homes; use cmgplan optimum"):
        cmgplan.load_case("two-homes", system="planning")
    with pytest.raises(InputError, match="two-bus: this is a case of planning; use cmgplan plan"):
        cmgplan.load_case("two-bus", system="homes")


def test_a_system_that_is_not_known_is_the_only_fault(tmp_path: Path) -> None:
    (fault,) = cmgplan.check_case(write_homes(tmp_path, {"system": "homse", "time.hours": -1}))
    assert str(fault) == (
        'case.toml system: "homse" is not a known system; did you mean homes? '
        'give "planning" or "homes"'
    )
    with pytest.raises(CaseError, match="2 is not a known system"):
        cmgplan.load_case(write_homes(tmp_path, {"system": 2}))
    (fault,) = cmgplan.check_case(tmp_path / "nowhere")
    assert "there is no such case folder" in str(fault)


def test_what_plans_says_that_it_does_not_read_homes() -> None:
    from cmgplan.planning.case import check_case

    assert [str(fault) for fault in check_case("two-homes")] == [
        'case.toml system: "homes" is not planning, which is what is read here; '
        'run it as what it is, or give "planning"'
    ]
