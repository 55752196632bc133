"""Demand response at the edges of what a case may be, and what its checks then still find."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from cmgplan.case.bundled import find_case
from cmgplan.cli import main
from cmgplan.errors import InfeasibleError, InputError, SolverError
from cmgplan.homes.case.read import load_homes
from cmgplan.response import pipeline
from cmgplan.response.exact import prices
from cmgplan.response.exact.solve import solve_exact
from cmgplan.response.heuristics.decoder import Decoder
from cmgplan.response.pipeline import run_response
from cmgplan.response.report.read_run import read_response
from cmgplan.response.report.verify import verify_response
from cmgplan.response.result import ResponseOptions
from cmgplan.response.uncertainty.happened import drawn_day

NO_DEVICES = """
format = 1
system = "homes"
name = "bare"

[time]
hours = 2

[retailer]
buy_per_kwh = 0.2
sell_per_kwh = 0.1
power_max_kw = 5.0

[[home]]
id = "A"
policy = "price"
load = [{ id = "fixed", carrier = "electricity", p_kw = 1.5 }]

[[home]]
id = "B"
policy = "both"
"""


def command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        yield


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of homes that have nothing to decide and no heat at all."""
    place = tmp_path_factory.mktemp("bare")
    (place / "case.toml").write_text(NO_DEVICES, encoding="utf-8")
    (place / "profiles.csv").write_text("hour\n0\n1\n", encoding="utf-8")
    methods = [part for name in ("rules", "de", "bat", "pso") for part in ("--method", name)]
    budget = ["--runs", 2, "--evaluations", 60, "--toat", "L4", "--no-compare", "-q"]
    assert command("respond", place, *methods, *budget, "--out", place / "run") == 0
    return place / "run"


def test_where_nothing_can_be_decided_every_method_finds_the_one_day(bare: Path) -> None:
    methods = json.loads((bare / "run.json").read_text("utf-8"))["methods"]
    assert set(methods) == {"exact", "rules", "de", "bat", "pso"}
    for told in methods.values():
        # 1.5 kW for two hours, worth the mean of 0.2 and 0.1, bought at 0.2.
        assert told["profit"]["total"] == pytest.approx(3.0 * 0.15 - 3.0 * 0.2)
        assert told["profit_sd"] == pytest.approx(0.0, abs=1e-9)


def test_heat_that_nothing_can_give_has_no_greatest_price(bare: Path) -> None:
    table = pd.read_csv(bare / "mcp.csv")
    heat = table[(table["carrier"] == "heat") & (table["way"] == "exact")]
    assert heat["high_per_kwh"].isna().all()
    assert (heat["unique"] == 0).all()
    electricity = table[table["carrier"] == "electricity"]
    assert electricity["high_per_kwh"].to_numpy() == pytest.approx(0.2)
    assert command("verify", bare) == 0


def test_an_end_of_an_interval_that_was_made_up_is_found(bare: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(bare, copy)
    table = pd.read_csv(copy / "mcp.csv")
    table.loc[table["carrier"] == "heat", "high_per_kwh"] = 7.0
    table.to_csv(copy / "mcp.csv", index=False)
    failed = [c.name for c in verify_response(read_response(copy)).checks if c.findings]
    assert "prices lie in the intervals that support the day" in failed


def test_duals_of_a_day_that_has_none_do_not_pass(bare: Path) -> None:
    error = SolverError("no day with these binaries")
    with patch("cmgplan.response.tables.priced", side_effect=error):
        failed = [c.name for c in verify_response(read_response(bare)).checks if c.findings]
    assert "prices lie in the intervals that support the day" in failed


@pytest.mark.parametrize("key", ["status", "standard_error", "sd_error"])
def test_further_numbers_that_were_altered_are_found(bare: Path, tmp_path: Path, key: str) -> None:
    copy = tmp_path / "run"
    shutil.copytree(bare, copy)
    content: dict[str, Any] = json.loads((copy / "run.json").read_text("utf-8"))
    if key == "status":
        content["methods"]["de"]["status"] = "optimal"
    elif key == "standard_error":
        content["toat"]["reference"]["standard_error"] += 0.01
    else:
        content["toat"]["sd_error"]["L4"] += 0.01
    (copy / "run.json").write_text(json.dumps(content), encoding="utf-8")
    failed = [c.name for c in verify_response(read_response(copy)).checks if c.findings]
    due = "statistics follow" if key == "status" else "what uncertainty does"
    assert [name for name in failed if name.startswith(due)] == failed != []


FLAT = """
[[home]]
id = "C"
policy = "both"
[[home.load]]
id = "flats"
carrier = "electricity"
p_kw = 2.0
shiftable_share = 0.2
shift_in_max_kw = 1.0
"""


def test_a_plan_means_the_same_on_a_day_of_other_prices(tmp_path: Path) -> None:
    """With one price all day no hour is dear and nothing moves; on a drawn day it may."""
    text = NO_DEVICES.replace("hours = 2", "hours = 4") + FLAT
    (tmp_path / "case.toml").write_text(text, encoding="utf-8")
    (tmp_path / "profiles.csv").write_text("hour\n0\n1\n2\n3\n", encoding="utf-8")
    case = load_homes(tmp_path)
    day = drawn_day(case, 0)
    assert Decoder(day.forecast).dimensions == Decoder(day.happens).dimensions == 4
    result = run_response(case, ResponseOptions(rolling=1, compare=False))
    assert result.rolling is not None
    assert result.rolling["once"] <= result.rolling["perfect"] + 1e-6


def test_an_array_without_room_is_refused_before_any_work() -> None:
    case = load_homes(find_case("hmg3"))  # load, sun, price and wind deviate
    with (
        patch.object(pipeline, "solve_exact", side_effect=AssertionError("worked in vain")),
        pytest.raises(InputError, match="L4 has columns for 1 to 3 factors and not 4"),
    ):
        run_response(case, ResponseOptions(toat="L4"))


def test_a_day_without_an_answer_under_uncertainty_costs_no_other_result() -> None:
    case = load_homes(find_case("two-homes"))
    with patch.object(pipeline, "toat", side_effect=InfeasibleError("no day keeps the limits")):
        result = run_response(case, ResponseOptions(toat="L4", compare=False))
    assert result.toat is None
    assert result.methods["exact"].profit.total <= result.bound
    assert any("toat" in warning and "no day keeps" in warning for warning in result.warnings)


def test_a_price_lies_in_its_interval_whatever_the_solver_tolerates() -> None:
    case = load_homes(find_case("two-homes"))
    day, side = solve_exact(case).dispatch, prices._side

    def too_high(*arguments: Any) -> Any:
        return side(*arguments) + 2e-6

    with patch.object(prices, "_side", too_high):
        found = prices.priced(case, day)
    for carrier, price in found.of_pool.items():
        assert np.all(found.low[carrier] <= price)
        assert np.all(price <= found.high[carrier])
