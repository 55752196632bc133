"""The page in a real browser: no errors, no requests, and what can be moved moves."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pages import rich
from results import HOSTILE, make_result

from cmgplan.planning.report.run_folder import write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = os.environ.get("CMGPLAN_BROWSER") == "required"
NASTY = {**HOSTILE, "PCC1": "=cmd()\"'<img src=x onerror=alert(1)> 测试 " + "long " * 40}


@dataclass
class Opened:
    """A page with everything that it said and asked for."""

    page: Page
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start a browser; skip without one, unless it is required."""
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None and not REQUIRED:
        pytest.skip("no Chromium is installed; CMGPLAN_BROWSER=required makes this a failure")
    assert path is not None, f"CMGPLAN_BROWSER=required, but none of {', '.join(NAMES)} is there"
    if not REQUIRED:
        pytest.importorskip("playwright.sync_api")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"]
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=flags)
        yield started
        started.close()


def opened(browser: Browser, folder: Path, names: dict[str, str] | None = None) -> Opened:
    """Write a run and open its page; wait until all is drawn."""
    result = rich(make_result(folder / "case", names) if names else make_result(folder / "case"))
    out = write_run(result, folder / "run")
    context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    found = Opened(context.new_page())
    page = found.page
    page.on("console", lambda m: found.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on("request", lambda request: found.requests.append(request.url))

    def dismiss(dialog: object) -> None:
        found.dialogs.append(str(dialog))
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", dismiss)
    page.goto((out / "report.html").as_uri())
    page.wait_for_selector("html[data-drawn=yes]", state="attached", timeout=120_000)
    return found


@pytest.fixture(scope="module")
def plain(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    found = opened(browser, tmp_path_factory.mktemp("plain"))
    yield found
    found.page.context.close()


@pytest.fixture(scope="module")
def nasty(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Opened]:
    found = opened(browser, tmp_path_factory.mktemp("nasty"), NASTY)
    yield found
    found.page.context.close()


@pytest.mark.parametrize("kind", ["plain", "nasty"])
def test_it_opens_without_errors_or_requests(kind: str, request: pytest.FixtureRequest) -> None:
    found: Opened = request.getfixturevalue(kind)
    assert found.errors == []
    assert found.dialogs == []
    first, *others = found.requests
    assert first.startswith("file://")
    assert [url for url in others if not url.startswith(("data:", "blob:"))] == []


def test_every_chart_is_drawn(plain: Opened) -> None:
    charts = plain.page.locator(".chart")
    assert charts.count() == 24
    empty = plain.page.evaluate(
        "[...document.querySelectorAll('.chart')].filter(c => !c.querySelector("
        "'.point, .js-line, .heatmaplayer image, canvas')).map(c => c.id)"
    )
    assert empty == []


def test_buttons_appear_above_the_plot_and_cover_nothing(plain: Opened) -> None:
    page, chart = plain.page, "#chart-switch_schedule_grid"
    button = page.locator(f"{chart} .modebar-btn").first
    page.mouse.move(1, 1)
    page.wait_for_timeout(400)
    assert not seen(page, chart)
    page.locator(chart).hover()
    page.wait_for_timeout(800)  # it fades in
    assert seen(page, chart)
    covered = page.evaluate(
        "[...document.querySelectorAll('.chart')].flatMap(chart => {"
        "  const bar = chart.querySelector('.modebar').getBoundingClientRect();"
        "  const before = chart.previousElementSibling.getBoundingClientRect();"
        "  return bar.bottom > chart.getBoundingClientRect().top + 3 || bar.top < before.bottom - 1"
        "    ? [chart.id] : []; })"
    )
    assert covered == []
    button.hover()  # on the way to it the bar stays
    assert seen(page, chart)


def seen(page: Page, chart: str) -> bool:
    """Return whether the buttons of a chart are shown."""
    style = f"getComputedStyle(document.querySelector('{chart} .modebar-group')).opacity"
    return float(page.evaluate(style)) > 0.9


def test_the_first_screen_is_whole(plain: Opened) -> None:
    box = plain.page.locator("#top").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 768


@pytest.mark.parametrize("kind", ["plain", "nasty"])
@pytest.mark.parametrize("width", [1366, 800])
def test_nothing_runs_out_of_the_page(
    kind: str, width: int, request: pytest.FixtureRequest
) -> None:
    page = request.getfixturevalue(kind).page
    page.set_viewport_size({"width": width, "height": 768})
    for _ in range(20):  # the drawings follow the window one by one
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide <= width:
            break
        page.wait_for_timeout(500)
    page.set_viewport_size({"width": 1366, "height": 768})
    assert wide <= width


def colours(page: Page) -> list[float]:
    """Return the voltages that the map shows."""
    shown: list[float] = page.evaluate(
        "document.getElementById('chart-feeder_map').data.find(t => t.name === 'bus').marker.color"
    )
    return shown


def test_the_slider_moves_by_keyboard(plain: Opened) -> None:
    page = plain.page
    slider = page.locator("#map input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(300)
    assert page.locator("#map output").text_content() == "hour 0"
    first = colours(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert page.locator("#map output").text_content() == "hour 1"
    assert colours(page) != first
    frames = page.evaluate(
        "JSON.parse(document.getElementById('data-feeder_map').textContent).frames"
        ".map(f => f.data.find(t => t.name === 'bus').marker.color)"
    )
    assert [first, colours(page)] == frames


def test_play_runs_through_the_hours(plain: Opened) -> None:
    page = plain.page
    page.locator("#map input[type=range]").focus()
    page.keyboard.press("Home")
    button = page.locator("#map .player button")
    button.click()
    page.wait_for_timeout(1300)
    button.click()
    assert page.locator("#map output").text_content() == "hour 1"
    assert button.text_content() == "Play"


def shown(page: Page, table: str, column: int) -> list[str]:
    """Return a column of a table as it stands in the page."""
    cells = page.locator(f"table[data-name={table}] tbody tr td:nth-child({column})")
    return cells.all_text_contents()


def test_tables_sort_both_ways(plain: Opened) -> None:
    page = plain.page
    head = page.locator("table[data-name=pareto] th").nth(3)
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert shown(page, "pareto", 1) == ["3", "2", "1", "4", "5"]
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert shown(page, "pareto", 1) == ["1", "2", "3", "4", "5"]
    other = page.locator("table[data-name=pareto] th").nth(1)
    other.locator("button").click()
    assert head.get_attribute("aria-sort") is None
    assert shown(page, "pareto", 2) == ["feasible", "infeasible", "limit", "optimal", "optimal"]


def test_names_sort_by_their_numbers(plain: Opened) -> None:
    page = plain.page
    page.locator("table[data-name=switches]").evaluate("t => t.closest('details').open = true")
    head = page.locator("table[data-name=switches] th").first.locator("button")
    head.click()
    assert shown(page, "switches", 1) == ["PCC1", "PCC2", "PCC3", "T12", "T23"]


def downloaded(page: Page, table: str) -> list[list[str]]:
    """Press the button of a table and return the CSV that comes."""
    page.locator(f"table[data-name={table}]").evaluate(
        "t => { const d = t.closest('details'); if (d) d.open = true; }"
    )
    with page.expect_download() as waiting:
        page.locator(f"button.save[data-table={table}]").click()
    assert waiting.value.suggested_filename == f"{table}.csv"
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    return list(csv.reader(io.StringIO(text)))


def test_a_table_is_downloaded_with_its_numbers(plain: Opened) -> None:
    page = plain.page
    head, *rows = downloaded(page, "hours")
    assert head[:2] == ["hour", "price_usd_per_mwh"]
    assert [row[:2] for row in rows] == [["0", "50"], ["1", "100"]]
    cells = page.locator("table[data-name=hours] tbody td")
    values = cells.evaluate_all("cells => cells.map(c => c.dataset.value)")
    assert [cell for row in rows for cell in row] == values
    head, *rows = downloaded(page, "pareto")
    gap = head.index("gap")
    assert {row[0]: row[gap] for row in rows}["5"] == ""
    assert {row[0]: row[gap] for row in rows}["3"] == "0.05"


def test_a_hostile_name_is_guarded_in_the_download(nasty: Opened) -> None:
    rows = downloaded(nasty.page, "switches")
    names = {row[0] for row in rows}
    assert f"'{NASTY['PCC1']}" in names
    assert f"'{NASTY['MG1']}" in {row[2] for row in rows}
    assert not [cell for row in rows for cell in row if cell[:1] in "=+@" and cell]
    assert nasty.errors == []


def test_it_prints(plain: Opened, tmp_path: Path) -> None:
    page = plain.page
    page.emulate_media(media="print")
    try:
        assert not page.locator("nav").is_visible()
        assert not page.locator("button.save").first.is_visible()
        picture = page.locator("#pareto img.printed")
        assert picture.is_visible()
        assert str(picture.get_attribute("src")).startswith("data:image/png")
        page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True, print_background=True)
    finally:
        page.emulate_media(media="screen")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert (
        printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page\r") >= 5
        or len(printed) > 200_000
    )
    assert page.locator("#switches details").evaluate("d => d.open")
