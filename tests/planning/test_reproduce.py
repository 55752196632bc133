"""The paper's claims beside a day's run that is put together by hand to repeat them all."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from paper_run import CASE, hourly_tables, make_summary, make_tables
from results import changed_summary, make_result

from cmgplan.planning.case import load_case
from cmgplan.planning.record.plan import PlanRecord
from cmgplan.planning.report.run_folder import write_run
from cmgplan.planning.report.subject import Subject
from cmgplan.planning.report.table_forms import write_table

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))
paper = importlib.import_module("paper_claims")
claim_module = importlib.import_module("paper_claims.claim")
script = importlib.import_module("reproduce_paper")

Edit = Callable[[dict[str, pd.DataFrame], dict[str, Any]], None]


@pytest.fixture
def subject() -> Subject:
    case = load_case(CASE)
    return Subject(
        case, case.options, make_tables(), summary=PlanRecord.model_validate(make_summary())
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    run = tmp_path / "run"
    shutil.copytree(CASE, run / "case")
    (run / "plan.json").write_text(json.dumps(make_summary()))
    for stem, content in make_tables().items():
        write_table(stem, content, run)
    return run


def answer(name: str, subject: Subject) -> Any:
    return getattr(paper, name)(subject)


def test_a_run_that_repeats_the_paper_is_the_same_in_every_claim(subject: Subject) -> None:
    found = {claim.name: claim.same for claim in script.compare(subject)}
    assert len(found) == len(paper.CLAIMS)
    assert [name for name, same in found.items() if same is None] == [
        "window 1: open switches to the feeder",
        "window 2: open switches within clusters",
        "window 3: open switches between clusters",
    ]
    assert all(same is not False for same in found.values()), found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("generation_cost_ends", {"first_usd": 3362.821, "last_usd": 3521.25}),
        ("emission_cost_ends", {"first_usd": 120.907, "last_usd": -164.402}),
        ("loss_ends", {"first_kwh": 0.0, "last_kwh": 0.31}),
        ("chosen_solution", {"point": 4, "points": 10, "mu_min": 0.589}),
        ("compromise_emission", {"ec_usd": -47.337}),
        # 10 PCCs closed in 10 hours of 24, one of them in an eleventh: 240 - 101.
        ("window_grid", {"switch_hours": 139, "all_open": [0, *range(2, 8), *range(18, 24)]}),
        ("window_microgrid", {"switch_hours": 7 * 24, "all_open": []}),
        ("window_cluster", {"switch_hours": 2 * 24 + 3, "all_open": [1, 15, 23]}),
        ("rare_import", {"import": 20, "export": 80, "of": 240}),
        # MG5 to MG8 in 14 hours each, MG4 in hour 23, when neither its tie nor its PCC is closed.
        ("islanded", {"microgrid_hours": 4 * 14 + 1}),
        ("trade_hours", {"without": [1, 15, 23]}),
        ("demand_moved", {"moved_kw_summed": 900.0, "share": 900.0 / 6100.0}),
        ("lower_loss", {"kwh": 412.0}),
        ("lower_loss_in_trade", {"kwh": 1.0, "share": 1.0 / 412.0}),
        (
            "loss_saved",
            {"with_kwh": 2424.0, "without_kwh": 2562.0, "saved_kwh": 138.0, "bare_kwh": 2000.0},
        ),
        ("peak_voltage", {"hour": 12, "with_pu": 0.95, "without_pu": 0.91}),
        # |3 * 10| + |4 * -4| kW in ten hours, of 23 * 4000 + 5000 kWh.
        ("upper_exchange", {"kwh": 460.0, "share": 460.0 / 97000.0}),
        ("upstream_import", {"with_kwh": 23 * 3000.0 - 200.0, "without_kwh": 97000.0}),
        (
            "upstream_export",
            {"export_kw": 200.0, "export_hours": [3], "load_kw": 1500.0, "given_kw": 0.0},
        ),
    ],
)
def test_each_claim_is_computed_from_the_tables(
    name: str, expected: dict[str, Any], subject: Subject
) -> None:
    values = answer(name, subject).values
    for key, value in expected.items():
        wanted = pytest.approx(value) if isinstance(value, float) else value
        assert values[key] == wanted, key


def test_the_clusters_exchange_and_store_by_hand(subject: Subject) -> None:
    net = answer("upper_export", subject).values["net_kwh"]
    assert net == {"C1": 300.0, "C2": -160.0, "C3": 0.0}
    stored = answer("storage_at_peak", subject).values
    assert stored["hour"] == 20
    assert stored["storage"]["C2"] == {
        "storage": "MG4-ESS",
        "soc_kwh": 60.0,
        "discharge_kw": 9.5,
        "soc_before_kwh": 100.0,
        "soc_after_kwh": 40.0,
    }


def scaled(stem: str, column: str, factor: float) -> Edit:
    def edit(tables: dict[str, pd.DataFrame], summary: dict[str, Any]) -> None:
        tables[stem] = tables[stem].assign(**{column: tables[stem][column] * factor})

    return edit


def set_rows(stem: str, where: dict[str, Any], column: str, value: float) -> Edit:
    def edit(tables: dict[str, pd.DataFrame], summary: dict[str, Any]) -> None:
        hit = pd.Series(True, index=tables[stem].index)
        for name, wanted in where.items():
            hit &= tables[stem][name] == wanted
        assert hit.any()
        tables[stem].loc[hit, column] = value

    return edit


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("generation_cost_ends", scaled("pareto", "gc_usd", 1.11)),
        ("emission_cost_ends", set_rows("pareto", {"point": 10}, "ec_usd", -140.0)),
        ("loss_ends", set_rows("pareto", {"point": 10}, "loss_kwh", 0.5)),
        ("chosen_solution", scaled("pareto", "point", 2)),
        ("compromise_emission", lambda tables, summary: summary["selected"].update(ec_usd=-10.0)),
        ("rare_import", set_rows("exchange", {"level": 4, "kind": "grid"}, "p_kw", -5.0)),
        ("islanded", set_rows("switch_schedule", {"switch": "T5-6", "hour": 1}, "closed", 1)),
        ("trade_hours", set_rows("exchange", {"switch": "T3-4", "hour": 2}, "p_kw", 0.05)),
        ("demand_moved", scaled("demand_response", "p_after_kw", 1.05)),
        ("lower_loss", scaled("loss", "lower_feeder_kw", 0.5)),
        ("lower_loss_in_trade", set_rows("loss", {"hour": 5}, "lower_ties_kw", 50.0)),
        ("loss_saved", set_rows("loss", {"hour": 5}, "upper_ties_kw", 30.0)),
        ("peak_voltage", set_rows("upstream", {"hour": 11}, "without_cmg_kw", 9000.0)),
        ("upper_exchange", set_rows("exchange", {"level": 5, "switch": "PCC9"}, "p_kw", -300.0)),
        ("upper_export", set_rows("exchange", {"level": 5, "kind": "grid"}, "p_kw", -1.0)),
        ("upstream_import", scaled("upstream", "with_cmg_kw", 1.5)),
        ("upstream_export", set_rows("upstream", {"hour": 3}, "with_cmg_kw", 200.0)),
        ("storage_at_peak", set_rows("dispatch", {"device": "MG8-ESS"}, "soc_kwh", 70.0)),
    ],
)
def test_a_claim_that_differs_says_so(name: str, edit: Edit, subject: Subject) -> None:
    tables, plain = dict(subject.tables), subject.summary.model_dump()
    edit(tables, plain)
    summary = PlanRecord.model_validate(plain)
    claim = answer(name, replace(subject, tables=tables, summary=summary))
    assert claim.same is False
    assert claim.why.endswith(".")


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        ({"worst_gap": 0.034, "absolute": False}, "within 3.4 % of the range of emission cost."),
        ({"worst_gap": 0.25, "absolute": True}, "within 0.25 $."),
        ({"worst_gap": None}, "no proof"),
    ],
)
def test_the_proof_of_the_points_and_a_named_point_are_told(
    certificate: dict[str, Any], words: str, subject: Subject
) -> None:
    chosen = {"rule": "override"}
    summary = changed_summary(subject.summary, certificate=certificate, selected=chosen)
    other = replace(subject, summary=summary)
    assert "--select" in answer("chosen_solution", other).why
    assert words in answer("compromise_emission", other).why


def test_no_trade_leaves_nothing_to_compare(subject: Subject) -> None:
    tables = dict(subject.tables)
    scaled("exchange", "p_kw", 0.0)(tables, {})
    assert answer("lower_loss_in_trade", replace(subject, tables=tables)).same is None


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        ([], "none"),
        ([1], "1 (the paper's 2)"),
        ([23, 0, 1, 2, 15], "0-2, 15, 23 (the paper's 1-3, 16, 24)"),
    ],
)
def test_hours_are_told_in_both_counts(hours: list[int], text: str) -> None:
    assert claim_module.hours_text(hours) == text


def test_the_script_prints_a_table(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main([str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "18 of 18 claims that can be compared are the same." in shown
    assert "-47.3 $" in shown
    switch = next(line for line in shown.splitlines() if " PCC4 " in line)
    assert "0, 2-7, 18-23 (the paper's 1, 3-8, 19-24)" in switch


def test_the_script_says_where_a_run_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = hourly_tables()
    scaled("loss", "without_cmg_kw", 2.0)(tables, {})
    write_table("loss", tables["loss"], folder)
    assert script.main([str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "17 of 18" in shown
    assert "losses with clusters and without: Without clusters the feeder here" in shown


def test_the_script_prints_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert script.main([str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    credit = next(c for c in told["claims"] if c["name"].startswith("emission cost of the chosen"))
    assert credit["values"] == {"ec_usd": -47.337}
    assert credit["same"] is True


def test_a_run_of_other_hours_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = write_run(make_result(tmp_path / "case"), tmp_path / "run")
    assert script.main([str(run)]) == 2
    assert "has 2 intervals of 1 h" in capsys.readouterr().err


def test_a_folder_that_is_no_run_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main([str(tmp_path)]) == 2
    assert "is not a run" in capsys.readouterr().err
