"""The two-bus case against its solution by hand in cases/two-bus/SOURCES.md."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from cmgplan.arrays import FloatArray
from cmgplan.network.feeder import Feeder, build_feeder
from cmgplan.planning.case import Case, load_case
from cmgplan.planning.case.records import PlanOptions
from cmgplan.planning.levels.front import solve_front
from cmgplan.planning.levels.front_points import Front
from cmgplan.planning.levels.islanded import LevelResult, grid_mask, solve_levels_1_to_3
from cmgplan.planning.levels.level4 import GridConnection, PointStatus
from cmgplan.planning.levels.selection import select_point
from cmgplan.planning.levels.upper import UpperResult, solve_upper

FOLDER = Path(__file__).parents[2] / "cases" / "two-bus"

POINTS_P_KW = [100, 256.763, 347.623, 418.383, 478.186, 530.821, 578.295, 621.821, 662.202, 700]
R_PU = X_PU = 0.05


def line_state(p_kw: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return voltage (pu) and loss (kW) of the line that delivers ``p_kw`` at bus 2."""
    p = p_kw / 1000.0
    half = 1.0 - 2.0 * R_PU * p
    u = (half + np.sqrt(half**2 - 4.0 * (R_PU**2 + X_PU**2) * p**2)) / 2.0
    return np.sqrt(u), R_PU * p**2 / u * 1000.0


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(FOLDER)


@pytest.fixture(scope="module")
def options(case: Case) -> PlanOptions:
    return case.options.model_copy(update={"time_limit_s": 3.0})


@pytest.fixture(scope="module")
def feeder(case: Case) -> Feeder:
    return build_feeder(case)


@pytest.fixture(scope="module")
def levels(case: Case, options: PlanOptions) -> tuple[LevelResult, ...]:
    return solve_levels_1_to_3(case, options)


@pytest.fixture(scope="module")
def front(
    case: Case, options: PlanOptions, feeder: Feeder, levels: tuple[LevelResult, ...]
) -> Front:
    connection = GridConnection(case, options, feeder, grid_mask(case, options, levels[2]))
    return solve_front(connection, options, lambda *told: None)


@pytest.fixture(scope="module")
def upper(case: Case, options: PlanOptions, feeder: Feeder, front: Front) -> UpperResult:
    chosen = front.points[select_point(front, options).number - 1].operation
    assert chosen is not None
    return solve_upper(case, options, feeder, chosen)


def close(found: npt.ArrayLike | None, expected: npt.ArrayLike, tolerance: float = 1e-3) -> None:
    assert found is not None
    differences = np.abs(np.asarray(found, dtype=float) - np.asarray(expected, dtype=float))
    assert differences.max() <= tolerance, (found, expected)


@pytest.mark.parametrize(
    ("level", "shortage", "surplus"),
    [
        (1, {"MG2": [0, 0, 100, 199.5, 200], "MG3": [0, 0, 0, 0, 100]}, {"MG2": [0, 100, 0, 0, 0]}),
        (2, {"MG2": [0, 0, 0, 99.5, 100], "MG3": [0, 0, 0, 0, 100]}, {}),
    ],
)
def test_shortage_and_surplus_of_levels_1_and_2(
    levels: tuple[LevelResult, ...],
    level: int,
    shortage: dict[str, list[float]],
    surplus: dict[str, list[float]],
) -> None:
    result = levels[level - 1]
    for mg in ("MG1", "MG2", "MG3"):
        close(result.shortage_kw[mg], shortage.get(mg, [0.0] * 5))
        close(result.surplus_kw[mg], surplus.get(mg, [0.0] * 5))
        close(result.operation.unserved_kvar[mg], [0.0] * 5)


def test_level_3_leaves_only_hour_4_short(levels: tuple[LevelResult, ...]) -> None:
    result = levels[2]
    close(np.sum(list(result.shortage_kw.values()), axis=0), [0, 0, 0, 0, 200])
    close(result.shortage_kw["MG1"], [0.0] * 5)
    # How the 200 kW split is flat to second order in the loss of T32.
    close(result.shortage_kw["MG2"][4], 100.0, 10.0)
    close(np.sum(list(result.surplus_kw.values()), axis=0), [0.0] * 5)
    close(result.operation.p_tie_kw["T32"][3], 100.0, 1e-2)
    close(result.operation.tie_loss_kw["T32"][3], 0.5, 1e-3)


@pytest.mark.parametrize(
    ("level", "gc_usd", "ec_usd", "loss_kwh", "unserved_kwh"),
    [(1, 235.96, 48, 0, 599.5), (2, 259.96, 56, 0, 299.5), (3, 267.96, 60, 0.5, 200)],
)
def test_objectives_of_levels_1_to_3(
    levels: tuple[LevelResult, ...],
    level: int,
    gc_usd: float,
    ec_usd: float,
    loss_kwh: float,
    unserved_kwh: float,
) -> None:
    operation = levels[level - 1].operation
    close(operation.gc_usd, gc_usd)
    close(operation.ec_usd, ec_usd)
    close(operation.loss_kwh, loss_kwh)
    close(levels[level - 1].outcomes["unserved_kwh"].value, unserved_kwh)


