"""Points decoded to schedules: feasible whatever they are, known answers, and back again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyomo.environ as pyo
import pytest
from decoder_cases import busy_case
from homes_cases import homes_case

from cmgplan.case.bundled import find_case
from cmgplan.errors import InfeasibleError
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.day.day import Day
from cmgplan.homes.day.verify_day import check_balances, check_trade
from cmgplan.homes.day.verify_devices import check_devices
from cmgplan.homes.optimum.model import DayModel
from cmgplan.homes.optimum.solve import OneOwner, Question
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.model.policy import policies_of
from cmgplan.response.model.profit import profit_of, served_value
from cmgplan.solve import LinearProblem

RETAILER = {"buy_per_kwh": 0.3, "sell_per_kwh": 0.0}
GAS = {"price_per_kwh": 0.035}


def bundled(name):
    return load_homes(find_case(name))


def verify(case, dispatch):
    day = Day("tried", dispatch)
    checks = (*check_devices(case, day), *check_balances(case, day), check_trade(case, day))
    return [str(finding) for check in checks for finding in check.findings]


def by(decoder, home, device, genes):
    """Return a point with hourly genes of one device, all others idle or off."""
    point = np.full(decoder.dimensions, 0.5)
    for parts in decoder._parts.homes:
        for key, slot in parts.slots():
            if key == (home, device):
                slot.of(point)[:] = genes
    return point


def policed(case):
    """Return the day's model with the policies' masks and Emax in it."""
    model = DayModel(case)
    for i, home in enumerate(case.homes):
        policy, block = policies_of(case)[home.id], model.m.home[i]
        burning = []
        for k, device in enumerate(home.devices()):
            inner = block.device[k]
            if device.kind == "load" and device.carrier == "electricity" and device.shiftable:
                for t in model.h.steps:
                    inner.down[t].setub(float(policy.leave_max_kw[t]))
                    inner.up[t].setub(float(policy.arrive_max_kw[t]))
            if getattr(device, "emission", None) is not None:
                burning.append(inner)
        if policy.capped:
            block.emax = pyo.Constraint(
                model.h.steps,
                rule=lambda b, t, burning=burning, policy=policy: (
                    pyo.quicksum(inner.emission[t] for inner in burning)
                    <= float(policy.emission_max_kg_per_h[t])
                ),
            )
    return model


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("encoding", ["direct", "feedback"])
def test_every_point_of_any_case_is_a_day_that_can_be_run(seed, encoding):
    case = busy_case(seed)
    decoder = Decoder(case, encoding)
    points = np.random.default_rng(seed).random((40, decoder.dimensions))
    points[:5] = np.round(points[:5])
    losses, missed = decoder(points)
    assert missed.max() <= 1e-9
    policies = policies_of(case)
    for k in (0, 7, 23):
        dispatch = decoder.dispatch(points[k])
        assert verify(case, dispatch) == []
        profit = profit_of(case, dispatch)
        assert profit.total == pytest.approx(-losses[k], abs=1e-6)
        for home in case.ids:
            policy, shift = policies[home], dispatch.shifts[home, "flats"]
            assert (shift.down_kw <= policy.leave_max_kw + 1e-9).all()
            assert (shift.up_kw <= policy.arrive_max_kw + 1e-9).all()
            if policy.capped:
                own = profit.emission[home].own_kg
                assert (own <= policy.emission_max_kg_per_h + 1e-6).all()


@pytest.mark.parametrize("seed", range(12, 18))
def test_a_decoded_day_encoded_is_decoded_to_itself(seed):
    case = busy_case(seed)
    decoder = Decoder(case)
    points = np.random.default_rng(seed).random((8, decoder.dimensions))
    again = np.array([decoder.encode(decoder.dispatch(point)) for point in points])
    assert decoder(again)[0] == pytest.approx(decoder(points)[0], abs=1e-6)


def test_two_thousand_points_of_the_response_case_are_feasible_and_under_the_bound():
    case = bundled("hmg3-response")
    decoder = Decoder(case)
    assert decoder.dimensions == 507
    assert Decoder(case, "feedback").dimensions == 87
    rng = np.random.default_rng(24)
    profits = []
    for _ in range(10):
        losses, missed = decoder(rng.random((200, 507)))
        assert missed.max() <= 1e-9
        profits.append(-losses)
    # Emissions cost nothing in the relaxation, in which on and off may be fractions.
    model = DayModel(case)
    relaxed = LinearProblem(model.m).solve([(model.m.cost, 1.0)], relax=True)
    assert np.max(profits) < served_value(case) - relaxed.value
    for _ in range(3):
        point = rng.random(507)
        assert verify(case, decoder.dispatch(point)) == []


def test_the_best_day_encoded_and_decoded_keeps_its_profit():
    case = bundled("hmg3-response")
    owner = OneOwner(case, policed(case))
    best = owner.answer(Question({"cost": 1.0, "emission": 0.067}), gap=0.02)
    decoder = Decoder(case)
    losses, missed = decoder(decoder.encode(best.dispatch)[None])
    assert missed[0] <= 1e-9
    assert -losses[0] == pytest.approx(profit_of(case, best.dispatch).total, abs=1e-3)


@pytest.mark.parametrize("name", ["two-homes", "hmg3", "apartment5"])
def test_the_optimum_of_other_cases_encoded_and_decoded_keeps_its_profit(name):
    case = bundled(name)
    best = OneOwner(case).answer(Question({"cost": 1.0}), gap=1e-3)
    decoder = Decoder(case)
    losses, missed = decoder(decoder.encode(best.dispatch)[None])
    assert missed[0] == 0.0
    assert -losses[0] == pytest.approx(profit_of(case, best.dispatch).total, abs=1e-6)
    assert verify(case, decoder.dispatch(decoder.encode(best.dispatch))) == []


def test_a_battery_carries_a_kwh_from_a_cheap_hour_to_a_dear_one():
    battery = {
        "id": "battery",
        "p_charge_max_kw": 1.0,
        "p_discharge_max_kw": 1.0,
        "energy_kwh": 2.0,
        "soc_start": 0.0,
        "efficiency_charge": 0.9,
        "efficiency_discharge": 0.9,
    }
    price = np.array([0.1, 0.3])
    case = homes_case(
        [{"id": "A", "storage": [battery]}],
        {"p_per_kwh": price},
        hours=2,
        retailer={"buy_per_kwh": "p_per_kwh", "sell_per_kwh": "p_per_kwh"},
    )
    decoder = Decoder(case)
    # Charge at rating, then ask for more than there is: 0.81 kWh come back.
    losses, _ = decoder(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 1.0]]))
    assert -losses == pytest.approx([0.81 * 0.3 - 0.1, 0.0, 0.0])


def test_load_leaves_a_dear_hour_and_all_of_it_arrives():
    load = {"id": "flats", "carrier": "electricity", "p_kw": 4.0, "shiftable_share": 0.25}
    later = {"shift_direction": "later", "shift_backlog_max_kwh": 6.0}
    case = homes_case(
        [{"id": "A", "load": [{**load, **later}]}],
        {"p_per_kwh": np.array([0.3, 0.1])},
        hours=2,
        retailer={"buy_per_kwh": "p_per_kwh", "sell_per_kwh": 0.0},
    )
    decoder = Decoder(case)
    moved = decoder.dispatch(np.array([1.0, 1.0])).shifts["A", "flats"]
    assert moved.down_kw.tolist() == [1.0, 0.0]
    assert moved.up_kw.tolist() == [0.0, 1.0]
    losses, _ = decoder(np.array([[1.0, 1.0], [0.5, 0.5], [0.0, 1.0]]))
    assert losses[1] - losses[0] == pytest.approx(0.2)
    assert losses[2] == losses[1]  # nothing arrives that has not left


@pytest.mark.parametrize("delay", [1, 2, 3])
def test_what_left_arrives_within_its_delay_whatever_is_wished(delay):
    load = {
        "id": "flats",
        "carrier": "electricity",
        "p_kw": 4.0,
        "shiftable_share": 0.5,
        "shift_in_max_kw": 1.0,
        "shift_direction": "later",
        "shift_delay_max_h": delay,
    }
    case = homes_case([{"id": "A", "load": [load]}], hours=6, retailer=RETAILER)
    decoder = Decoder(case)
    moved = decoder.dispatch(np.ones(6)).shifts["A", "flats"]
    left, arrived = np.cumsum(moved.down_kw), np.cumsum(moved.up_kw)
    assert left[-1] == pytest.approx(arrived[-1])
    assert left[-1] > 1.0
    assert (arrived[delay:] >= left[:-delay] - 1e-9).all()


def test_an_engine_under_emax_runs_at_the_root_of_its_emission_or_not_at_all():
    engine = {
        "id": "engine",
        "fuel_max_kw": (4.0 + 0.25) / 0.33,
        "fuel_min_kw": (1.0 + 0.25) / 0.33,
        "efficiency_electric": 0.33,
        "efficiency_heat": 0.5,
        "offset_kw": -0.25,
        "emission": {"square": 0.01, "linear": 0.45, "fixed": 0.12},
    }

    def at_full(emax, policy="emission"):
        home = {"id": "B", "policy": policy, "emission_max_kg_per_h": emax, "chp": [engine]}
        case = homes_case([home], retailer=RETAILER, gas=GAS)
        return Decoder(case).dispatch(np.ones(1)).flows["B", "engine"].p_kw[0]

    assert at_full(1.4663) == pytest.approx(2.8156, abs=1e-4)
    assert at_full(0.58) == pytest.approx(1.0)
    assert at_full(0.57) == 0.0
    assert at_full(0.57, "price") == pytest.approx(4.0)


FRIDGE = {
    "id": "fridge",
    "p_kw": 0.25,
    "t_min_c": 2.0,
    "t_max_c": 6.0,
    "t_start_c": 4.0,
    "cooling_k_per_h": 1.0,
    "warming_k_per_h": 1.0,
}


def test_a_fridge_that_should_never_run_runs_at_the_upper_end_of_its_band():
    case = homes_case([{"id": "A", "refrigerator": [FRIDGE]}], hours=12, retailer=RETAILER)
    decoder = Decoder(case)
    rest, run = (
        -decoder.dispatch(np.full(12, gene)).flows["A", "fridge"].p_kw for gene in (0.0, 1.0)
    )
    # It rests from 4 to 6 deg C, then runs every other hour, and last until it ends at 4.
    assert (rest > 0).astype(int).tolist() == [0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 1]
    assert (run > 0).astype(int).tolist() == [1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]


def test_a_band_that_cannot_be_kept_is_refused():
    narrow = {**FRIDGE, "t_min_c": 3.9, "t_max_c": 4.1}
    case = homes_case([{"id": "A", "refrigerator": [narrow]}], hours=3, retailer=RETAILER)
    with pytest.raises(InfeasibleError, match="refrigerator fridge: neither on nor off keeps"):
        Decoder(case)


def test_a_job_runs_once_in_one_piece_wherever_its_point_lies():
    job = {"id": "washer", "p_kw": 1.2, "duration_h": 2, "window": [1, 6]}
    case = homes_case([{"id": "A", "job": [job]}], hours=8, retailer=RETAILER)
    decoder = Decoder(case)
    starts = []
    for gene in (0.0, 0.3, 0.6, 1.0):
        power = -decoder.dispatch(np.array([gene])).flows["A", "washer"].p_kw
        starts.append(int(np.argmax(power)))
        assert power[starts[-1] : starts[-1] + 2].tolist() == [1.2, 1.2]
        assert power.sum() == pytest.approx(2.4)
    assert starts == [1, 2, 3, 4]


def car_case(**edits):
    car = {
        "id": "car",
        "p_charge_max_kw": 3.0,
        "p_charge_min_kw": 1.0,
        "energy_kwh": 20.0,
        "soc_start": 0.3,
        "soc_departure": 0.55,
        "soc_end": 0.0,
        "soc_max": 0.55,
        "depart_hour": 4,
        "return_hour": 8,
        "driving_kwh": 4.0,
    }
    return homes_case([{"id": "A", "ev": [{**car, **edits}]}], hours=8, retailer=RETAILER)


def test_a_car_that_must_leave_full_never_leaves_a_rest_under_its_least_power():
    decoder = Decoder(car_case())
    points = np.random.default_rng(1).random((300, 8))
    for point in points[:60]:
        dispatch = decoder.dispatch(point)
        charge = -dispatch.flows["A", "car"].p_kw
        assert charge[:4].sum() == pytest.approx(5.0)
        assert (charge[4:] == 0.0).all()
        assert ((charge == 0.0) | (charge >= 1.0 - 1e-9)).all()
        assert (charge <= 3.0 + 1e-9).all()
    # All wait until two hours are left, in which 5 kWh fit.
    lazy = -decoder.dispatch(np.zeros(8)).flows["A", "car"].p_kw
    assert lazy[:4].tolist() == pytest.approx([0.0, 0.0, 2.0, 3.0])


def test_a_car_that_may_give_back_and_charges_at_its_least_power_is_not_taken_for_idle():
    case = car_case(p_charge_min_kw=2.0, p_discharge_max_kw=2.0, soc_departure=0.4, soc_max=1.0)
    decoder = Decoder(case)
    flows = decoder.dispatch(np.full(8, 0.5 - 1e-9)).flows["A", "car"]
    assert flows.p_kw[:4] == pytest.approx([-2.0] * 4)
    again = decoder.dispatch(decoder.encode(decoder.dispatch(np.full(8, 0.5 - 1e-9))))
    assert again.flows["A", "car"].p_kw == pytest.approx(flows.p_kw)


def test_a_car_that_no_charging_fills_to_the_brim_is_refused():
    with pytest.raises(InfeasibleError, match="ev car: no way to charge it keeps its limits"):
        Decoder(car_case(soc_start=0.525))  # half a kWh is less than its least power brings


def test_heat_that_a_boiler_lacks_is_unserved_and_a_tank_serves_it():
    home = {
        "id": "A",
        "load": [{"id": "warmth", "carrier": "heat", "p_kw": 5.0}],
        "solar_thermal": [{"id": "panel", "heat_max_kw": 2.0, "forecast": "sun"}],
        "gas_boiler": [{"id": "boiler", "heat_max_kw": 1.5, "efficiency": 1.0}],
    }
    tank = {
        "id": "tank",
        "energy_kwh": 4.0,
        "heat_charge_max_kw": 4.0,
        "heat_discharge_max_kw": 4.0,
    }
    profiles = {"sun": np.ones(1)}

    def unserved(stores, point):
        homes = [{**home, "thermal_store": stores}]
        case = homes_case(homes, profiles, retailer=RETAILER, gas=GAS)
        return Decoder(case).dispatch(point).shifts["A", "warmth"].unserved_kw[0]

    assert unserved([], np.zeros(0)) == pytest.approx(1.5)
    full = {**tank, "soc_start": 1.0, "soc_end": 0.0}
    assert unserved([full], np.ones(1)) == 0.0


def test_a_tank_is_charged_early_enough_where_the_last_hours_have_no_heat():
    sun = np.array([1.0, 1.0, 0.0, 0.0])
    home = {
        "id": "A",
        "solar_thermal": [{"id": "panel", "heat_max_kw": 2.0, "forecast": "sun"}],
        "thermal_store": [
            {
                "id": "tank",
                "energy_kwh": 4.0,
                "heat_charge_max_kw": 4.0,
                "heat_discharge_max_kw": 4.0,
                "soc_start": 0.0,
                "soc_end": 0.75,
            }
        ],
    }
    case = homes_case([home], {"sun": sun}, hours=4, retailer=RETAILER)
    decoder = Decoder(case)
    _, missed = decoder(np.vstack([np.full(4, 0.5), np.zeros(4), np.ones(4)]))
    assert missed.max() <= 1e-9
    stored = decoder.dispatch(np.full(4, 0.5)).state["A", "tank"]
    assert stored.tolist() == pytest.approx([1.0, 3.0, 3.0, 3.0])  # no sooner than it must


def test_a_day_that_lacks_heat_for_what_cannot_wait_says_by_how_much():
    tap = {
        "id": "tap",
        "carrier": "heat",
        "p_kw": 2.0,
        "t_min_c": 50.0,
        "t_max_c": 60.0,
        "t_start_c": 50.0,
        "heating_k_per_h": 5.0,
        "cooling_k_per_h": 5.0,
    }
    case = homes_case([{"id": "A", "water_heater": [tap]}], hours=2, retailer=RETAILER)
    _, missed = Decoder(case)(np.zeros((1, 2)))
    assert missed[0] == pytest.approx(2.0)


def test_homes_sell_to_each_other_before_the_retailer_and_within_their_limits():
    case = homes_case(
        [
            {"id": "A", "pv": [{"id": "roof", "p_max_kw": 10.0, "forecast": "sun"}]},
            {"id": "B", "load": [{"id": "flats", "carrier": "electricity", "p_kw": 2.0}]},
            {"id": "C", "load": [{"id": "flats", "carrier": "electricity", "p_kw": 1.0}]},
        ],
        {"sun": np.ones(1)},
        retailer={"buy_per_kwh": 0.3, "sell_per_kwh": 0.1, "power_max_kw": 2.0},
    )
    dispatch = Decoder(case).dispatch(np.zeros(0))
    assert verify(case, dispatch) == []
    # 10 of sun, 3 to the neighbours, 6 sold through three connections, 1 curtailed.
    assert dispatch.flows["A", "roof"].p_kw[0] == pytest.approx(9.0)
    assert [dispatch.exchange[i].export_kw[0] for i in "ABC"] == pytest.approx([2.0, 2.0, 2.0])
    assert dispatch.exchange["A"].pool_kw[0] == pytest.approx(7.0)


def test_sun_is_curtailed_where_selling_costs_and_replaced_where_buying_pays():
    home = {
        "id": "A",
        "load": [{"id": "flats", "carrier": "electricity", "p_kw": 1.0}],
        "pv": [{"id": "roof", "p_max_kw": 3.0, "forecast": "sun"}],
    }
    profiles = {
        "sun": np.ones(2),
        "buy_per_kwh": np.array([0.1, -0.1]),
        "sell_per_kwh": np.array([-0.2, -0.2]),
    }
    retailer = {"buy_per_kwh": "buy_per_kwh", "sell_per_kwh": "sell_per_kwh"}
    case = homes_case([home], profiles, hours=2, retailer=retailer)
    dispatch = Decoder(case).dispatch(np.zeros(0))
    assert dispatch.flows["A", "roof"].p_kw.tolist() == [1.0, 0.0]
    assert dispatch.exchange["A"].import_kw.tolist() == [0.0, 1.0]


def test_load_without_a_retailer_is_unserved():
    home = {"id": "A", "load": [{"id": "flats", "carrier": "electricity", "p_kw": 1.0}]}
    case = homes_case([home])
    decoder = Decoder(case)
    assert decoder.dispatch(np.zeros(0)).shifts["A", "flats"].unserved_kw[0] == 1.0
    assert decoder(np.zeros((1, 0)))[0][0] == pytest.approx(10.0)


def test_emission_weight_and_policy_of_a_case_reach_the_profit():
    case = bundled("hmg3-response")
    free = replace(
        case,
        file=case.file.model_copy(
            update={"response": case.file.response.model_copy(update={"emission_weight": 0.0})}
        ),
    )
    point = np.full((1, 507), 0.6)
    paid = profit_of(case, Decoder(case).dispatch(point[0])).penalties
    assert paid > 1.0
    assert Decoder(case)(point)[0][0] - Decoder(free)(point)[0][0] == pytest.approx(paid)


def test_only_the_direct_encoding_holds_every_day():
    case = bundled("two-homes")
    dispatch = Decoder(case).dispatch(np.full(Decoder(case).dimensions, 0.5))
    with pytest.raises(ValueError, match="only the direct encoding"):
        Decoder(case, "feedback").encode(dispatch)
