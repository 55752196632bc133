"""The page of a run: every number that it draws or lists is that of the run's files."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pages import ReadPage, rich, traces
from results import make_result

from cmgplan.planning.report.branch_flow import branch_flow_kw
from cmgplan.planning.report.figures import feeder_view
from cmgplan.planning.report.run_folder import Run, read_run, write_run

FIGURES = {
    "level_energy",
    "shortage",
    "surplus",
    "feeder_map",
    "switch_schedule_grid",
    "switch_schedule_microgrid",
    "switch_schedule_cluster",
    "pareto_front",
    "pareto_3d",
    "pareto_parallel",
    "exchange_lower",
    "exchange_upper",
    "demand_response",
    "demand_response_by_microgrid",
    "losses",
    "storage_power",
    "storage_by_device",
    "state_of_charge",
    "voltage_profile",
    "voltage_with",
    "voltage_without",
    "upstream",
    "headroom",
    "forecast_error",
}
CLUSTER = {"MG1": "C1", "MG2": "C1", "MG3": "C2"}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, ReadPage]:
    """Return a run as read from its files, and its page as read back."""
    folder = tmp_path_factory.mktemp("page")
    out = write_run(rich(make_result(folder / "case")), folder / "run")
    return read_run(out), ReadPage((out / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(drawn: tuple[Run, ReadPage]) -> Run:
    return drawn[0]


@pytest.fixture(scope="module")
def page(drawn: tuple[Run, ReadPage]) -> ReadPage:
    return drawn[1]


def rows(run: Run, stem: str, **where: Any) -> pd.DataFrame:
    """Return the rows of a table that hold given values."""
    table = run.tables[stem]
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def close(drawn: Any, told: Any) -> None:
    np.testing.assert_allclose(
        np.array(drawn, dtype=float), np.array(told, dtype=float), rtol=1e-9, atol=1e-6
    )


def test_every_figure_is_there(page: ReadPage) -> None:
    assert set(page.figures) == FIGURES
    for name, figure in page.figures.items():
        assert figure["data"], name
        drawn = [trace.get("x") or trace.get("z") for trace in figure["data"]]
        assert any(drawn), name


def test_every_axis_has_a_title(page: ReadPage) -> None:
    for name, figure in page.figures.items():
        if name in {"feeder_map", "pareto_3d"}:
            continue
        titles = [
            axis.get("title", {}).get("text", "")
            for key, axis in figure["layout"].items()
            if re.match(r"[xy]axis\d*$", key)
        ]
        assert any(titles), name
    scene = page.figures["pareto_3d"]["layout"]["scene"]
    assert [scene[f"{a}axis"]["title"]["text"] for a in "xyz"] == [
        "losses, kWh",
        "emission cost, $",
        "generation cost, $",
    ]


def test_levels(run: Run, page: ReadPage) -> None:
    energy = run.tables["shortage"].groupby("level")[["shortage_kw", "surplus_kw"]].sum()
    shown = traces(page.figures["level_energy"])
    close(shown["unserved demand"]["x"], energy["shortage_kw"])
    close(shown["curtailed renewable energy"]["x"], energy["surplus_kw"])
    for name, column in (("shortage", "shortage_kw"), ("surplus", "surplus_kw")):
        for level in (1, 2, 3, 4):
            trace = traces(page.figures[name])[f"Level {level}"]
            assert trace["x"] == [0, 1]
            close(trace["y"], rows(run, "shortage", level=level).groupby("hour")[column].sum())
    assert "falls from 20 kWh at Level 1 to 0 kWh at Level 2" in page.text
    assert "Level 4 serves all load" in page.text


@pytest.mark.parametrize("kind", ["grid", "microgrid", "cluster"])
def test_switch_schedule(run: Run, page: ReadPage, kind: str) -> None:
    (heat,) = page.figures[f"switch_schedule_{kind}"]["data"]
    for k, switch in enumerate(heat["y"]):
        close(heat["z"][k], rows(run, "switch_schedule", switch=switch)["closed"])
        close(heat["customdata"][k], rows(run, "exchange", switch=switch, level=4)["p_kw"])
    assert set(heat["y"]) == set(rows(run, "switch_schedule", kind=kind)["switch"])


def test_pareto(run: Run, page: ReadPage) -> None:
    told = run.tables["pareto"].dropna(subset=["gc_usd"])
    shown = traces(page.figures["pareto_front"])
    points = shown["points (bar: down to the proven bound)"]
    assert points["text"] == ["1", "2", "3"]
    close(points["x"], told["gc_usd"])
    close(points["y"], told["ec_usd"])
    close(points["marker"]["color"], told["loss_kwh"])
    close(points["error_y"]["arrayminus"], told["ec_usd"] - told["bound_ec_usd"])
    assert points["marker"]["symbol"] == ["circle", "circle", "diamond"]
    close(shown["chosen"]["x"], told.loc[told["selected"] == 1, "gc_usd"])
    space = traces(page.figures["pareto_3d"])["points"]
    for axis, column in zip("xyz", ("loss_kwh", "ec_usd", "gc_usd"), strict=True):
        close(space[axis], told[column])
    parallel = page.figures["pareto_parallel"]["data"]
    close([[c[0] for c in t["customdata"]] for t in parallel], told[list(OBJECTIVES)])
    for k, column in enumerate(OBJECTIVES):
        low, high = told[column].min(), told[column].max()
        close([t["y"][k] for t in parallel], (told[column] - low) / (high - low))
    assert [t["line"]["dash"] for t in parallel] == ["solid", "solid", "dot"]
    assert "2 optimal, 1 feasible, 1 limit, 1 infeasible" in page.text


OBJECTIVES = ("gc_usd", "ec_usd", "loss_kwh")


def test_pareto_table(run: Run, page: ReadPage) -> None:
    table, told = page.tables["pareto"], run.tables["pareto"]
    for key in table.keys:
        if key != "status":
            np.testing.assert_allclose(table.column(key), told[key].astype(float), rtol=1e-9)
    assert table.texts("status") == told["status"].tolist()
    assert table.marked == [1]
    assert table.texts("gc_usd")[3] == "\N{EN DASH}"


@pytest.mark.parametrize(("level", "number"), [("lower", 4), ("upper", 5)])
def test_exchange(run: Run, page: ReadPage, level: str, number: int) -> None:
    shown = traces(page.figures[f"exchange_{level}"])
    grid = rows(run, "exchange", level=number, kind="grid")
    total = grid.assign(cluster=grid["from"].map(CLUSTER)).groupby(["cluster", "hour"])["p_kw"]
    for cluster in ("C1", "C2"):
        close(shown[cluster]["y"], total.sum()[cluster])
    tie = shown["T23 (C1 \N{RIGHTWARDS ARROW} C2)"]
    close(tie["y"], rows(run, "exchange", level=number, switch="T23")["p_kw"])
    assert len(shown) == 3


def test_demand_response(run: Run, page: ReadPage) -> None:
    drawn = page.figures["demand_response"]["data"]
    for part, level in ((drawn[:2], "lower"), (drawn[2:], "upper")):
        told = rows(run, "demand_response", level=level).groupby("hour")
        close(part[0]["y"], told["p_before_kw"].sum())
        close(part[1]["y"], told["p_after_kw"].sum())
    (heat,) = page.figures["demand_response_by_microgrid"]["data"]
    for k, microgrid in enumerate(heat["y"]):
        told = rows(run, "demand_response", level="lower", place=microgrid)
        close(heat["z"][k], told["p_after_kw"] - told["p_before_kw"])
        close(heat["customdata"][k], 100.0 * (told["p_after_kw"] / told["p_before_kw"] - 1.0))
    assert "The microgrids move 12 kWh, 5.0 % of demand" in page.text


def test_losses(run: Run, page: ReadPage) -> None:
    told, shown = run.tables["loss"], traces(page.figures["losses"])
    close(shown["without microgrids"]["y"], told["without_cmg_kw"])
    close(shown["with microgrids"]["y"], told["upper_feeder_kw"] + told["upper_ties_kw"])
    lower = shown["lower level, feeder without load"]
    close(lower["y"], told["lower_feeder_kw"] + told["lower_ties_kw"])


def test_stores(run: Run, page: ReadPage) -> None:
    told = rows(run, "dispatch", level=5, device="battery")
    shown = traces(page.figures["storage_power"])
    close(shown["batteries: discharge"]["y"], told["p_kw"].clip(lower=0.0))
    close(shown["batteries: charge"]["y"], told["p_kw"].clip(upper=0.0))
    (power,) = page.figures["storage_by_device"]["data"]
    assert power["y"] == ["MG2 battery"]
    close(power["z"][0], told["p_kw"])
    (stored,) = page.figures["state_of_charge"]["data"]
    close(stored["customdata"][0], told["soc_kwh"])
    close(stored["z"][0], told["soc_kwh"])  # of 100 kWh, so that percent and kWh agree
    assert stored["zmax"] == 100


def test_voltages(run: Run, page: ReadPage) -> None:
    for name, level in (("voltage_with", "upper"), ("voltage_without", "without_cmg")):
        heat = page.figures[name]["data"][0]
        for k, bus in enumerate(heat["y"]):
            close(heat["z"][k], rows(run, "bus_voltage", level=level, bus=bus)["v_pu"])
    peak = int(run.tables["upstream"]["without_cmg_kw"].argmax())
    shown = traces(page.figures["voltage_profile"])
    for name, level in (("with microgrids", "upper"), ("without microgrids", "without_cmg")):
        assert shown[name]["x"] == ["1", "2"]
        close(shown[name]["y"], rows(run, "bus_voltage", level=level, hour=peak)["v_pu"])
    close(shown["least allowed"]["y"], [0.9, 0.9])


def test_upstream(run: Run, page: ReadPage) -> None:
    told, shown = run.tables["upstream"], traces(page.figures["upstream"])
    close(shown["with microgrids"]["y"], told["with_cmg_kw"])
    close(shown["without microgrids"]["y"], told["without_cmg_kw"])
    close(shown["price"]["y"], told["price_usd_per_mwh"])


def test_headroom(run: Run, page: ReadPage) -> None:
    told = pd.DataFrame([room.model_dump() for room in run.summary.headroom.hourly])
    drawn = page.figures["headroom"]["data"]
    for trace, column in zip(drawn, ("mt_kw", "storage_kw", "pcc_kva", "storage_kwh"), strict=True):
        close(trace["y"], told[column])
    hours = run.summary.headroom.forecast_error.hours
    error = pd.DataFrame([hour.model_dump() for hour in hours])
    shown = traces(page.figures["forecast_error"])
    close(shown["highest voltage"]["y"], error["v_max_pu"])
    close(shown["lowest voltage"]["y"], error["v_min_pu"])
    close(shown["most loaded branch"]["y"], 100.0 * error["max_loading"])


def test_the_map_shows_every_hour(run: Run, page: ReadPage) -> None:
    figure = page.figures["feeder_map"]
    assert [frame["name"] for frame in figure["frames"]] == ["0", "1"]
    for t, frame in enumerate(figure["frames"]):
        shown = traces(frame)
        close(
            shown["bus"]["marker"]["color"],
            rows(run, "bus_voltage", level="upper", hour=t)["v_pu"],
        )
        closed = rows(run, "switch_schedule", hour=t, closed=1)
        assert lines(shown["closed connection to the feeder"]) == sum(closed["kind"] == "grid")
        assert lines(shown["closed tie within a cluster"]) == sum(closed["kind"] == "microgrid")
        assert lines(shown["closed tie between clusters"]) == sum(closed["kind"] == "cluster")
        assert lines(shown["open switch"]) == 5 - len(closed)
        flows = rows(run, "exchange", level=5, hour=t).set_index("switch")["p_kw"]
        told = sorted(text for text in shown["flow on a switch"]["text"] if text)
        assert told == sorted(f"{s}: {abs(p):.1f} kW" for s, p in flows.items() if p != 0.0)
        (branch,) = shown["branch flow"]["customdata"]
        assert branch == pytest.approx(run.tables["upstream"]["with_cmg_kw"][t], abs=1e-3)


def lines(trace: dict[str, Any]) -> int:
    """Return how many lines a trace draws between its gaps."""
    return len(trace["x"]) // 3


def test_branch_flow_is_exact(run: Run) -> None:
    """The only branch carries what the power flow takes from upstream."""
    from cmgplan.planning.case import load_case

    view = feeder_view(load_case(run.case_folder))
    flow = branch_flow_kw(run.tables, view)
    assert flow is not None
    np.testing.assert_allclose(flow[:, 0], run.tables["upstream"]["with_cmg_kw"], atol=1e-6)


def test_tables_hold_the_numbers_of_the_files(run: Run, page: ReadPage) -> None:
    hours = page.tables["hours"]
    for key in ("price_usd_per_mwh", "with_cmg_kw", "without_cmg_kw"):
        close(hours.column(key), run.tables["upstream"][key])
    lowest = rows(run, "bus_voltage", level="upper").groupby("hour")["v_pu"].min()
    close(hours.column("v_min_with_pu"), lowest)
    upper = run.summary.upper.model_dump()
    keys = ["gc_usd", "ec_usd", "loss_kwh", "upstream_kwh", "v_min_pu"]
    close(page.tables["totals"].column("with"), [upper[key] for key in keys])
    close(page.tables["totals"].column("without"), [upper["without_cmg"][key] for key in keys])
    levels = page.tables["levels"]
    for key in ("gc_usd", "unserved_kwh", "surplus_kwh"):
        close(levels.column(key), [getattr(level, key) for level in run.summary.levels])


def test_microgrid_and_switch_tables(run: Run, page: ReadPage) -> None:
    table = page.tables["microgrids"]
    assert table.texts("cluster") == ["C1", "C1", "C2"]
    dispatch = rows(run, "dispatch", level=4)
    for key, kind in (("demand_kwh", "load"), ("turbine_kwh", "mt"), ("pv_kwh", "pv")):
        sums = dispatch[dispatch["kind"] == kind].groupby("microgrid")["p_kw"].sum().abs()
        told = [sums.get(name, 0.0) for name in ("MG1", "MG2", "MG3")]
        close(table.column(key), told)
    switches = page.tables["switches"]
    closed = run.tables["switch_schedule"].groupby("switch")["closed"].sum()
    close(switches.column("closed_h"), closed[switches.texts("switch")])
    assert dict(zip(switches.texts("switch"), switches.column("changes"), strict=True)) == {
        "PCC1": 0.0,
        "PCC2": 1.0,
        "PCC3": 1.0,
        "T12": 1.0,
        "T23": 1.0,
    }


def test_the_first_screen_answers(page: ReadPage, run: Run) -> None:
    head = page.text[: page.text.index("From level to level")]
    for part in ("Replay", "passed", "Worst gap", "Points", "point 1 (fuzzy)", "Change"):
        assert part in head, part
    assert "1 point of the front stopped at a limit without a schedule" in head
    now, before = run.summary.upper.loss_kwh, run.summary.upper.without_cmg.loss_kwh
    assert now is not None and before is not None
    percent = 100.0 * (1.0 - now / before)
    assert f"loses {percent:.1f} % less" in head


def test_the_page_stands_alone(run: Run) -> None:
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"<(script|img|iframe)[^>]*\ssrc=", page)
    assert "<link" not in page
    assert "connect-src" not in page
    assert "unsafe-eval" not in page
    assert "default-src 'none'" in page
    assert len(page) < 6e6
