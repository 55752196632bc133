"""Runs of the market: written, verified from their files, and shown."""

from __future__ import annotations

import csv
import importlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from homes_factories import MINIMAL, write_homes
from plotly.offline import get_plotlyjs

from cmgplan.cli import main
from cmgplan.cli.shown.progress import progress_shown
from cmgplan.errors import InputError
from cmgplan.market.audit.again import solved_again
from cmgplan.market.report.figures import core_polygon
from cmgplan.market.report.overview import overview
from cmgplan.market.report.read_result import result_of
from cmgplan.market.report.read_run import read_market
from cmgplan.market.report.run_folder import write_page
from cmgplan.market.report.sections import incomes, prices
from cmgplan.market.report.suggestion import providers, ranking, worth_alone
from cmgplan.progress import ProgressEvent
from cmgplan.run_kinds import RUN_KINDS

sys.path.append(str(Path(__file__).parents[2] / "scripts"))

CASES = Path(__file__).parents[2] / "cases"


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run.

    Two days are enough too.
    """
    with (
        patch("cmgplan.page.page.get_plotlyjs", return_value=""),
        patch("cmgplan.market.report.page.MOST_DAYS", 2),
    ):
        yield


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("market") / "run"
    assert command("market", CASES / "two-homes", "--out", folder, "--quiet") == 0
    return folder


def held(run: Path) -> bool:
    """Return whether a run is read and passes; both ways to refuse it count."""
    try:
        return all(check.passed for check in RUN_KINDS["market"].verify(run))
    except InputError:
        return False


def test_what_is_said_of_prices_and_incomes_fits_one_structure_as_well_as_many(run: Path) -> None:
    found = read_market(run)
    many = found.record
    led = [s for s in many.structures if s.structure == "A|B"]
    one = many.model_copy(update={"structures": led})
    means = found.tables["mcp"].groupby(["carrier", "way"])["price_per_kwh"].mean()
    costs = f"{means['heat', 'A|B']:.4f} {many.currency}/kWh"
    assert prices(one, found.tables).parts[1].sentence == (  # type: ignore[union-attr]
        f"On the mean of the day heat costs {costs} in A|B."
    )
    told = prices(many, found.tables).parts[1].sentence  # type: ignore[union-attr]
    assert "costs least in" in told
    assert "A click in the legend shows structures without followers." in told
    income = incomes(one, found.tables).parts[0].sentence  # type: ignore[union-attr]
    assert income.startswith("In A|B A earns ")
    assert "B earns" in income


def test_the_splits_of_two_homes_stand_side_by_side(run: Path) -> None:
    record = read_market(run).record
    assert [s.structure for s in record.structures] == ["A", "B", "A|B", "B|A", "A+B"]
    by = {s.structure: s for s in record.structures}
    # Both together earn what the optimum by hand costs, each home alone what it costs alone.
    assert record.values["A+B"] == pytest.approx(-6.21, abs=1e-4)
    assert record.values["A"] == pytest.approx(1.92, abs=1e-4)
    assert record.values["B"] == pytest.approx(-11.66, abs=1e-4)
    saved = record.values["A+B"] - record.values["A"] - record.values["B"]
    for way in ("A|B", "B|A"):
        assert by[way].status == "optimal"
        assert by[way].gap_share <= 0.01
        assert by[way].leader_income <= by[way].bound + 1e-6
        total = by[way].leader_income + by[way].follower_income
        assert record.values["A"] + record.values["B"] - 1e-4 <= total <= -6.21 + 1e-4
    assert record.games["shapley"]["A"] == pytest.approx(1.92 + saved / 2.0, abs=1e-4)
    assert command("verify", run) == 0


def test_the_page_names_every_structure_and_home(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    for text in ("A|B", "Who earns what", "Shapley value", "Clearing price of electricity"):
        assert text in page
    again = page
    assert command("report", run) == 0
    assert (run / "report.html").read_text(encoding="utf-8") == again


def test_the_page_says_what_stopped_the_search(run: Path) -> None:
    """Time, rounds of the search, or what an older run does not know; and what a table says."""
    market = read_market(run)
    names = {"A|B": "time", "B|A": "rounds", "A+B": ""}
    structures = [
        s.model_copy(update={"status": "feasible", "stopped": names[s.structure]})
        if s.structure in names
        else s
        for s in market.record.structures
    ]
    record = market.record.model_copy(update={"structures": structures})
    first = overview(record, market.tables)
    assert not first.good
    assert first.verdict.startswith(
        "Time ran out in A|B; in B|A every round of the search came to its end with more open than "
        "was asked for; the gap asked for was not reached in A+B. Their gaps are stated."
    )
    place = [column.key for column in first.totals.columns].index("ended")
    ended = {row[0].text: row[place].value for row in first.totals.rows}
    assert ended == {
        "A": "gap reached",
        "B": "gap reached",
        "A|B": "time",
        "B|A": "rounds",
        "A+B": "",
    }
    assert overview(market.record, market.tables).verdict.startswith("Every structure is proven")


def test_a_run_says_what_stopped_it_and_verify_holds_that_against_the_gap(
    run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    assert {s["stopped"] for s in record["structures"]} == {"gap"}
    record["structures"][2]["stopped"] = "time"
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert not held(copy)
    for structure in record["structures"]:
        del structure["stopped"]  # of a run that did not tell
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert held(copy)


def test_the_reader_chooses_whose_day_is_shown(run: Path) -> None:
    page = (run / "report.html").read_text(encoding="utf-8")
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    options = re.search(r'<select id="view".*?</select>', page)
    assert options is not None
    names = re.findall("<option>(.*?)</option>", options[0])
    assert names == ["B|A", "A"]  # the best with followers first
    assert "of 5, 2 are here" in page
    shown = re.findall(r'<section id="(\S+)" data-view="(\S+?)"( hidden)?', page)
    assert {view for _, view, hidden in shown if not hidden} == {"B|A"}
    assert {view for _, view, hidden in shown if hidden} == {"A"}
    linked = set(re.findall(r'<a href="#(\S+?)"', page))
    assert linked == {name for name in ids if name in linked}


def test_a_browser_draws_the_day_that_is_chosen(run: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None and os.environ.get("CMGPLAN_BROWSER") != "required":
        pytest.skip("no Chromium is installed")
    sync = pytest.importorskip("playwright.sync_api").sync_playwright
    with patch("cmgplan.page.page.get_plotlyjs", get_plotlyjs):
        page_file = write_page(read_market(run))
    errors: list[str] = []
    drawn = "(k) => Boolean(document.getElementById(`chart-supply_electricity-${k}`).data)"
    with sync() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(page_file.as_uri())
        page.wait_for_selector("html[data-drawn=yes]", state="attached", timeout=120_000)
        assert (page.evaluate(drawn, 0), page.evaluate(drawn, 1)) == (True, False)
        page.select_option("#view", "A")
        page.wait_for_function(drawn, arg=1, timeout=60_000)
        assert page.locator("#energy-1").is_visible()
        assert not page.locator("#energy-0").is_visible()
        browser.close()
    write_page(read_market(run))
    assert errors == []


def cells(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield row, column and text of one cell of each numeric column: that farthest from zero."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    for column in range(len(rows[0])):
        sizes = []
        for row in range(1, len(rows)):
            try:
                sizes.append((abs(float(rows[row][column])), row))
            except ValueError:
                continue
        if sizes:
            row = max(sizes)[1]
            yield row, column, rows[row][column]


def put(path: Path, row: int, column: int, text: str) -> None:
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    rows[row][column] = text
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


def test_a_changed_number_of_any_table_is_found(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    tried = 0
    for path in sorted(copy.glob("*.csv")):
        header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        whole = path.read_bytes()
        for row, column, text in list(cells(path)):
            put(path, row, column, repr(float(text) * 1.01 + 0.5))
            assert not held(copy), f"{path.name} row {row + 1}, column {header[column]}"
            path.write_bytes(whole)
            tried += 1
    assert held(copy)
    assert tried > 25


def numbers(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield where numbers stand in what JSON holds."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from numbers(item, (*at, key))
    elif isinstance(value, list):
        for key, item in enumerate(value):
            yield from numbers(item, (*at, key))
    elif isinstance(value, float):
        yield at


def told(record: Any, at: tuple[Any, ...], change: Callable[[float], float]) -> None:
    for key in at[:-1]:
        record = record[key]
    record[at[-1]] = change(record[at[-1]])


@pytest.fixture
def days_hold() -> Iterator[None]:
    """Leave out the checks of tables, where only run.json is changed."""
    with patch("cmgplan.market.report.verify.verify_days", return_value=()):
        yield


@pytest.mark.usefixtures("days_hold")
def test_a_changed_number_of_run_json_is_found(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    path = copy / "run.json"
    whole = path.read_text(encoding="utf-8")
    record = json.loads(whole)
    parts = ("structures", "values", "games")
    places = [(part, *at) for part in parts for at in numbers(record[part])]
    tried = 0
    for at in places:
        if "before_shading_kw" in at:
            continue
        changed = json.loads(whole)
        told(changed, at, lambda x: x - 0.01)
        path.write_text(json.dumps(changed), encoding="utf-8")
        assert not held(copy), at
        tried += 1
    path.write_text(whole, encoding="utf-8")
    assert held(copy)
    assert tried > 50


def test_quantities_before_shading_are_solved_again(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    path = copy / "run.json"
    changed = json.loads(path.read_text(encoding="utf-8"))
    before = next(s for s in changed["structures"] if s["structure"] == "A|B")["before_shading_kw"]
    before["electricity"] = [0.0 for _ in before["electricity"]]
    path.write_text(json.dumps(changed), encoding="utf-8")
    failed = [check for check in RUN_KINDS["market"].verify(copy) if not check.passed]
    assert [check.name.split(":")[0] for check in failed] == ["A|B"]
    words = " ".join(str(finding) for finding in failed[0].findings)
    assert "optimistic_income" in words


def test_a_price_that_does_not_clear_the_market_is_found(run: Path) -> None:
    """Prices with incomes that follow from them, but at which followers would want more."""
    result = result_of(market := read_market(run), market.load_case())
    led = result.structure("A|B")
    price = led.prices.price.copy()
    hour = int(np.argmax(led.quantity_kw[0]))
    price[0, hour] *= 0.9
    dearer = replace(led, prices=replace(led.prices, price=price))
    others = tuple(dearer if s.name == "A|B" else s for s in result.structures)
    failed = [c for c in solved_again(replace(result, structures=others)) if not c.passed]
    assert "prices do not clear the market" in " ".join(str(f) for f in failed[0].findings)
    assert all(check.passed for check in solved_again(result))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--structure", "A|X"], "X"),
        (["--structure", "A|A"], "both sides"),
        (["--structure", "A+A|B"], "twice"),
        (["--structure", "A|"], "A|"),
        (["--pricing", "fair"], "--pricing fair"),
        (["--gap", "0"], "--gap 0"),
    ],
)
def test_wrong_options_are_refused(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("market", CASES / "two-homes", *options, "--out", tmp_path / "run") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_planning_case_has_no_market(capsys: pytest.CaptureFixture[str]) -> None:
    assert command("market", CASES / "two-bus") == 2
    assert "this is a case of planning" in capsys.readouterr().err


def test_the_core_of_three_homes_is_cut_by_each_pair() -> None:
    """Pairs save 8, 2 and 0 of 10: the third home gets at most 2, 8 and 10 of it."""
    values = {"A": 0.0, "B": 0.0, "C": 0.0, "A+B": 8.0, "A+C": 2.0, "B+C": 0.0, "A+B+C": 10.0}
    corners = core_polygon(["A", "B", "C"], values, np.zeros(3), 10.0)
    assert corners.sum(axis=1) == pytest.approx(np.ones(len(corners)))
    assert corners[:, 2].max() == pytest.approx(0.2)  # C at most 2
    assert corners[:, 1].max() == pytest.approx(0.8)  # B at most 8
    assert corners[:, 0].max() == pytest.approx(1.0)
    empty = {**values, "A+B": 8.0, "A+C": 8.0, "B+C": 8.0}
    assert len(core_polygon(["A", "B", "C"], empty, np.zeros(3), 10.0)) == 0


def test_structures_and_an_optimum_stand_beside_each_other(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    optimum, out = tmp_path / "optimum", tmp_path / "beside"
    assert command("optimum", CASES / "two-homes", "--out", optimum, "--quiet") == 0
    capsys.readouterr()
    assert command("compare", optimum, run, "--out", out) == 0
    printed = capsys.readouterr().out
    with (out / "compare.csv").open(encoding="utf-8", newline="") as handle:
        rows = {row["quantity"]: row for row in csv.DictReader(handle)}
    assert float(rows["Cost with unserved load"]["optimum"]) == pytest.approx(6.21, abs=1e-6)
    assert float(rows["Cost with unserved load"]["run A+B"]) == pytest.approx(6.21, abs=1e-4)
    assert float(rows["Cost with unserved load"]["difference, run A|B"]) >= -1e-4
    lines = [line for line in printed.splitlines() if not line.startswith(("note", "comparison"))]
    assert max(len(line) for line in lines) <= 80
    for way in ("optimum", "run A", "run B", "run A|B", "run B|A", "run A+B"):
        assert sum(line.startswith(f"{way} ") for line in lines) >= 2
    assert "run A and run B have fewer homes than optimum" in " ".join(printed.split())


def test_a_step_is_told_once_where_nobody_sees_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress_shown(False) as tell:
        for message in ("one", "one", "two", "one"):
            tell(ProgressEvent("step", message, fraction=0.5))
    assert capsys.readouterr().err.splitlines() == ["step: one", "step: two"]


def test_scenarios_are_weighted(tmp_path: Path) -> None:
    case, out = tmp_path / "case", tmp_path / "run"
    shutil.copytree(CASES / "two-homes", case)
    (case / "scenarios.csv").write_text(
        "scenario,weight,buy,sell,load\nmild,0.75,1,1,1\ndear,0.25,1.5,1.2,1.1\n"
    )
    assert command("market", case, "--structure", "A|B", "--out", out, "--quiet") == 0
    record = read_market(out).record
    mild, dear = (scenario.income["A|B"] for scenario in record.scenarios)
    # The first scenario changes nothing: it is the day that the tables hold.
    by = {s.structure: s for s in record.structures}
    assert mild == pytest.approx(dict(by["A|B"].income), abs=1e-6)
    for home in ("A", "B"):
        due = 0.75 * mild[home] + 0.25 * dear[home]
        assert record.expected["A|B"][home] == pytest.approx(due, abs=1e-9)
    assert dear["A"] > mild["A"]  # A sells, and prices are higher
    assert "Expected income" in (out / "report.html").read_text(encoding="utf-8")
    path = out / "run.json"
    changed = json.loads(path.read_text(encoding="utf-8"))
    changed["expected"]["A|B"]["A"] += 0.5
    path.write_text(json.dumps(changed), encoding="utf-8")
    assert not held(out)


def test_who_might_lead_follows_from_what_homes_do_alone(run: Path) -> None:
    market = read_market(run)
    worth = worth_alone(market.record, market.tables)
    ranked = ranking(market.record, market.tables, worth)
    # A sells what its engine makes, B buys: see SOURCES.md of the case.
    assert [row["home"] for row in ranked] == ["A", "B"]
    assert ranked[0]["excess_kwh"] > 0.0 == ranked[0]["shortage_kwh"]
    assert ranked[1]["shortage_kwh"] > 0.0
    cheapest = providers(market.record, market.tables, worth)
    buy = market.tables["exchange"].groupby("hour")["buy_per_kwh"].first()
    for t, name in enumerate(cheapest["B"]):
        assert name == ("A" if worth["A"][t] < buy[t] else "retailer")


def test_claims_want_the_structures_of_the_study(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.import_module("reproduce_paper")
    assert script.main(["market", str(run)]) == 2
    assert "lacks C, A|B+C" in capsys.readouterr().err


def test_claims_of_the_market_are_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = importlib.import_module("reproduce_paper")
    out = tmp_path / "run"
    assert command("market", CASES / "hmg3", "--gap", "0.05", "--out", out, "--quiet") == 0
    capsys.readouterr()
    assert script.main(["market", str(out), "--json"]) == 0
    claims = {c["name"]: c for c in json.loads(capsys.readouterr().out)["claims"]}
    assert len(claims) == 13
    assert claims["C gains in every coalition"]["same"]
    assert claims["leading with C helps B"]["same"]
    # Shifting conserves energy, so this cannot hold of any run.
    assert not claims["C alone shifts out in 83 % of hours, in in 17 %, and more out than in"][
        "same"
    ]
    assert not claims["C's electric MCP is lowest alone"]["same"]


def test_a_case_without_loads_runs(tmp_path: Path) -> None:
    case = write_homes(tmp_path / "case", case=MINIMAL, profiles="hour\n0\n1\n")
    for system in ("optimum", "market", "building"):
        out = tmp_path / system
        assert command(system, case, "--out", out, "--quiet") == 0
        assert command("verify", out) == 0


def test_unserved_heat_earns_nothing_at_negative_prices(tmp_path: Path) -> None:
    """Gas at 0.05 and an efficiency of 0.8 serve 5 kWh of heat for 0.3125, whatever power costs."""
    homes = [
        {
            "id": name,
            "load": [{"id": "warmth", "carrier": "heat", "p_kw": 5.0}],
            "gas_boiler": [{"id": "boiler", "heat_max_kw": 20.0, "efficiency": 0.8}],
        }
        for name in "AB"
    ]
    edits = {
        "home": homes,
        "time": {"hours": 1},
        "retailer": {"buy_per_kwh": -0.1, "sell_per_kwh": -0.2},
        "gas": {"price_per_kwh": 0.05},
    }
    case = write_homes(tmp_path / "case", edits, case=MINIMAL, profiles="hour\n0\n")
    out = tmp_path / "run"
    assert command("market", case, "--out", out, "--quiet") == 0
    values = read_market(out).record.values
    assert values["A"] == pytest.approx(-0.3125, abs=1e-6)
    assert values["A+B"] == pytest.approx(-0.625, abs=1e-6)


def test_a_retailer_that_trades_nothing_leaves_load_unserved(tmp_path: Path) -> None:
    homes = [
        {"id": name, "load": [{"id": "flats", "carrier": "electricity", "p_kw": 5.0}]}
        for name in "AB"
    ]
    retailer = {"buy_per_kwh": 0.2, "sell_per_kwh": 0.1, "power_max_kw": 0.0}
    edits = {"home": homes, "time": {"hours": 1}, "retailer": retailer}
    case = write_homes(tmp_path / "case", edits, case=MINIMAL, profiles="hour\n0\n")
    out = tmp_path / "run"
    assert command("market", case, "--out", out, "--quiet") == 0
    assert read_market(out).record.values["A+B"] == pytest.approx(-100.0, abs=1e-6)
