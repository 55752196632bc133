"""Pages of runs out of the ordinary: nothing to show, gaps, other horizons, hostile names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import ReadPage, page_of, rich, stretched, traces, with_tables
from results import HOSTILE, make_result

from cmgplan.network.broken_limit import BrokenLimit
from cmgplan.page.page import script_json
from cmgplan.page.style import label, labels
from cmgplan.page.wording import amount, change, hours_text, in_hours, number, short_name
from cmgplan.planning.report.figures import all_figures, feeder_view
from cmgplan.planning.report.page import render_page
from cmgplan.planning.report.run_folder import read_run, write_page, write_run
from cmgplan.planning.result import PlanResult

LONG = "a very long name that goes on and on, " * 4
NASTY = {
    **HOSTILE,
    "MG1": '=HYPERLINK("x")"\'<img src=x onerror=alert(1)>%{x}</script>' + LONG,
    "PCC1": "Ünï-cødé 测试 \u202e$x^2$ &amp; <a href='javascript:alert(1)'>y</a>",
}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    return rich(make_result(tmp_path_factory.mktemp("result") / "case"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    """Return a plan without surplus and without response of the microgrids."""
    return make_result(tmp_path_factory.mktemp("plain") / "case")


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> PlanResult:
    return rich(make_result(tmp_path_factory.mktemp("nasty") / "case", NASTY))


def strings(value: Any) -> Iterator[str]:
    """Yield every string in JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)


def test_what_is_not_there_is_said(plain: PlanResult) -> None:
    page = page_of(plain)
    assert "surplus" not in page.figures
    assert "demand_response_by_microgrid" not in page.figures
    assert "No renewable power is curtailed at any level." in page.text
    assert "Demand of the microgrids stays as it was" in page.text
    assert "No microgrid moves its demand." in page.text


def test_no_stores_no_response_no_shortage(plain: PlanResult) -> None:
    tables = plain.tables
    dispatch, shortage = tables["dispatch"].copy(), tables["shortage"].copy()
    shortage["shortage_kw"] = 0.0
    page = page_of(
        with_tables(
            plain,
            dispatch=dispatch[dispatch["kind"] != "storage"],
            shortage=shortage,
            demand_response=tables["demand_response"].iloc[:0],
        )
    )
    gone = {"storage_power", "storage_by_device", "state_of_charge", "level_energy", "shortage"}
    assert not (gone | {"demand_response"}) & set(page.figures)
    for text in (
        "neither batteries nor vehicles",
        "No microgrid is short in any hour at any level.",
        "The microgrids have no demand that can move. The feeder has no demand that can move.",
    ):
        assert text in page.text


def test_stores_that_rest(plain: PlanResult) -> None:
    dispatch = plain.tables["dispatch"].copy()
    dispatch.loc[dispatch["kind"] == "storage", "p_kw"] = 0.0
    page = page_of(with_tables(plain, dispatch=dispatch))
    assert "storage_power" not in page.figures
    assert "state_of_charge" in page.figures
    assert "No battery and no vehicle charges or discharges in any hour." in page.text


def test_nothing_on_any_switch(plain: PlanResult) -> None:
    exchange, schedule = (plain.tables[s].copy() for s in ("exchange", "switch_schedule"))
    exchange[["p_kw", "p_to_kw"]] = 0.0
    schedule["closed"] = 0
    page = page_of(with_tables(plain, exchange=exchange, switch_schedule=schedule))
    assert "exchange_lower" not in page.figures
    assert "Nothing flows between clusters" in page.text
    assert "feeder_map" in page.figures
    assert "Closed in 0 of 6 switch-hours" in page.text


def test_a_case_without_ties(plain: PlanResult) -> None:
    def grid_only(stem: str) -> pd.DataFrame:
        table = plain.tables[stem]
        return table[table["kind"] == "grid"]

    page = page_of(
        with_tables(
            plain, exchange=grid_only("exchange"), switch_schedule=grid_only("switch_schedule")
        )
    )
    assert "switch_schedule_cluster" not in page.figures
    assert "The case has no switch of this kind." in page.text
    assert "There is no tie between clusters." in page.text


