"""Level 4: tariff, bounds, caps, solvers and the front, each answer confirmed by pandapower."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plans import EVERY_KIND, connect, quick, random_weights, score, small
from test_levels import SELF_SUFFICIENT, demand_kw

from cmgplan.errors import InfeasibleError, LimitError
from cmgplan.network.feeder import build_feeder
from cmgplan.network.powerflow import power_flow
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.islanded import first_mask, solve_islanded
from cmgplan.planning.levels.level4 import GridAnswer, GridConnection, PointStatus
from cmgplan.planning.levels.selection import select_point
from cmgplan.planning.levels.upper import pcc_nodal
from cmgplan.planning.model.operation import Operation
from cmgplan.planning.model.switches import SwitchHours, all_switches, allow, is_forest
from cmgplan.units import usd_per_kwh

TIGHT = {"microgrid.0.pcc.rating_kva": 60.0, "microgrid.1.pcc.rating_kva": 30.0}
"""PCC ratings that bind, so that cost, emission and losses conflict."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return small(tmp_path_factory.mktemp("tight"), TIGHT)


@pytest.fixture(scope="module", params=itertools.product(["decomposition", "highs"], [7, 8]))
def asked(
    case: Case, request: pytest.FixtureRequest
) -> list[tuple[dict[str, float], dict[str, float], GridAnswer]]:
    """Random questions, half of them under caps drawn between the ends found before."""
    minlp, seed = request.param
    rng = np.random.default_rng(seed)
    connection = connect(case, quick(case, minlp=minlp))
    ends: list[Mapping[str, float]] = []
    questions = []
    for goal in ("gc_usd", "ec_usd", "loss_kwh"):
        answer = connection.minimise({goal: 1.0}, {}, label=goal)
        assert answer.values is not None
        ends.append(answer.values)
        questions.append(({goal: 1.0}, {}, answer))
    for k in range(6):
        weights = random_weights(rng)
        caps = {}
        if k % 2:
            for name in ("gc_usd", "loss_kwh"):
                low, high = min(e[name] for e in ends), max(e[name] for e in ends)
                caps[name] = low + float(rng.uniform(0.4, 1.0)) * (high - low)
        answer = connection.minimise(weights, caps, label=f"random {k}")
        questions.append((weights, caps, answer))
    return questions


def operations_of(
    asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]],
) -> list[Operation]:
    return [answer.operation for _, _, answer in asked if answer.operation is not None]


# Every answer


def test_bound_is_under_the_ac_value_of_every_question(
    asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]],
) -> None:
    assert sum(answer.operation is not None for _, _, answer in asked) >= 7
    for weights, _, answer in asked:
        if answer.operation is not None:
            assert answer.bound is not None
            value = score(weights, answer.operation)
            assert answer.bound <= value + 1e-5
            assert value - answer.bound < 0.2  # and it is not a bound that says nothing


def test_caps_hold(asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]]) -> None:
    capped = 0
    for _, caps, answer in asked:
        for name, cap in caps.items():
            if answer.values is not None:
                assert answer.values[name] <= cap + 1e-6
                capped += 1
    assert capped >= 4


def test_cost_under_the_market_tariff(
    case: Case, asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]]
) -> None:
    """f1 = sum lambda (2 P_DR + loss) whatever is dispatched."""
    price = np.array([usd_per_kwh(p) for p in case.price_usd_per_mwh])
    for operation in operations_of(asked):
        loss = operation.feeder_loss_kw + np.sum(list(operation.tie_loss_kw.values()), axis=0)
        expected = float(price @ (2.0 * demand_kw(case, operation) + loss))
        assert operation.gc_usd == pytest.approx(expected, abs=1e-4)
        assert operation.loss_kwh == pytest.approx(float(loss.sum()), abs=1e-5)
        assert max(float(u.max()) for u in operation.unserved_kw.values()) <= 1e-6


def test_every_device_follows_its_simulation(
    case: Case, asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]]
) -> None:
    h = case.horizon()
    rate = usd_per_kwh(case.grid_emission_usd_per_mwh)
    for operation in operations_of(asked):
        emission = rate * float(operation.p_sub_kw.sum())
        for mg in case.microgrids:
            for device in mg.devices():
                key = (mg.id, device.id)
                trace = device.simulate(h, operation.p_kw[key], operation.q_kvar[key])
                assert not trace.breaches, (key, trace.breaches)
                emission += trace.emission_usd
                if trace.soc_kwh is not None:
                    np.testing.assert_allclose(operation.soc_kwh[key], trace.soc_kwh, atol=1e-3)
                    both = np.minimum(operation.charge_kw[key], operation.discharge_kw[key])
                    assert both.max() <= 1e-3
        assert operation.ec_usd == pytest.approx(emission, abs=1e-4)


