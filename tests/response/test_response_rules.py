"""The policies as rules: small answers by hand, box by box of their flowcharts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from homes_cases import homes_case
from response_cases import sound

from cmgplan.homes.case.records import HomesCase
from cmgplan.homes.day.dispatch import Dispatch
from cmgplan.response.model.profit import profit_of
from cmgplan.response.rules.day import run_rules
from cmgplan.response.rules.trade import Terms, outlet_kw, pro_rata, room_kw, settle

ENGINE = {
    "id": "engine",
    "fuel_max_kw": (4.0 + 0.25) / 0.33,
    "fuel_min_kw": (1.0 + 0.25) / 0.33,
    "efficiency_electric": 0.33,
    "efficiency_heat": 0.5,
    "offset_kw": -0.25,
    "emission": {"square": 0.01, "linear": 0.45, "fixed": 0.12},
}

BATTERY = {
    "id": "battery",
    "p_charge_max_kw": 2.0,
    "p_discharge_max_kw": 2.0,
    "energy_kwh": 4.0,
    "soc_start": 0.5,
}

MOVABLE = {"shiftable_share": 0.25, "shift_direction": "later", "shift_in_max_kw": 5.0}


def a_home(policy: str, load_kw: list[float], **devices: Any) -> dict[str, Any]:
    """Return a home A with one electric load, the column ``load_kw``."""
    load = {"id": "load", "carrier": "electricity", "p_kw": "load_kw", **devices.pop("moves", {})}
    return {"id": "A", "policy": policy, "load": [load], **devices}


def one_home(policy: str, load_kw: list[float], price: list[float], **devices: Any) -> HomesCase:
    """Return a case of one home; the grid is as dirty as it is dear."""
    profiles = {"load_kw": np.array(load_kw), "buy_per_kwh": np.array(price)}
    profiles["dirt_kg_per_kwh"] = profiles["buy_per_kwh"]
    for name in ("sun_kw", "heat_kw"):
        if name in devices:
            profiles[name] = np.array(devices.pop(name))
    retailer = {
        "buy_per_kwh": "buy_per_kwh",
        "sell_per_kwh": 0.0,
        "emission_kg_per_kwh": "dirt_kg_per_kwh",
    }
    return homes_case(
        [a_home(policy, load_kw, **devices)],
        profiles,
        hours=len(load_kw),
        retailer=retailer,
        gas={"price_per_kwh": 0.035},
        response={"forecast_per_kwh": "buy_per_kwh"},
    )


def test_load_moves_to_a_cheaper_hour_that_comes_later() -> None:
    """4 and 4 kW at 0.30 and 0.10, a quarter may move: 1 kWh moves and saves 0.20."""
    case = one_home("price", [4.0, 4.0], [0.30, 0.10], moves=MOVABLE)
    moved = sound(case).shifts["A", "load"]
    assert (moved.down_kw.tolist(), moved.up_kw.tolist()) == ([1.0, 0.0], [0.0, 1.0])
    still = replace(case, file=case.file.model_copy(update={"home": (_none(case),)}))
    assert profit_of(still, run_rules(still)).cost - profit_of(
        case, run_rules(case)
    ).cost == pytest.approx(0.20)
    other = one_home("price", [4.0, 4.0], [0.10, 0.30], moves=MOVABLE)
    assert not sound(other).shifts["A", "load"].down_kw.any()


def _none(case: HomesCase) -> Any:
    return case.homes[0].model_copy(update={"policy": "none"})


def test_no_more_leaves_than_cheap_hours_can_take_back_in_time() -> None:
    """1.5 kW may arrive an hour: of three dear hours, what two cheap ones take comes back."""
    moves = {**MOVABLE, "shiftable_share": 0.5, "shift_in_max_kw": 1.5}
    price = [0.3, 0.3, 0.3, 0.1, 0.1]
    case = one_home("price", [4.0] * 5, price, moves=moves)
    moved = sound(case).shifts["A", "load"]
    assert moved.down_kw.tolist() == [2.0, 1.0, 0.0, 0.0, 0.0]
    assert moved.up_kw.tolist() == [0.0, 0.0, 0.0, 1.5, 1.5]
    short = one_home("price", [4.0] * 5, price, moves={**moves, "shift_delay_max_h": 2})
    moved = sound(short).shifts["A", "load"]
    assert moved.down_kw.tolist() == [0.0, 1.5, 1.5, 0.0, 0.0]


def test_an_engine_serves_what_is_lacking() -> None:
    """2 kW of electricity: 6.818 kW of gas, 3.409 kW of heat, 0.2386 of money, 1.06 kg."""
    case = one_home("price", [2.0], [0.3], chp=[ENGINE])
    dispatch = sound(case)
    flows, found = dispatch.flows["A", "engine"], profit_of(case, dispatch)
    assert (flows.p_kw[0], flows.fuel_kw[0]) == pytest.approx((2.0, 2.25 / 0.33))
    assert flows.heat_kw[0] == pytest.approx(3.409, abs=5e-4)
    assert dispatch.dumped_kw["A"] == pytest.approx(flows.heat_kw)
    assert found.gas == pytest.approx(0.2386, abs=5e-5)
    assert found.emission_kg == pytest.approx(1.06)


@pytest.mark.parametrize(
    ("policy", "emax", "load_kw", "made_kw"),
    [
        ("emission", 1.4663, 4.0, 2.8156),
        ("both", 1.4663, 4.0, 2.8156),
        ("price", 1.4663, 4.0, 4.0),
        ("emission", 0.57, 4.0, 0.0),
        ("price", None, 0.9, 0.0),
        ("price", None, 7.0, 4.0),
    ],
)
def test_an_engine_keeps_its_range_and_emax(
    policy: str, emax: float | None, load_kw: float, made_kw: float
) -> None:
    limit = {} if emax is None else {"emission_max_kg_per_h": emax}
    case = one_home(policy, [load_kw], [0.3], chp=[ENGINE], **limit)
    dispatch = sound(case)
    assert dispatch.flows["A", "engine"].p_kw[0] == pytest.approx(made_kw, abs=5e-5)
    assert dispatch.exchange["A"].import_kw[0] == pytest.approx(load_kw - made_kw, abs=5e-5)


def test_price_starts_the_engine_first_and_both_the_battery_in_dear_hours() -> None:
    """5 kW in a dear hour: the engine makes 4 and the battery gives 1, or the battery gives 2
    first, a quarter of the load leaves, and the engine makes the rest."""
    given: dict[str, Any] = {"chp": [ENGINE], "storage": [BATTERY], "moves": MOVABLE}
    of_price = sound(one_home("price", [5.0, 0.9], [0.3, 0.1], **given))
    of_both = sound(one_home("both", [5.0, 0.9], [0.3, 0.1], **given))

    def hour(dispatch: Dispatch) -> list[float]:
        flows, moved = dispatch.flows, dispatch.shifts["A", "load"].down_kw
        return [float(x[0]) for x in (flows["A", "engine"].p_kw, flows["A", "battery"].p_kw, moved)]

    assert hour(of_price) == pytest.approx([4.0, 1.0, 0.0])
    assert hour(of_both) == pytest.approx([1.75, 2.0, 1.25])
    # In the cheap hour both fill the battery up again, and the load that left arrives.
    assert of_price.state["A", "battery"][-1] == pytest.approx(2.0)
    assert of_both.state["A", "battery"][-1] == pytest.approx(2.0)
    assert of_both.flows["A", "engine"].p_kw[1] == pytest.approx(4.0)
    assert of_both.exchange["A"].import_kw[1] == pytest.approx(0.9 + 1.25 + 2.0 - 4.0)


def test_a_surplus_charges_the_battery_then_serves_the_backlog_then_is_sold() -> None:
    """5 kW of sun over 1 kW of load, in a dear hour: 2 to the battery, 0.5 back, 1.5 for sale."""
    price, sun = [0.3, 0.3, 0.1, 0.1], [0.0, 5.0, 0.0, 0.0]
    plant = {"pv": [{"id": "roof", "p_max_kw": 9.0, "forecast": "sun_kw"}], "sun_kw": sun}
    case = one_home("price", [2.0, 1.0, 2.0, 2.0], price, moves=MOVABLE, storage=[BATTERY], **plant)
    dispatch = sound(case)
    flows, moved = dispatch.flows["A", "battery"].p_kw, dispatch.shifts["A", "load"]
    assert flows[:2].tolist() == pytest.approx([2.0, -2.0])
    assert not moved.up_kw.any()
    small = {**BATTERY, "p_discharge_max_kw": 1.0}
    case = one_home("price", [2.0, 1.0, 2.0, 2.0], price, moves=MOVABLE, storage=[small], **plant)
    dispatch = sound(case)
    moved, traded = dispatch.shifts["A", "load"], dispatch.exchange["A"]
    assert moved.down_kw.tolist() == pytest.approx([0.5, 0.0, 0.0, 0.0])
    assert moved.up_kw.tolist() == pytest.approx([0.0, 0.5, 0.0, 0.0])
    assert traded.export_kw[1] == pytest.approx(5.0 - 1.0 - 2.0 - 0.5)


def test_a_battery_is_filled_up_again_though_every_hour_left_is_dear() -> None:
    case = one_home("price", [3.0] * 4, [0.1, 0.3, 0.3, 0.3], storage=[BATTERY])
    dispatch = sound(case)
    stored = dispatch.state["A", "battery"]
    assert stored[1] < 2.0 and stored[-1] == pytest.approx(2.0)
    assert dispatch.flows["A", "battery"].p_kw.tolist() == pytest.approx([0.0, 2.0, 0.0, -2.0])


def test_heat_that_nothing_serves_is_left_and_a_tank_serves_it() -> None:
    """Sun 2 kW, load 5, engine off, boiler 1.5: 1.5 kWh unserved; none with 4 kWh in a tank."""
    heat = {"id": "heat", "carrier": "heat", "p_kw": 5.0}
    home = {
        "id": "A",
        "policy": "emission",
        "load": [heat],
        "solar_thermal": [{"id": "sun", "heat_max_kw": 2.0, "forecast": "sun"}],
        "gas_boiler": [{"id": "boiler", "heat_max_kw": 1.5, "efficiency": 0.88}],
        "chp": [ENGINE],
    }
    gas = {"price_per_kwh": 0.035}
    profiles = {"sun": np.ones(1)}
    case = homes_case([home], profiles, gas=gas)
    assert sound(case).shifts["A", "heat"].unserved_kw.tolist() == pytest.approx([1.5])
    tank = {
        "id": "tank",
        "energy_kwh": 4.0,
        "heat_charge_max_kw": 4.0,
        "heat_discharge_max_kw": 4.0,
        "soc_start": 1.0,
        "soc_end": 0.0,
    }
    case = homes_case([{**home, "thermal_store": [tank]}], profiles, gas=gas)
    dispatch = sound(case)
    assert not dispatch.shifts["A", "heat"].unserved_kw.any()
    assert dispatch.state["A", "tank"].tolist() == pytest.approx([2.5])


def test_the_boiler_keeps_what_the_engine_leaves_of_emax() -> None:
    """2 kW of electricity emit 1.06 kg/h; of 1.46 the boiler has 0.4: 0.002 P^2 + 0.2 P."""
    boiler = {
        "id": "boiler",
        "heat_max_kw": 20.0,
        "efficiency": 0.88,
        "emission": {"square": 0.002, "linear": 0.2},
    }
    load = {"id": "heat", "carrier": "heat", "p_kw": 9.0}
    root = (-0.2 + (0.04 + 4 * 0.002 * 0.4) ** 0.5) / 0.004
    for policy, made in (("emission", root), ("price", 9.0 - 2.25 / 0.33 * 0.5)):
        case = one_home(
            policy, [2.0], [0.3], chp=[ENGINE], gas_boiler=[boiler], emission_max_kg_per_h=1.46
        )
        file = case.file
        home = file.home[0].model_copy(update={"load": (*file.home[0].load, _load(load))})
        case = replace(case, file=file.model_copy(update={"home": (home,)}))
        dispatch = sound(case)
        assert dispatch.flows["A", "boiler"].heat_kw[0] == pytest.approx(made)


def _load(keys: dict[str, Any]) -> Any:
    return homes_case([{"id": "A", "load": [keys]}]).homes[0].load[0]  # type: ignore[attr-defined]


def test_neighbours_share_pro_rata_and_the_retailer_does_the_rest() -> None:
    assert pro_rata([-1.0, -3.0, 2.0]) == pytest.approx([-0.5, -1.5, 2.0])
    assert pro_rata([4.0, 2.0, -3.0]) == pytest.approx([2.0, 1.0, -3.0])
    assert pro_rata([1.0, 2.0]) == [0.0, 0.0]
    # With 2 kW each from the retailer, who lacks 3 has 1 of the surplus first.
    assert pro_rata([-1.0, -3.0, 2.0], 2.0) == pytest.approx([-1.0 / 3.0, -5.0 / 3.0, 2.0])
    trade = settle([1.0, 3.0, -2.0], Terms(True, np.inf, 1.0))
    assert trade.bought == pytest.approx([0.25, 0.75, 0.0])
    assert trade.missing == pytest.approx([0.25, 0.75, 0.0])
    alone = settle([1.0, 3.0, -2.0], Terms(False, 2.0, np.inf))
    assert (alone.bought, alone.sold, alone.missing) == ([1.0, 2.0, 0.0], [0, 0, 2.0], [0, 1.0, 0])


@pytest.mark.parametrize("seed", range(30))
def test_room_and_outlet_are_what_a_home_can_have_and_get_rid_of(seed: int) -> None:
    rng = np.random.default_rng(seed)
    each, total = float(rng.uniform(1.0, 4.0)), float(rng.uniform(2.0, 8.0))
    terms = Terms(bool(rng.random() < 0.5), each, total)
    short = rng.uniform(-3.0, 3.0, 3).tolist()
    if max(settle(short, terms).missing) > 0.0 or max(settle(short, terms).left) > 0.0:
        short = [0.2 * x for x in short]
    for sign, room in ((1.0, room_kw), (-1.0, outlet_kw)):
        most = room(short, 1, terms)
        for extra, fits in ((most - 1e-6, True), (most + 1e-3, False)):
            after = [s + sign * extra * (k == 1) for k, s in enumerate(short)]
            trade = settle(after, terms)
            off = max(trade.missing if sign > 0 else trade.left)
            assert (off < 1e-9) == fits