def test_one_microgrid(plain: PlanResult) -> None:
    tables = dict(plain.tables)
    for stem, column in (
        ("shortage", "microgrid"),
        ("dispatch", "microgrid"),
        ("exchange", "from"),
        ("switch_schedule", "from"),
    ):
        tables[stem] = tables[stem][tables[stem][column] == "MG3"]
    page = page_of(with_tables(plain, **tables))
    assert page.tables["microgrids"].texts("microgrid") == ["MG3"]
    assert page.figures["switch_schedule_grid"]["data"][0]["y"] == ["PCC3"]


def test_a_single_point(plain: PlanResult) -> None:
    pareto = plain.tables["pareto"]
    page = page_of(with_tables(plain, pareto=pareto.iloc[:1]))
    assert len(page.figures["pareto_parallel"]["data"]) == 1
    assert page.figures["pareto_parallel"]["data"][0]["y"] == [0.5, 0.5, 0.5]
    assert "1 point of 1 holds a schedule" in page.text
    assert "One point alone shows no trade" in page.text


def test_a_front_of_a_grid_is_not_joined(result: PlanResult) -> None:
    pareto = result.tables["pareto"].iloc[:3]
    more = [pareto.assign(point=pareto["point"] + 3 * k) for k in range(12)]
    page = page_of(with_tables(result, pareto=pd.concat(more, ignore_index=True)))
    assert page.figures["pareto_front"]["data"][0]["mode"] == "markers"
    assert len(page.figures["pareto_front"]["data"][0]["x"]) == 36
    assert page_of(result).figures["pareto_front"]["data"][0]["mode"] == "lines+markers+text"


def test_points_without_values_are_not_drawn(result: PlanResult) -> None:
    page = page_of(result)
    (front, _) = page.figures["pareto_front"]["data"]
    assert front["text"] == ["1", "2", "3"]
    assert len(page.tables["pareto"].rows) == 5
    none = with_tables(result, pareto=result.tables["pareto"].iloc[3:])
    page = page_of(none)
    assert not {"pareto_front", "pareto_3d", "pareto_parallel"} & set(page.figures)
    assert "No point of the front holds a schedule." in page.text


def test_why_points_have_no_schedule(result: PlanResult) -> None:
    unknown = dict.fromkeys(("gap", "gap_usd", "bound", "amount"))
    rest: dict[str, Any] = {**unknown, "wall_s": 1.0, "history": []}
    points = [
        {
            **rest,
            "point": 4,
            "status": "limit",
            "reason": "time limit of 120 s",
            "explanation": [],
        },
        {
            **rest,
            "point": 5,
            "status": "infeasible",
            "reason": "proved",
            "explanation": ["Losses under 1 kWh cost <b>more</b> than 30 $.", "Raise the cap."],
        },
    ]
    page = page_of(result, certificate={"points": points})
    assert "Point 4: limit" in page.text
    assert "time limit of 120 s" in page.text
    assert "Losses under 1 kWh cost <b>more</b> than 30 $." in page.text
    assert "proved" not in page.text[page.text.index("Point 5") : page.text.index("Raise the cap")]


def test_a_failed_replay_and_a_wide_gap_are_told(result: PlanResult) -> None:
    page = page_of(result, replay={"passed": False}, certificate={"worst_gap": 0.2})
    assert "FAILED" in page.text
    assert "The plan needs a look" in page.text
    assert "The plan is good" not in page.text
    assert "the worst gap is 20.00 %, more than was asked for" in page.text


def test_a_good_plan_is_called_good(plain: PlanResult) -> None:
    page = page_of(plain)
    assert "The plan is good" in page.text
    assert "FAILED" not in page.text