def test_closed_switches_form_a_forest_and_carry_within_their_rating(
    case: Case, asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]]
) -> None:
    switches = all_switches(case)
    for operation in operations_of(asked):
        for t in range(case.file.time.hours):
            assert is_forest(switches, operation.closed, t)
        for mg in case.microgrids:
            kva = np.hypot(operation.p_pcc_kw[mg.id], operation.q_pcc_kvar[mg.id])
            assert kva.max() <= mg.pcc.rating_kva + 1e-4
            assert kva[~operation.closed[mg.pcc.id]].max(initial=0.0) <= 1e-6


def test_pandapower_confirms_every_answer(
    case: Case, asked: list[tuple[dict[str, float], dict[str, float], GridAnswer]]
) -> None:
    feeder = build_feeder(case)
    for operation in operations_of(asked):
        flow = power_flow(feeder, *pcc_nodal(case, feeder, operation))
        np.testing.assert_allclose(operation.voltage_pu, flow.v_pu, atol=1e-6)  # type: ignore[arg-type]
        np.testing.assert_allclose(operation.feeder_loss_kw, flow.loss_kw, atol=1e-3)
        np.testing.assert_allclose(operation.p_sub_kw, flow.slack_p_kw, atol=1e-3)


# Against Level 1, against fewer switches, solver against solver


def test_islanded_by_the_mask_equals_level_1(tmp_path: Path) -> None:
    """No shortage, every switch open: Level 4 gives the sum of Level 1's optima."""
    case = small(tmp_path, SELF_SUFFICIENT)
    level1 = solve_islanded(case, quick(case), 1, first_mask(case, quick(case)))
    assert sum(float(u.sum()) for u in level1.shortage_kw.values()) < 0.05
    connection = connect(case, mask=allow(case, ()))
    answer = connection.minimise({"gc_usd": 1.0, "ec_usd": 1.0}, {}, label="islanded")
    optimum = level1.outcomes["gc_plus_ec_usd"]
    assert answer.operation is not None
    assert optimum.bound is not None
    # Level 1 may leave 0.01 kWh unserved, worth no more than 1e-3 $ here.
    together = answer.operation.gc_usd + answer.operation.ec_usd
    assert together == pytest.approx(optimum.bound, abs=2e-3)
    each = []
    for mg in case.microgrids:
        load_and_source = [d for d in mg.devices() if hasattr(d, "price")]
        h = case.horizon()
        traces = [
            d.simulate(h, answer.operation.p_kw[mg.id, d.id], answer.operation.q_kvar[mg.id, d.id])
            for d in load_and_source
        ]
        each.append(sum(t.cost_usd + t.emission_usd for t in traces))
    assert sum(each) == pytest.approx(together, abs=1e-4)


def best_emission(case: Case, mask: SwitchHours, caps: Mapping[str, float]) -> GridAnswer:
    return connect(case, mask=mask).minimise({"ec_usd": 1.0}, caps, label="ec_usd")


