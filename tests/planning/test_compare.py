"""Runs beside each other: the table of differences, what was asked, what is not told apart."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from plans import quick, small
from results import HOSTILE, make_result

import cmgplan
from cmgplan import cli
from cmgplan.errors import InputError, MachineError
from cmgplan.page.parts import Chart
from cmgplan.planning.pipeline import plan
from cmgplan.planning.report.compare import write as writing
from cmgplan.planning.report.compare.page import sections
from cmgplan.planning.report.compare.runs import read_runs
from cmgplan.planning.report.compare.switches import FIRST_ONLY, OTHER_ONLY, positions
from cmgplan.planning.report.compare.totals import difference
from cmgplan.planning.report.compare.write import compare_runs
from cmgplan.planning.report.run_folder import write_run
from cmgplan.run.comparison import unique_names

KEY = ["quantity", "unit", "level", "place", "device", "hour"]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return the run of the small case with edits under a name, planned once."""
    root, done = tmp_path_factory.mktemp("planned"), dict[str, Path]()

    def run(name: str, **edits: object) -> Path:
        if name not in done:
            case = small(root / "cases" / name, {k.replace("__", "."): v for k, v in edits.items()})
            result = plan(case, quick(case, points=2))
            done[name] = write_run(result, root / name)
        return done[name]

    return run


@pytest.fixture(scope="module")
def levels(planned: Callable[..., Path]) -> Path:
    return planned("levels")


@pytest.fixture(scope="module")
def joint(planned: Callable[..., Path]) -> Path:
    return planned("joint", plan__hierarchy="joint")


