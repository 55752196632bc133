"""cases/ieee33, begun from a network file: its data against the published ones, and its plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matpower_text import NETWORKS, distribution

from cmgplan.network.feeder import build_feeder
from cmgplan.planning.case import load_case
from cmgplan.planning.case.records import Case
from cmgplan.planning.pipeline import plan
from cmgplan.planning.result import PlanResult
from cmgplan.planning.starter import new_case

YEAR_ROWS = {
    # day: (hour, load_feeder, load_home, sun, wind) as they stand in the series of 2016
    "2016-07-14": (12, 0.575, 0.059, 0.251, 0.002),
    "2016-01-20": (14, 0.799, 0.549, 0.082, 0.042),
}


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case("ieee33")


@pytest.fixture(scope="module")
def result(case: Case) -> PlanResult:
    return plan(case)


def test_its_feeder_is_the_published_one(case: Case, tmp_path: Path) -> None:
    """Made again by the command it was begun with, it has the same lines, buses and loads."""
    (tmp_path / "case33bw.m").write_text(distribution("case33bw", 0.9), encoding="utf-8")
    begun = load_case(new_case(tmp_path / "ieee33", tmp_path / "case33bw.m").folder)
    assert case.lines == begun.lines
    assert case.file.network.model_copy(update={"load_profile": None}) == (
        begun.file.network.model_copy(update={"load_profile": None})
    )
    loads = pd.read_csv(NETWORKS / "case33bw" / "buses.csv").set_index("bus")
    total = {row.bus: complex(row.p_kw, row.q_kvar) for row in case.buses}
    for mg in case.microgrids:
        total[mg.bus] += sum(complex(load.p_kw, load.q_kvar) for load in mg.load)
    for bus, kva in total.items():
        published = complex(loads.p_kw[int(bus)], loads.q_kvar[int(bus)])
        assert kva == pytest.approx(published), f"bus {bus}"


def test_its_shape(case: Case) -> None:
    assert [c.microgrids for c in case.clusters] == [("MG1", "MG2"), ("MG3", "MG4")]
    assert build_feeder(case).is_radial
    assert {tie.kind for tie in case.ties} == {"microgrid", "cluster"}


def test_any_day_of_its_year_is_that_days_rows() -> None:
    for day, (hour, *expected) in YEAR_ROWS.items():
        case = load_case("ieee33-year", day=day)
        columns = ("load_feeder", "load_home", "sun", "wind")
        assert [float(case.profiles[name][hour]) for name in columns] == expected
        assert all(len(values) == 24 for values in case.profiles.values())
    usual = load_case("ieee33-year")
    assert str(usual.file.time.day) == "2016-07-14"
    assert usual.microgrids == load_case("ieee33").microgrids
    assert (usual.buses, usual.lines) == (load_case("ieee33").buses, load_case("ieee33").lines)


@pytest.mark.slow
def test_every_point_is_optimal_and_replayed(result: PlanResult) -> None:
    front = result.tables["pareto"]
    assert front.status.tolist() == ["optimal"] * 5
    assert front.gap.max() <= 0.01
    assert result.summary.replay.passed
    assert front.gc_usd.iloc[[0, -1]].tolist() == pytest.approx([880.4, 904.7], abs=0.5)
    assert front.ec_usd.iloc[[0, -1]].tolist() == pytest.approx([40.3, -45.4], abs=1.5)
    assert np.all(np.diff(front.ec_usd) < 0.0)


@pytest.mark.slow
def test_every_level_has_something_to_do(result: PlanResult) -> None:
    shortage = result.tables["shortage"].groupby("level").shortage_kw.sum()
    assert shortage.tolist() == pytest.approx([171.2, 28.5, 9.6, 0.0], abs=0.5)
    closed = result.tables["switch_schedule"].groupby("kind").closed.sum()
    assert (closed > 0).all()


@pytest.mark.slow
def test_the_feeder_gains(result: PlanResult) -> None:
    upper = result.summary.upper
    assert result.tables["loss"].without_cmg_kw.sum() == pytest.approx(2090.55, abs=0.05)
    assert result.tables["bus_voltage"].groupby("level").v_pu.min()["without_cmg"] == (
        pytest.approx(0.92444, abs=1e-5)
    )
    assert upper.loss_kwh == pytest.approx(1191, rel=0.03)
    assert result.tables["upstream"].with_cmg_kw.sum() == pytest.approx(50131, rel=0.01)
