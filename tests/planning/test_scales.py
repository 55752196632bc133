"""What Levels 5 and 6 divide their objectives by where a value without microgrids is nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from cmgplan.network.powerflow import PowerFlow
from cmgplan.planning.case import Case, check_case, load_case
from cmgplan.planning.levels.scales import scales_of
from cmgplan.planning.pipeline import plan

DATA = Path(__file__).parents[1] / "data" / "three-hours"


def with_grid_emission(tmp_path: Path, usd_per_mwh: float) -> Case:
    folder = tmp_path / "case"
    shutil.copytree(DATA, folder, dirs_exist_ok=True)
    text = (folder / "case.toml").read_text(encoding="utf-8")
    by = f"{{ co2 = {usd_per_mwh} }}"
    changed, count = re.subn(r"\{ co2 = 34.0 \}", by, text)
    assert count == 1
    (folder / "case.toml").write_text(changed, encoding="utf-8")
    return load_case(folder)


def flow_of(kw: list[float]) -> PowerFlow:
    """Return a power flow of which only the slack's power is asked."""
    shape = (len(kw), 1)
    return PowerFlow(
        v_pu=np.ones(shape),
        angle_rad=np.zeros(shape),
        slack_p_kw=np.asarray(kw),
        slack_q_kvar=np.zeros(len(kw)),
        loss_kw=np.zeros(len(kw)),
        i_pu=np.zeros(shape),
        converged=np.ones(len(kw), dtype=bool),
    )


def test_usual_values_divide_as_they_are() -> None:
    case = load_case(DATA)
    without = {"gc_usd": -70.0, "ec_usd": 40.0, "loss_kwh": 5.0}
    found = scales_of(case, case.options, without, flow_of([400.0, 400.0, 400.0]))
    assert found.by == {"gc_usd": 70.0, "ec_usd": 40.0, "loss_kwh": 5.0}
    assert found.notes == ()


@pytest.mark.parametrize("usd_per_mwh", [0.0, 1e-6, 0.2])
def test_an_emission_cost_of_nothing_counts_by_the_dollar(
    tmp_path: Path, usd_per_mwh: float
) -> None:
    """Turbines at full power could emit 3 h (80 kW 50 $/MWh + 110 kW 25 $/MWh) = 20.25 $."""
    case = with_grid_emission(tmp_path, usd_per_mwh)
    energy_mwh = 1.2
    without = {"gc_usd": 70.0, "ec_usd": usd_per_mwh * energy_mwh, "loss_kwh": 5.0}
    found = scales_of(case, case.options, without, flow_of([400.0, 400.0, 400.0]))
    assert found.by == {"gc_usd": 70.0, "ec_usd": 70.0, "loss_kwh": 5.0}
    (note,) = found.notes
    assert "emission cost" in note
    assert "70 $" in note
    paper = case.options.model_copy(update={"upper_emissions": "paper"})
    if usd_per_mwh == 0.2:  # as printed, turbines do not count, so that 0.24 $ is all there is
        assert scales_of(case, paper, without, flow_of([400.0] * 3)).by["ec_usd"] == 0.24


def test_a_cost_that_cancels_out_is_divided_by_its_absolute_hours() -> None:
    """Hours at 35, 90 and 65 $/MWh: 14 - 36 + 22 $ cancel out, 72 $ are traded."""
    case = load_case(DATA)
    kw = [400.0, -400.0, 22.0 / 0.065]
    found = scales_of(
        case, case.options, {"gc_usd": 0.0, "ec_usd": 40.0, "loss_kwh": 5.0}, flow_of(kw)
    )
    assert found.by["gc_usd"] == pytest.approx(72.0)
    assert len(found.notes) == 1


def test_losses_of_nothing_are_divided_by_the_energy() -> None:
    case = load_case(DATA)
    without = {"gc_usd": 70.0, "ec_usd": 40.0, "loss_kwh": 0.1}
    found = scales_of(case, case.options, without, flow_of([400.0, 400.0, 400.0]))
    assert found.by["loss_kwh"] == pytest.approx(1200.0)
    nothing = dict.fromkeys(without, 0.0)
    idle = scales_of(case, case.options, nothing, flow_of([0.0, 0.0, 0.0]))
    assert idle.by == {"gc_usd": 1.0, "ec_usd": 1.0, "loss_kwh": 1.0}
    assert len(idle.notes) == 3


def test_a_plan_without_grid_emissions_does_not_pay_anything_for_them(tmp_path: Path) -> None:
    """Weighed 333333 $ to the $, emissions drove the cost of the feeder 2 $ up."""
    case = with_grid_emission(tmp_path, 0.0)
    assert any("emits nothing" in fault.message for fault in check_case(case.folder))
    options = case.options.model_copy(update={"points": 2, "time_limit_s": 5.0})
    summary = plan(case, options).summary
    weights = summary.upper.weights.by_objective()
    scales = summary.upper.scales.by_objective()
    assert weights["ec_usd"] == weights["gc_usd"]
    assert weights == pytest.approx({name: 1 / 3 / scale for name, scale in scales.items()})
    assert scales["gc_usd"] == pytest.approx(summary.upper.without_cmg.gc_usd)
    assert summary.upper.gc_usd is not None and summary.upper.gc_usd < 119.1
    assert any("a dollar counts as a dollar" in note for note in summary.notes)