def test_quarter_hours_are_no_hours(result: PlanResult) -> None:
    page = page_of(stretched(result, 8, 0.25))
    assert page.figures["losses"]["layout"]["xaxis"]["title"]["text"] == "interval of 0.25 h"
    # 20 kW in every other of eight quarter-hours.
    unserved = traces(page.figures["level_energy"])["unserved demand"]
    assert unserved["x"][0] == pytest.approx(20.0 * 4 * 0.25)
    assert "in interval 0" in page.text
    said = page.text[page.text.index("The feeder, interval by") : page.text.index("Versions and")]
    assert re.findall(r"[^.]*\b[Hh]ours?\b[^.]*", said) == []


def test_a_week(result: PlanResult) -> None:
    page = page_of(stretched(result, 168, 1.0))
    axis = page.figures["losses"]["layout"]["xaxis"]
    assert len(page.figures["feeder_map"]["frames"]) == 168
    assert 168 / axis["dtick"] <= 25
    assert len(page.figures["losses"]["data"][0]["x"]) == 168
    assert page.figures["switch_schedule_grid"]["data"][0]["texttemplate"] == ""


def test_hours_without_convergence_leave_gaps(result: PlanResult) -> None:
    told = result.summary.model_dump()["headroom"]["forecast_error"]
    hours = told["hours"]
    hours[1] |= {"v_min_pu": None, "v_max_pu": None, "max_loading": None, "converged": False}
    broken = [BrokenLimit("power_flow", 1), BrokenLimit("branch", 0, "L", 120.0, "%")]
    error = {
        **told,
        "hours": hours,
        "broken": [limit.words() for limit in broken],
        "broken_limits": [asdict(limit) for limit in broken],
    }
    page = page_of(result, headroom={"forecast_error": error})
    assert traces(page.figures["forecast_error"])["lowest voltage"]["y"] == [0.98, None]
    assert "1 branch over its rating, 1 power flow without a solution" in page.text
    assert page.tables["broken"].texts("what")[0] == "the power flow has no solution"


@pytest.mark.parametrize("hours", [[1], [0, 1]])
def test_a_feeder_that_has_no_power_flow_without_microgrids(
    result: PlanResult, hours: list[int]
) -> None:
    voltage, loss, upstream = (
        result.tables[stem].copy() for stem in ("bus_voltage", "loss", "upstream")
    )
    lost = voltage["hour"].isin(hours) & (voltage["level"] == "without_cmg")
    voltage.loc[lost, "v_pu"] = np.nan
    loss.loc[loss["hour"].isin(hours), "without_cmg_kw"] = np.nan
    upstream.loc[upstream["hour"].isin(hours), "without_cmg_kw"] = np.nan
    page = page_of(with_tables(result, bus_voltage=voltage, loss=loss, upstream=upstream))
    shown = traces(page.figures["losses"])["without microgrids"]["y"]
    assert [t for t in (0, 1) if shown[t] is None] == hours
    assert "without them an unknown number of kWh: \N{EN DASH}" in page.text
    if len(hours) == 2:
        assert "voltage_without" not in page.figures
        assert "Without microgrids the power flow has no solution in any hour." in page.text
    else:
        (heat, *_) = page.figures["voltage_without"]["data"]
        assert [t for t in (0, 1) if heat["z"][0][t] is None] == hours


def test_a_case_that_cannot_be_read_costs_only_the_map(result: PlanResult, tmp_path: Path) -> None:
    out = write_run(result, tmp_path / "run")
    (out / "case" / "case.toml").write_text("format = 99\n")
    page = ReadPage(write_page(read_run(out)).read_text(encoding="utf-8"))
    assert "feeder_map" not in page.figures
    assert "there is no map of the feeder" in page.text
    assert set(traces(page.figures["exchange_lower"])) >= {"MG1", "MG2", "MG3"}
    assert "losses" in page.figures


def test_the_sources_are_shown_as_text(plain: PlanResult) -> None:
    page = render_page(
        plain.summary, plain.tables, feeder_view(plain.case), "# Sources\n<script>alert(1)</script>"
    )
    assert "&lt;script&gt;alert(1)" in page
    assert "# Sources" in ReadPage(page).text
    assert "SOURCES.md" not in ReadPage(render_page(plain.summary, plain.tables)).text