@pytest.fixture(scope="module")
def rigid(planned: Callable[..., Path]) -> Path:
    """The same without demand response."""
    none = {"network__responsive_share": 0.0, "microgrid__0__load__0__responsive_share": 0.0}
    return planned("rigid", **none)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two hours put together by hand."""
    root = tmp_path_factory.mktemp("made")
    return write_run(make_result(root / "case"), root / "made")


def csv(folder: Path, stem: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"{stem}.csv", dtype={"bus": str, "place": str})


def plan_json(folder: Path) -> Any:
    return json.loads((folder / "plan.json").read_text())


def copied(run: Path, folder: Path, **changes: Callable[[Any], None]) -> Path:
    """Return a copy of a run whose plan.json and pareto.csv went through functions."""
    shutil.copytree(run, folder)
    if "summary" in changes:
        summary = plan_json(folder)
        changes["summary"](summary)
        (folder / "plan.json").write_text(json.dumps(summary))
    if "pareto" in changes:
        table = pd.read_csv(folder / "pareto.csv")
        changes["pareto"](table)
        table.to_csv(folder / "pareto.csv", index=False)
    return folder


def rows_of(table: pd.DataFrame, **key: object) -> pd.DataFrame:
    for name, value in key.items():
        table = table[table[name] == value]
    return table


def test_every_difference_is_that_of_the_files(levels: Path, joint: Path, tmp_path: Path) -> None:
    done = compare_runs([levels, joint], tmp_path / "out")
    table = pd.read_csv(done.folder / "compare.csv", dtype={"place": str, "device": str})
    assert list(table.columns) == [
        *KEY,
        *("value[levels]", "value[joint]"),
        *("difference[joint]", "relative[joint]", "within_gap[joint]"),
    ]
    assert not table.duplicated(KEY).any()
    apart = table["value[joint]"] - table["value[levels]"]
    assert (table["difference[joint]"] - apart).abs().max() < 1e-6
    for stem, column, quantity, names in (
        ("bus_voltage", "v_pu", "voltage", ["level", "hour", "bus"]),
        ("switch_schedule", "closed", "closed", ["hour", "switch"]),
        ("exchange", "p_kw", "exchange", ["level", "hour", "switch"]),
        ("dispatch", "soc_kwh", "state of charge", ["level", "hour", "microgrid", "device"]),
        ("demand_response", "p_after_kw", "demand after response", ["level", "hour", "place"]),
    ):
        found = rows_of(table, quantity=quantity)
        for run in (levels, joint):
            due = csv(run, stem).dropna(subset=[column])
            assert len(found) == len(due)
            order = due.sort_values(names)[column].tolist()
            keys = [k for k in ("level", "hour", "place", "device") if k != "level" or k in names]
            mine = found.sort_values(keys)[f"value[{run.name}]"].tolist()
            assert mine == pytest.approx(order, abs=1e-9)


def test_hourly_losses_and_import_stand_in_the_table(
    levels: Path, joint: Path, tmp_path: Path
) -> None:
    table = compare_runs([levels, joint], tmp_path / "out").table
    for quantity, level, stem, column in (
        ("losses of the feeder", "upper", "loss", "upper_feeder_kw"),
        ("losses of ties", "lower", "loss", "lower_ties_kw"),
        ("import from upstream", "without_cmg", "upstream", "without_cmg_kw"),
    ):
        found = rows_of(table, quantity=quantity, level=level, unit="kW").sort_values("hour")
        for run in (levels, joint):
            assert found[f"value[{run.name}]"].tolist() == csv(run, stem)[column].tolist()


def test_the_totals_are_those_of_plan_json(levels: Path, joint: Path, tmp_path: Path) -> None:
    done = compare_runs([levels, joint], tmp_path / "out")
    told = {(t.quantity.level, t.quantity.name): t for t in done.totals}
    for level, section in (("lower", "selected"), ("upper", "upper")):
        for key, name in (("gc_usd", "generation cost"), ("loss_kwh", "losses")):
            total = told[level, name]
            assert total.values == tuple(plan_json(run)[section][key] for run in (levels, joint))
            assert total.differences[0].amount == total.values[1] - total.values[0]
    about = json.loads((done.folder / "cmgplan-compare.json").read_text())
    assert [run["name"] for run in about["runs"]] == ["levels", "joint"]
    assert about["options"] == {"hierarchy": {"levels": "levels", "joint": "joint"}}
    assert list(about["case_files"]) == ["case.toml"]
    assert about["case_keys"] == {}
    assert about["not_comparable"] == []


def test_runs_without_response_are_told_apart(levels: Path, rigid: Path, tmp_path: Path) -> None:
    done = compare_runs([levels, rigid], tmp_path / "out")
    about = json.loads((done.folder / "cmgplan-compare.json").read_text())
    assert about["case_keys"] == {
        "network.responsive_share": {"levels": "0.1", "rigid": "0.0"},
        "microgrid[MG1].load[homes].responsive_share": {"levels": "0.2", "rigid": "0.0"},
    }
    charts = charts_of([levels, rigid])
    assert "rigid moves 0\N{NO-BREAK SPACE}kWh" in charts["response_lower"].sentence
    figure = charts["response_upper"].figure
    assert figure is not None
    assert list(figure.data[1].y) == pytest.approx([0.0] * 4, abs=1e-9)
    assert max(figure.data[0].y) > 1.0


def gap_run(run: Path, folder: Path, *, shift: float, room: float = 0.5, **about: object) -> Path:
    """Return a copy whose chosen point's emissions are shifted, proven to within some dollars."""

    def summary(plan: Any) -> None:
        plan["selected"]["ec_usd"] += shift
        plan["payoff"]["gc_usd"] = {"min": 100.0, "max": 300.0}
        plan["certificate"]["absolute"] = about.get("absolute", False)

    def pareto(table: Any) -> None:
        chosen = table["selected"] == 1
        table.loc[chosen, "ec_usd"] += shift
        table.loc[chosen, "bound_ec_usd"] = table["ec_usd"] - room
        table.loc[chosen, "gap"] = 0.004

    return copied(run, folder, summary=summary, pareto=pareto)


@pytest.mark.parametrize(
    ("shift", "verdict", "flag", "told"),
    [
        (0.0, "same", 1, "Microgrids: the same"),
        (0.3, "within the gap", 1, "emission cost within the gap of the proofs (+0.3"),
        (-0.499, "within the gap", 1, "emission cost within the gap of the proofs ("),
        (0.6, "different", 0, "emission cost +0.6"),
        (-2.0, "different", 0, "emission cost \N{MINUS SIGN}2"),
    ],
)
def test_a_difference_within_the_gap_is_not_sold_as_one(
    made: Path, tmp_path: Path, shift: float, verdict: str, flag: int, told: str
) -> None:
    first = gap_run(made, tmp_path / "first", shift=0.0)
    second = gap_run(made, tmp_path / "second", shift=shift)
    done = compare_runs([first, second], tmp_path / "out")
    (total,) = [t for t in done.totals if (t.quantity.level, t.quantity.key) == ("lower", "ec_usd")]
    assert total.differences[0].verdict == verdict
    assert total.differences[0].open_by == pytest.approx(0.5)
    row = rows_of(done.table, quantity="emission cost", level="lower")
    assert row["within_gap[second]"].item() == flag
    page = own_text(done.folder)
    assert told in page
    said = {"same": "same", "within the gap": "within the gap, 0.5", "different": "beyond the gap"}
    assert f">{said[verdict]}" in page


