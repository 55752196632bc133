"""Levels 1 to 3: devices, balances and objectives of every level's answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from factories import EMISSIONS
from plans import quick, small

from cmgplan.arrays import FloatArray
from cmgplan.errors import InfeasibleError
from cmgplan.planning.case import Case
from cmgplan.planning.levels.islanded import (
    LEFT_OVER_KW,
    LevelResult,
    first_mask,
    left_over,
    solve_islanded,
    solve_levels_1_to_3,
)
from cmgplan.planning.levels.islanded_search import SWITCHING_GAP, IslandedSearch
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import allow
from cmgplan.units import tie_loss_per_kva2, usd_per_kwh

SELF_SUFFICIENT = {
    "microgrid.0.mt.0.p_max_kw": 150.0,
    "microgrid.1.mt": [
        {
            "id": "mt",
            "p_max_kw": 120.0,
            "q_min_kvar": -30.0,
            "q_max_kvar": 30.0,
            "emission_usd_per_mwh": EMISSIONS,
        }
    ],
}
SUNNY = {**SELF_SUFFICIENT, "microgrid.1.pv.0.p_max_kw": 260.0}


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return small(tmp_path_factory.mktemp("short"))


@pytest.fixture(scope="module")
def sunny(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return small(tmp_path_factory.mktemp("sunny"), SUNNY)


@pytest.fixture(scope="module")
def levels(case: Case) -> Sequence[LevelResult]:
    return solve_levels_1_to_3(case, quick(case))


@pytest.fixture(scope="module")
def sunny_levels(sunny: Case) -> Sequence[LevelResult]:
    return solve_levels_1_to_3(sunny, quick(sunny))


def demand_kw(case: Case, operation: Operation) -> FloatArray:
    """Return the demand of all microgrids after response, unserved part included."""
    h = case.horizon()
    return np.sum(
        [
            operation.gamma[mg.id, load.id] * load.base_kw(h)
            for mg in case.microgrids
            for load in mg.load
        ],
        axis=0,
    )


def net_kw(case: Case, operation: Operation, mg: str) -> FloatArray:
    """Return what a microgrid's devices and ties leave over, kW."""
    injected = np.sum([p for (owner, _), p in operation.p_kw.items() if owner == mg], axis=0)
    for tie in case.ties:
        if tie.to_microgrid == mg:
            injected += operation.p_tie_kw[tie.id] - operation.tie_loss_kw[tie.id]
        if tie.from_microgrid == mg:
            injected -= operation.p_tie_kw[tie.id]
    return injected


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("which", ["levels", "sunny_levels"])
def test_every_device_follows_its_simulation(
    which: str, level: int, request: pytest.FixtureRequest
) -> None:
    case: Case = request.getfixturevalue("case" if which == "levels" else "sunny")
    operation = request.getfixturevalue(which)[level - 1].operation
    h = case.horizon()
    cost = emission = 0.0
    for mg in case.microgrids:
        for device in mg.devices():
            key = (mg.id, device.id)
            trace = device.simulate(h, operation.p_kw[key], operation.q_kvar[key])
            cost += trace.cost_usd
            emission += trace.emission_usd
            if key in operation.gamma:
                continue  # a load's simulation knows nothing of unserved power; see below
            assert not trace.breaches, (key, trace.breaches)
            if trace.soc_kwh is not None:
                np.testing.assert_allclose(operation.soc_kwh[key], trace.soc_kwh, atol=1e-3)
                both = np.minimum(operation.charge_kw[key], operation.discharge_kw[key])
                assert both.max() <= 1e-3
    unserved = np.sum(list(operation.unserved_kw.values()), axis=0)
    price = np.array([usd_per_kwh(p) for p in case.price_usd_per_mwh])
    assert operation.gc_usd == pytest.approx(cost + float(price @ unserved), abs=1e-3)
    assert operation.ec_usd == pytest.approx(emission, abs=1e-3)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_demand_response_moves_and_does_not_save(
    case: Case, levels: Sequence[LevelResult], level: int
) -> None:
    operation, h = levels[level - 1].operation, case.horizon()
    homes = case.microgrid("MG1").load[0]
    gamma = operation.gamma["MG1", "homes"]
    assert float((gamma - 1.0) @ homes.base_kw(h)) == pytest.approx(0.0, abs=1e-4)
    assert np.abs(gamma - 1.0).max() <= homes.responsive_share + 1e-7
    np.testing.assert_allclose(operation.gamma["MG2", "shops"], 1.0, atol=1e-9)
    for mg in case.microgrids:
        for load in mg.load:
            key = (mg.id, load.id)
            served = -operation.p_kw[key]
            demanded = operation.gamma[key] * load.base_kw(h)
            np.testing.assert_allclose(demanded - served, operation.unserved_kw[mg.id], atol=1e-6)
            np.testing.assert_allclose(-operation.q_kvar[key], load.kvar_per_kw * served, atol=1e-6)


