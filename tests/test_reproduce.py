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

import numpy as np
import pandas as pd
import pytest
from results import make_result

from cmgplan.case import load_case
from cmgplan.report.files import write_run
from cmgplan.report.findings import Subject
from cmgplan.report.tables import TABLES, write_table

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "scripts"))
paper = importlib.import_module("paper_claims")
claim_module = importlib.import_module("paper_claims.claim")
script = importlib.import_module("reproduce_paper")

CASE = ROOT / "cases" / "ieee94"
T = 24
DAYTIME = range(8, 18)
EVENING = range(17, 23)
NO_TRADE = (1, 15, 23)
ALWAYS_CLOSED = ("T1-2", "T2-3", "T9-10")
GC = np.linspace(3362.821, 3521.25, 10)
EC = (120.907, 15.178, -27.489, -47.337, -80.409, -101.464, -134.323, -140.519, -157.785, -164.402)
LOSS = (0.0, 0.034, 0.069, 0.103, 0.138, 0.172, 0.207, 0.241, 0.276, 0.31)

Edit = Callable[[dict[str, pd.DataFrame], dict[str, Any]], None]


def table(stem: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return a table of the run's form; columns that a row leaves out are 0."""
    columns = TABLES[stem].columns
    blank: dict[str, Any] = {c: "" if kind == "text" else 0 for c, kind in columns.items()}
    return pd.DataFrame([{**blank, **row} for row in rows], columns=list(columns))


def switches() -> list[dict[str, str]]:
    case = load_case(CASE)
    ties = [
        {"switch": t.id, "kind": t.kind, "from": t.from_microgrid, "to": t.to_microgrid}
        for t in case.ties
    ]
    pccs = [
        {"switch": m.pcc.id, "kind": "grid", "from": m.id, "to": m.bus} for m in case.microgrids
    ]
    return [*ties, *pccs]


def is_closed(switch: str, kind: str, t: int) -> bool:
    if kind == "grid":
        return t in DAYTIME or (switch, t) == ("PCC4", 1)
    if kind == "cluster":
        return switch == "T3-4" and t not in NO_TRADE
    return switch in ALWAYS_CLOSED


def grid_kw(level: int, microgrid: str, t: int) -> float:
    """Import in two hours and export in eight; above, C1 gives 10 kW each and C2 takes 4."""
    if t not in DAYTIME:
        return 0.0
    if level == 4:
        return -5.0 if t < 10 else 30.0
    return {"MG1": 10.0, "MG2": 10.0, "MG3": 10.0}.get(
        microgrid, -4.0 if microgrid in ("MG4", "MG5", "MG6", "MG7") else 0.0
    )


def exchange() -> pd.DataFrame:
    rows = []
    for level in (4, 5):
        for s in switches():
            for t in range(T):
                closed = is_closed(s["switch"], s["kind"], t)
                power = 20.0 if closed and s["kind"] == "cluster" else 0.0
                if s["kind"] == "grid":
                    power = grid_kw(level, s["from"], t)
                rows.append({**s, "level": level, "hour": t, "p_kw": power})
    return table("exchange", rows)


def demand_response() -> pd.DataFrame:
    rows = []
    for t in range(T):
        before = 1100.0 if t == 20 else 1000.0
        after = before - 150.0 if t in EVENING else before + 50.0
        common = {"hour": t, "p_before_kw": before, "p_after_kw": after}
        rows += [
            {**common, "level": "lower", "place": "MG1"},
            {"hour": t, "level": "upper", "place": "2", "p_before_kw": 1400, "p_after_kw": 1500},
        ]
    return table("demand_response", rows)


def storage() -> pd.DataFrame:
    stores = (("MG1", "MG1-ESS"), ("MG4", "MG4-ESS"), ("MG8", "MG8-ESS"))
    return table(
        "dispatch",
        [
            {
                "level": 4,
                "hour": t,
                "microgrid": microgrid,
                "device": device,
                "kind": "storage",
                "p_kw": 9.5 if t in EVENING else 0.0,
                "soc_kwh": 100.0 - 10.0 * min(max(t - 16, 0), 6),
            }
            for microgrid, device in stores
            for t in range(T)
        ],
    )


def hourly_tables() -> dict[str, pd.DataFrame]:
    """Return losses, import and voltages."""
    loss = [
        {
            "hour": t,
            "lower_feeder_kw": 137.0 if t in NO_TRADE else 0.0,
            "lower_ties_kw": 1.0 if t == 5 else 0.0,
            "upper_feeder_kw": 100.0,
            "upper_ties_kw": 1.0,
            "without_cmg_kw": 106.75,
        }
        for t in range(T)
    ]
    upstream = [
        {
            "hour": t,
            "with_cmg_kw": -200.0 if t == 3 else 3000.0,
            "without_cmg_kw": 5000.0 if t == 12 else 4000.0,
        }
        for t in range(T)
    ]
    # Other hours are the other way round, so that the peak hour alone gives the answer.
    voltage = [
        {"level": level, "hour": t, "bus": bus, "v_pu": v if t == 12 else 1.86 - v}
        for level, low in (("upper", 0.95), ("without_cmg", 0.91))
        for bus, v in (("2", low), ("3", low + 0.02))
        for t in range(T)
    ]
    return {
        "loss": table("loss", loss),
        "upstream": table("upstream", upstream),
        "bus_voltage": table("bus_voltage", voltage),
    }


def make_tables() -> dict[str, pd.DataFrame]:
    pareto = [
        {
            "point": k,
            "status": "optimal",
            "gc_usd": GC[k - 1],
            "ec_usd": EC[k - 1],
            "loss_kwh": LOSS[k - 1],
            "mu_min": 0.589 if k == 4 else 0.3,
            "selected": int(k == 4),
        }
        for k in range(1, 11)
    ]
    schedule = [
        {**s, "hour": t, "closed": int(is_closed(s["switch"], s["kind"], t))}
        for s in switches()
        for t in range(T)
    ]
    return {
        "pareto": table("pareto", pareto),
        "shortage": table("shortage", []),
        "nodal_injection": table("nodal_injection", []),
        "switch_schedule": table("switch_schedule", schedule),
        "dispatch": storage(),
        "exchange": exchange(),
        "demand_response": demand_response(),
        **hourly_tables(),
    }


def make_summary() -> dict[str, Any]:
    return {
        "selected": {"point": 4, "rule": "fuzzy", "ec_usd": -47.337},
        "upper": {"without_microgrid_loads": {"loss_kwh": 2000.0}},
    }


@pytest.fixture
def subject() -> Subject:
    case = load_case(CASE)
    return Subject(case, case.options, make_summary(), make_tables())


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
    tables, summary = dict(subject.tables), subject.summary
    edit(tables, summary)
    claim = answer(name, replace(subject, tables=tables))
    assert claim.same is False
    assert claim.why.endswith(".")


def test_a_point_that_was_named_is_told_apart(subject: Subject) -> None:
    subject.summary["selected"]["rule"] = "override"
    assert "--select" in answer("chosen_solution", subject).why


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
