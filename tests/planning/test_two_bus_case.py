"""The hand-solved case reads as its SOURCES.md describes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cmgplan.planning.case import Case, check_case, load_case
from cmgplan.units import PerUnit, tie_loss_per_kva2

FOLDER = Path(__file__).parents[2] / "cases" / "two-bus"


@pytest.fixture(scope="module")
def case() -> Case:
    return load_case(FOLDER)


def test_it_has_neither_faults_nor_warnings() -> None:
    assert check_case(FOLDER) == []


def test_a_case_is_named_by_its_folder_or_its_file(case: Case) -> None:
    assert load_case(str(FOLDER / "case.toml")).file == case.file
    assert case.folder == FOLDER


def test_loads_and_sun_are_those_of_the_table(case: Case) -> None:
    loads = {mg.id: case.microgrid_load_kva(mg.id) for mg in case.microgrids}
    np.testing.assert_allclose(loads["MG1"], [100, 100, 100, 100, 100])
    np.testing.assert_allclose(loads["MG2"], [100, 100, 200, 199.5, 200])
    np.testing.assert_allclose(loads["MG3"], [100, 100, 100, 100, 400])
    np.testing.assert_allclose(200.0 * case.profiles["sun"], [100, 200, 100, 0, 0])
    (own,) = case.feeder_load()
    np.testing.assert_allclose(own.base_kw(case.horizon()), [150, 150, 300, 300, 300])
    np.testing.assert_allclose(case.price_usd_per_mwh, [40, 20, 60, 80, 100])
    assert case.grid_emission_usd_per_mwh == 20.0


def test_impedances_are_those_of_the_calculation(case: Case) -> None:
    line, base = case.lines[0], PerUnit(vn_kv=case.buses[0].vn_kv)
    assert base.impedance_pu(line.r_ohm) == pytest.approx(0.05)
    assert base.impedance_pu(line.x_ohm) == pytest.approx(0.05)
    tie = next(tie for tie in case.ties if tie.kind == "cluster")
    assert tie.vn_kv is not None
    assert tie_loss_per_kva2(tie.r_ohm, tie.vn_kv) == pytest.approx(5e-5)


def test_clusters_and_switches(case: Case) -> None:
    assert case.cluster_of("MG2").id == "C1"
    assert case.cluster_of("MG3").id == "C2"
    assert {(tie.id, tie.kind) for tie in case.ties} == {("T12", "microgrid"), ("T32", "cluster")}
    assert [mg.pcc.id for mg in case.microgrids] == ["PCC1", "PCC2", "PCC3"]