def test_hostile_names_are_text(nasty: PlanResult, tmp_path: Path) -> None:
    out = write_run(nasty, tmp_path / "run")
    text = (out / "report.html").read_text(encoding="utf-8")
    page = ReadPage(text)
    assert "img" not in page.tags
    assert not re.search(r"<(script|title)>alert|<b>[xy]</b>|href='javascript", text)
    assert page.text.count("<script>alert(1)</script>") >= 1
    for element in re.findall(r"<script[^>]*id=\"data-[^>]*>(.*?)</script>", text, re.DOTALL):
        assert not set("<>&") & set(element)
        for string in strings(json.loads(element)):
            assert not re.search(r"<(?!/?(br|extra)\s*/?>)", string), string
    assert NASTY["MG1"] in page.tables["microgrids"].texts("microgrid")
    assert NASTY["PCC1"] in page.tables["switches"].texts("switch")


def test_no_name_reaches_a_template_of_the_drawing_library(nasty: PlanResult) -> None:
    for name, figure in all_figures(nasty.summary, nasty.tables, feeder_view(nasty.case)).items():
        for trace in figure.data:
            template = f"{trace.hovertemplate or ''}{getattr(trace, 'texttemplate', '') or ''}"
            assert "HYPERLINK" not in template, name
            assert "测试" not in template, name


def test_names_of_microgrids_are_drawn_only_once_each(nasty: PlanResult) -> None:
    page = page_of(nasty)
    (heat,) = page.figures["demand_response_by_microgrid"]["data"]
    assert len(heat["y"]) == len(set(heat["y"])) == 3


def test_labels_that_are_cut_stay_apart() -> None:
    names = [LONG + "1", LONG + "2", "MG1", LONG + "1"]
    found = labels(names)
    assert found[0] == found[3]
    assert len(set(found)) == 3
    assert all(len(text) < 50 for text in found)
    assert label("<b>&x</b>") == "&lt;b&gt;&amp;x&lt;/b&gt;"
    assert short_name("a\nb\x00c\u202e") == "a b c "


def test_json_in_a_script_cannot_end_it() -> None:
    told = {"x": "</script><!--&", "y": [1.5, None]}
    text = str(script_json(told))
    assert not set("<>&") & set(text)
    assert json.loads(text) == told
    with pytest.raises(ValueError, match="Out of range"):
        script_json({"x": float("nan")})


@pytest.mark.parametrize(
    ("hours", "text"),
    [([], "none"), ([3], "3"), ([3, 4], "3, 4"), ([0, 1, 2, 7], "0\N{EN DASH}2, 7"), ([2, 2], "2")],
)
def test_hours_in_words(hours: list[int], text: str) -> None:
    assert hours_text(hours) == text


def test_many_hours_are_counted() -> None:
    assert in_hours([3]) == "hour\N{NO-BREAK SPACE}3"
    joined = "0\N{WORD JOINER}\N{EN DASH}\N{WORD JOINER}2"
    assert in_hours([0, 1, 2, 9]) == f"hours\N{NO-BREAK SPACE}{joined}, 9"
    assert in_hours(range(0, 40, 2)) == "hours\N{NO-BREAK SPACE}0, 2, 4, 6, 8, 10 and 14 more"


def test_numbers_in_words() -> None:
    assert number(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert number(-0.0001, 2) == "0.00"
    assert number(float("nan"), 2) == number(None, 2) == "\N{EN DASH}"
    assert amount(0.0, "kWh") == "0\N{NO-BREAK SPACE}kWh"
    assert amount(1000.0, "kW") == "1,000\N{NO-BREAK SPACE}kW"
    assert change(50.0, 100.0) == "\N{MINUS SIGN}50.0\N{NO-BREAK SPACE}%"
    assert change(1.0, 0.0) == "\N{EN DASH}"
