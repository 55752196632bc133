"""The page of an optimum: numbers worked out by hand, names that are no markup, odd cases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from homes_results import COST, EMISSION_KG, HOSTILE, front, optimum
from pages import ReadPage, traces
from plotly.offline import get_plotlyjs

from cmgplan.devices import Flows
from cmgplan.homes.case.read import load_homes
from cmgplan.homes.day.dispatch import Dispatch, Exchange, Shift
from cmgplan.homes.optimum.page import percent
from cmgplan.homes.optimum.result import OptimumOptions, OptimumPoint, OptimumResult
from cmgplan.homes.optimum.run_folder import read_optimum, write_optimum, write_page


@pytest.fixture(autouse=True, scope="module")
def without_library() -> Iterator[None]:
    """Leave the drawing library out of pages: it is most of one, and tells nothing of a run."""
    with patch("cmgplan.page.page.get_plotlyjs", return_value=""):
        yield


def page_of(result: OptimumResult, folder: Path) -> ReadPage:
    """Write a run and read its page."""
    run = write_optimum(result, folder / "run")
    return ReadPage((run / "report.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> ReadPage:
    folder = tmp_path_factory.mktemp("page")
    return page_of(optimum(folder / "case", weight=0.1), folder)


def shown(figure: dict[str, Any], title: str = "all homes") -> dict[str, list[float]]:
    """Return the values of the traces that a choice of the menu shows, by name."""
    buttons = figure["layout"]["updatemenus"][0]["buttons"]
    visible = next(b["args"][0]["visible"] for b in buttons if b["label"] == title)
    return {
        trace["name"]: trace["y"]
        for trace, seen in zip(figure["data"], visible, strict=True)
        if seen
    }


def test_the_first_screen_answers(page: ReadPage) -> None:
    assert "Proven to within 0.0001 %" in page.text
    assert f"costs {COST:.2f} EUR and emits {EMISSION_KG:.2f} kg, and leaves 1 kWh" in page.text
    totals = page.tables["totals"]
    money = dict(zip(totals.texts("quantity"), totals.column("money"), strict=True))
    kwh = dict(zip(totals.texts("quantity"), totals.column("kwh"), strict=True))
    assert money["Purchases from the retailer"] == pytest.approx(4.84)
    assert money["Sales to the retailer"] == pytest.approx(-0.393)
    assert money["Load unserved, at its value"] == pytest.approx(0.6)
    assert money["Objective"] == pytest.approx(COST + 0.1 * EMISSION_KG)
    assert kwh["Gas"] == pytest.approx(70.625)
    assert kwh["Heat dumped"] == 0.5
    assert kwh["Renewables curtailed"] == 2.0


def test_what_is_supplied_is_taken(page: ReadPage) -> None:
    for carrier in ("electricity", "heat"):
        figure = page.figures[f"supply_{carrier}"]
        for title in ("all homes", "A", "B"):
            lines = shown(figure, title)
            demand = np.array(lines.pop("demand served"))
            lines.pop("demand with what is unserved", None)
            np.testing.assert_allclose(np.sum(list(lines.values()), axis=0), demand, atol=1e-3)
    everyone = shown(page.figures["supply_electricity"])
    assert everyone["bought"] == [16, 6.1, 0, 10.1]
    assert everyone["sold"] == [0, 0, -2.62, 0]
    assert everyone["demand with what is unserved"] == [17, 16.1, 14, 15.1]
    assert shown(page.figures["supply_electricity"], "B")["from other homes"] == [0, 0, 4.38, 0]
    assert shown(page.figures["supply_heat"])["dumped"] == [0, 0, -0.5, 0]


def test_stores_moved_load_money_and_emissions(page: ReadPage) -> None:
    assert shown(page.figures["stores"], "B")["battery (battery)"] == [6.8, 6.8, 5, 5]
    moved = shown(page.figures["moved_electricity"])
    assert (moved["arrives"], moved["leaves"]) == ([2, 0, 0, 0], [0, 0, -2, 0])
    assert "moved_heat" not in page.figures
    assert traces(page.figures["pool_heat"])["A"]["y"] == [-2, 0, 0.5, -1]
    paid = traces(page.figures["money"])
    assert paid["gas"]["x"] == pytest.approx([2.2, 0.625])
    assert paid["net"]["x"] == pytest.approx(page.tables["homes"].column("net"), abs=1e-4)
    emitted = shown(page.figures["emissions"])
    assert sum(map(sum, emitted.values())) == pytest.approx(EMISSION_KG, abs=1e-3)
    assert "What homes give each other is not paid for" in page.text


def test_the_front_and_its_choice(tmp_path: Path) -> None:
    page = page_of(front(tmp_path / "case"), tmp_path)
    points = traces(page.figures["front"])
    assert points["points of the front"]["y"] == pytest.approx([COST, COST + 0.5, COST + 1.0])
    assert points["chosen"]["x"] == pytest.approx([EMISSION_KG - 0.25])
    assert page.tables["front"].marked == [1]
    assert page.tables["front"].column("mu_min") == [0.0, 0.5, 0.0]
    assert "pays 2 EUR for each kg less" in page.text


def test_a_page_written_again_is_the_same(tmp_path: Path) -> None:
    run = write_optimum(front(tmp_path / "case"), tmp_path / "run")
    before = (run / "report.html").read_bytes()
    write_page(read_optimum(run))
    assert (run / "report.html").read_bytes() == before


def test_names_are_no_markup(tmp_path: Path) -> None:
    page = page_of(optimum(tmp_path / "case", HOSTILE), tmp_path)
    assert page.tags.isdisjoint({"i", "img"})
    assert "alert(1)" in page.text
    raw = (tmp_path / "run" / "report.html").read_text("utf-8")
    for name in (HOSTILE["A"], HOSTILE["engine"], HOSTILE["title"], HOSTILE["currency"]):
        assert name not in raw


def test_time_ran_out(tmp_path: Path) -> None:
    result = optimum(tmp_path / "case")
    point = replace(result.point, status="feasible", bound=result.point.objective - 0.5)
    gap = 0.5 / result.point.objective
    page = page_of(replace(result, points=(replace(point, gap=gap),)), tmp_path)
    told = percent(gap).replace("\N{NO-BREAK SPACE}", " ")
    assert f"Time ran out: the day holds every limit, but only a gap of {told}" in page.text


def quarter_hours(folder: Path) -> OptimumResult:
    """Return a day of one home with a load that nothing serves, in quarters of an hour."""
    folder.mkdir()
    (folder / "case.toml").write_text(
        'format = 1\nsystem = "homes"\nname = "dark"\n[time]\nhours = 8\ndt_h = 0.25\n'
        '[[home]]\nid = "A"\nload = [{ id = "l", carrier = "electricity", p_kw = 2.0 }]\n',
        encoding="utf-8",
    )
    (folder / "profiles.csv").write_text(
        "hour\n" + "".join(f"{t}\n" for t in range(8)), encoding="utf-8"
    )
    case, none = load_homes(folder), np.zeros(8)
    shifts = {("A", "l"): Shift(none, none, np.full(8, 2.0))}
    exchange = {"A": Exchange(none, none, none, none)}
    day = Dispatch({("A", "l"): Flows.of(8)}, {}, shifts, exchange)
    point = OptimumPoint("optimal", 40.0, 40.0, 0.0, 40.0, 0.0, day)
    return OptimumResult(case, OptimumOptions(), (point,))


def test_a_home_with_nothing_but_load(tmp_path: Path) -> None:
    page = page_of(quarter_hours(tmp_path / "case"), tmp_path)
    assert "leaves 4 kWh unserved" in page.text
    for words in ("There is no retailer", "No home has a battery", "No load of electricity moves"):
        assert words in page.text
    assert "need and make no heat" in page.text
    assert (
        "interval of 0.25 h"
        in page.figures["supply_electricity"]["layout"]["xaxis"]["title"]["text"]
    )
    assert "updatemenus" not in page.figures["supply_electricity"]["layout"]


def test_a_browser_draws_it_and_shows_one_home(tmp_path: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None and os.environ.get("CMGPLAN_BROWSER") != "required":
        pytest.skip("no Chromium is installed")
    sync = pytest.importorskip("playwright.sync_api").sync_playwright
    with patch("cmgplan.page.page.get_plotlyjs", get_plotlyjs):
        run = write_optimum(optimum(tmp_path / "case", HOSTILE), tmp_path / "run")
    errors: list[str] = []
    with sync() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto((run / "report.html").as_uri())
        page.wait_for_selector("html[data-drawn=yes]", state="attached", timeout=120_000)
        choices = page.locator("select.menu").first
        assert choices.locator("option").all_text_contents()[1] == HOSTILE["A"]
        seen = (
            "() => document.getElementById('chart-supply_electricity').data"
            ".filter((t) => t.visible !== false).map((t) => t.name)"
        )
        before = page.evaluate(seen)
        choices.select_option(index=2)
        after = page.evaluate(seen)
        browser.close()
    assert "sun" in before
    assert "sun" not in after
    assert "from other homes" in after
    assert errors == []
