"""``cmgplan respond``, what other commands do with its run, and the paper's claims beside it."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest

from cmgplan.case.bundled import find_case
from cmgplan.cli import main
from cmgplan.response.report.read_run import read_response
from cmgplan.response.report.run_record import json_schema
from cmgplan.response.report.verify import verify_response

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))
script = importlib.import_module("reproduce_paper")

THIRD_HOME = """
[[home]]
id = "C"
policy = "both"
emission_max_kg_per_h = 3.0
[[home.load]]
id = "flats"
carrier = "electricity"
p_kw = 2.0
shiftable_share = 0.2
shift_in_max_kw = 1.0
"""


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run."""
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three homes over three hours by three methods, with uncertainty."""
    place = tmp_path_factory.mktemp("response")
    case = place / "three"
    shutil.copytree(find_case("two-homes"), case)
    with (case / "case.toml").open("a", encoding="utf-8") as file:
        file.write(THIRD_HOME)
    methods = [part for name in ("exact", "rules", "pso") for part in ("--method", name)]
    budget = ["--runs", 3, "--evaluations", 60, "--seed", 4, "--toat", "L4", "--rolling", 1]
    assert command("respond", case, *methods, *budget, "--out", place / "run", "-q") == 0
    return place / "run"


def content_of(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "run.json").read_text("utf-8"))
    return content


def test_the_contract_of_the_run(run: Path) -> None:
    content = content_of(run)
    head = {"system", "case", "currency", "versions", "options", "wall_s", "verified"}
    own = {"methods", "bound", "emission_kg", "emax_kg_per_h", "share_under_emax", "toat", "claims"}
    assert head | own <= set(content)
    keys = "runs evaluations profit_min profit_max profit_mean profit_sd gap_mean wall_s"
    for name in ("exact", "rules", "pso"):
        told = content["methods"][name]
        assert set(keys.split()) <= set(told)
        assert told["profit_max"] <= content["bound"] + 1e-9
    heads = {
        "convergence": "method,run,evaluations,best",
        "mcp": "way,hour,carrier,price_per_kwh,low_per_kwh,high_per_kwh,unique",
    }
    for stem, head_row in heads.items():
        first = (run / f"{stem}.csv").read_text("utf-8").splitlines()[0]
        assert first.startswith(head_row)
    for stem in ("dispatch", "exchange", "demand_response", "accounts", "income"):
        assert set(pd.read_csv(run / f"{stem}.csv")["way"]) == {"exact", "rules", "pso"}


def test_statistics_are_those_of_the_runs(run: Path) -> None:
    told, table = content_of(run)["methods"], pd.read_csv(run / "convergence.csv")
    ends = table[table["method"] == "pso"].groupby("run")["best"].last()
    assert (told["pso"]["runs"], told["pso"]["evaluations"]) == (3, 60)
    assert told["pso"]["profit_mean"] == pytest.approx(ends.mean())
    assert told["pso"]["profit_sd"] == pytest.approx(ends.std(ddof=1))
    bound = content_of(run)["bound"]
    due = (bound - ends.mean()) / max(abs(bound), 1.0)
    assert told["pso"]["gap_mean"] == pytest.approx(due)
    assert (told["rules"]["runs"], told["rules"]["profit_sd"]) == (1, 0.0)


def test_incomes_and_the_constant_make_the_profit(run: Path) -> None:
    income = pd.read_csv(run / "income.csv")
    for way, told in content_of(run)["methods"].items():
        mine = income[(income["way"] == way) & (income["home"] != "retailer")]
        due = told["profit"]["total"] - told["profit"]["served"]
        assert mine["total"].sum() == pytest.approx(due, abs=1e-5)
        assert mine["pool"].sum() == pytest.approx(0.0, abs=1e-6)


def test_more_flexibility_is_worth_no_less(run: Path) -> None:
    found = content_of(run)["compared"]
    assert set(found) == {"rigid", "moving", "storing", "unbound"}
    for less, more in (("rigid", "moving"), ("rigid", "storing"), ("moving", "unbound")):
        assert found[less]["profit"] <= found[more]["bound"] + 1e-6
    exact = content_of(run)["methods"]["exact"]["profit_max"]
    assert exact <= found["unbound"]["bound"] + 1e-6


def test_uncertainty_is_told_with_its_runs(run: Path) -> None:
    content = content_of(run)
    toat, rolling = content["toat"], content["rolling"]
    assert len(toat["exact"]["results"]) == toat["exact"]["runs"] == 4
    assert toat["exact"]["mean"] == pytest.approx(sum(toat["exact"]["results"]) / 4)
    assert rolling["worth"] == pytest.approx(rolling["perfect"] - rolling["once"])


def test_the_run_is_verified_and_its_page_written_again(run: Path) -> None:
    assert command("verify", run) == 0
    page = (run / "report.html").read_text("utf-8")
    (run / "report.html").unlink()
    assert command("report", run) == 0
    assert (run / "report.html").read_text("utf-8") == page
    for words in ("Best profit against evaluations", "Bids at random", "Emission against Emax"):
        assert words in page


def altered(run: Path, place: Path, change: Callable[[dict[str, Any]], None]) -> list[str]:
    """Return the checks that fail once run.json is changed."""
    shutil.copytree(run, place)
    content = content_of(place)
    change(content)
    (place / "run.json").write_text(json.dumps(content), encoding="utf-8")
    return [check.name for check in verify_response(read_response(place)).checks if check.findings]


def test_numbers_that_were_altered_are_found(run: Path, tmp_path: Path) -> None:
    def money(content: dict[str, Any]) -> None:
        content["methods"]["rules"]["profit"]["gas"] += 0.01
        content["bound"] = content["methods"]["exact"]["profit"]["total"] - 0.5
        content["methods"]["pso"]["profit_mean"] += 0.01
        content["emission_kg"]["pso"] += 0.01
        content["share_under_emax"]["exact"]["homes"]["C"]["own"] = 0.5
        content["market"]["exact"]["settlement"]["A"] += 0.01
        content["toat"]["exact"]["mean"] += 0.01
        content["claims"]["price"]["exact"]["electricity"]["below"] = 0.123
        content["compared"]["rigid"]["profit"] += 1000.0
        content["policies"]["C"] = "price"

    failed = " | ".join(altered(run, tmp_path / "run", money))
    for words in (
        "profits and objectives follow",
        "statistics follow",
        "emissions, and hours",
        "markets clear",
        "what uncertainty does",
        "numbers of claims",
        "more flexibility",
        "no home that Emax binds",
    ):
        assert words in failed


def test_prices_and_payments_that_were_altered_are_found(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    table = pd.read_csv(copy / "mcp.csv")
    table.loc[0, ["price_per_kwh", "low_per_kwh", "high_per_kwh"]] += 0.01
    table.to_csv(copy / "mcp.csv", index=False)
    failed = [c.name for c in verify_response(read_response(copy)).checks if c.findings]
    assert "prices lie in the intervals that support the day" in failed
    assert command("verify", copy) == 5


def test_a_run_that_lacks_rows_is_refused(run: Path, tmp_path: Path) -> None:
    for stem in ("mcp", "home_prices", "convergence"):
        copy = tmp_path / stem
        shutil.copytree(run, copy)
        table = pd.read_csv(copy / f"{stem}.csv")
        gone = table.iloc[:0] if stem == "convergence" else table.iloc[1:]
        gone.to_csv(copy / f"{stem}.csv", index=False)
        assert command("verify", copy) == 2


def test_the_schema_that_ships_is_that_of_the_record(run: Path) -> None:
    path = files("cmgplan.response.report").joinpath("response.schema.json")
    shipped = json.loads(path.read_text("utf-8"))
    assert shipped == json_schema(), "write json_schema() to response.schema.json"
    assert set(shipped["required"]) == set(content_of(run))


def test_runs_of_other_systems_lie_beside_it(run: Path, tmp_path: Path) -> None:
    assert command("optimum", run.parent / "three", "--out", tmp_path / "optimum", "-q") == 0
    assert command("compare", run, tmp_path / "optimum", "--out", tmp_path / "both") == 0
    page = (tmp_path / "both" / "compare.html").read_text("utf-8")
    assert all(f"run {way}" in page for way in ("exact", "rules", "pso"))
    assert command("respond", "two-homes", "--out", tmp_path / "optimum", "-q") == 2


def test_the_claims_of_the_paper_stand_beside_the_run(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["response", str(run), "--json"]) == 0
    claims = {c["name"]: c for c in json.loads(capsys.readouterr().out)["claims"]}
    assert len(claims) == 17
    emission = claims["emission falls by 37 %"]["values"]["all"]
    content = content_of(run)
    rigid = content["compared"]["rigid"]["emission_kg"]
    assert emission == pytest.approx(content["emission_kg"]["exact"] / rigid - 1.0)
    mcp = pd.read_csv(run / "mcp.csv")
    rows = mcp[(mcp["way"] == "exact") & (mcp["carrier"] == "electricity")]
    below = (rows["price_per_kwh"] < rows["forecast_per_kwh"]).mean()
    told = claims["the electric MCP is below its forecast in every hour"]
    assert told["values"]["exact"] == pytest.approx(below)
    assert told["same"] is bool(told["values"]["rules"] == below == 1.0)
    assert "bids at random" in told["ours"]


def test_a_run_of_other_homes_is_no_answer_to_the_claims(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "two"
    assert command("respond", "two-homes", "--no-compare", "--out", out) == 0
    told = capsys.readouterr()
    assert f"run: {out}, page: {out / 'report.html'}" in told.out
    assert "solving the day of all homes" in told.err
    assert max(len(row) for row in told.out.splitlines() if "exact" in row) <= 80
    assert script.main(["response", str(out)]) == 2
    assert "homes A, B and C" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--method", "genetic"], "--method"),
        (["--runs", "3"], "--runs is of methods that search"),
        (["--gap", "2"], "--gap"),
        (["--toat", "L5"], "--toat"),
        (["--rolling", "0"], "--rolling"),
    ],
)
def test_options_that_cannot_be_are_refused(
    given: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("respond", "two-homes", *given, "--out", tmp_path / "run") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