def test_the_wider_gap_counts_and_none_is_invented(made: Path, tmp_path: Path) -> None:
    first = gap_run(made, tmp_path / "first", shift=0.0, room=0.1)
    wide = gap_run(made, tmp_path / "wide", shift=0.7, room=0.8)
    unproven = copied(made, tmp_path / "none", pareto=without_gap)
    done = compare_runs([first, wide, unproven], tmp_path / "out")
    (total,) = [t for t in done.totals if (t.quantity.level, t.quantity.key) == ("lower", "ec_usd")]
    assert total.differences[0].verdict == "within the gap"
    (cost,) = [t for t in done.totals if (t.quantity.level, t.quantity.key) == ("lower", "gc_usd")]
    assert cost.differences[0].open_by == pytest.approx(0.004 * 200.0)
    alone = compare_runs([unproven, copied(unproven, tmp_path / "too")], tmp_path / "out")
    assert all(t.differences[0].open_by is None for t in alone.totals)
    assert alone.table["within_gap[too]"].isna().all()


def without_gap(table: Any) -> None:
    table[["gap", "bound_ec_usd"]] = float("nan")


def test_differences_of_nothing_and_of_zero() -> None:
    assert difference(None, 1.0, 0.5).verdict is None
    assert difference(1.0, None, 0.5).amount is None
    zero = difference(0.0, 2.0, None)
    assert (zero.amount, zero.relative, zero.verdict) == (2.0, None, "different")
    assert difference(-4.0, -3.0, None).relative == pytest.approx(0.25)
    assert difference(1.0, 2.0, 5.0, comparable=False).verdict == "not comparable"
    assert difference(1e6, 1e6 + 0.01, None).verdict == "same"


def charts_of(runs: list[Path]) -> dict[str, Chart]:
    return {
        part.name: part
        for section in sections(read_runs(runs))
        for part in section.parts
        if isinstance(part, Chart)
    }


def test_switches_that_differ_are_drawn_and_counted(levels: Path, joint: Path) -> None:
    comparison = read_runs([levels, joint])
    mine, theirs = (csv(run, "switch_schedule") for run in (levels, joint))
    both = mine.merge(theirs, on=["hour", "switch"], suffixes=("", "_joint"))
    only_first = int(((both["closed"] == 1) & (both["closed_joint"] == 0)).sum())
    only_other = int(((both["closed"] == 0) & (both["closed_joint"] == 1)).sum())
    table = positions(comparison, comparison.others[0])
    assert (table == FIRST_ONLY).to_numpy().sum() == only_first > 0
    assert (table == OTHER_ONLY).to_numpy().sum() == only_other > 0
    row = both[(both["switch"] == "PCC2") & (both["hour"] == 1)]
    assert row[["closed", "closed_joint"]].to_numpy().tolist() == [[0, 1]]
    assert table.at["PCC2", 1] == OTHER_ONLY
    chart = charts_of([levels, joint])["switches_0"]
    assert chart.sentence.startswith(f"{only_first + only_other} of 20\N{NO-BREAK SPACE}switch")
    assert f"{only_other} closed only in joint, {only_first} only in levels" in chart.sentence
    assert chart.figure is not None
    drawn = pd.DataFrame(chart.figure.data[0].z, index=chart.figure.data[0].y)
    assert (drawn >= FIRST_ONLY).any(axis=1).all()
    assert (drawn >= FIRST_ONLY).to_numpy().sum() == only_first + only_other


def test_figures_hold_a_line_for_each_run(levels: Path, joint: Path, rigid: Path) -> None:
    charts = charts_of([levels, joint, rigid])
    for name in (
        *("losses_upper", "losses_lower", "upstream", "voltage", "voltage_least", "stores"),
        *("levels_unserved", "exchange_upper", "stores_power", "headroom_power"),
    ):
        figure = charts[name].figure
        assert figure is not None, name
        assert [trace.name for trace in figure.data] == ["levels", "joint", "rigid"], name
    upstream = charts["upstream"].figure
    assert upstream is not None
    for trace, run in zip(upstream.data, (levels, joint, rigid), strict=True):
        assert list(trace.y) == csv(run, "upstream")["with_cmg_kw"].tolist()
    stores = charts["stores"].figure
    assert stores is not None
    stored = csv(joint, "dispatch")
    stored = stored[stored["level"] == 5].groupby("hour")["soc_kwh"].sum()
    assert list(stores.data[1].y) == pytest.approx(stored.tolist())
    exchange = charts["exchange_lower"].figure
    assert exchange is not None
    given = csv(joint, "exchange")
    given = given[(given["level"] == 4) & (given["kind"] == "grid")].groupby("hour")["p_kw"].sum()
    assert list(exchange.data[1].y) == pytest.approx(given.tolist())
    headroom = charts["headroom_pcc"].figure
    assert headroom is not None
    unused = [entry["pcc_kva"] for entry in plan_json(rigid)["headroom"]["hourly"]]
    assert list(headroom.data[-1].y) == pytest.approx(unused)
    looks = {(t.line.color, t.line.dash, t.marker.symbol) for t in stores.data}
    assert len(looks) == 3
    fronts = charts["fronts"].figure
    assert fronts is not None
    assert len(fronts.data) == 6
    assert all(chart.sentence.endswith(".") for chart in charts.values())