@pytest.mark.parametrize("seed", range(3))
def test_more_switches_never_worsen_the_optimum(case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    wide = allow(case, EVERY_KIND)
    fewer = {**wide, **{s: wide[s] & (rng.random(4) < 0.6) for s in ("T12", "T23")}}
    fewest = {**fewer, "PCC3": np.zeros(4, dtype=bool)}
    caps = {"gc_usd": 99.0, "loss_kwh": 2.0}
    values = []
    for mask in (wide, fewer, fewest):
        answer = best_emission(case, mask, caps)
        assert answer.operation is not None
        assert answer.bound is not None
        assert answer.operation.ec_usd - answer.bound < 1e-3  # proven, so the order must hold
        values.append(answer.operation.ec_usd)
    assert values[0] <= values[1] + 1e-3
    assert values[1] <= values[2] + 1e-3


@pytest.mark.parametrize("seed", range(2))
def test_all_solvers_agree(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    edits = {**TIGHT, "tie.0.rating_kva": float(rng.uniform(20, 60)), "microgrid.0.ev": []}
    case = small(tmp_path, edits)
    weights = random_weights(rng)
    found = {}
    for minlp in ("decomposition", "highs", "bonmin"):
        connection = connect(case, quick(case, minlp=minlp, time_limit_s=20.0))
        answer = connection.minimise(weights, {}, label=minlp)
        assert answer.operation is not None, answer.reason
        assert answer.bound is not None
        found[minlp] = score(weights, answer.operation)
        assert answer.bound <= found[minlp] + 1e-5
        assert found[minlp] - answer.bound < 1e-2
    assert found["highs"] == pytest.approx(found["bonmin"], abs=1e-3)
    assert found["decomposition"] == pytest.approx(found["bonmin"], abs=1e-3)


@pytest.mark.parametrize(("gc_usd", "loss_kwh"), [(97.2, 0.0052), (97.8, 0.0041)])
def test_highs_searches_again_where_its_schedule_does_not_operate(
    case: Case, gc_usd: float, loss_kwh: float
) -> None:
    """Under so thin a cap on losses the first schedule lives on the tangents' tolerance."""
    caps = {"gc_usd": gc_usd, "loss_kwh": loss_kwh}
    connection = connect(case, quick(case, minlp="highs", time_limit_s=20.0))
    answer = connection.minimise({"ec_usd": 1.0}, caps, label="thin")
    assert answer.operation is not None, answer.reason
    assert answer.operation.loss_kwh <= loss_kwh + 1e-6
    assert answer.bound is not None
    assert -1e-5 <= answer.operation.ec_usd - answer.bound < 0.02


def test_impossible_caps_are_proved_infeasible(case: Case) -> None:
    connection = connect(case)
    for caps in ({"gc_usd": 50.0}, {"ec_usd": -500.0}, {"loss_kwh": -0.1}):
        answer = connection.minimise({"ec_usd": 1.0}, caps, label="impossible")
        assert answer.infeasible
        assert (answer.operation, answer.values) == (None, None)


# The front


def test_front_of_the_tight_case(case: Case) -> None:
    options = quick(case, points=4, gap=0.05)
    front = solve_front(connect(case, options), options, lambda *told: None)
    values = []
    for point in front.points:
        assert point.operation is not None
        assert point.bound_ec_usd is not None
        assert point.bound_ec_usd <= point.operation.ec_usd + 1e-6
        assert point.operation.gc_usd <= point.caps["gc_usd"] + 1e-6
        assert point.operation.loss_kwh <= point.caps["loss_kwh"] + 1e-6
        assert point.status is PointStatus.OPTIMAL
        values.append(point.operation.ec_usd)
    allowed = 0.05 * max(front.ec_range_usd, 1.0)
    assert all(after <= before + allowed for before, after in itertools.pairwise(values))
    assert values[0] > values[-1]


def test_case_without_enough_power_is_proved_infeasible(tmp_path: Path) -> None:
    case = small(tmp_path, {"microgrid.0.pcc.rating_kva": 1.0, "tie.0.rating_kva": 1.0})
    with pytest.raises(InfeasibleError, match="no schedule that serves all load"):
        solve_front(connect(case), quick(case), lambda *told: None)


class Loose(GridConnection):
    """Proves half a dollar less than it could at every point."""

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str, **how: Any
    ) -> GridAnswer:
        answer = super().minimise(weights, caps, label=label, **how)
        if label.startswith("point") and answer.bound is not None:
            return replace(answer, bound=answer.bound - 0.5)
        return answer


@pytest.mark.parametrize("absolute", [True, False])
def test_gap_is_a_share_of_the_range_or_dollars_where_that_is_small(
    case: Case, absolute: bool
) -> None:
    if not absolute:
        case = load_case(Path(__file__).parents[2] / "cases" / "two-bus")
    options = quick(case, points=2)
    connection = Loose(case, options, build_feeder(case), allow(case, EVERY_KIND))
    front = solve_front(connection, options, lambda *told: None)
    assert front.absolute == absolute
    unit = 1.0 if absolute else front.ec_range_usd
    for point in front.points:
        assert point.operation is not None
        assert point.bound_ec_usd is not None
        difference = point.operation.ec_usd - point.bound_ec_usd
        # 0.5 is put on; f2 is steep in its caps at end A, where the search leaves some of its own.
        assert 0.5 - 1e-3 <= difference <= 1.0
        assert point.gap == pytest.approx(difference / unit, rel=1e-9)
        assert point.status is PointStatus.FEASIBLE


class Wrong(GridConnection):
    """States bounds of the points that are 0.5 too high, as where a solver is wrong."""

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str, **how: Any
    ) -> GridAnswer:
        answer = super().minimise(weights, caps, label=label, **how)
        if not label.startswith("point") or answer.bound is None:
            return answer
        return replace(answer, bound=score(weights, answer.operation) + 0.5)


def test_a_bound_above_what_is_held_proves_nothing(case: Case) -> None:
    options = quick(case, points=2)
    connection = Wrong(case, options, build_feeder(case), allow(case, EVERY_KIND))
    front = solve_front(connection, options, lambda *told: None)
    for point in front.points:
        assert point.operation is not None
        assert (point.bound_ec_usd, point.gap) == (None, None)
        assert point.status is PointStatus.FEASIBLE
        assert point.answer.reason.endswith("so that it proves nothing")


class Exhausted(GridConnection):
    """Answers the payoff table, then holds nothing; proves that of the first point."""

    def minimise(
        self, weights: Mapping[str, float], caps: Mapping[str, float], *, label: str, **how: Any
    ) -> GridAnswer:
        if label.startswith("point"):
            infeasible = label == "point 1"
            return GridAnswer(None, None, infeasible, "the time limit", 0.0)
        return super().minimise(weights, caps, label=label, **how)


def test_points_without_a_schedule_are_limit_or_infeasible_and_none_is_dropped(case: Case) -> None:
    options = quick(case, points=3)
    connection = Exhausted(case, options, build_feeder(case), allow(case, EVERY_KIND))
    front = solve_front(connection, options, lambda *told: None)
    assert [point.status for point in front.points] == [
        PointStatus.INFEASIBLE,
        PointStatus.LIMIT,
        PointStatus.LIMIT,
    ]
    assert all(point.gap is None and point.operation is None for point in front.points)
    with pytest.raises(LimitError, match="no Pareto point holds a schedule"):
        select_point(front, options)
