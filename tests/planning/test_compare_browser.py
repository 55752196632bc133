"""The page of a comparison in a real browser, with names that mean harm."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from results import make_result
from test_browser import NASTY, browser

from cmgplan.planning.report.compare.write import compare_runs
from cmgplan.planning.report.run_folder import write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["browser"]

EVIL = "<img src=x onerror=alert(1)> " + "long " * 30


@pytest.fixture(scope="module")
def seen() -> list[str]:
    """Errors, dialogs and requests of the page."""
    return []


@pytest.fixture(scope="module")
def page(
    browser: Browser,
    seen: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Page]:
    root = tmp_path_factory.mktemp("compare")
    nasty = write_run(make_result(root / "nasty", NASTY), root / EVIL)
    plain = write_run(make_result(root / "plain"), root / "=plain")
    out = compare_runs([plain, nasty], root / "out").folder
    context = browser.new_context(viewport={"width": 1366, "height": 768}, accept_downloads=True)
    opened = context.new_page()
    opened.on("console", lambda m: seen.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: seen.append(str(error)))
    opened.on("dialog", lambda dialog: (seen.append("dialog"), dialog.dismiss()))
    opened.on("request", lambda request: seen.append(request.url))
    opened.goto((out / "compare.html").as_uri())
    opened.wait_for_selector("html[data-drawn=yes]", state="attached", timeout=120_000)
    yield opened
    context.close()


def test_it_opens_without_errors_or_requests(page: Page, seen: list[str]) -> None:
    first, *others = seen
    assert first.startswith("file://")
    assert [what for what in others if not what.startswith(("data:", "blob:"))] == []


def test_every_chart_is_drawn(page: Page) -> None:
    assert page.locator(".chart").count() >= 7
    empty = page.evaluate(
        "[...document.querySelectorAll('.chart')].filter(c => !c.querySelector("
        "'.point, .js-line, .heatmaplayer image')).map(c => c.id)"
    )
    assert empty == []


@pytest.mark.parametrize("width", [1366, 800])
def test_nothing_runs_out_of_the_page(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    for _ in range(20):  # the drawings follow the window one by one
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide <= width:
            break
        page.wait_for_timeout(500)
    assert wide <= width


def test_totals_are_saved_and_sorted(page: Page, tmp_path: Path) -> None:
    with page.expect_download() as download:
        page.locator("#table-totals_1 button.save").click()
    target = tmp_path / "totals.csv"
    download.value.save_as(target)
    lines = target.read_text().splitlines()
    assert lines[0].startswith("quantity,")
    assert any(line.startswith('"Microgrids: generation cost, $",') for line in lines)
    page.locator("#table-totals_1 th button").first.click()
    first = page.locator("#table-totals_1 tbody tr td").first.inner_text()
    assert first.startswith("Feeder:")