@pytest.mark.parametrize(
    ("level", "mg1", "mg3"),
    [
        (1, [100, 100, 100, 100, 100], [100, 100, 100, 100, 300]),
        (2, [100, 0, 200, 200, 200], [100, 100, 100, 100, 300]),
        (3, [100, 0, 200, 200, 200], [100, 100, 100, 200, 300]),
    ],
)
def test_turbines_of_levels_1_to_3(
    levels: tuple[LevelResult, ...], level: int, mg1: list[float], mg3: list[float]
) -> None:
    power = levels[level - 1].operation.p_kw
    close(power["MG1", "mt"], mg1, 1e-2)
    close(power["MG3", "mt"], mg3, 1e-2)


def test_masks_and_switches_of_levels_1_to_3(levels: tuple[LevelResult, ...]) -> None:
    final = {s: np.flatnonzero(hours).tolist() for s, hours in levels[2].following.items()}
    assert final == {"T12": [1, 2, 3, 4], "T32": [3, 4], "PCC1": [4], "PCC2": [4], "PCC3": [4]}
    assert not any(hours.any() for hours in levels[0].operation.closed.values())
    assert np.flatnonzero(levels[1].mask["T12"]).tolist() == [1, 2, 3, 4]
    assert not levels[1].mask["T32"].any()
    for level in levels:
        for switch, closed in level.operation.closed.items():
            assert not (closed & ~level.mask[switch]).any()
    assert levels[2].operation.closed["T32"][:4].tolist() == [False, False, False, True]
    assert levels[2].operation.closed["T12"][:4].tolist() == [False, True, True, True]


def test_ends_of_level_4(front: Front) -> None:
    ranges = front.payoff.ranges
    close([ranges["gc_usd"].min, ranges["gc_usd"].max], [288.010508, 290.601914])
    close([ranges["ec_usd"].min, ranges["ec_usd"].max], [54.528383, 66.010102], 2e-3)
    close([ranges["loss_kwh"].min, ranges["loss_kwh"].max], [1.005076, 26.919137])


def test_points_of_level_4(front: Front) -> None:
    assert [point.status for point in front.points] == [PointStatus.OPTIMAL] * 10
    p_kw = np.array(POINTS_P_KW)
    voltage, loss = line_state(p_kw)
    close(loss, np.linspace(loss[0], loss[-1], 10))  # equal steps of the diagonal
    for k, point in enumerate(front.points):
        operation = point.operation
        assert operation is not None
        assert operation.voltage_pu is not None
        close(operation.gc_usd, 287.96 + 0.1 * loss[k])
        close(operation.ec_usd, 40.0 + 0.04 * (700.0 - p_kw[k]) + 0.02 * (p_kw[k] + loss[k]))
        close(operation.loss_kwh, 0.5 + loss[k])
        close(operation.p_sub_kw[4], p_kw[k] + loss[k], 5e-3)
        close(operation.voltage_pu[4, 1], voltage[k], 1e-6)
        close(operation.feeder_loss_kw, [0.0, 0.0, 0.0, 0.0, loss[k]])


def test_level_4_closes_only_what_carries(front: Front) -> None:
    for point in front.points:
        assert point.operation is not None
        closed = point.operation.closed
        assert np.flatnonzero(closed["T12"][:4]).tolist() == [1, 2, 3]
        assert np.flatnonzero(closed["T32"][:4]).tolist() == [3]
        assert closed["PCC2"].tolist() == [False] * 4 + [True]


def test_fuzzy_choice_is_point_5(front: Front, options: PlanOptions) -> None:
    selection = select_point(front, options)
    assert (selection.number, selection.rule) == (5, "fuzzy")
    assert selection.mu_min == pytest.approx(0.5556, abs=1e-4)
    close(selection.memberships[:, 0], np.linspace(1.0, 0.0, 10), 1e-4)
    close(
        selection.memberships[:, 1],
        [0.0, 0.2681, 0.4213, 0.5395, 0.6387, 0.7254, 0.8030, 0.8739, 0.9392, 1.0],
        1e-4,
    )


def test_another_point_can_be_asked_for(front: Front, options: PlanOptions) -> None:
    selection = select_point(front, options.model_copy(update={"select": 3}))
    assert (selection.number, selection.rule) == (3, "override")
    assert selection.mu_min == pytest.approx(0.4213, abs=1e-4)


def test_upper_level_carries_the_feeder_alone_while_the_pccs_are_open(upper: UpperResult) -> None:
    voltage = upper.operation.voltage_pu
    assert voltage is not None
    close(voltage[:4, 1], [0.99241411, 0.99241411, 0.98465012, 0.98465012], 1e-6)
    close(upper.operation.feeder_loss_kw[:4], [1.142264, 1.142264, 4.641396, 4.641396])
    taken = 300.0 - sum(p[4] for p in upper.operation.p_pcc_kw.values())
    at_bus_2 = line_state(np.array([taken]))
    close(voltage[4, 1], at_bus_2[0][0], 1e-6)
    close(upper.operation.feeder_loss_kw[4], at_bus_2[1][0])


def test_feeder_without_microgrids(upper: UpperResult) -> None:
    plain = upper.without_cmg
    close(plain.v_pu[:, 1], [0.97669781, 0.97669781, 0.96299433, 0.96302233, 0.94573237], 1e-6)
    close(plain.loss_kw, [10.613891, 10.613891, 26.419137, 26.379874, 55.902791])
    close(upper.without_cmg_totals.loss_kwh, 129.929584)
    close(upper.without_microgrid_loads.loss_kwh, 16.208717)