def test_sentences_are_worked_out(levels: Path, joint: Path) -> None:
    charts = charts_of([levels, joint])
    apart = csv(joint, "upstream")["with_cmg_kw"] - csv(levels, "upstream")["with_cmg_kw"]
    hour = int(apart.abs().idxmax())
    more = "more" if apart[hour] > 0 else "less"
    text = charts["upstream"].sentence.replace("\N{NO-BREAK SPACE}", " ")
    told = re.search(rf"joint differs most in hour {hour}: ([\d.]+) kW {more} than levels", text)
    assert told is not None
    assert float(told[1]) == pytest.approx(abs(apart[hour]), abs=0.05)
    same = charts_of([levels, levels])
    assert "has the same losses" in same["losses_upper"].sentence
    assert "leaves the same as levels at every level" in same["levels_unserved"].sentence
    assert "stand alike" in same["switches_0"].sentence
    assert same["switches_0"].figure is None


def test_a_dominated_front_is_counted(made: Path, tmp_path: Path) -> None:
    def better(table: Any) -> None:
        table["ec_usd"] -= 3.0
        table["bound_ec_usd"] -= 3.0

    first = gap_run(made, tmp_path / "first", shift=0.0)
    second = copied(first, tmp_path / "second", pareto=better)
    points = int(pd.read_csv(first / "pareto.csv")["ec_usd"].notna().sum())
    sentence = charts_of([first, second])["fronts"].sentence.replace("\N{NO-BREAK SPACE}", " ")
    assert f"of {points} of first" in sentence
    assert "beaten by second in emissions" in sentence
    assert "of second" not in sentence
    assert "no point of a run is beaten" in charts_of([first, first])["fronts"].sentence


def test_other_horizons_and_networks_are_compared_as_far_as_they_go(
    levels: Path, made: Path, tmp_path: Path
) -> None:
    done = compare_runs([levels, made], tmp_path / "out")
    assert done.notes[0].startswith("made covers 2 intervals of 1 h, levels 4 of 1 h")
    assert any("1 bus of levels and 0 of made have no counterpart" in note for note in done.notes)
    sums = [t for t in done.totals if t.quantity.sums]
    assert all(t.differences[0].verdict == "not comparable" for t in sums)
    table = done.table
    hourly = rows_of(table, quantity="import from upstream", level="upper", unit="kW")
    assert hourly["difference[made]"].notna().tolist() == [True, True, False, False]
    assert table[table["hour"].isna() & (table["unit"] != "pu")]["difference[made]"].isna().all()
    voltages = rows_of(table, quantity="voltage", level="upper")
    assert set(voltages[voltages["difference[made]"].notna()]["place"]) == {"1", "2"}
    page = own_text(done.folder)
    assert "Their totals cover different horizons" in page
    assert all(note.split(":")[0] in page for note in done.notes)


def test_intervals_of_another_length_are_not_laid_over_each_other(
    made: Path, tmp_path: Path
) -> None:
    def halves(summary: Any) -> None:
        summary["case"]["dt_h"] = 0.5

    half = copied(made, tmp_path / "half", summary=halves)
    done = compare_runs([made, half], tmp_path / "out")
    assert "hours are not compared" in done.notes[0]
    assert done.table[done.table["hour"].notna()]["difference[half]"].isna().all()
    charts = charts_of([made, half])
    assert charts["switches_0"].figure is None
    assert len(charts["upstream"].figure.data) == 1  # type: ignore[union-attr]
    other = charts_of([half, half])
    assert "differs" not in other["upstream"].title
    assert "interval" in own_text(compare_runs([half, half], tmp_path / "two").folder)


def test_names_are_unique_and_short() -> None:
    places = [Path("/runs/a/run"), Path("/runs/b/run"), Path("/runs/other")]
    assert unique_names(places) == ["a/run", "b/run", "other"]
    assert unique_names([places[2], places[2]]) == ["other", "other (2)"]
    far = [Path("/x/a/run"), Path("/y/a/run"), Path("/x/a/run")]
    assert unique_names(far) == ["x/a/run", "y/a/run", "x/a/run (2)"]