@pytest.mark.parametrize("which", ["levels", "sunny_levels"])
def test_every_microgrid_balances(which: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue("case" if which == "levels" else "sunny")
    for result in request.getfixturevalue(which):
        for mg in case.microgrids:
            np.testing.assert_allclose(net_kw(case, result.operation, mg.id), 0.0, atol=1e-5)


def test_ties_carry_only_when_closed_and_within_their_rating(
    case: Case, levels: Sequence[LevelResult]
) -> None:
    carried = 0.0
    for result in levels:
        for tie in case.ties:
            p, q = result.operation.p_tie_kw[tie.id], result.operation.q_tie_kvar[tie.id]
            assert np.abs(p[~result.operation.closed[tie.id]]).max(initial=0.0) <= 1e-9
            assert np.hypot(p, q).max() <= tie.rating_kva + 1e-3
            carried += float(np.abs(p).sum())
    assert carried > 50.0


def test_tie_between_clusters_loses_at_nominal_voltage(
    case: Case, levels: Sequence[LevelResult]
) -> None:
    operation = levels[2].operation
    (tie,) = (t for t in case.ties if t.kind == "cluster")
    assert tie.vn_kv is not None
    factor = tie_loss_per_kva2(tie.r_ohm, tie.vn_kv)
    loss = factor * (operation.p_tie_kw[tie.id] ** 2 + operation.q_tie_kvar[tie.id] ** 2)
    np.testing.assert_allclose(operation.tie_loss_kw[tie.id], loss, atol=2e-4)
    assert loss.max() > 3e-3
    assert operation.loss_kwh == pytest.approx(float(loss.sum()), abs=1e-3)
    np.testing.assert_allclose(operation.tie_loss_kw["T12"], 0.0)


def test_more_switches_leave_less_unserved(levels: Sequence[LevelResult]) -> None:
    unserved = [result.outcomes["unserved_kwh"].value for result in levels]
    assert None not in unserved
    one, two, three = (value for value in unserved if value is not None)
    assert one >= two - SWITCHING_GAP
    assert two > three + 100.0


def test_shortage_equals_what_the_hand_counts(case: Case, levels: Sequence[LevelResult]) -> None:
    """MG2 has no store and no turbine: its shortage is its load less wind and sun."""
    h = case.horizon()
    sun, wind = 60.0 * h.profile("sun"), 40.0 * h.profile("wind")
    expected = np.maximum(80.0 * h.profile("homes") - sun - wind, 0.0)
    np.testing.assert_allclose(levels[0].shortage_kw["MG2"], expected, atol=1e-3)
    assert expected.max() > 1.0
    np.testing.assert_allclose(levels[0].shortage_kw["MG3"], 0.0, atol=1e-3)


def test_surplus_equals_what_the_hand_counts(
    sunny: Case, sunny_levels: Sequence[LevelResult]
) -> None:
    h = sunny.horizon()
    renewable = 260.0 * h.profile("sun") + 40.0 * h.profile("wind")
    expected = np.maximum(renewable - 80.0 * h.profile("homes"), 0.0)
    np.testing.assert_allclose(sunny_levels[0].surplus_kw["MG2"], expected, atol=0.05)
    marks = left_over(sunny_levels[0].operation)
    assert marks["MG2"].tolist() == (expected > LEFT_OVER_KW).tolist()
    assert not marks["MG3"].any()
    # MG1 takes some of it at Level 2.
    surplus = [sum(float(s.sum()) for s in r.surplus_kw.values()) for r in sunny_levels]
    assert surplus[1] < surplus[0] - 10.0


@pytest.mark.parametrize("which", ["levels", "sunny_levels"])
def test_cost_under_the_market_tariff(which: str, request: pytest.FixtureRequest) -> None:
    """f1 = sum lambda (2 P_DR + loss - unserved), whatever is dispatched."""
    case: Case = request.getfixturevalue("case" if which == "levels" else "sunny")
    price = np.array([usd_per_kwh(p) for p in case.price_usd_per_mwh])
    for result in request.getfixturevalue(which):
        operation = result.operation
        unserved = np.sum(list(operation.unserved_kw.values()), axis=0)
        loss = np.sum(list(operation.tie_loss_kw.values()), axis=0)
        expected = float(price @ (2.0 * demand_kw(case, operation) + loss - unserved))
        assert operation.gc_usd == pytest.approx(expected, abs=1e-3)
        assert which == "levels" or unserved.sum() < LEFT_OVER_KW


def test_storage_is_no_heater_for_surplus(tmp_path: Path) -> None:
    """Charging and discharging at once through poor efficiencies would burn what is curtailed."""
    battery = {
        "id": "poor",
        "p_charge_max_kw": 50.0,
        "p_discharge_max_kw": 50.0,
        "energy_kwh": 10.0,
        "soc_start": 0.5,
        "efficiency_charge": 0.3,
        "efficiency_discharge": 0.3,
    }
    case = small(tmp_path, {**SUNNY, "microgrid.1.storage": [battery]})
    operation = solve_islanded(case, quick(case), 1, first_mask(case, quick(case))).operation
    key = ("MG2", "poor")
    assert operation.curtailed_kw["MG2"].max() > 50.0
    assert np.minimum(operation.charge_kw[key], operation.discharge_kw[key]).max() <= 1e-3


def test_optimum_is_no_worse_than_without_storage(
    tmp_path: Path, sunny_levels: Sequence[LevelResult]
) -> None:
    """A device that may stand still cannot harm."""
    without = small(tmp_path, {**SUNNY, "microgrid.0.storage": []})
    level1 = solve_islanded(without, quick(without), 1, first_mask(without, quick(without)))
    with_storage = sunny_levels[0].outcomes["gc_plus_ec_usd"].value
    without_storage = level1.outcomes["gc_plus_ec_usd"].value
    assert with_storage is not None
    assert without_storage is not None
    assert with_storage <= without_storage + 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_guessed_switches_are_as_good_as_searched_ones(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(seed)
    edits = {
        "microgrid.1.pv.0.p_max_kw": float(rng.uniform(20, 200)),
        "microgrid.2.mt.0.p_max_kw": float(rng.uniform(60, 150)),
        "tie.0.rating_kva": float(rng.uniform(10, 60)),
        "tie.1.rating_kva": float(rng.uniform(10, 60)),
    }
    case = small(tmp_path, edits)
    options = quick(case)
    mask = allow(case, ("microgrid", "cluster"))
    guessed = solve_islanded(case, options, 3, mask)
    monkeypatch.setattr(IslandedSearch, "_guess_switches", lambda self: None)
    searched = solve_islanded(case, options, 3, mask)
    for goal in ("unserved_kwh", "gc_plus_ec_usd"):
        one, other = guessed.outcomes[goal], searched.outcomes[goal]
        assert one.value is not None
        assert one.bound is not None
        assert one.value == pytest.approx(other.value, abs=3 * SWITCHING_GAP)
        assert one.bound <= one.value + 1e-6


def test_turbine_with_a_minimum_load_is_off_or_above_it(tmp_path: Path) -> None:
    # MG3's own load of 60 kW needs 70 kW or nothing, so that some of it is shed or exported.
    case = small(tmp_path, {"microgrid.2.mt.0.p_min_kw": 70.0})
    one, _, three = solve_levels_1_to_3(case, quick(case))
    np.testing.assert_allclose(one.operation.p_kw["MG3", "mt"], 0.0, atol=1e-6)
    np.testing.assert_allclose(one.shortage_kw["MG3"], 60.0, atol=1e-3)
    power = three.operation.p_kw["MG3", "mt"]
    assert (power.max() >= 70.0) and ((power < 1e-6) | (power > 70.0 - 1e-6)).all()
    assert sum(float(s.sum()) for s in three.shortage_kw.values()) < 1.0


def test_reactive_power_that_nobody_takes_is_explained(tmp_path: Path) -> None:
    case = small(
        tmp_path, {"microgrid.2.svc": [{"id": "svc", "q_min_kvar": 5.0, "q_max_kvar": 20.0}]}
    )
    with pytest.raises(InfeasibleError, match=r"MG3 has too much of: 5\.00 kvar"):
        solve_levels_1_to_3(case, quick(case))
