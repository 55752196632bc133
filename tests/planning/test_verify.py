"""A finished run checked from its files alone: every kind of lie about the plan is found.

The run is put together by hand; that a planned one passes stands in ``test_altered_runs.py``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from results import make_result

from cmgplan.errors import InputError
from cmgplan.planning.report.run_folder import read_run, write_run
from cmgplan.planning.report.verify import verify_run

OF_THE_PLAN = {
    "copy of the case is unchanged",
    "upper: voltages agree",
    "lower: feeder losses agree",
    "upper: injections are exchange less demand",
    "closed switches form a forest",
    "level 4: ties lose R I²",
    "level 5: devices keep their limits",
    "level 4: microgrids balance",
    "demand response of the feeder keeps its limits",
    "points: microgrids balance",
}
"""Checks of what the hand-made run tells truly; its levels and totals are stand-ins."""


@pytest.fixture(scope="module")
def true_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    return write_run(make_result(folder / "case"), folder / "run")


@pytest.fixture
def run(true_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(true_run, tmp_path / "run"))


def failed(folder: Path) -> dict[str, str]:
    """Return the failed checks and their first findings."""
    report = verify_run(read_run(folder))
    return {check.name: str(check.findings[0]) for check in report.failed}


def found_at(folder: Path, name: str, place: str) -> str:
    """Return the finding of a check at a place."""
    (check,) = (check for check in verify_run(read_run(folder)).failed if check.name == name)
    return next(str(finding) for finding in check.findings if finding.place == place)


def edit(folder: Path, stem: str, change: Callable[[pd.DataFrame], None]) -> None:
    """Change a table of a run."""
    path = folder / f"{stem}.csv"
    table = pd.read_csv(path)
    change(table)
    table.to_csv(path, index=False)


def adding(column: str, amount: float, **where: object) -> Callable[[pd.DataFrame], None]:
    """Return a change that adds an amount where columns have the values given."""

    def change(table: pd.DataFrame) -> None:
        rows = pd.Series(data=True, index=table.index)
        for name, value in where.items():
            rows &= table[name] == value
        assert rows.sum() == 1
        table[column] = table[column].astype(float)
        table.loc[rows, column] += amount

    return change


def test_the_true_run_agrees_with_its_power_flow(true_run: Path) -> None:
    report = verify_run(read_run(true_run))
    assert report.max_dv_pu < 1e-6
    assert report.max_dloss_kw < 1e-3
    assert {check.name for check in report.checks if check.passed} >= OF_THE_PLAN


@pytest.mark.parametrize(
    ("stem", "change", "check", "finding"),
    [
        (
            "bus_voltage",
            adding("v_pu", 2e-6, level="upper", hour=1, bus=2),
            "upper: voltages agree",
            "bus 2, hour 1: 2e-06 pu",
        ),
        (
            "bus_voltage",
            adding("v_pu", 1e-3, level="without_cmg", hour=0, bus=2),
            "without_cmg: voltages agree",
            "bus 2, hour 0: 0.001 pu",
        ),
        (
            "loss",
            adding("lower_feeder_kw", 0.002, hour=1),
            "lower: feeder losses agree",
            "losses, hour 1: 0.002 kW",
        ),
        (
            "nodal_injection",
            adding("p_kw", 5.0, level="upper", hour=0),
            "upper: injections are exchange less demand",
            "bus 2, hour 0: 5 kW",
        ),
        (
            "nodal_injection",
            adding("bus", 7.0, level="lower", hour=0),
            "lower: injections are complete",
            "bus 9.0: no value",
        ),
        (
            "upstream",
            adding("with_cmg_kw", 1.0, hour=0),
            "upper: upstream power agrees",
            "upstream, hour 0: 1 kW",
        ),
        (
            "dispatch",
            adding("p_kw", 30.0, level=4, hour=0, microgrid="MG1", device="mt"),
            "level 4: devices keep their limits",
            "MG1 mt p_max_kw, hour 0: 10",
        ),
        (
            "dispatch",
            adding("p_kw", 0.01, level=5, hour=1, microgrid="MG3", device="pv"),
            "level 5: microgrids balance",
            "MG3, hour 1: 0.01 kW",
        ),
        (
            "dispatch",
            adding("q_kvar", 0.5, level=5, hour=1, microgrid="MG1", device="mt"),
            "level 5: microgrids balance",
            "MG1, hour 1: 0.5 kvar",
        ),
        (
            "dispatch",
            adding("soc_kwh", 1.0, level=4, hour=0, microgrid="MG2", device="battery"),
            "level 4: devices keep their limits",
            "MG2 battery soc_kwh, hour 0: 1 kWh",
        ),
        (
            "dispatch",
            adding("hour", 9.0, level=4, hour=0, microgrid="MG2", device="battery"),
            "every table keeps to the hours",
            "dispatch.csv, hour 9: no value",
        ),
        (
            "exchange",
            adding("p_to_kw", 0.005, level=4, hour=1, switch="T23"),
            "level 4: ties lose R I²",
            "switch T23, hour 1: 0.00499",
        ),
        (
            "exchange",
            adding("q_kvar", 3.0, level=4, hour=0, switch="T23"),
            "level 4: open switches carry nothing",
            "switch T23, hour 0: 3 kVA",
        ),
        (
            "exchange",
            adding("q_kvar", 90.0, level=5, hour=0, switch="T12"),
            "level 5: ratings hold",
            "switch T12, hour 0: 42.96 kVA",
        ),
        (
            "switch_schedule",
            adding("closed", -1.0, hour=0, switch="PCC3"),
            "level 4: open switches carry nothing",
            "switch PCC3, hour 0: 10 kVA",
        ),
        (
            "switch_schedule",
            adding("hour", 7.0, hour=0, switch="T12"),
            "switch schedule is complete",
            "switch T12, hour 0: no value",
        ),
        (
            "shortage",
            adding("shortage_kw", 0.5, level=4, hour=1, microgrid="MG2"),
            "no demand is left unserved",
            "MG2, hour 1: 0.5 kW",
        ),
        (
            "demand_response",
            adding("p_after_kw", 0.25, level="lower", hour=1, place="MG2"),
            "demand response of the microgrids agrees",
            "MG2 after, hour 1: 0.25 kW",
        ),
        (
            "demand_response",
            adding("p_before_kw", 0.25, level="lower", hour=0, place="MG3"),
            "demand response of the microgrids agrees",
            "MG3 before, hour 0: 0.25 kW",
        ),
        (
            "demand_response",
            adding("p_after_kw", 15.0, level="upper", hour=0, place="2"),
            "demand response of the feeder keeps its limits",
            "bus 2 responsive_share_up, hour 0: 5 kW",
        ),
    ],
)
def test_a_lie_in_a_table_is_found(
    run: Path, stem: str, change: Callable[[pd.DataFrame], None], check: str, finding: str
) -> None:
    edit(run, stem, change)
    found = failed(run)
    assert found[check].startswith(finding)


def test_a_loop_of_closed_switches_is_found(run: Path) -> None:
    def close_all(table: pd.DataFrame) -> None:
        table.loc[table["hour"] == 1, "closed"] = 1

    edit(run, "switch_schedule", close_all)
    assert failed(run)["closed switches form a forest"] == "closed switches, hour 1: 2 loops"


def test_loops_are_allowed_where_the_plan_was_meshed(run: Path) -> None:
    change_summary(run, "options", "radial", value=False)
    names = {check.name for check in verify_run(read_run(run)).checks}
    assert "closed switches form a forest" not in names


def test_more_operations_than_allowed_are_found(run: Path) -> None:
    change_summary(run, "options", "operation_limit", value=1)
    # T12 closes for hour 0 and opens for hour 1; PCC3 likewise.
    found = failed(run)["switches stay within their operations"]
    assert found == "switch T12: 1 operations too many"


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("selected", "gc_usd"),
        ("selected", "ec_usd"),
        ("selected", "loss_kwh"),
        ("upper", "loss_kwh"),
        ("upper", "upstream_kwh"),
    ],
)
def test_a_wrong_total_is_found(run: Path, section: str, key: str) -> None:
    value = json.loads((run / "plan.json").read_text())[section][key]
    place, check = f"plan.json {section}.{key}", "totals follow from the tables"
    change_summary(run, section, key, value=value + 0.5)
    assert found_at(run, check, place).startswith(
        f"{place}: 0.5 {'$' if 'usd' in key else 'kWh'} (told"
    )


def test_a_total_that_is_gone_is_found(run: Path) -> None:
    change_summary(run, "upper", "loss_kwh", value=None)
    place = "plan.json upper.loss_kwh"
    found = found_at(run, "totals follow from the tables", place)
    assert found.startswith(f"{place}: told nothing, computed")


def test_an_operation_cost_enters_the_generation_cost(run: Path) -> None:
    change_summary(run, "options", "operation_cost_usd", value=2.0)
    # T12 and PCC3 operate twice, T23 and PCC2 once.
    place = "plan.json selected.gc_usd"
    assert found_at(run, "totals follow from the tables", place).startswith(f"{place}: 12 $")


def test_a_changed_case_copy_is_found(run: Path) -> None:
    (run / "case" / "extra.txt").write_text("more")
    assert "copy of the case is unchanged" in failed(run)


def test_a_case_copy_with_other_limits_is_found(run: Path) -> None:
    path = run / "case" / "case.toml"
    path.write_text(path.read_text().replace("v_min_pu = 0.9", "v_min_pu = 0.9999"))
    found = failed(run)
    assert found["upper: voltages within limits"].startswith("bus 2, hour 0")
    assert "copy of the case is unchanged" in found


def test_a_branch_over_its_rating_is_found(run: Path) -> None:
    path = run / "case" / "lines.csv"
    path.write_text(path.read_text().replace(",500", ",50"))
    assert failed(run)["upper: currents within ratings"].startswith("line L1, hour 0")


def test_options_that_cannot_be_read_are_explained(run: Path) -> None:
    change_summary(run, "options", "gap", value=7)
    with pytest.raises(InputError, match=r"plan\.json options\.gap"):
        verify_run(read_run(run))


def change_summary(folder: Path, section: str, key: str, *, value: object) -> None:
    """Change a value of plan.json."""
    path = folder / "plan.json"
    summary = json.loads(path.read_text())
    summary[section][key] = value
    path.write_text(json.dumps(summary))