def test_hostile_names_are_text(tmp_path: Path) -> None:
    result = make_result(tmp_path / "case", HOSTILE)
    names = ("=cmd|' !A0", "<script>alert(1)<img src=x>")
    folders = [write_run(result, tmp_path / "runs" / name) for name in names]
    done = compare_runs(folders, tmp_path / "out")
    page = own_text(done.folder)
    assert "<script>alert" not in page
    assert "<img src=x>" not in page
    assert "<b>x</b>" not in page
    assert "&lt;script&gt;alert(1)" in page
    text = (done.folder / "compare.csv").read_text()
    assert not re.search(r'(^|,)"?[=@+]', text, re.MULTILINE)
    assert f"'{HOSTILE['MG1']}" in text


def own_text(folder: Path) -> str:
    from plotly.offline import get_plotlyjs

    return (folder / "compare.html").read_text().replace(str(get_plotlyjs()), "")


def test_the_page_stands_alone(levels: Path, joint: Path, tmp_path: Path) -> None:
    folder = compare_runs([levels, joint], tmp_path / "out").folder
    page = own_text(folder)
    assert not re.search(r"<(script|img|iframe|link)[^>]*\s(src|href)=", page)
    assert "default-src 'none'" in page
    for text in ("joint against levels", "Options that differ", "Pareto fronts", "Storage"):
        assert text in page
    drawn = re.findall(r'id="chart-(\w+)"', page)
    charts = charts_of([levels, joint])
    assert drawn == [name for name, chart in charts.items() if chart.figure is not None]
    assert len(drawn) >= 10
    for name in drawn:
        data = re.search(rf'id="data-{name}">(.*?)</script>', page)
        assert data is not None
        assert json.loads(data[1])["data"]


def test_a_failed_replay_is_told_first(made: Path, tmp_path: Path) -> None:
    def failed(summary: Any) -> None:
        summary["replay"]["passed"] = False

    bad = copied(made, tmp_path / "bad", summary=failed)
    page = own_text(compare_runs([made, bad], tmp_path / "out").folder)
    assert '<p class="verdict bad">bad is not confirmed: its replay FAILED.</p>' in page


def test_an_earlier_comparison_is_replaced_and_nothing_else(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    first = cmgplan.compare_runs([str(made), made], str(out))
    assert sorted(p.name for p in out.iterdir()) == [
        *("cmgplan-compare.json", "compare.csv", "compare.html")
    ]
    assert compare_runs([made, made]).folder == made.with_name("made-compare")
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "compare.csv").write_text("years of work")
    for place in (thesis, made):
        with pytest.raises(InputError, match="not a comparison"):
            compare_runs([made, made], place)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_long_table", fail)
    before = (out / "compare.html").stat().st_mtime_ns
    with pytest.raises(MachineError, match="disk is full"):
        compare_runs([made, made], out)
    assert (out / "compare.html").stat().st_mtime_ns == before
    assert not any(path.name.startswith(".out") for path in tmp_path.iterdir())
    assert first.names == ("made", "made (2)")


def test_what_cannot_be_compared_is_said(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give two or more runs"):
        compare_runs([made], tmp_path / "out")
    with pytest.raises(InputError, match="there is no such folder"):
        compare_runs([made, tmp_path / "nowhere"], tmp_path / "out")
    with pytest.raises(InputError, match=r"is not a run, it has no plan\.json"):
        compare_runs([made, tmp_path], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_case_that_is_gone_is_told_as_a_difference(made: Path, tmp_path: Path) -> None:
    bare = copied(made, tmp_path / "bare")
    shutil.rmtree(bare / "case")
    page = own_text(compare_runs([made, bare], tmp_path / "out").folder)
    assert "The cases differ in buses.csv, case.toml, lines.csv and profiles.csv." in page
    assert "no such file" in page


def test_the_command_prints_the_totals(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = gap_run(made, tmp_path / "other", shift=5.0)
    with pytest.raises(SystemExit) as stop:
        cli.main(["compare", str(made), str(other), "--out", str(tmp_path / "out")])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    row = next(line for line in printed.splitlines() if line.startswith("Microgrids: emission"))
    assert row.split()[-2:] == ["5.00", "different"]
    assert "compare.html" in printed
    with pytest.raises(SystemExit) as stop:
        cli.main(["compare", str(made)])
    assert stop.value.code == 2
    assert "give two or more runs" in capsys.readouterr().err
